#include "bpf/process_probe.h"

#include <cerrno>

#include <bpf/libbpf.h>
#include <malloc.h>

#include "bpf/event.h"
#include "bpf/loading.h"
#include "process.skel.h"

namespace bpf {

using base::Result;

namespace {

constexpr const char* kNeeds = "Linux 5.8 or later with BTF, ring buffers and these tracepoints";

struct Closer {
  void operator()(process_bpf* skeleton) const { process_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<process_bpf, Closer>;

}  // namespace

struct ProcessProbe::State {
  Programs programs;
};

ProcessProbe::ProcessProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProcessProbe::~ProcessProbe() = default;

Result<std::unique_ptr<ProcessProbe>> ProcessProbe::load(Options options) {
  TRY(prepare_loading());
  auto state = std::make_unique<State>();
  {
    const Skeleton skeleton(process_bpf__open());
    if (!skeleton) return explain("open", errno, kNeeds);
    state->programs = TRY(Programs::load(*skeleton->skeleton, options.ring_bytes, kNeeds));
    TRY(state->programs.attach(*skeleton->skeleton, kNeeds));
  }
  ::malloc_trim(0);
  return std::unique_ptr<ProcessProbe>(new ProcessProbe(std::move(state)));
}

int ProcessProbe::fd() const {
  return state_->programs.ring_fd();
}

Result<std::size_t> ProcessProbe::drain(std::size_t limit,
                                        const std::function<void(base::ByteView)>& on_record) {
  return state_->programs.ring().drain(limit, on_record);
}

ProcessProbe::Losses ProcessProbe::losses() const {
  const Programs& programs = state_->programs;
  return {.exec = programs.lost(VEDETTE_EXEC),
          .fork = programs.lost(VEDETTE_FORK),
          .exit = programs.lost(VEDETTE_EXIT),
          .skipped = programs.skipped()};
}

std::size_t ProcessProbe::backlog_bytes() const {
  return state_->programs.ring().backlog();
}
std::size_t ProcessProbe::ring_bytes() const {
  return state_->programs.ring_bytes();
}

}  // namespace bpf
