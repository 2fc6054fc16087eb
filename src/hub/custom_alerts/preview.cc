#include "hub/custom_alerts/preview.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "detect/custom/detector.h"
#include "hub/custom_alerts/history.h"

namespace hub::custom_alerts {

using detect::Finding;
using detect::custom::CustomDetector;
using detect::custom::Rule;
using std::chrono::nanoseconds;

namespace {

// Only the devices of the group exist.
class OneGroup final : public detect::custom::Fleet {
 public:
  OneGroup(std::string group, const PreviewOptions& options)
      : group_(std::move(group)), options_(options) {}

  std::string group_of(std::string_view device) override {
    const auto [known, fresh] = known_.emplace(device, false);
    if (fresh) known->second = options_.group_of(device) == group_;
    return known->second ? group_ : std::string();
  }
  nanoseconds reporting_delay(std::string_view) override { return nanoseconds(0); }
  std::uint64_t version() const override { return 1; }

 private:
  std::string group_;
  const PreviewOptions& options_;
  std::unordered_map<std::string, bool> known_;
};

// Findings as alerts: the same device and entity is one.
class Tally {
 public:
  void add(std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      WouldRaise& alert = alerts_[{finding.device_id, finding.entity}];
      const base::WallTime time = finding.evidence.time;
      if (alert.hits == 0) {
        alert.device_id = finding.device_id;
        alert.entity = finding.entity;
        alert.first = time;
      }
      alert.first = std::min(alert.first, time);
      alert.last = std::max(alert.last, time);
      alert.why = finding.why;
      alert.hits += finding.hits;
      by_day_[std::chrono::floor<std::chrono::days>(time)] += finding.hits;
    }
    findings.clear();
  }

  void write(Preview& out, std::size_t max_items) const {
    std::set<std::string_view> devices;
    for (const auto& [key, alert] : alerts_) {
      devices.insert(key.first);
      out.hits += alert.hits;
      out.items.push_back(alert);
    }
    out.alerts = alerts_.size();
    out.devices = devices.size();
    out.hits_by_day.assign(by_day_.begin(), by_day_.end());
    std::ranges::sort(out.items, [](const WouldRaise& a, const WouldRaise& b) {
      return std::tie(b.last, a.device_id, a.entity) < std::tie(a.last, b.device_id, b.entity);
    });
    if (out.items.size() > max_items) out.items.resize(max_items);
  }

 private:
  std::map<std::pair<std::string, std::string>, WouldRaise> alerts_;
  std::map<base::WallTime, std::int64_t> by_day_;
};

class Replay {
 public:
  Replay(detect::custom::Fleet& fleet, std::shared_ptr<const Rule> rule)
      : type_(rule->definition().type), detector_(fleet) {
    detector_.set({std::move(rule)});
  }

  void play(const Moment& moment) {
    if (moment.what == Moment::What::Seen) return see(moment);
    const detect::Origin origin{moment.device_id, {}, moment.time, 0};
    if (moment.what == Moment::What::HubStarted) {
      store::AuditRow started;
      started.action = "hub.start";
      return detector_.on_audit(started, origin, findings_);
    }
    store::OperationRow row;
    row.category = "Connections";
    row.operation = moment.what == Moment::What::Connected ? "deviceConnect" : "deviceDisconnect";
    row.status_code = 200;
    row.device_id = moment.device_id;
    row.protocol = moment.value;
    detector_.on_operation(row, origin, findings_);
  }
  void pass(base::WallTime time) {
    detector_.on_time(time, findings_);
    tally_.add(findings_);
  }
  const Tally& tally() const { return tally_; }

 private:
  void see(const Moment& moment) {
    detect::custom::Observation seen;
    seen.type = type_;
    seen.device_id = moment.device_id;
    seen.module_id = moment.module_id;
    seen.time = seen.received = moment.time;
    seen.count = moment.count;
    seen.value = moment.value;
    detector_.observe(seen, findings_);
  }

  detect::custom::Type type_;
  CustomDetector detector_;
  std::vector<Finding> findings_;
  Tally tally_;
};

}  // namespace

std::expected<Preview, store::QueryFailure> preview(store::Queries& queries,
                                                    const detect::custom::Definition& definition,
                                                    const PreviewOptions& options) {
  const bool range = definition.info().kind == detect::custom::Kind::Range;
  const nanoseconds step = range ? nanoseconds(definition.window) : nanoseconds(kPreviewDays);
  Preview out;
  out.to = options.now;
  out.from = options.now - options.back / step * step;
  auto enabled = definition;
  enabled.enabled = true;
  const auto rule = std::make_shared<const Rule>("preview", enabled, out.from);
  Reading reading;
  reading.from = out.from;
  reading.query.now = options.now;
  reading.query.timeout = options.timeout;
  reading.query.row_limit = options.max_rows;
  reading.query.cancel = options.cancel;
  auto history = read_history(queries, *rule, reading);
  if (!history) return std::unexpected(std::move(history.error()));
  out.truncated = history->truncated;
  if (out.truncated && !history->moments.empty()) out.from = history->moments.front().time;
  OneGroup fleet(definition.group, options);
  Replay replay(fleet, rule);
  auto moment = history->moments.begin();
  for (base::WallTime end = rule->since() + step; moment != history->moments.end() || end <= out.to;
       end += step) {
    for (; moment != history->moments.end() && moment->time < end; ++moment)
      replay.play(*moment);
    replay.pass(std::min(end, out.to));
  }
  // What lists held until their hour is over.
  replay.pass(out.to + CustomDetector::Options().quiet);
  replay.tally().write(out, options.max_items);
  return out;
}

}  // namespace hub::custom_alerts
