#include "hub/ingest/pipeline.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "detect/hub_records.h"
#include "hub/ingest/record.h"
#include "hub/ingest/telemetry.h"
#include "hub/operations/audit.h"
#include "kql/ticks.h"

namespace hub::ingest {
namespace {

constexpr std::size_t kOutboxRows = 10'000;
// Whole twins, of up to 72 KiB each.
constexpr std::size_t kTwinRows = 500;

// What the rules' correlations remember.
constexpr std::string_view kCorrelations = "correlations";
// The pipeline's own memory: how far the hub's records that are not in the journal were decided.
constexpr std::string_view kOwnMemory = "pipeline";
constexpr std::string_view kAudits = "audits";
constexpr std::string_view kTwins = "twins";

// Rows of an event: one for each item, one for an event that has none.
std::size_t rows_of(const schema::Event& event) {
  return std::max<std::size_t>(event.item_count(), 1);
}

// The item with the event's times in front, as Log Analytics shows it.
std::string details_of(const schema::Event& event, std::size_t item) {
  std::string out = "{\"TimestampLocal\":\"" +
                    base::format_rfc3339(event.time.utc, event.time.offset) +
                    "\",\"TimestampUTC\":\"" + base::format_rfc3339(event.time.utc) + "\"";
  if (item >= event.item_count()) return out + "}";
  const std::string details = schema::event_details_json(event, item);
  ASSERT(details.size() >= 2 && details.front() == '{');
  if (details.size() > 2) out += ",";
  out.append(details, 1);
  return out;
}

}  // namespace

Pipeline::Pipeline(store::EventStore& events, detect::Alerts& alerts, detect::Stream& stream,
                   const Options& options, Counters& counters)
    : events_(events),
      alerts_(alerts),
      stream_(stream),
      options_(options),
      counters_(counters),
      sequence_(events.journal_sequence()),
      decided_before_(alerts.applied_sequence()) {}

base::Result<void> Pipeline::recall() {
  const auto give_back = [this](std::string_view owner,
                                const detect::MemoryReader& reader) -> base::Result<void> {
    const std::size_t useless = TRY(alerts_.recall(owner, reader));
    counters_.memory_useless.add(useless);
    if (useless != 0) {
      LOG_WARNING("ingest.memory")
          .field("owner", owner)
          .field("useless", static_cast<std::uint64_t>(useless));
    }
    return {};
  };
  TRY(give_back(kCorrelations, [this](std::string_view key, std::string_view value) {
    return stream_.restore(key, value);
  }));
  for (detect::Detector* detector : options_.detectors) {
    if (detector->name().empty()) continue;
    TRY(give_back(detector->name(), [detector](std::string_view key, std::string_view value) {
      return detector->restore(key, value);
    }));
  }
  // What was stored before anybody decided over it stays so.
  audits_decided_ = events_.audit_position();
  twins_decided_ = events_.twin_position();
  return give_back(kOwnMemory, [this](std::string_view key, std::string_view value) {
    const auto position = base::parse_int(value);
    if (!position || *position < 0 || (key != kAudits && key != kTwins)) return false;
    std::uint64_t& decided = key == kAudits ? audits_decided_ : twins_decided_;
    decided = std::max(decided, static_cast<std::uint64_t>(*position));
    return true;
  });
}

void Pipeline::add(std::uint64_t sequence, base::ByteView record,
                   std::unique_ptr<schema::Decoded> decoded) {
  ASSERT(sequence > sequence_);
  sequence_ = sequence;
  const auto kind = record_kind(record);
  if (kind && *kind == RecordKind::Telemetry) return store_telemetry(record);
  if (kind && *kind == RecordKind::Alert) return;
  if (kind && *kind == RecordKind::SetAside) {
    aside_.push_back({sequence, base::ByteVec(record.begin(), record.end())});
    staged_bytes_ += record.size();
    ++staged_items_;
    return;
  }
  if (kind && *kind == RecordKind::Security) return stage(sequence, record, std::move(decoded));
  auto row = decode_operation(record);
  if (!row) {
    counters_.journal_corrupt_records.add();
    LOG_ERROR("ingest.record").field("sequence", sequence).field("error", row.error().to_string());
    return;
  }
  for (std::string_view* text :
       {&row->category,    &row->operation,   &row->level,       &row->reason,
        &row->description, &row->device_id,   &row->module_id,   &row->generation_id,
        &row->protocol,    &row->caller_ip,   &row->sdk_version, &row->request_id,
        &row->actor,       &row->properties,  &row->auth_scope,  &row->auth_type,
        &row->auth_issuer, &row->auth_policy, &row->credential,  &row->ip_filter_rule,
        &row->tls_version, &row->tls_cipher}) {
    *text = batch_.keep(*text);
  }
  if (!was_decided(sequence)) {
    staged_.push_back({sequence, kql::to_wall_time(row->time), std::string(row->device_id),
                       std::string(row->module_id), nullptr, *row});
    ++staged_items_;
  }
  if (!has_room()) return;
  batch_.operations.push_back(*row);
  counters_.operations.add();
}

// False is counted.
bool Pipeline::has_room() {
  if (!options_.has_room || options_.has_room()) return true;
  counters_.rows_no_room.add();
  return false;
}

void Pipeline::stage(std::uint64_t sequence, base::ByteView record,
                     std::unique_ptr<schema::Decoded> decoded) {
  const auto message = decode_message(record);
  if (!message) {
    counters_.journal_corrupt_records.add();
    LOG_ERROR("ingest.record")
        .field("sequence", sequence)
        .field("error", message.error().to_string());
    return;
  }
  if (!decoded) {
    decoded =
        std::make_unique<schema::Decoded>(decoder_.decode(message->payload, schema::Mode::Lenient));
  }
  for (const schema::DecodedEvent& event : decoded->events)
    staged_items_ += rows_of(event.event);
  staged_bytes_ += record.size();
  staged_.push_back({sequence, message->received_at, std::string(message->device_id),
                     std::string(message->module_id), std::move(decoded)});
}

base::Result<std::vector<std::uint8_t>> Pipeline::claim_staged() {
  std::vector<store::EventKey> keys;
  keys.reserve(staged_items_);
  for (const Staged& staged : staged_) {
    if (!staged.message) continue;
    for (const schema::DecodedEvent& decoded : staged.message->events) {
      const schema::Event& event = decoded.event;
      for (std::size_t item = 0; item < rows_of(event); ++item) {
        keys.push_back({staged.device_id, staged.module_id, event.id,
                        static_cast<std::uint32_t>(item), kql::to_ticks(event.time.utc)});
      }
    }
  }
  if (keys.empty()) return std::vector<std::uint8_t>();
  return events_.claim(keys);
}

void Pipeline::take(const Staged& staged, const std::vector<std::uint8_t>& is_new,
                    std::size_t& next) {
  store::EventRow shared;
  shared.time_generated = kql::to_ticks(staged.received);
  shared.device_id = batch_.keep(staged.device_id);
  shared.module_id = batch_.keep(staged.module_id);
  shared.agent_version = batch_.keep(staged.message->agent_version);
  shared.agent_id = staged.message->agent_id;
  const bool decide = !was_decided(staged.sequence);
  const detect::Origin origin{staged.device_id, staged.module_id, staged.received, staged.sequence};
  if (decide) {
    for (detect::Detector* detector : options_.detectors)
      detector->on_message(origin, findings_);
  }
  std::optional<base::WallTime> newest;
  for (const schema::DecodedEvent& decoded : staged.message->events) {
    const schema::Event& event = decoded.event;
    newest = std::max(newest, std::optional(event.time.utc));
    bool any_new = false;
    for (std::size_t item = 0; item < rows_of(event); ++item) {
      if (is_new[next++] == 0) continue;
      any_new = true;
      store_item(shared, event, item);
      if (decide && item < event.item_count()) stream_.match(event, item, origin, findings_);
    }
    if (any_new && decide) {
      for (detect::Detector* detector : options_.detectors)
        detector->on_event(event, origin, findings_);
    }
    counters_.events.add();
    if (!any_new) counters_.duplicate_events.add();
  }
  if (newest && options_.on_clock)
    options_.on_clock(staged.device_id, staged.module_id, *newest, staged.received);
}

void Pipeline::take_operation(const Staged& staged) {
  const detect::Origin origin{staged.device_id, staged.module_id, staged.received, staged.sequence};
  const detect::HubRecord record(*staged.operation, staged.sequence);
  stream_.match_record(
      record.record(), [&record] { return record.evidence(); },
      std::max<std::int64_t>(staged.operation->count, 1), origin, findings_);
  for (detect::Detector* detector : options_.detectors)
    detector->on_operation(*staged.operation, origin, findings_);
}

void Pipeline::decide(const store::AuditRow& row) {
  const detect::Origin origin{{}, {}, kql::to_wall_time(row.time), sequence_};
  const detect::HubRecord record(row);
  stream_.match_record(
      record.record(), [&record] { return record.evidence(); }, 1, origin, findings_);
  for (detect::Detector* detector : options_.detectors)
    detector->on_audit(row, origin, findings_);
}

void Pipeline::decide(const store::TwinRow& row) {
  const detect::Origin origin{row.device_id, row.module_id, kql::to_wall_time(row.time), sequence_};
  for (detect::Detector* detector : options_.detectors)
    detector->on_twin(row, origin, findings_);
}

// Rows of an outbox beside the journal, those that were not decided yet.
template <class Row>
void Pipeline::decide_new(const std::vector<Row>& rows, std::string_view key,
                          std::uint64_t& position) {
  const std::uint64_t before = position;
  for (const Row& row : rows) {
    if (row.id <= position) continue;
    decide(row);
    position = row.id;
  }
  if (position == before) return;
  memory_.push_back({std::string(kOwnMemory), {std::string(key), std::to_string(position)}});
}

void Pipeline::on_time(base::WallTime now) {
  if (now <= time_) return;
  time_ = now;
  stream_.on_time(now, findings_);
  for (detect::Detector* detector : options_.detectors)
    detector->on_time(now, findings_);
  collect_memory();
}

void Pipeline::collect_memory() {
  std::vector<detect::MemoryChange> changes;
  const auto take = [&](std::string_view owner) {
    for (detect::MemoryChange& change : changes)
      memory_.push_back({std::string(owner), std::move(change)});
    changes.clear();
  };
  more_memory_ = stream_.save(changes);
  take(kCorrelations);
  for (detect::Detector* detector : options_.detectors) {
    if (detector->name().empty()) continue;
    detector->save(changes);
    take(detector->name());
  }
}

base::Result<void> Pipeline::keep_decisions() {
  collect_memory();
  for (detect::Detector* detector : options_.detectors)
    TRY(detector->settle());
  std::erase_if(findings_, [this](detect::Finding& finding) { return !stream_.admits(finding); });
  if (findings_.empty() && memory_.empty()) return {};
  TRY(alerts_.apply(detect::Decided{findings_, memory_, sequence_}));
  counters_.findings.add(findings_.size());
  counters_.memory_kept.add(memory_.size());
  alerts_grew_ = alerts_grew_ || !findings_.empty();
  findings_.clear();
  memory_.clear();
  return {};
}

void Pipeline::store_item(const store::EventRow& shared, const schema::Event& event,
                          std::size_t item) {
  const std::string_view name = schema::to_string(event.name());
  const bool wanted = !options_.stores_event || options_.stores_event(shared.device_id, name);
  if (!wanted || !has_room()) {
    counters_.not_stored.add();
    return;
  }
  store::EventRow row = shared;
  row.time_stamp = kql::to_ticks(event.time.utc);
  row.event_id = event.id;
  row.item = static_cast<std::uint32_t>(item);
  row.name = name;
  row.category = event.aggregated ? "Aggregated" : schema::to_string(event.category());
  row.type = schema::to_string(event.type());
  row.is_empty = event.item_count() == 0;
  row.details = batch_.keep(details_of(event, item));
  batch_bytes_ += row.details.size();
  batch_.events.push_back(row);
  counters_.items.add();
}

void Pipeline::store_telemetry(base::ByteView record) {
  if (!store_telemetry_ || !has_room()) return;
  const auto message = decode_message(record);
  if (!message) {
    counters_.journal_corrupt_records.add();
    return;
  }
  const Telemetry telemetry = read_telemetry(message->properties, message->payload);
  store::TelemetryRow row;
  row.time_generated = kql::to_ticks(message->received_at);
  row.device_id = batch_.keep(message->device_id);
  row.module_id = batch_.keep(message->module_id);
  row.message_id = batch_.keep(telemetry.message_id);
  row.content_type = batch_.keep(telemetry.content_type);
  row.content_encoding = batch_.keep(telemetry.content_encoding);
  row.system_properties = batch_.keep(telemetry.system_properties);
  row.properties = batch_.keep(telemetry.properties);
  row.body_encoding = to_string(telemetry.encoding);
  row.body = batch_.keep(telemetry.body);
  batch_.telemetry.push_back(row);
  batch_bytes_ += record.size();
  counters_.telemetry_rows.add();
}

// Errors: those that may pass.
base::Result<void> Pipeline::keep_set_aside() {
  if (aside_.empty()) return {};
  std::vector<SetAside> messages;
  for (const StagedAside& staged : aside_) {
    auto message = decode_set_aside(staged.record);
    if (!message) {
      counters_.journal_corrupt_records.add();
      continue;
    }
    message->sequence = staged.sequence;
    messages.push_back(*message);
  }
  const auto kept = set_aside_ ? set_aside_(messages) : base::Result<void>();
  if (kept) {
    counters_.set_aside.add(messages.size());
  } else if (kept.error().code == base::Code::Full ||
             kept.error().code == base::Code::Unavailable) {
    return kept;
  } else {
    // What cannot be kept must not keep the rest from being stored.
    counters_.set_aside_lost.add(messages.size());
    LOG_ERROR("ingest.set_aside").field("error", kept.error().to_string());
  }
  for (const SetAside& each : messages) {
    if (was_decided(each.sequence)) continue;
    const detect::Origin origin{each.message.device_id, each.message.module_id,
                                each.message.received_at, each.sequence};
    for (detect::Detector* detector : options_.detectors)
      detector->on_message(origin, findings_);
  }
  aside_.clear();
  return {};
}

base::Result<void> Pipeline::process() {
  TRY(keep_set_aside());
  if (!staged_.empty()) {
    const auto is_new = TRY(claim_staged());
    std::size_t next = 0;
    for (const Staged& staged : staged_) {
      if (staged.message) {
        take(staged, is_new, next);
      } else {
        take_operation(staged);
      }
    }
    ASSERT(next == is_new.size());
    staged_.clear();
  }
  staged_items_ = 0;
  staged_bytes_ = 0;
  // What is remembered without a finding can wait for flush().
  if (findings_.empty()) return {};
  return keep_decisions();
}

base::Result<void> Pipeline::fetch_recommendations() {
  if (!options_.recommendations) return {};
  batch_.recommendations.clear();
  return options_.recommendations(events_.recommendation_position(), kOutboxRows, batch_);
}

base::Result<void> Pipeline::flush() {
  ASSERT(staged_.empty() && aside_.empty());
  bool more = true;
  while (more) {
    if (options_.audit != nullptr) {
      batch_.audits = TRY(options_.audit->outbox(events_.audit_position(), kOutboxRows));
      decide_new(batch_.audits, kAudits, audits_decided_);
    }
    if (options_.twins) {
      batch_.twins = TRY(options_.twins(events_.twin_position(), kTwinRows));
      decide_new(batch_.twins, kTwins, twins_decided_);
    }
    TRY(keep_decisions());
    batch_.alerts = TRY(alerts_.outbox(events_.alert_outbox(), kOutboxRows));
    alerts_grew_ = false;
    TRY(fetch_recommendations());
    if (batch_.rows() == 0 && sequence_ <= stored_sequence()) return {};
    if (!batch_.alerts.empty() && batch_.alerts.back().outbox > told_alerts_ && tell_alerts_) {
      std::vector<store::AlertRow> untold = batch_.alerts;
      std::erase_if(untold, [this](const auto& row) { return row.outbox <= told_alerts_; });
      counters_.alerts_not_followed.add(tell_alerts_(untold));
      told_alerts_ = batch_.alerts.back().outbox;
    }
    TRY(events_.append(batch_, sequence_));
    const std::size_t alerts = batch_.alerts.size();
    const std::size_t audits = batch_.audits.size();
    const std::size_t twins = batch_.twins.size();
    const std::size_t recommendations = batch_.recommendations.size();
    counters_.audits.add(audits);
    batch_.clear();
    batch_bytes_ = 0;
    // Rows that stay behind are known by their position and not stored again.
    if (alerts != 0) TRY(alerts_.trim_outbox(events_.alert_outbox()));
    if (twins != 0 && options_.twins_stored) TRY(options_.twins_stored(events_.twin_position()));
    if (recommendations != 0 && options_.recommendations_stored)
      TRY(options_.recommendations_stored(events_.recommendation_position()));
    more = alerts == kOutboxRows || audits == kOutboxRows || twins == kTwinRows ||
           recommendations == kOutboxRows;
  }
  return {};
}

}  // namespace hub::ingest
