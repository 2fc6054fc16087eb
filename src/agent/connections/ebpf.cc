#include <algorithm>
#include <ctime>
#include <utility>

#include "agent/collect/source.h"
#include "agent/connections/sources.h"
#include "base/log.h"
#include "bpf/connection_probe.h"
#include "bpf/connection_record.h"
#include "os/gather.h"

namespace agent::connections {

using base::Result;

namespace {

// Records in one turn of the loop, so that sending is not kept waiting.
constexpr std::size_t kTurn = 1024;

Address address_of(const std::array<std::uint8_t, 16>& bytes, bool ipv6) {
  if (!ipv6) return Address::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  return Address{bytes};
}

What what_of(bpf::ConnectionKind kind) {
  switch (kind) {
    case bpf::ConnectionKind::Opened:
      return What::Opened;
    case bpf::ConnectionKind::Failed:
      return What::Failed;
    case bpf::ConnectionKind::Owner:
      return What::Owner;
    case bpf::ConnectionKind::Closed:
      return What::Closed;
  }
  return What::Opened;
}

class EbpfSource final : public Source {
 public:
  EbpfSource(os::Loop& loop, const SourceOptions& options, Sink sink,
             std::unique_ptr<bpf::ConnectionProbe> probe)
      : options_(options),
        sink_(std::move(sink)),
        probe_(std::move(probe)),
        clock_(CLOCK_BOOTTIME),
        gather_(loop) {}

  Result<void> start() {
    return gather_.begin(
        probe_->fd(),
        [this] {
          const std::size_t taken = take_turn();
          return os::Gather::Taken{taken, taken == kTurn};
        },
        [this](const base::Error& error) { fail(error); });
  }

  std::string_view tier() const override { return "ebpf"; }
  bool lossy() const override { return false; }
  std::uint64_t lost() const override { return probe_->lost() + malformed_; }
  void set_loopback(bool wanted) override {
    if (const auto set = probe_->set_loopback(wanted); !set) {
      LOG_ERROR("connections.loopback").field("error", set.error().to_string());
    }
  }
  void drain() override {
    while (take_turn() == kTurn) {
    }
  }

 private:
  std::size_t take_turn() {
    clock_.refresh(CLOCK_BOOTTIME);
    if (options_.before_batch) options_.before_batch();
    const auto drained = probe_->drain(kTurn, [this](base::ByteView bytes) { take(bytes); });
    if (drained) return *drained;
    fail(drained.error());
    return 0;
  }

  void fail(const base::Error& error) {
    if (std::exchange(failed_, true)) return;
    gather_.end();
    if (options_.on_failed) options_.on_failed(error);
  }

  void take(base::ByteView bytes) {
    const auto record = bpf::read_connection(bytes);
    if (!record) {
      ++malformed_;
      LOG_WARNING("connections.malformed").field("error", record.error().to_string());
      return;
    }
    sink_(observed(*record));
  }

  Observed observed(const bpf::Connection& record) const {
    Observed seen;
    seen.what = what_of(record.kind);
    seen.protocol = record.udp ? Protocol::Udp : Protocol::Tcp;
    seen.direction = record.incoming ? Direction::In : Direction::Out;
    seen.local = {address_of(record.local, record.ipv6), record.local_port};
    seen.remote = {address_of(record.remote, record.ipv6), record.remote_port};
    seen.time = clock_.wall(record.at);
    seen.id = record.id;
    seen.pid = record.pid;
    if (record.pid != 0) seen.uid = record.uid;
    seen.comm = record.comm;
    seen.inode = record.inode;
    seen.net_ns = record.net_ns;
    seen.listener = record.listener;
    seen.error = record.error;
    if (record.kind == bpf::ConnectionKind::Closed) {
      seen.opened = clock_.wall(record.opened);
      seen.bytes_sent = record.bytes_sent;
      seen.bytes_received = record.bytes_received;
    }
    return seen;
  }

  SourceOptions options_;
  Sink sink_;
  std::unique_ptr<bpf::ConnectionProbe> probe_;
  collect::ClockMap clock_;
  bool failed_ = false;
  std::uint64_t malformed_ = 0;
  os::Gather gather_;  // of the probe's descriptor
};

}  // namespace

Result<std::unique_ptr<Source>> open_ebpf(os::Loop& loop, const SourceOptions& options, Sink sink) {
  auto probe = TRY(
      bpf::ConnectionProbe::load({.ring_bytes = options.ring_bytes, .loopback = options.loopback}));
  auto source = std::make_unique<EbpfSource>(loop, options, std::move(sink), std::move(probe));
  TRY(source->start());
  return source;
}

}  // namespace agent::connections
