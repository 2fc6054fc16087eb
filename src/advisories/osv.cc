#include "advisories/osv.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "advisories/cvss.h"
#include "advisories/splitter.h"

namespace advisories {

using base::Code;
using base::Error;
using base::fail;
using base::Result;
namespace ondemand = simdjson::ondemand;

namespace {

constexpr std::size_t kMaxEvents = 4096;

// What begins like null and is something else is refused by whoever reads it.
bool is_null(ondemand::value value) {
  bool null = false;
  return value.is_null().get(null) == simdjson::SUCCESS && null;
}

std::unexpected<Error> bad(std::string member, const char* why) {
  return fail(Code::Malformed, "OSV document", -1, std::move(member) + ": " + why);
}

// Calls `take(key, value)` for each member; the value is none that must be read.
template <class Take>
Result<void> each_member(ondemand::object object, const char* where, Take take) {
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
        field.value().get(value) != simdjson::SUCCESS)
      return bad(where, "not JSON");
    TRY(take(key, value));
  }
  return {};
}

template <class Take>
Result<void> each_member(ondemand::value value, const char* where, Take take) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return bad(where, "not an object");
  return each_member(object, where, take);
}

template <class Take>
Result<void> each_element(ondemand::value value, const char* where, Take take) {
  if (is_null(value)) return {};
  ondemand::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return bad(where, "not a list");
  for (auto element : array) {
    ondemand::value one;
    if (element.get(one) != simdjson::SUCCESS) return bad(where, "not JSON");
    TRY(take(one));
  }
  return {};
}

Result<std::string_view> text_of(ondemand::value value, const char* where) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return bad(where, "not a text");
  return text;
}

// What the document says of itself, before it is put together.
struct Document {
  std::string id;
  std::string summary;
  std::string details;
  bool withdrawn = false;
  std::vector<std::string> aliases;
  std::vector<std::string> related;
  Severity severity = Severity::Unknown;
  double score = 0;
  std::vector<Affected> affected;
};

Result<void> read_names(ondemand::value value, const char* where, std::vector<std::string>& out) {
  return each_element(value, where, [&](ondemand::value one) -> Result<void> {
    const std::string_view name = TRY(text_of(one, where));
    if (name.starts_with("CVE-") && is_advisory_id(name) && out.size() < kMaxNames)
      out.emplace_back(name);
    return {};
  });
}

// Scores by vector, and words of distributions; the worst counts.
Result<void> read_severities(ondemand::value value, Severity& severity, double& score) {
  return each_element(value, "severity", [&](ondemand::value one) -> Result<void> {
    std::string text;
    TRY(each_member(one, "severity",
                    [&](std::string_view key, ondemand::value member) -> Result<void> {
                      if (key == "score") text = TRY(text_of(member, "severity.score"));
                      return {};
                    }));
    if (const auto base = cvss3_base_score(text)) {
      score = std::max(score, *base);
      severity = std::max(severity, severity_of_score(*base));
    } else {
      severity = std::max(severity, severity_of_word(text));
    }
    return {};
  });
}

// "severity" or "urgency" in what a database or an ecosystem adds, in words of its own.
void read_word(ondemand::value value, Severity& severity) {
  ondemand::object object;
  if (value.get_object().get(object) != simdjson::SUCCESS) return;
  for (auto field : object) {
    std::string_view key;
    std::string_view word;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return;
    if (key != "severity" && key != "urgency") continue;
    if (field.value().get_string().get(word) == simdjson::SUCCESS)
      severity = std::max(severity, severity_of_word(word));
  }
}

Result<void> read_event(ondemand::value value, std::vector<RangeEvent>& out) {
  using Kind = RangeEvent::Kind;
  return each_member(value, "affected.ranges.events",
                     [&](std::string_view key, ondemand::value member) -> Result<void> {
                       std::optional<Kind> kind;
                       if (key == "introduced") kind = Kind::Introduced;
                       if (key == "fixed") kind = Kind::Fixed;
                       if (key == "last_affected") kind = Kind::LastAffected;
                       if (key == "limit") kind = Kind::Limit;
                       if (!kind) return {};
                       if (out.size() >= kMaxEvents)
                         return bad("affected.ranges.events", "more than are read");
                       const std::string_view version =
                           TRY(text_of(member, "affected.ranges.events"));
                       out.push_back({*kind, std::string(version)});
                       return {};
                     });
}

// One element of `affected`, whose ordering is known when all of it is read.
struct Part {
  std::string package;
  std::string ecosystem;
  std::vector<std::vector<RangeEvent>> ranges;
  std::vector<std::string> versions;
  Severity severity = Severity::Unknown;
  double score = 0;
};

Result<void> read_range(ondemand::value value, Part& part) {
  std::string type;
  std::vector<RangeEvent> events;
  TRY(each_member(
      value, "affected.ranges", [&](std::string_view key, ondemand::value member) -> Result<void> {
        if (key == "type") type = TRY(text_of(member, "affected.ranges.type"));
        if (key != "events") return {};
        return each_element(member, "affected.ranges.events",
                            [&](ondemand::value event) { return read_event(event, events); });
      }));
  if (type != "ECOSYSTEM") return {};
  if (part.ranges.size() >= kMaxIntervals) return bad("affected.ranges", "more than are read");
  part.ranges.push_back(std::move(events));
  return {};
}

