#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "detect/alerts.h"
#include "detect/stream.h"
#include "hub/ingest/ingest.h"
#include "schema/decode.h"
#include "store/events.h"

namespace hub::ingest {

// From journal records to rows and alerts: dedupe, rules, alerts, event store, in this order.
//
// Each step can fail and be tried again without loss or repetition: alerts remember the sequence
// that they have applied, the event store keeps the position with its rows.
// Threads: one. The stores must outlive it.
class Pipeline {
 public:
  Pipeline(store::EventStore& events, detect::Alerts& alerts, detect::Stream& stream,
           Counters& counters);

  // Takes a record. `decoded` is its message when it was decoded before, and may be nullptr.
  // A record that cannot be read is counted and passed over.
  void add(std::uint64_t sequence, base::ByteView record, std::unique_ptr<schema::Decoded> decoded);
  // Dedupes and examines what was added; alerts are durable after return.
  // Errors: those of the stores; call it again.
  base::Result<void> process();
  // Stores the rows of what was processed, with its position. Errors: those of the stores; call
  // again.
  base::Result<void> flush();

  std::size_t staged_items() const { return staged_items_; }
  std::size_t rows() const { return batch_.rows(); }
  // The last sequence added.
  std::uint64_t sequence() const { return sequence_; }
  std::uint64_t stored_sequence() const { return events_.journal_sequence(); }
  // Nothing is waiting for process() or flush().
  bool idle() const {
    return staged_.empty() && findings_.empty() && rows() == 0 && sequence_ <= stored_sequence();
  }

 private:
  struct Staged {
    std::uint64_t sequence;
    base::WallTime received;
    std::string device_id;
    std::string module_id;
    std::unique_ptr<schema::Decoded> message;
  };

  void stage(std::uint64_t sequence, base::ByteView record,
             std::unique_ptr<schema::Decoded> decoded);
  base::Result<std::vector<std::uint8_t>> claim_staged();
  void take(const Staged& staged, const std::vector<std::uint8_t>& is_new, std::size_t& next);
  void take_item(const Staged& staged, const store::EventRow& shared, const schema::Event& event,
                 std::size_t item);

  store::EventStore& events_;
  detect::Alerts& alerts_;
  detect::Stream& stream_;
  Counters& counters_;
  schema::Decoder decoder_;
  std::uint64_t sequence_;
  std::vector<Staged> staged_;
  std::size_t staged_items_ = 0;
  std::vector<detect::Finding> findings_;
  store::Batch batch_;
};

}  // namespace hub::ingest
