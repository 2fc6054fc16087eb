#include "agent/baseline/engine.h"

#include <algorithm>
#include <utility>

#include "agent/baseline/catalogue.h"
#include "agent/baseline/custom.h"
#include "agent/baseline/distro.h"
#include "agent/baseline/facts.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

namespace {

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

Outcome judge(const Check& check, Facts& facts) {
  const auto& distro = facts.distro();
  if (!distro) return unknown(distro.error().to_string());
  if (!distro_matches(check.distro, *distro).value_or(false))
    return not_applicable("not for " + distro->name);
  const Verb* const verb = find_verb(check.verb);
  ASSERT(verb != nullptr);  // a test goes through the whole catalogue
  auto outcome = verb->judge(facts, check.parameters);
  if (!outcome) return unknown(outcome.error().to_string());
  return *std::move(outcome);
}

Finding finding_of(const Check& check, Facts& facts) {
  Finding finding{.id = std::string(check.id),
                  .group = std::string(check.group),
                  .title = std::string(check.title),
                  .cce = std::string(check.cce),
                  .cis = std::string(check.cis),
                  .remedy = std::string(check.remedy),
                  .severity = check.severity,
                  .outcome = judge(check, facts)};
  const bool red_hat = facts.distro() && facts.distro()->red_hat_family;
  if (red_hat && !check.cce_rhel.empty()) finding.cce = check.cce_rhel;
  if (finding.cce.empty()) finding.cce = finding.id;
  // Names of files and the like are bytes; evidence is text of one line.
  finding.outcome.evidence = base::to_utf8(finding.outcome.evidence);
  std::replace_if(
      finding.outcome.evidence.begin(), finding.outcome.evidence.end(),
      [](char c) { return c >= 0 && c < ' '; }, ' ');
  return finding;
}

// Which setting is to blame.
const char* key_of(base::Code code) {
  return code == base::Code::Conflict ? "baselineCustomChecksFileHash"
                                      : "baselineCustomChecksFilePath";
}

void run_custom(const Options& options, Facts& facts, Report& report) {
  const auto baseline = load_custom(facts.host(), options.custom_path, options.custom_sha256);
  if (!baseline) {
    report.problems.push_back(
        {.key = key_of(baseline.error().code), .text = baseline.error().to_string()});
    return;
  }
  for (const Audit& audit : baseline->audits) {
    if (contains(options.disabled_groups, "custom") ||
        contains(options.disabled_checks, audit.rule_id) ||
        contains(options.disabled_checks, audit.msid))
      continue;
    report.findings.push_back(judge_audit(audit, facts));
  }
}

}  // namespace

Report run(const Host& host, const Options& options) {
  Report report;
  Facts facts(host);
  each_check(packed_catalogue(), [&](const Check& check) {
    if (host.abandoned() || contains(options.disabled_groups, check.group) ||
        contains(options.disabled_checks, check.id))
      return;
    report.findings.push_back(finding_of(check, facts));
  });
  if (options.custom_enabled) run_custom(options, facts, report);
  return report;
}

}  // namespace agent::baseline
