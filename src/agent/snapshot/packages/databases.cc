#include "agent/snapshot/packages/databases.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace agent::snapshot::packages {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

std::string field_text(std::string_view text) {
  text = base::trim(text);
  return base::to_utf8(text.substr(0, kMaxField));
}

// "glibc (2.36-9)": the version is told where it is not the package's own.
void read_source(std::string_view value, Package& package) {
  const std::size_t bracket = value.find('(');
  package.source = field_text(value.substr(0, bracket));
  if (bracket == std::string_view::npos) return;
  const std::string_view version = value.substr(bracket + 1);
  package.source_version = field_text(version.substr(0, version.find(')')));
}

// Adds it if it is whole and installed.
void finish(Package package, std::string_view status, Packages& out) {
  // Three words: wanted, flags, state.
  const std::vector<std::string_view> words = base::split(base::trim(status), ' ');
  const std::string_view state = words.size() == 3 ? words[2] : std::string_view();
  const bool gone = state == "config-files" || state == "not-installed";
  if (gone) return;
  const bool readable = status.empty() || !state.empty();
  if (package.name.empty() || package.version.empty() || !readable) {
    ++out.malformed;
    return;
  }
  if (out.list.size() == kMaxPackages) {
    out.cut = true;
    return;
  }
  if (!state.empty() && state != "installed") package.status = state;
  if (package.source.empty()) package.source = package.name;
  out.list.push_back(std::move(package));
}

// Calls `line` for each line and `end` after each paragraph that had any.
template <class Line, class End>
void paragraphs(std::string_view text, const Line& line, const End& end) {
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t stop = std::min(text.find('\n', at), text.size());
    std::string_view one = text.substr(at, stop - at);
    at = stop + 1;
    if (one.ends_with('\r')) one.remove_suffix(1);
    if (base::trim(one).empty()) {
      if (std::exchange(any, false)) end();
      continue;
    }
    any = true;
    line(one);
  }
  if (any) end();
}

// Tags of rpm.
constexpr std::uint32_t kName = 1000;
constexpr std::uint32_t kVersion = 1001;
constexpr std::uint32_t kRelease = 1002;
constexpr std::uint32_t kEpoch = 1003;
constexpr std::uint32_t kVendor = 1011;
constexpr std::uint32_t kLicense = 1014;
constexpr std::uint32_t kArchitecture = 1022;
constexpr std::uint32_t kSourceRpm = 1044;
constexpr std::uint32_t kTypeInt32 = 4;
constexpr std::uint32_t kTypeString = 6;
constexpr std::uint32_t kMaxIndex = 65536;
constexpr std::uint32_t kMaxData = 256U << 20U;

struct RpmEntry {
  std::uint32_t tag = 0;
  std::uint32_t type = 0;
  std::uint32_t offset = 0;
};

std::string rpm_text(const RpmEntry& entry, ByteView data) {
  if (entry.type != kTypeString || entry.offset >= data.size()) return {};
  const ByteView rest = data.subspan(entry.offset);
  const auto end = std::ranges::find(rest, std::uint8_t{0});
  return field_text(base::as_text(rest.first(static_cast<std::size_t>(end - rest.begin()))));
}

void read_rpm_entry(const RpmEntry& entry, ByteView data, Package& package, std::string& release) {
  if (entry.tag == kName) package.name = rpm_text(entry, data);
  if (entry.tag == kVersion) package.version = rpm_text(entry, data);
  if (entry.tag == kRelease) release = rpm_text(entry, data);
  if (entry.tag == kVendor) package.supplier = rpm_text(entry, data);
  if (entry.tag == kLicense) package.license = rpm_text(entry, data);
  if (entry.tag == kArchitecture) package.architecture = rpm_text(entry, data);
  if (entry.tag == kSourceRpm) package.source = rpm_text(entry, data);
  if (entry.tag == kEpoch && entry.type == kTypeInt32 && entry.offset <= data.size()) {
    Cursor cursor(data.subspan(entry.offset));
    if (const auto epoch = cursor.u32be()) package.epoch = std::to_string(*epoch);
  }
}

// "bash-5.1.8-9.el9.src.rpm": name, version and release of the source.
void split_source_rpm(Package& package) {
  std::string_view name = package.source;
  for (const std::string_view ending : {".src.rpm", ".nosrc.rpm"}) {
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  }
  const std::size_t release = name.rfind('-');
  const std::size_t version =
      release == std::string_view::npos || release == 0 ? release : name.rfind('-', release - 1);
  if (version == std::string_view::npos || version == 0 || release == 0) return;
  std::string source_version(name.substr(version + 1));
  package.source = std::string(name.substr(0, version));
  const std::string_view plain =
      std::string_view(package.version).substr(package.version.find(':') + 1);
  if (source_version != plain) package.source_version = std::move(source_version);
}

}  // namespace