Result<void> read_package(ondemand::value value, Part& part) {
  return each_member(value, "affected.package",
                     [&](std::string_view key, ondemand::value member) -> Result<void> {
                       if (key == "name") part.package = TRY(text_of(member, "package.name"));
                       if (key == "ecosystem")
                         part.ecosystem = TRY(text_of(member, "package.ecosystem"));
                       return {};
                     });
}

Result<void> read_part(ondemand::value value, Part& part) {
  return each_member(
      value, "affected", [&](std::string_view key, ondemand::value member) -> Result<void> {
        if (key == "package") return read_package(member, part);
        if (key == "ranges") {
          return each_element(member, "affected.ranges",
                              [&](ondemand::value range) { return read_range(range, part); });
        }
        if (key == "versions") {
          return each_element(
              member, "affected.versions", [&](ondemand::value one) -> Result<void> {
                const std::string_view version = TRY(text_of(one, "affected.versions"));
                if (part.versions.size() < kMaxVersions && is_version(version))
                  part.versions.emplace_back(version);
                return {};
              });
        }
        if (key == "severity") return read_severities(member, part.severity, part.score);
        if (key == "ecosystem_specific" || key == "database_specific")
          read_word(member, part.severity);
        return {};
      });
}

Result<void> read_affected(ondemand::value value, Document& out) {
  Part part;
  TRY(read_part(value, part));
  auto release = release_of_ecosystem(part.ecosystem);
  if (!release) return {};
  if (!is_package_name(part.package))
    return bad("affected.package.name", "not a name of a package");
  if (out.affected.size() >= kMaxAffected) return bad("affected", "more than are read");
  Affected affected;
  const Ordering ordering = ordering_of(release->family);
  affected.release = std::move(*release);
  affected.package = std::move(part.package);
  affected.severity = part.severity;
  for (auto& events : part.ranges) {
    for (Interval& interval : TRY(intervals_of(ordering, std::move(events))))
      affected.ranges.intervals.push_back(std::move(interval));
  }
  // Versions repeat what the ranges say, of a time when they were written.
  if (affected.ranges.intervals.empty()) affected.ranges.versions = std::move(part.versions);
  if (affected.ranges.intervals.empty() && affected.ranges.versions.empty()) return {};
  out.score = std::max(out.score, part.score);
  out.affected.push_back(std::move(affected));
  return {};
}

Result<void> read_member(std::string_view key, ondemand::value value, Document& out) {
  if (key == "id") {
    out.id = TRY(text_of(value, "id"));
  } else if (key == "summary" && !is_null(value)) {
    out.summary = summary_of(TRY(text_of(value, "summary")));
  } else if (key == "details" && !is_null(value)) {
    out.details = summary_of(TRY(text_of(value, "details")));
  } else if (key == "withdrawn") {
    out.withdrawn = !is_null(value);
  } else if (key == "aliases") {
    return read_names(value, "aliases", out.aliases);
  } else if (key == "upstream") {
    return read_names(value, "upstream", out.aliases);
  } else if (key == "related") {
    return read_names(value, "related", out.related);
  } else if (key == "severity") {
    return read_severities(value, out.severity, out.score);
  } else if (key == "database_specific") {
    read_word(value, out.severity);
  } else if (key == "affected") {
    return each_element(value, "affected",
                        [&](ondemand::value one) { return read_affected(one, out); });
  }
  return {};
}

std::vector<std::string> names_of(Document& document) {
  std::vector<std::string> names = std::move(document.aliases);
  if (names.empty()) names = std::move(document.related);
  if (names.empty()) {
    const std::size_t cve = document.id.find("CVE-");
    names.push_back(cve == std::string::npos ? document.id : document.id.substr(cve));
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

}  // namespace

struct OsvReader::State {
  ondemand::parser parser;
};

OsvReader::OsvReader() : state_(std::make_unique<State>()) {}
OsvReader::~OsvReader() = default;

Result<Advisory> OsvReader::read(std::string_view json) {
  ondemand::document document;
  ondemand::object object;
  const simdjson::padded_string_view text(json.data(), json.size(),
                                          json.size() + Splitter::kPadding);
  if (state_->parser.iterate(text).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS)
    return bad("document", "not an object");
  Document read;
  TRY(each_member(object, "document", [&](std::string_view key, ondemand::value value) {
    return read_member(key, value, read);
  }));
  if (!is_advisory_id(read.id)) return bad("id", "missing, or not an id");
  Advisory out;
  out.names = names_of(read);
  out.origin = std::move(read.id);
  out.summary = read.summary.empty() ? std::move(read.details) : std::move(read.summary);
  out.severity = read.severity;
  out.score = read.score;
  out.withdrawn = read.withdrawn;
  if (!out.withdrawn) out.affected = std::move(read.affected);
  return out;
}

}  // namespace advisories
