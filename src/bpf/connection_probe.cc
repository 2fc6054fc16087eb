#include "bpf/connection_probe.h"

#include <cerrno>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <malloc.h>

#include "bpf/event.h"
#include "bpf/loading.h"
#include "connection.skel.h"
#include "os/fd.h"

namespace bpf {

using base::Result;

namespace {

constexpr const char* kNeeds =
    "Linux 6.3 or later with BTF, ring buffers, socket storage and the tracepoints "
    "sock_send_length, sock_recv_length, sk_data_ready";

struct Closer {
  void operator()(connection_bpf* skeleton) const { connection_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<connection_bpf, Closer>;

}  // namespace

struct ConnectionProbe::State {
  Programs programs;
  os::Fd settings_map;
};

ConnectionProbe::ConnectionProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
ConnectionProbe::~ConnectionProbe() = default;

Result<std::unique_ptr<ConnectionProbe>> ConnectionProbe::load(Options options) {
  TRY(prepare_loading());
  std::unique_ptr<ConnectionProbe> probe(new ConnectionProbe(std::make_unique<State>()));
  State& state = *probe->state_;
  {
    const Skeleton skeleton(connection_bpf__open());
    if (!skeleton) return explain("open", errno, kNeeds);
    state.programs = TRY(Programs::load(*skeleton->skeleton, options.ring_bytes, kNeeds));
    state.settings_map = TRY(duplicate(::bpf_map__fd(skeleton->maps.settings)));
    TRY(probe->set_loopback(options.loopback));
    TRY(state.programs.attach(*skeleton->skeleton, kNeeds));
  }
  ::malloc_trim(0);
  return probe;
}

int ConnectionProbe::fd() const {
  return state_->programs.ring_fd();
}

Result<std::size_t> ConnectionProbe::drain(std::size_t limit,
                                           const std::function<void(base::ByteView)>& on_record) {
  return state_->programs.ring().drain(limit, on_record);
}

Result<void> ConnectionProbe::set_loopback(bool wanted) {
  const std::uint32_t zero = 0;
  const vedette_connection_settings settings{.loopback = wanted ? 1U : 0U};
  if (::bpf_map_update_elem(state_->settings_map.get(), &zero, &settings, 0) != 0)
    return base::fail_errno("connection settings");
  return {};
}

std::uint64_t ConnectionProbe::lost() const {
  return state_->programs.lost(0) + state_->programs.skipped();
}

}  // namespace bpf