Packages read_control(std::string_view text, std::string_view manager) {
  Packages out;
  Package package;
  std::string status;
  const auto line = [&](std::string_view one) {
    const std::size_t colon = one.find(':');
    // What begins with a blank goes on with the field before.
    if (one.front() == ' ' || one.front() == '\t' || colon == std::string_view::npos) return;
    const std::string_view key = one.substr(0, colon);
    const std::string_view value = one.substr(colon + 1);
    if (base::equal_ignore_case(key, "Package")) package.name = field_text(value);
    if (base::equal_ignore_case(key, "Version")) package.version = field_text(value);
    if (base::equal_ignore_case(key, "Architecture")) package.architecture = field_text(value);
    if (base::equal_ignore_case(key, "Source")) read_source(value, package);
    if (base::equal_ignore_case(key, "Maintainer")) package.supplier = field_text(value);
    if (base::equal_ignore_case(key, "License")) package.license = field_text(value);
    if (base::equal_ignore_case(key, "Status")) status = field_text(value);
  };
  paragraphs(text, line, [&] {
    package.manager = manager;
    finish(std::exchange(package, {}), std::exchange(status, {}), out);
  });
  return out;
}

Packages read_apk(std::string_view text) {
  Packages out;
  Package package;
  const auto line = [&](std::string_view one) {
    if (one.size() < 2 || one[1] != ':') return;
    const std::string_view value = one.substr(2);
    if (one[0] == 'P') package.name = field_text(value);
    if (one[0] == 'V') package.version = field_text(value);
    if (one[0] == 'A') package.architecture = field_text(value);
    if (one[0] == 'L') package.license = field_text(value);
    if (one[0] == 'o') package.source = field_text(value);
    if (one[0] == 'm') package.supplier = field_text(value);
  };
  paragraphs(text, line, [&] {
    package.manager = "apk";
    finish(std::exchange(package, {}), {}, out);
  });
  return out;
}

Result<Package> read_rpm_header(ByteView header) {
  Cursor cursor(header);
  const std::uint32_t count = TRY(cursor.u32be());
  const std::uint32_t bytes = TRY(cursor.u32be());
  if (count > kMaxIndex || bytes > kMaxData) return fail(Code::TooLarge, "rpm header");
  Cursor index = TRY(cursor.sub(std::size_t{count} * 16));
  const ByteView data = TRY(cursor.bytes(bytes));
  Package package;
  package.manager = "rpm";
  std::string release;
  for (std::uint32_t i = 0; i < count; ++i) {
    RpmEntry entry;
    entry.tag = TRY(index.u32be());
    entry.type = TRY(index.u32be());
    entry.offset = TRY(index.u32be());
    TRY(index.skip(4));  // count
    read_rpm_entry(entry, data, package, release);
  }
  if (package.name.empty() || package.version.empty())
    return fail(Code::Malformed, "rpm header", -1, "no name or version");
  if (!release.empty()) package.version += "-" + release;
  if (!package.epoch.empty()) package.version = package.epoch + ":" + package.version;
  if (package.source == "(none)") package.source.clear();
  if (!package.source.empty()) split_source_rpm(package);
  return package;
}

// A head, pages of slots that say where each package is, then the packages in blocks of 16 bytes.
Result<Packages> read_ndb(ByteView file) {
  constexpr std::uint32_t kMagic = 'R' | 'p' << 8 | 'm' << 16 | 'P' << 24;
  constexpr std::uint32_t kSlot = 'S' | 'l' << 8 | 'o' << 16 | 't' << 24;
  constexpr std::uint32_t kBlob = 'B' | 'l' << 8 | 'b' << 16 | 'S' << 24;
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kSlotBytes = 16;
  constexpr std::size_t kBlock = 16;
  Cursor head(file);
  if (TRY(head.u32le()) != kMagic) return fail(Code::Malformed, "rpm ndb", 0);
  TRY(head.skip(8));  // version, generation
  const std::size_t pages = TRY(head.u32le());
  Cursor slots(file);
  TRY(slots.skip(2 * kSlotBytes));
  Packages out;
  if (pages > file.size() / kPage) return fail(Code::Truncated, "rpm ndb");
  while (slots.offset() + kSlotBytes <= pages * kPage) {
    if (TRY(slots.u32le()) != kSlot) return fail(Code::Malformed, "rpm ndb slot");
    const std::uint32_t number = TRY(slots.u32le());
    const std::size_t at = std::size_t{TRY(slots.u32le())} * kBlock;
    const std::size_t size = std::size_t{TRY(slots.u32le())} * kBlock;
    if (number == 0 || size == 0) continue;
    if (at > file.size() || size > file.size() - at) {
      ++out.malformed;
      continue;
    }
    Cursor blob(file.subspan(at, size));
    const std::uint32_t magic = TRY(blob.u32le());
    TRY(blob.skip(8));  // number, generation
    const std::uint32_t length = TRY(blob.u32le());
    const auto header = blob.bytes(length);
    auto package = header && magic == kBlob
                       ? read_rpm_header(*header)
                       : Result<Package>(fail(Code::Malformed, "rpm ndb blob"));
    if (!package) {
      ++out.malformed;
    } else if (out.list.size() == kMaxPackages) {
      out.cut = true;
    } else {
      out.list.push_back(std::move(*package));
    }
  }
  return out;
}

}  // namespace agent::snapshot::packages
