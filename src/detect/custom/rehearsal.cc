#include "detect/custom/rehearsal.h"

#include <algorithm>

#include <fmt/format.h>

namespace detect::custom {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using std::chrono::nanoseconds;

namespace {

// A count that is spread is told in so many pieces at most.
constexpr std::int64_t kMaxPieces = 1000;
// Windows that are waited for one by one; more are passed over.
constexpr std::int64_t kMaxSteps = 20'000;

store::OperationRow connection(std::string_view operation, std::string_view protocol) {
  store::OperationRow out;
  out.category = "Connections";
  out.operation = operation;
  out.protocol = protocol;
  out.status_code = 200;
  return out;
}

Result<Type> metric_type(const Value& metric) {
  const std::string_view name = metric.text_or("metric", "");
  const std::string_view protocol = metric.text_or("protocol", "");
  const auto type =
      name.empty() ? parse_type(metric.text_or("type", "")) : type_of_metric(name, protocol);
  if (type && type_info(*type).source == Source::Hub) return *type;
  return fail(Code::Invalid, "metric", -1,
              fmt::format("the hub counts no '{}' over '{}'", name, protocol));
}

}  // namespace

class Rehearsal::Everywhere final : public Fleet {
 public:
  std::string group_of(std::string_view) override { return std::string(kDefaultGroup); }
  nanoseconds reporting_delay(std::string_view) override { return nanoseconds(0); }
  std::uint64_t version() const override { return 1; }
};

Rehearsal::Rehearsal() : fleet_(std::make_unique<Everywhere>()), detector_(*fleet_) {}
Rehearsal::~Rehearsal() = default;

Result<void> Rehearsal::add_rule(const Value& definition, base::WallTime now) {
  Definition read = TRY(read_definition(definition));
  read.group = kDefaultGroup;
  const std::string id = id_of(read);
  std::erase_if(rules_, [&id](const auto& rule) { return rule->id() == id; });
  rules_.push_back(std::make_shared<const Rule>(id, std::move(read), now));
  detector_.set(rules_);
  return {};
}

void Rehearsal::come(base::WallTime time, store::OperationRow row, const Origin& origin) {
  coming_.emplace(time, Coming{row, std::string(origin.device_id), std::string(origin.module_id)});
}

Result<void> Rehearsal::add_metric(const Value& metric, const Origin& origin,
                                   std::vector<Finding>& findings) {
  const Type type = TRY(metric_type(metric));
  const Value* count = metric.find("count");
  if (count == nullptr || count->if_int() == nullptr || *count->if_int() < 0)
    return fail(Code::Invalid, "metric", -1, "count: expected a whole number, 0 or more");
  const Value* window = metric.find("window");
  nanoseconds length{0};
  nanoseconds spread{0};
  if (window != nullptr) {
    const auto read = base::parse_duration(metric.text_or("window", ""));
    if (!read || *read <= nanoseconds(0))
      return fail(Code::Invalid, "metric", -1, "window: expected a duration, such as PT5M");
    length = spread = *read;
  } else {
    for (const auto& rule : rules_) {
      if (rule->definition().type == type)
        length = std::max<nanoseconds>(length, rule->definition().window);
    }
  }
  const store::OperationRow row = example_operation(type);
  const std::string_view protocol = wire_of(type) == Wire::Any ? "" : row.protocol;
  come(origin.received, connection("deviceConnect", protocol), origin);
  const std::int64_t pieces =
      spread == nanoseconds(0) ? 1 : std::clamp<std::int64_t>(*count->if_int(), 1, kMaxPieces);
  for (std::int64_t i = 0; i < pieces; ++i) {
    store::OperationRow piece = row;
    piece.count = *count->if_int() * (i + 1) / pieces - *count->if_int() * i / pieces;
    if (piece.count > 0) come(origin.received + spread * i / pieces, piece, origin);
  }
  come(origin.received + length, connection("deviceDisconnect", protocol), origin);
  advance(origin.received, findings);
  return {};
}

void Rehearsal::meet(const Origin& origin, std::vector<Finding>& findings) {
  advance(origin.received, findings);
  if (origin.device_id.empty() || !met_.emplace(origin.device_id).second) return;
  play(origin.received,
       {connection("deviceConnect", ""), std::string(origin.device_id),
        std::string(origin.module_id)},
       findings);
}

void Rehearsal::add_event(const schema::Event& event, const Origin& origin,
                          std::vector<Finding>& findings) {
  meet(origin, findings);
  detector_.on_event(event, origin, findings);
}

void Rehearsal::play(base::WallTime time, const Coming& coming, std::vector<Finding>& findings) {
  store::OperationRow row = coming.row;
  row.device_id = coming.device_id;
  detector_.on_operation(row, {coming.device_id, coming.module_id, time, 0}, findings);
}

// Time goes by window by window, as it does where a hub is watched.
void Rehearsal::pass(base::WallTime now, std::vector<Finding>& findings) {
  nanoseconds step = kLongest;
  for (const auto& rule : rules_) {
    if (rule->info().kind == Kind::Range)
      step = std::min<nanoseconds>(step, rule->definition().window);
  }
  std::int64_t left = rules_.empty() ? 0 : kMaxSteps;
  for (; now_ + step < now && left-- > 0; now_ += step)
    detector_.on_time(now_ + step, findings);
  now_ = now;
  detector_.on_time(now, findings);
}

void Rehearsal::advance(base::WallTime now, std::vector<Finding>& findings) {
  if (!std::exchange(begun_, true)) now_ = now;
  while (!coming_.empty() && coming_.begin()->first <= now) {
    const auto next = coming_.extract(coming_.begin());
    if (next.key() > now_) pass(next.key(), findings);
    play(next.key(), next.mapped(), findings);
  }
  if (now > now_) pass(now, findings);
}

void Rehearsal::finish(std::vector<Finding>& findings) {
  while (!coming_.empty())
    advance(coming_.begin()->first, findings);
  for (const std::string& device : met_)
    play(now_, {connection("deviceDisconnect", ""), device, {}}, findings);
  met_.clear();
  advance(now_ + 2 * kLongest, findings);
}

}  // namespace detect::custom
