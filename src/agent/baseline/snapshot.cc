#include "agent/baseline/snapshot.h"

#include <atomic>
#include <utility>

#include <fmt/format.h>

#include "agent/baseline/system_host.h"

namespace agent::baseline {

namespace {

schema::OSBaseline item_of(const Finding& finding) {
  schema::OSBaseline item;
  item.description = finding.title;
  item.cce_id = finding.cce;
  item.severity = finding.severity;
  item.extra_details.emplace_back("CheckId", finding.id);
  item.extra_details.emplace_back("Group", finding.group);
  if (!finding.cis.empty()) item.extra_details.emplace_back("CisId", finding.cis);
  const Outcome& outcome = finding.outcome;
  switch (outcome.verdict) {
    case Verdict::Pass:
      item.result = schema::BaselineResult::Pass;
      break;
    case Verdict::Fail:
      item.result = schema::BaselineResult::Fail;
      break;
    case Verdict::Err:
      item.result = schema::BaselineResult::Err;
      break;
    case Verdict::NotApplicable:
      // The schema has no word for it; nothing is wrong, and the mark tells it from a real Pass.
      item.result = schema::BaselineResult::Pass;
      item.extra_details.emplace_back("NotApplicable", outcome.evidence);
      return item;
  }
  if (outcome.verdict == Verdict::Pass) {
    if (!outcome.evidence.empty()) item.extra_details.emplace_back("Evidence", outcome.evidence);
  } else {
    item.error = outcome.evidence;
  }
  if (outcome.verdict == Verdict::Fail && !finding.remedy.empty())
    item.extra_details.emplace_back("Remedy", finding.remedy);
  return item;
}

class BaselineSnapshot : public Snapshot {
 public:
  BaselineSnapshot(std::function<Options()> options, std::function<void(const Problem&)> on_problem)
      : options_(std::move(options)), on_problem_(std::move(on_problem)) {}

  schema::EventName event() const override { return schema::EventName::OSBaseline; }

  base::Result<schema::Payload> take() override {
    const auto host = TRY(SystemHost::open("/", &abandoned_));
    const Report report = run(*host, options_());
    if (abandoned_) return base::fail(base::Code::Closed, "baseline", -1, "abandoned");
    errors_ = 0;
    for (const Finding& finding : report.findings)
      errors_ += finding.outcome.verdict == Verdict::Err ? 1U : 0U;
    if (on_problem_) {
      for (const Problem& problem : report.problems)
        on_problem_(problem);
    }
    return payload_of(report);
  }

  void abandon() override { abandoned_ = true; }

  SourceReport source() const override {
    SourceReport report{.event = event(), .tier = "native", .reason = {}};
    if (errors_ > 0) report.reason = fmt::format("{} checks could not be run", errors_);
    return report;
  }

 private:
  std::function<Options()> options_;
  std::function<void(const Problem&)> on_problem_;
  std::size_t errors_ = 0;
  std::atomic<bool> abandoned_{false};
};

}  // namespace

schema::Payload payload_of(const Report& report) {
  std::vector<schema::OSBaseline> items;
  items.reserve(report.findings.size());
  for (const Finding& finding : report.findings)
    items.push_back(item_of(finding));
  return items;
}

std::unique_ptr<Snapshot> make_snapshot(std::function<Options()> options,
                                        std::function<void(const Problem&)> on_problem) {
  return std::make_unique<BaselineSnapshot>(std::move(options), std::move(on_problem));
}

}  // namespace agent::baseline
