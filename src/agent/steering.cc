#include "agent/steering.h"

#include <algorithm>
#include <map>
#include <utility>

#include "agent/reports.h"
#include "agent/settings/keys.h"
#include "base/log.h"
#include "os/file.h"

namespace agent {

using base::json::Value;
using settings::Problem;

Steering::Steering(Options options)
    : twin_(std::move(options.defaults), std::move(options.object)),
      file_(std::move(options.file)) {
  if (file_.empty()) return;
  auto text = os::read_file(file_, settings::kMaxDocument);
  if (!text) {
    if (text.error().code != base::Code::NotFound) {
      LOG_ERROR("twin.not_read").field("error", text.error().to_string());
    }
    return;
  }
  if (const auto restored = twin_.restore(*text); !restored) {
    LOG_ERROR("twin.damaged").field("file", file_).field("error", restored.error().to_string());
    return;
  }
  saved_ = std::move(*text);
  LOG_INFO("twin.restored").field("version", twin_.version());
}

void Steering::take(const uplink::Desired& desired) {
  const auto change = desired.kind == uplink::Desired::Kind::Whole ? settings::Twin::Change::Whole
                                                                   : settings::Twin::Change::Patch;
  if (const auto taken = twin_.take(change, desired.version, desired.json); !taken) {
    LOG_ERROR("twin.not_taken")
        .field("version", desired.version)
        .field("error", taken.error().to_string());
    return;
  }
  LOG_NOTICE("twin.taken")
      .field("version", desired.version)
      .field("problems", static_cast<std::uint64_t>(twin_.problems().size()));
  save();
}

void Steering::save() {
  std::string text = twin_.saved();
  if (file_.empty() || text == saved_) return;
  if (const auto written = os::write_file_atomic(file_, text); !written) {
    LOG_ERROR("twin.not_saved").field("error", written.error().to_string());
    return;
  }
  saved_ = std::move(text);
}

void Steering::set_found(const std::string& key, const std::string& text) {
  std::erase_if(found_, [&](const Problem& problem) { return problem.key == key; });
  if (text.empty()) return;
  const settings::Key* known = settings::find_key(key);
  const Value value = known == nullptr ? Value(std::string("none")) : known->get(settings());
  const std::string* as_text = value.if_string();
  found_.push_back({key, schema::ConfigurationErrorType::Conflict,
                    as_text != nullptr ? *as_text : value.to_json(), text});
}

std::vector<Problem> Steering::problems() const {
  std::vector<Problem> all = twin_.problems();
  all.insert(all.end(), found_.begin(), found_.end());
  return all;
}

std::optional<schema::Event> Steering::untold(base::WallTime now) {
  std::vector<schema::ConfigurationError> items;
  std::vector<Problem> all = problems();
  for (const Problem& problem : all) {
    if (std::find(told_.begin(), told_.end(), problem) != told_.end()) continue;
    schema::ConfigurationError item = error_of(problem);
    item.extra_details.emplace_back("DesiredVersion", std::to_string(twin_.version()));
    items.push_back(std::move(item));
  }
  told_ = std::move(all);
  if (items.empty()) return std::nullopt;
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {now, std::chrono::minutes(0)};
  event.payload = std::move(items);
  return event;
}

std::string Steering::reported(std::string_view agent_version,
                               const std::vector<SourceReport>& sources) const {
  Value ours = twin_.reported();
  std::string text;
  base::json::Writer out(text);
  out.begin_object();
  out.key(twin_.object());
  ours.write(out);
  out.key("vedette");
  out.begin_object();
  out.field("agentVersion", agent_version);
  out.field("desiredVersion", twin_.version());
  for (const Problem& problem : found_) {
    out.key(problem.key);
    out.value(problem.message);
  }
  out.key("sources");
  out.begin_object();
  for (const auto& [event, source] : by_event(sources)) {
    out.key(event);
    out.begin_object();
    out.field("tier", source.tier);
    out.field("lossy", source.lossy);
    if (!source.reason.empty()) out.field("reason", source.reason);
    out.end_object();
  }
  out.end_object();
  out.end_object();
  out.end_object();
  return text;
}

schema::ConfigurationError error_of(const Problem& problem) {
  schema::ConfigurationError item;
  item.configuration_name = problem.key;
  item.error_type = problem.type;
  item.used_configuration = problem.used;
  item.message = problem.message;
  return item;
}

uplink::Uplink::Delivery delivery_of(const settings::Settings& settings) {
  uplink::Uplink::Delivery delivery;
  delivery.high_every = settings.high_frequency;
  delivery.low_every = settings.low_frequency;
  delivery.max_message_bytes = settings.max_message_bytes;
  delivery.max_cache_bytes = settings.max_cache_bytes;
  delivery.resume_bytes_per_second = settings.send_rate_bytes;
  using schema::EventName;
  const std::pair<EventName, const settings::Aggregation*> kinds[] = {
      {EventName::ProcessCreate, &settings.process_create},
      {EventName::ProcessTerminate, &settings.process_terminate},
      {EventName::ConnectionCreate, &settings.connection_create}};
  for (const auto& [event, aggregation] : kinds) {
    if (aggregation->enabled) delivery.aggregate[event] = aggregation->interval;
  }
  return delivery;
}

uplink::Priority priority_of(const settings::Settings& settings, schema::EventName event) {
  return settings.priority_of(event) == settings::Level::High ? uplink::Priority::High
                                                              : uplink::Priority::Low;
}

}  // namespace agent
