#include "sensor/engine/lanes.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "base/hash.h"
#include "os/thread.h"

namespace sensor::engine {

namespace {

// Both directions of a pair go to the same worker, whatever they speak.
unsigned int worker_of(const packet::Packet& packet, std::size_t workers) {
  std::uint8_t ends[2][16] = {};
  if (packet.transport == dissect::Transport::Link) {
    std::ranges::copy(packet.from.mac.bytes, ends[0]);
    std::ranges::copy(packet.to.mac.bytes, ends[1]);
  } else {
    std::ranges::copy(packet.from.ip.bytes, ends[0]);
    std::ranges::copy(packet.to.ip.bytes, ends[1]);
  }
  std::uint8_t pair[32];
  const bool swap = std::memcmp(ends[0], ends[1], 16) > 0;
  std::memcpy(pair, ends[swap ? 1 : 0], 16);
  std::memcpy(pair + 16, ends[swap ? 0 : 1], 16);
  return static_cast<unsigned int>(base::table_hash(pair) % workers);
}

}  // namespace

void in_order(std::vector<Record>& records) {
  const auto before = [](const Record& a, const Record& b) {
    if (a.position != b.position) return a.position < b.position;
    return a.position % 2 == 0 && a.flow < b.flow;
  };
  if (!std::ranges::is_sorted(records, before)) std::ranges::stable_sort(records, before);
}

Lanes::Lanes(const std::vector<std::unique_ptr<Worker>>& workers, Consumer& consumer)
    : workers_(workers), consumer_(consumer) {
  for (Batch& batch : batches_)
    batch.records.resize(workers_.size());
  for (unsigned int i = 0; i < workers_.size(); ++i)
    threads_.push_back(os::start_thread("worker-" + std::to_string(i), [this, i] { work(i); }));
  threads_.push_back(os::start_thread("analyser", [this] { consume(); }));
}

Lanes::~Lanes() {
  over_ = true;
  published_.fetch_add(1);
  published_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

void Lanes::packet(const packet::Packet& packet, base::WallTime now, std::uint64_t position) {
  Batch& batch = filling();
  Item& item = batch.items.emplace_back();
  item.worker = worker_of(packet, workers_.size());
  item.position = packet_position(position);
  item.now = now;
  item.packet = packet;
  item.offset = batch.bytes.size();
  batch.bytes.insert(batch.bytes.end(), packet.payload.begin(), packet.payload.end());
  if (batch.items.size() >= kBatch) publish();
}

void Lanes::tick(base::WallTime now, std::uint64_t position) {
  Item& item = filling().items.emplace_back();
  item.kind = Kind::Tick;
  item.position = tick_position(position);
  item.now = now;
}

void Lanes::finish(std::uint64_t position) {
  Item& item = filling().items.emplace_back();
  item.kind = Kind::Finish;
  item.position = tick_position(position);
  publish();
  for (std::uint64_t done = consumed_; done < filled_; done = consumed_)
    consumed_.wait(done);
}

void Lanes::publish() {
  Batch& batch = filling();
  batch.working = static_cast<std::uint32_t>(workers_.size());
  ++filled_;
  published_ = filled_;
  published_.notify_all();
  // The next one to fill must have been consumed.
  for (std::uint64_t done = consumed_; done + kBatches <= filled_; done = consumed_)
    consumed_.wait(done);
  filling().items.clear();
  filling().bytes.clear();
}

void Lanes::work(unsigned int which) {
  Worker& worker = *workers_[which];
  for (std::uint64_t next = 0;; ++next) {
    published_.wait(next);
    if (over_) return;
    Batch& batch = batches_[next % kBatches];
    for (Item& item : batch.items) {
      switch (item.kind) {
        case Kind::Packet: {
          if (item.worker != which) break;
          const std::size_t size = item.packet.payload.size();
          item.packet.payload = base::ByteView(batch.bytes).subspan(item.offset, size);
          worker.take(item.packet, item.now, item.position);
          break;
        }
        case Kind::Tick:
          worker.pass_time(item.now, item.position);
          break;
        case Kind::Finish:
          worker.finish(item.position);
          break;
      }
    }
    batch.records[which].swap(worker.records());
    if (batch.working.fetch_sub(1) == 1) batch.working.notify_all();
  }
}

void Lanes::consume() {
  std::vector<Record> records;
  for (std::uint64_t next = 0;; ++next) {
    published_.wait(next);
    if (over_) return;
    Batch& batch = batches_[next % kBatches];
    for (std::uint32_t left = batch.working; left != 0; left = batch.working)
      batch.working.wait(left);
    for (std::vector<Record>& some : batch.records) {
      std::ranges::move(some, std::back_inserter(records));
      some.clear();
    }
    in_order(records);
    for (const Record& record : records)
      consumer_.take(record);
    records.clear();
    consumed_ = next + 1;
    consumed_.notify_all();
  }
}

}  // namespace sensor::engine
