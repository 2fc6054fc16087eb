#include "advisories/tracker.h"

#include <string>
#include <utility>

#include <simdjson.h>

#include "advisories/splitter.h"

namespace advisories {

using base::Code;
using base::Error;
using base::fail;
using base::Result;
namespace ondemand = simdjson::ondemand;

namespace {

constexpr std::size_t kMaxReleases = 64;

// What begins like null and is something else is refused by whoever reads it.
bool is_null(ondemand::value value) {
  bool null = false;
  return value.is_null().get(null) == simdjson::SUCCESS && null;
}

std::unexpected<Error> bad(std::string member, const char* why) {
  return fail(Code::Malformed, "tracker record", -1, std::move(member) + ": " + why);
}

// What a release says of itself.
struct Entry {
  std::string_view status;
  std::string_view fixed;
  std::string_view urgency;
  std::string_view no_advisory;
  std::string_view reason;
  bool has_no_advisory = false;
};

// A member that is null says as much as one that is missing.
Result<std::string_view> text_of(std::string_view name, ondemand::value value) {
  if (is_null(value)) return std::string_view();
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS)
    return bad(std::string(name), "not a text");
  return text;
}

Result<Entry> read_entry(std::string_view release, ondemand::object object) {
  Entry entry;
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS)
      return bad(std::string(release), "not JSON");
    if (key == "status") entry.status = TRY(text_of(key, value));
    if (key == "fixed_version") entry.fixed = TRY(text_of(key, value));
    if (key == "urgency") entry.urgency = TRY(text_of(key, value));
    if (key == "nodsa") {
      entry.has_no_advisory = true;
      entry.no_advisory = TRY(text_of(key, value));
    }
    if (key == "nodsa_reason") entry.reason = TRY(text_of(key, value));
  }
  return entry;
}

Plan plan_of(const Entry& entry) {
  if (entry.status == "undetermined") return Plan::Undetermined;
  if (entry.urgency.starts_with("end-of-life")) return Plan::EndOfLife;
  if (entry.reason == "ignored") return Plan::Ignored;
  if (entry.reason == "postponed") return Plan::Postponed;
  return entry.has_no_advisory ? Plan::Minor : Plan::Open;
}

// False: the package is not vulnerable there.
Result<bool> fill(std::string_view release, const Entry& entry, Affected& out) {
  out.plan = plan_of(entry);
  out.severity = severity_of_word(entry.urgency);
  if (entry.status == "open" || entry.status == "undetermined") {
    out.ranges.intervals.emplace_back();
    return true;
  }
  if (entry.status != "resolved") return bad(std::string(release), "an unknown status");
  if (entry.fixed == "0") return false;
  if (!is_version(entry.fixed)) return bad(std::string(release), "not a version");
  out.ranges.intervals.push_back({.from = {}, .end = End::Fixed, .to = std::string(entry.fixed)});
  return true;
}

Result<void> read_releases(std::string_view package, ondemand::value value, Advisory& out) {
  ondemand::object releases;
  if (value.get_object().get(releases) != simdjson::SUCCESS)
    return bad("releases", "not an object");
  std::size_t count = 0;
  for (auto field : releases) {
    std::string_view key;
    ondemand::object object;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get_object().get(object) != simdjson::SUCCESS)
      return bad("releases", "a member that is not an object");
    if (++count > kMaxReleases) return bad("releases", "more than are read");
    const std::string codename(key);
    const Entry entry = TRY(read_entry(codename, object));
    auto release = release_of_codename(Family::Debian, codename);
    if (!release) continue;
    Affected affected;
    affected.release = std::move(*release);
    affected.package = package;
    const bool vulnerable = TRY(fill(codename, entry, affected));
    if (vulnerable) out.affected.push_back(std::move(affected));
  }
  return {};
}

}  // namespace

struct TrackerReader::State {
  ondemand::parser parser;
};

TrackerReader::TrackerReader() : state_(std::make_unique<State>()) {}
TrackerReader::~TrackerReader() = default;

Result<Advisory> TrackerReader::read(std::string_view package, std::string_view name,
                                     std::string_view json) {
  if (!is_package_name(package)) return bad("package", "not a name of a package");
  if (!is_advisory_id(name)) return bad("name", "not a name of a vulnerability");
  Advisory out;
  out.origin = name;
  out.names.emplace_back(name);
  ondemand::document document;
  ondemand::object object;
  const simdjson::padded_string_view text(json.data(), json.size(),
                                          json.size() + Splitter::kPadding);
  if (state_->parser.iterate(text).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS)
    return bad("record", "not an object");
  bool releases = false;
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS)
      return bad("record", "not JSON");
    if (key == "description") {
      const std::string_view description = TRY(text_of(key, value));
      out.summary = summary_of(description);
    } else if (key == "releases") {
      releases = true;
      TRY(read_releases(package, value, out));
    }
  }
  if (!releases) return bad("releases", "missing");
  return out;
}

}  // namespace advisories
