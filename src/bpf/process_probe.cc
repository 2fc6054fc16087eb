#include "bpf/process_probe.h"

#include <array>
#include <bit>
#include <cerrno>
#include <optional>
#include <system_error>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <malloc.h>
#include <unistd.h>

#include "bpf/event.h"
#include "bpf/ring.h"
#include "os/fd.h"
#include "os/file.h"
#include "process.skel.h"

namespace bpf {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

constexpr const char* kKernelTypes = "/sys/kernel/btf/vmlinux";

int discard_print(libbpf_print_level, const char*, va_list) {
  return 0;
}

struct Closer {
  void operator()(process_bpf* skeleton) const { process_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<process_bpf, Closer>;

// What an errno of the BPF calls means to whoever runs the agent.
std::unexpected<base::Error> explain(const char* step, int error) {
  const std::string reason = fmt::format("{}: {}", step, std::generic_category().message(error));
  if (error == EPERM || error == EACCES) {
    return fail(Code::Denied, "ebpf", error, reason + "; needs CAP_BPF and CAP_PERFMON (or root)");
  }
  if (error == ENOENT || error == EINVAL || error == ESRCH || error == ENOTSUP || error == E2BIG) {
    return fail(Code::Unsupported, "ebpf", error,
                reason + "; needs Linux 5.8 or later with BTF, ring buffers and these tracepoints");
  }
  return fail(Code::Io, "ebpf", error, reason);
}

Result<os::Fd> duplicate(int fd) {
  os::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return fail_errno("dup");
  return copy;
}

Result<Skeleton> load_programs(std::size_t ring_bytes) {
  // libbpf would write to standard error; what matters is in the error that is returned.
  ::libbpf_set_print(discard_print);
  if (!os::file_exists(kKernelTypes)) {
    return fail(Code::Unsupported, "ebpf", -1,
                fmt::format("the kernel has no type information ({})", kKernelTypes));
  }
  Skeleton skeleton(process_bpf__open());
  if (!skeleton) return explain("open", errno);
  if (const int error =
          ::bpf_map__set_max_entries(skeleton->maps.ring, static_cast<std::uint32_t>(ring_bytes));
      error != 0) {
    return explain("ring size", -error);
  }
  if (const int error = process_bpf__load(skeleton.get()); error != 0)
    return explain("load", -error);
  if (const int error = process_bpf__attach(skeleton.get()); error != 0)
    return explain("attach", -error);
  return skeleton;
}

}  // namespace

struct ProcessProbe::State {
  std::vector<os::Fd> links;
  std::vector<os::Fd> programs;
  os::Fd ring_map;
  os::Fd loss_map;
  std::size_t ring_bytes = 0;
  std::optional<Ring> ring;
};

ProcessProbe::ProcessProbe(std::unique_ptr<State> state) : state_(std::move(state)) {}
ProcessProbe::~ProcessProbe() = default;

Result<std::unique_ptr<ProcessProbe>> ProcessProbe::load(Options options) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto state = std::make_unique<State>();
  state->ring_bytes = std::bit_ceil(std::max(options.ring_bytes, page));
  {
    // Only descriptors are kept: the loader's own state is many times larger than the rest of us.
    const Skeleton skeleton = TRY(load_programs(state->ring_bytes));
    state->ring_map = TRY(duplicate(::bpf_map__fd(skeleton->maps.ring)));
    state->loss_map = TRY(duplicate(::bpf_map__fd(skeleton->maps.losses)));
    for (const bpf_program* program :
         {skeleton->progs.on_exec, skeleton->progs.on_fork, skeleton->progs.on_exit}) {
      state->programs.push_back(TRY(duplicate(::bpf_program__fd(program))));
    }
    for (const bpf_link* link :
         {skeleton->links.on_exec, skeleton->links.on_fork, skeleton->links.on_exit}) {
      state->links.push_back(TRY(duplicate(::bpf_link__fd(link))));
    }
  }
  ::malloc_trim(0);
  state->ring = TRY(Ring::open(state->ring_map.get(), state->ring_bytes));
  return std::unique_ptr<ProcessProbe>(new ProcessProbe(std::move(state)));
}

int ProcessProbe::fd() const {
  return state_->ring_map.get();
}

Result<std::size_t> ProcessProbe::drain(std::size_t limit,
                                        const std::function<void(base::ByteView)>& on_record) {
  return state_->ring->drain(limit, on_record);
}

ProcessProbe::Losses ProcessProbe::losses() const {
  const int processors = ::libbpf_num_possible_cpus();
  std::vector<vedette_loss> values(static_cast<std::size_t>(std::max(processors, 1)));
  const auto sum = [&](std::uint32_t kind) -> std::uint64_t {
    if (::bpf_map_lookup_elem(state_->loss_map.get(), &kind, values.data()) != 0) return 0;
    std::uint64_t total = 0;
    for (const vedette_loss& value : values)
      total += value.count;
    return total;
  };
  Losses losses{.exec = sum(VEDETTE_EXEC),
                .fork = sum(VEDETTE_FORK),
                .exit = sum(VEDETTE_EXIT),
                .skipped = 0};
  for (const os::Fd& program : state_->programs) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0)
      losses.skipped += info.recursion_misses;
  }
  return losses;
}

std::size_t ProcessProbe::backlog_bytes() const {
  return state_->ring->backlog();
}
std::size_t ProcessProbe::ring_bytes() const {
  return state_->ring_bytes;
}

}  // namespace bpf
