#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "advisories/ranges.h"
#include "advisories/release.h"

// What bundles say about vulnerabilities, whatever their format.
namespace advisories {

// How bad it is. Debian's `unimportant` and Ubuntu's `negligible` are Negligible: no security
// matter in the package as it is built.
enum class Severity : std::uint8_t { Unknown, Negligible, Low, Medium, High, Critical };
std::string_view to_string(Severity severity);  // "high"
std::optional<Severity> parse_severity(std::string_view text);
// A word of a distribution: "moderate", "important", "low**", "not yet assigned".
Severity severity_of_word(std::string_view word);
// By a CVSS base score, 0 to 10. Source: CVSS 3.1, section 5.
Severity severity_of_score(double score);

// What the distribution intends for a release, where there is no fix to install.
enum class Plan : std::uint8_t {
  Open,          // nothing said
  Minor,         // no advisory of its own (no-dsa): perhaps with a point release
  Postponed,     // with the next advisory of the package
  Ignored,       // never
  EndOfLife,     // the package is not supported in that release any more
  Undetermined,  // not known whether it is vulnerable at all
};
std::string_view to_string(Plan plan);  // "no-dsa"
std::optional<Plan> parse_plan(std::string_view text);

// A package of a release that a vulnerability is in, for a range of versions.
struct Affected {
  Release release;
  std::string package;  // the source package
  Ranges ranges;
  Plan plan{};
  Severity severity = Severity::Unknown;  // for that package; Unknown: that of the advisory
};

// What is said about one vulnerability, or in one advisory about several.
struct Advisory {
  std::string origin;              // DSA-5532-1; of the tracker: the CVE
  std::vector<std::string> names;  // CVE-2024-1; what has none: its own id
  std::string summary;             // at most kMaxSummary bytes
  Severity severity = Severity::Unknown;
  double score = 0;  // CVSS base score; 0: none
  bool withdrawn = false;
  std::vector<Affected> affected;  // in releases that are known here
};

inline constexpr std::size_t kMaxSummary = 600;
inline constexpr std::size_t kMaxId = 128;
inline constexpr std::size_t kMaxNames = 512;      // of one advisory
inline constexpr std::size_t kMaxAffected = 8192;  // of one advisory

// Letters, digits and -_.:+ only: "CVE-2024-1", "TEMP-0000000-ABC", "RHSA-2024:1".
bool is_advisory_id(std::string_view text);
// A name of a source package in any of the distributions.
bool is_package_name(std::string_view text);
// Cut at kMaxSummary, in one line, valid UTF-8.
std::string summary_of(std::string_view text);

}  // namespace advisories
