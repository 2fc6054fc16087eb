#include "agent/baseline/custom.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/baseline/custom_verbs.h"
#include "agent/baseline/distro.h"
#include "agent/baseline/xml.h"
#include "base/hash.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

constexpr std::size_t kMaxAudits = 4096;
constexpr std::size_t kMaxChecks = 64;  // of one audit

// Goes through the pieces, knowing what is open.
class Builder {
 public:
  Result<void> take(const XmlReader::Piece& piece);
  CustomBaseline finish() && { return std::move(baseline_); }
  bool has_root() const { return root_; }

 private:
  Result<void> start(const XmlReader::Piece& piece);
  Result<void> end(const XmlReader::Piece& piece);

  CustomBaseline baseline_;
  bool root_ = false;
  std::size_t skip_ = 0;  // depth within an element that does not concern us
  bool in_audits_ = false;
  bool in_audit_ = false;
  bool in_check_ = false;
  bool in_dependency_ = false;
  Dependency dependency_;
  std::vector<Dependency> section_;
};

std::unexpected<base::Error> wrong(const XmlReader::Piece& piece, const std::string& what) {
  return std::unexpected(base::Error{.code = Code::Malformed,
                                     .what = "baseline",
                                     .detail = fmt::format("line {}: {}", piece.line, what)});
}

Result<void> Builder::take(const XmlReader::Piece& piece) {
  if (piece.kind == XmlReader::Kind::Text) {
    if (in_dependency_ && skip_ == 0) dependency_.value += piece.text;
    return {};
  }
  return piece.kind == XmlReader::Kind::Start ? start(piece) : end(piece);
}

Audit audit_of(const XmlReader::Piece& piece) {
  const auto text = [&](std::string_view name) {
    return std::string(base::trim(piece.attribute(name)));
  };
  return {.description = text("description"),
          .msid = text("msid"),
          .cceid = text("cceid"),
          .severity = text("severity"),
          .remediation = text("remediation"),
          .rule_id = text("ruleId"),
          .checks = {},
          .dependencies = {}};
}

CustomCheck check_of(const XmlReader::Piece& piece) {
  CustomCheck check{.distro = std::string(base::trim(piece.attribute("distro"))),
                    .command = std::string(base::trim(piece.attribute("command"))),
                    .attributes = piece.attributes,
                    .dependencies = {}};
  if (check.distro.empty()) check.distro = "*";
  return check;
}

Result<void> Builder::start(const XmlReader::Piece& piece) {
  if (skip_ > 0) {
    ++skip_;
  } else if (!root_) {
    if (piece.name != "baseline") return wrong(piece, "the outermost element is no <baseline>");
    root_ = true;
    baseline_.id = piece.attribute("BaselineId");
  } else if (!in_audits_ && piece.name == "audits") {
    in_audits_ = true;
  } else if (in_audits_ && !in_audit_ && !in_dependency_ && piece.name == "audit") {
    if (baseline_.audits.size() >= kMaxAudits)
      return base::fail(Code::TooLarge, "baseline", -1, "audits");
    baseline_.audits.push_back(audit_of(piece));
    in_audit_ = true;
  } else if (in_audit_ && !in_check_ && piece.name == "check") {
    auto& checks = baseline_.audits.back().checks;
    if (checks.size() >= kMaxChecks) return base::fail(Code::TooLarge, "baseline", -1, "checks");
    checks.push_back(check_of(piece));
    in_check_ = true;
  } else if (in_audits_ && !in_dependency_ && piece.name == "dependency") {
    in_dependency_ = true;
    dependency_ = {.type = std::string(piece.attribute("type")), .value = {}};
  } else {
    // <remediations>, <baselines> and what else there may be.
    skip_ = 1;
  }
  return {};
}

Result<void> Builder::end(const XmlReader::Piece& piece) {
  if (skip_ > 0) {
    --skip_;
  } else if (in_dependency_) {
    in_dependency_ = false;
    dependency_.value = base::trim(dependency_.value);
    if (in_check_) {
      baseline_.audits.back().checks.back().dependencies.push_back(dependency_);
    } else if (in_audit_) {
      baseline_.audits.back().dependencies.push_back(dependency_);
    } else {
      section_.push_back(dependency_);
    }
  } else if (in_check_) {
    in_check_ = false;
  } else if (in_audit_) {
    Audit& audit = baseline_.audits.back();
    if (audit.checks.empty()) return wrong(piece, "audit " + audit.msid + " has no check");
    audit.dependencies.insert(audit.dependencies.end(), section_.begin(), section_.end());
    in_audit_ = false;
  } else if (in_audits_) {
    in_audits_ = false;
    section_.clear();
  }
  return {};
}

