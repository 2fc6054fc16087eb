#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "detect/alerts.h"
#include "detect/detector.h"
#include "detect/stream.h"
#include "hub/ingest/ingest.h"
#include "schema/decode.h"
#include "store/events.h"

namespace hub::ingest {

// From journal records to rows and alerts: dedupe, rules and detectors, alerts, event store, in
// this order.
//
// Each step can fail and be tried again without loss or repetition. Alerts, what rules and
// detectors remember, and the last sequence that was decided are kept in one transaction, the event
// store keeps its position with its rows. The former never lags behind the latter, so that a
// restart finds every record either decided or not; what was decided already only becomes rows.
// Threads: one. The stores and `options` must outlive it.
class Pipeline {
 public:
  Pipeline(store::EventStore& events, detect::Alerts& alerts, detect::Stream& stream,
           const Options& options, Counters& counters);

  // Where messages that did not validate go; see Options::set_aside. Before the first record.
  using SetAsideSink = std::function<base::Result<void>(std::span<const SetAside>)>;
  void on_set_aside(SetAsideSink sink) { set_aside_ = std::move(sink); }
  void set_store_telemetry(bool wanted) { store_telemetry_ = wanted; }
  // Hears of alerts before their rows are stored, and says of how many nobody else will hear.
  using AlertSink = std::function<std::size_t(std::span<const store::AlertRow>)>;
  void on_alerts(AlertSink sink) { tell_alerts_ = std::move(sink); }

  // Gives rules and detectors back what they remember. Before the first record. Errors: those of
  // the alerts.
  base::Result<void> recall();

  // Takes a record. `decoded` is its message when it was decoded before, and may be nullptr.
  // A record that cannot be read is counted and passed over.
  void add(std::uint64_t sequence, base::ByteView record, std::unique_ptr<schema::Decoded> decoded);
  // Dedupes and examines what was added; alerts are durable after return.
  // Errors: those of the stores; call it again.
  base::Result<void> process();
  // Lets time pass for rules and detectors, when everything was processed; it never goes back.
  void on_time(base::WallTime now);
  // Stores the rows of what was processed, with its position; examines changes of the hub and of
  // twins on the way. Errors: those of the stores; call again.
  base::Result<void> flush();

  std::size_t staged_items() const { return staged_items_; }
  std::size_t staged_bytes() const { return staged_bytes_; }
  std::size_t rows() const { return batch_.rows(); }
  // As many rows as a batch may have, or as much text.
  bool is_full(std::size_t max_rows) const {
    return rows() >= max_rows || batch_bytes_ >= kBatchBytes;
  }
  // The last sequence added.
  std::uint64_t sequence() const { return sequence_; }
  std::uint64_t stored_sequence() const { return events_.journal_sequence(); }
  // Nothing is waiting for process() or flush().
  bool idle() const {
    return staged_.empty() && aside_.empty() && findings_.empty() && memory_.empty() &&
           !more_memory_ && !alerts_grew_ && rows() == 0 && sequence_ <= stored_sequence();
  }

 private:
  static constexpr std::size_t kBatchBytes = std::size_t{64} << 20U;

  // A security message, or a record of the hub.
  struct Staged {
    std::uint64_t sequence;
    base::WallTime received;
    std::string device_id;
    std::string module_id;
    std::unique_ptr<schema::Decoded> message;           // nullptr: no message
    std::optional<store::OperationRow> operation = {};  // its text belongs to the batch
  };

  struct StagedAside {
    std::uint64_t sequence;
    base::ByteVec record;
  };

  base::Result<void> keep_set_aside();
  bool has_room();
  void store_telemetry(base::ByteView record);
  void stage(std::uint64_t sequence, base::ByteView record,
             std::unique_ptr<schema::Decoded> decoded);
  base::Result<std::vector<std::uint8_t>> claim_staged();
  void take(const Staged& staged, const std::vector<std::uint8_t>& is_new, std::size_t& next);
  void take_operation(const Staged& staged);
  // Whether the record was decided before a restart.
  bool was_decided(std::uint64_t sequence) const { return sequence <= decided_before_; }
  template <class Row>
  void decide_new(const std::vector<Row>& rows, std::string_view key, std::uint64_t& position);
  void decide(const store::AuditRow& row);
  void decide(const store::TwinRow& row);
  // What rules and detectors remember goes with what they found.
  void collect_memory();
  base::Result<void> keep_decisions();
  base::Result<void> fetch_recommendations();
  void store_item(const store::EventRow& shared, const schema::Event& event, std::size_t item);

  store::EventStore& events_;
  detect::Alerts& alerts_;
  detect::Stream& stream_;
  const Options& options_;
  Counters& counters_;
  schema::Decoder decoder_;
  std::uint64_t sequence_;
  SetAsideSink set_aside_;
  bool store_telemetry_ = false;
  AlertSink tell_alerts_;
  std::uint64_t told_alerts_ = 0;  // position in the outbox
  std::vector<StagedAside> aside_;
  std::vector<Staged> staged_;
  std::size_t staged_items_ = 0;
  std::size_t staged_bytes_ = 0;
  std::uint64_t decided_before_;  // the last sequence that was decided when this was made
  std::vector<detect::Finding> findings_;
  std::vector<detect::OwnedChange> memory_;  // not kept yet; the newest of a piece stands last
  bool more_memory_ = false;                 // than was collected at once
  std::uint64_t audits_decided_ = 0;         // positions in their outboxes
  std::uint64_t twins_decided_ = 0;
  base::WallTime time_{};
  bool alerts_grew_ = false;  // since the last flush()
  store::Batch batch_;
  std::size_t batch_bytes_ = 0;  // of its details
};

}  // namespace hub::ingest
