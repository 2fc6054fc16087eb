// What a bundle of advisories costs, beside simdjson's bare walk over the same file, and what
// comparing a device with it does.
#include <cstring>
#include <filesystem>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <stdlib.h>

#include "advisories/bundle.h"
#include "hub/vulnerabilities/bundle_file.h"
#include "hub/vulnerabilities/matching.h"

namespace {

using namespace hub::vulnerabilities;

constexpr int kPackages = 2'000;
constexpr int kFlaws = 25;  // of each, in five releases: 50,000 records
constexpr int kRecords = kPackages * kFlaws;

// In the shape of the Debian security tracker's JSON, from numbers.
const std::string& tracker() {
  static const std::string text = [] {
    std::string out = "{";
    for (int package = 0; package < kPackages; ++package) {
      out += fmt::format("{}\"source-{}\": {{", package == 0 ? "" : ", ", package);
      for (int flaw = 0; flaw < kFlaws; ++flaw) {
        out += fmt::format(
            R"({}"CVE-{}-{:05}": {{"scope": "local", "debianbug": {}, "description": )"
            R"("A length that is read from the file is not compared with the size of the buffer, )"
            R"(which lets who makes the file write behind its end: number {}", "releases": {{)",
            flaw == 0 ? "" : ", ", 2000 + flaw, package, 900'000 + package, package * flaw);
        bool first = true;
        for (const char* release : {"bullseye", "bookworm", "trixie", "forky", "sid"}) {
          out += fmt::format(
              R"({}"{}": {{"status": "{}", "repositories": {{"{}": "1.{}-1", "{}-security": )"
              R"("1.{}-1+deb12u1"}}, "fixed_version": "1.{}-1+deb12u1", "urgency": "{}"}})",
              first ? "" : ", ", release, flaw % 5 == 0 ? "open" : "resolved", release, flaw,
              release, flaw, flaw, flaw % 3 == 0 ? "not yet assigned" : "low");
          first = false;
        }
        out += "}}";
      }
      out += "}";
    }
    out += "}";
    out.reserve(out.size() + simdjson::SIMDJSON_PADDING);
    return out;
  }();
  return text;
}

class TextSource final : public advisories::Source {
 public:
  std::uint64_t size() const override { return tracker().size(); }
  base::Result<std::size_t> read_at(std::span<std::uint8_t> bytes, std::uint64_t at) override {
    const auto rest = std::string_view(tracker()).substr(static_cast<std::size_t>(at));
    const std::size_t count = std::min(bytes.size(), rest.size());
    std::memcpy(bytes.data(), rest.data(), count);
    return count;
  }
};

void set_counts(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(tracker().size()));
  state.SetItemsProcessed(state.iterations() * kRecords);
}

// The whole document at once, each text of it looked at: what any reader has to do at least.
void BM_BareSimdjson(benchmark::State& state) {
  simdjson::ondemand::parser parser;
  for (auto _ : state) {
    const simdjson::padded_string_view text(tracker().data(), tracker().size(),
                                            tracker().capacity());
    simdjson::ondemand::document document;
    ASSERT(parser.iterate(text).get(document) == simdjson::SUCCESS);
    std::size_t bytes = 0;
    for (auto package : document.get_object()) {
      for (auto flaw : package.value().get_object()) {
        for (auto member : flaw.value().get_object()) {
          if (std::string_view(member.unescaped_key()) != "releases") continue;
          for (auto release : member.value().get_object()) {
            for (auto field : release.value().get_object()) {
              std::string_view value;
              if (field.value().get_string().get(value) == simdjson::SUCCESS) bytes += value.size();
            }
          }
        }
      }
    }
    benchmark::DoNotOptimize(bytes);
  }
  set_counts(state);
}
BENCHMARK(BM_BareSimdjson)->Unit(benchmark::kMillisecond);

// In pieces, with the memory of one record, every member checked.
void BM_ReadTracker(benchmark::State& state) {
  for (auto _ : state) {
    TextSource source;
    std::size_t affected = 0;
    const auto contents = read_bundle(
        source, {},
        [&](const advisories::Advisory& advisory) -> base::Result<void> {
          affected += advisory.affected.size();
          return {};
        },
        [](std::uint64_t) { return true; });
    ASSERT(contents && contents->records == kRecords && contents->malformed == 0);
    benchmark::DoNotOptimize(affected);
  }
  set_counts(state);
}
BENCHMARK(BM_ReadTracker)->Unit(benchmark::kMillisecond);

std::string folder() {
  static const std::string path = [] {
    std::string made = (std::filesystem::temp_directory_path() / "vedette-bench.XXXXXX").string();
    ASSERT(::mkdtemp(made.data()) != nullptr);
    return made;
  }();
  return path;
}

void write(const std::string& path) {
  TextSource source;
  BundleInfo info;
  info.name = "bench";
  info.id = "1";
  ASSERT(BundleFile::write(path, std::move(info), source, {}, [](std::uint64_t) { return true; }));
}

// The same into the file that the hub keeps.
void BM_Import(benchmark::State& state) {
  const std::string path = folder() + "/import.bundle";
  for (auto _ : state)
    write(path);
  set_counts(state);
  state.counters["file_bytes"] = static_cast<double>(std::filesystem::file_size(path));
}
BENCHMARK(BM_Import)->Unit(benchmark::kMillisecond)->Iterations(3);

// A device with 2,000 source packages, all of which have had vulnerabilities.
void BM_MatchDevice(benchmark::State& state) {
  const std::string path = folder() + "/match.bundle";
  write(path);
  auto bundle = BundleFile::open(path);
  ASSERT(bundle);
  const BundleSet bundles{*bundle};
  std::vector<schema::SBoM> items;
  for (int i = 0; i < kPackages; ++i) {
    schema::SBoM item;
    item.package_name = fmt::format("binary-{}", i);
    item.source_package = fmt::format("source-{}", i);
    item.version = fmt::format("1.{}-1", i % (2 * kFlaws));
    item.package_manager = "dpkg";
    item.purl = "pkg:deb/debian/x@1?distro=debian-12";
    items.push_back(std::move(item));
  }
  Inventory inventory;
  inventory.add(items);
  std::size_t found = 0;
  for (auto _ : state) {
    const auto flaws = match(inventory, bundles);
    ASSERT(flaws);
    found = flaws->size();
  }
  state.SetItemsProcessed(state.iterations() * kPackages);
  state.counters["found"] = static_cast<double>(found);
}
BENCHMARK(BM_MatchDevice)->Unit(benchmark::kMillisecond);
}  // namespace
