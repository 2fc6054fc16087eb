#include "hub/ingest/pipeline.h"

#include <algorithm>

#include "base/log.h"
#include "hub/ingest/record.h"
#include "kql/ticks.h"

namespace hub::ingest {
namespace {

constexpr std::size_t kOutboxRows = 10'000;

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
                   Counters& counters)
    : events_(events),
      alerts_(alerts),
      stream_(stream),
      counters_(counters),
      sequence_(events.journal_sequence()) {}

void Pipeline::add(std::uint64_t sequence, base::ByteView record,
                   std::unique_ptr<schema::Decoded> decoded) {
  ASSERT(sequence > sequence_);
  sequence_ = sequence;
  const auto kind = record_kind(record);
  if (kind && *kind == RecordKind::Telemetry) return;
  if (kind && *kind == RecordKind::Security) return stage(sequence, record, std::move(decoded));
  auto row = decode_operation(record);
  if (!row) {
    counters_.journal_corrupt_records.add();
    LOG_ERROR("ingest.record").field("sequence", sequence).field("error", row.error().to_string());
    return;
  }
  for (std::string_view* text :
       {&row->category, &row->operation, &row->level, &row->reason, &row->description,
        &row->device_id, &row->module_id, &row->generation_id, &row->protocol, &row->caller_ip,
        &row->sdk_version, &row->request_id, &row->actor, &row->properties}) {
    *text = batch_.keep(*text);
  }
  batch_.operations.push_back(*row);
  counters_.operations.add();
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
  staged_.push_back({sequence, message->received_at, std::string(message->device_id),
                     std::string(message->module_id), std::move(decoded)});
}

base::Result<std::vector<std::uint8_t>> Pipeline::claim_staged() {
  std::vector<store::EventKey> keys;
  keys.reserve(staged_items_);
  for (const Staged& staged : staged_) {
    for (const schema::DecodedEvent& decoded : staged.message->events) {
      const schema::Event& event = decoded.event;
      for (std::size_t item = 0; item < rows_of(event); ++item) {
        keys.push_back({staged.device_id, staged.module_id, event.id,
                        static_cast<std::uint32_t>(item), kql::to_ticks(event.time.utc)});
      }
    }
  }
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
  for (const schema::DecodedEvent& decoded : staged.message->events) {
    const schema::Event& event = decoded.event;
    bool any_new = false;
    for (std::size_t item = 0; item < rows_of(event); ++item) {
      if (is_new[next++] == 0) continue;
      any_new = true;
      take_item(staged, shared, event, item);
    }
    counters_.events.add();
    if (!any_new) counters_.duplicate_events.add();
  }
}

void Pipeline::take_item(const Staged& staged, const store::EventRow& shared,
                         const schema::Event& event, std::size_t item) {
  store::EventRow row = shared;
  row.time_stamp = kql::to_ticks(event.time.utc);
  row.event_id = event.id;
  row.item = static_cast<std::uint32_t>(item);
  row.name = schema::to_string(event.name());
  row.category = event.aggregated ? "Aggregated" : schema::to_string(event.category());
  row.type = schema::to_string(event.type());
  row.is_empty = event.item_count() == 0;
  row.details = batch_.keep(details_of(event, item));
  batch_.events.push_back(row);
  counters_.items.add();
  if (row.is_empty) return;
  const detect::Origin origin{staged.device_id, staged.module_id, staged.received, staged.sequence};
  const std::size_t before = findings_.size();
  stream_.match(event, item, origin, findings_);
  counters_.findings.add(findings_.size() - before);
}

base::Result<void> Pipeline::process() {
  if (!staged_.empty()) {
    const auto is_new = TRY(claim_staged());
    std::size_t next = 0;
    for (const Staged& staged : staged_)
      take(staged, is_new, next);
    ASSERT(next == is_new.size());
    staged_.clear();
    staged_items_ = 0;
  }
  if (findings_.empty()) return {};
  TRY(alerts_.apply(findings_));
  findings_.clear();
  return {};
}

base::Result<void> Pipeline::flush() {
  ASSERT(staged_.empty() && findings_.empty());
  bool more = true;
  while (more) {
    batch_.alerts = TRY(alerts_.outbox(events_.alert_outbox(), kOutboxRows));
    if (batch_.rows() == 0 && sequence_ <= stored_sequence()) return {};
    TRY(events_.append(batch_, sequence_));
    const std::size_t alerts = batch_.alerts.size();
    batch_.clear();
    // Rows that stay behind are known by their position and not stored again.
    if (alerts != 0) TRY(alerts_.trim_outbox(events_.alert_outbox()));
    more = alerts == kOutboxRows;
  }
  return {};
}

}  // namespace hub::ingest