schema::BaselineSeverity severity_of(std::string_view text) {
  using enum schema::BaselineSeverity;
  if (base::equal_ignore_case(text, "Critical")) return Critical;
  if (base::equal_ignore_case(text, "Important")) return Important;
  if (base::equal_ignore_case(text, "Informational") || base::equal_ignore_case(text, "Optional") ||
      base::equal_ignore_case(text, "NotApplicable"))
    return Informational;
  return Warning;
}

// One of an audit's checks; nullopt: it does not concern this system.
std::optional<Outcome> judge_check(const CustomCheck& check, Facts& facts) {
  const auto& distro = facts.distro();
  if (!distro) return unknown(distro.error().to_string());
  const auto concerns = distro_matches(check.distro, *distro);
  if (!concerns) return unknown("no such distro expression: " + check.distro);
  if (!*concerns) return std::nullopt;
  for (const Dependency& dependency : check.dependencies) {
    const auto met = is_met(dependency, facts);
    if (!met) return unknown(met.error().to_string());
    if (!*met) return std::nullopt;
  }
  const CustomVerb* const verb = find_custom_verb(check.command);
  if (verb == nullptr) return unknown("unknown command " + check.command);
  auto outcome = verb->judge(facts, check);
  if (!outcome) return unknown(check.command + ": " + outcome.error().to_string());
  return *std::move(outcome);
}

// A failure weighs more than what is not known, that more than a pass.
Outcome judge_all(const Audit& audit, Facts& facts) {
  for (const Dependency& dependency : audit.dependencies) {
    const auto met = is_met(dependency, facts);
    if (!met) return unknown(met.error().to_string());
    if (!*met) return not_applicable(fmt::format("needs {} {}", dependency.type, dependency.value));
  }
  std::optional<Outcome> total;
  for (const CustomCheck& check : audit.checks) {
    auto outcome = judge_check(check, facts);
    if (!outcome || outcome->verdict == Verdict::NotApplicable) continue;
    const bool worse = !total || outcome->verdict == Verdict::Fail ||
                       (outcome->verdict == Verdict::Err && total->verdict == Verdict::Pass);
    if (total && total->verdict == Verdict::Fail) {
      if (outcome->verdict == Verdict::Fail) total->evidence += "; " + outcome->evidence;
    } else if (worse) {
      total = std::move(outcome);
    }
  }
  return total ? *std::move(total) : not_applicable("no check of it concerns this system");
}

}  // namespace

std::string_view CustomCheck::get(std::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return value;
  }
  return {};
}

bool CustomCheck::has(std::string_view name) const {
  return std::any_of(attributes.begin(), attributes.end(),
                     [&](const auto& attribute) { return attribute.first == name; });
}

bool knows_command(std::string_view command) {
  return find_custom_verb(command) != nullptr;
}

Result<CustomBaseline> read_custom(std::string_view xml) {
  XmlReader reader(xml);
  Builder builder;
  for (;;) {
    const XmlReader::Piece piece = TRY(reader.next());
    if (piece.kind == XmlReader::Kind::Done) break;
    TRY(builder.take(piece));
  }
  return std::move(builder).finish();
}

Result<CustomBaseline> load_custom(const Host& host, const std::string& path,
                                   const std::string& sha256) {
  if (!path.starts_with('/'))
    return base::fail(Code::Invalid, "custom checks", -1, "\"" + path + "\" is no absolute path");
  const std::string text = TRY(host.read(path));
  if (!sha256.empty()) {
    const base::Sha256 digest = base::sha256(base::as_bytes(text));
    const std::string has = base::hex_encode(digest);
    if (!base::equal_ignore_case(has, base::trim(sha256)))
      return base::fail(Code::Conflict, "custom checks", -1,
                        fmt::format("the SHA-256 of {} is {}, not {}", path, has, sha256));
  }
  return read_custom(text);
}

Finding judge_audit(const Audit& audit, Facts& facts) {
  Finding finding{.id = audit.rule_id.empty() ? audit.msid : audit.rule_id,
                  .group = "custom",
                  .title = base::to_utf8(audit.description),
                  .cce = audit.cceid.empty() ? audit.msid : audit.cceid,
                  .cis = {},
                  .remedy = audit.remediation,
                  .severity = severity_of(audit.severity),
                  .outcome = judge_all(audit, facts)};
  finding.outcome.evidence = base::to_utf8(finding.outcome.evidence);
  std::replace_if(
      finding.outcome.evidence.begin(), finding.outcome.evidence.end(),
      [](char c) { return c >= 0 && c < ' '; }, ' ');
  return finding;
}

}  // namespace agent::baseline
