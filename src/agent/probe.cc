#include "agent/probe.h"

#include <fmt/format.h>

#include "agent/collect/source.h"
#include "audit/stream.h"
#include "base/json.h"

namespace agent {

using collect::Tier;

namespace {

class Ignore final : public collect::Sink {
  void on_forked(const collect::Forked&) override {}
  void on_started(collect::Started) override {}
  void on_ended(const collect::Ended&) override {}
};

std::string shortcoming(Tier tier) {
  switch (tier) {
    case Tier::Ebpf:
      return {};
    case Tier::Audit:
      return "slows each start of a process more than eBPF";
    case Tier::Connector:
      return "command lines of very short processes can be missed";
    case Tier::Proc:
      return "short-lived processes are missed, and exit statuses are not seen";
  }
  return {};
}

}  // namespace

std::vector<TierVerdict> probe_tiers() {
  std::vector<TierVerdict> verdicts;
  for (const Tier tier : {Tier::Ebpf, Tier::Audit, Tier::Connector, Tier::Proc}) {
    Ignore ignore;
    const auto loop = os::Loop::create();
    if (!loop) {
      verdicts.push_back({tier, false, loop.error().to_string()});
      continue;
    }
    audit::Stream stream(**loop);
    const auto source = collect::open_source(tier, **loop, ignore, {.audit = &stream});
    std::string reason = shortcoming(tier);
    if (!source) {
      reason = source.error().detail.empty() ? source.error().to_string() : source.error().detail;
    }
    verdicts.push_back({tier, source.has_value(), std::move(reason)});
  }
  return verdicts;
}

std::string table_of(const std::vector<TierVerdict>& verdicts) {
  std::string table = "TIER       WORKS  BECAUSE\n";
  for (const TierVerdict& verdict : verdicts) {
    const std::string line = fmt::format("{:<10} {:<6} {}", collect::tier_name(verdict.tier),
                                         verdict.works ? "yes" : "no", verdict.reason);
    table += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return table;
}

std::string json_of(const std::vector<TierVerdict>& verdicts) {
  std::string text;
  base::json::Writer out(text);
  out.begin_array();
  for (const TierVerdict& verdict : verdicts) {
    out.begin_object();
    out.field("tier", collect::tier_name(verdict.tier));
    out.field("works", verdict.works);
    out.field("reason", verdict.reason);
    out.end_object();
  }
  out.end_array();
  return text + "\n";
}

}  // namespace agent
