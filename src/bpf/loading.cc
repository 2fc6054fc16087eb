#include "bpf/loading.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdarg>
#include <span>
#include <system_error>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <unistd.h>

#include "bpf/event.h"
#include "os/file.h"

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

}  // namespace

std::unexpected<base::Error> explain(const char* step, int error, const char* needs) {
  const std::string reason = fmt::format("{}: {}", step, std::generic_category().message(error));
  if (error == EPERM || error == EACCES) {
    return fail(Code::Denied, "ebpf", error, reason + "; needs CAP_BPF and CAP_PERFMON (or root)");
  }
  if (error == ENOENT || error == EINVAL || error == ESRCH || error == ENOTSUP || error == E2BIG) {
    return fail(Code::Unsupported, "ebpf", error, fmt::format("{}; needs {}", reason, needs));
  }
  return fail(Code::Io, "ebpf", error, reason);
}

Result<void> prepare_loading() {
  ::libbpf_set_print(discard_print);
  if (!os::file_exists(kKernelTypes)) {
    return fail(Code::Unsupported, "ebpf", -1,
                fmt::format("the kernel has no type information ({})", kKernelTypes));
  }
  return {};
}

Result<os::Fd> duplicate(int fd) {
  os::Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return fail_errno("dup");
  return copy;
}

Result<Programs> Programs::load(bpf_object_skeleton& opened, std::size_t ring_bytes,
                                const char* needs) {
  Programs loaded;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  loaded.ring_bytes_ = std::bit_ceil(std::max(ring_bytes, page));
  bpf_map* const ring = ::bpf_object__find_map_by_name(*opened.obj, "ring");
  bpf_map* const losses = ::bpf_object__find_map_by_name(*opened.obj, "losses");
  ASSERT(ring != nullptr && losses != nullptr);
  if (const int error =
          ::bpf_map__set_max_entries(ring, static_cast<std::uint32_t>(loaded.ring_bytes_));
      error != 0) {
    return explain("ring size", -error, needs);
  }
  if (const int error = ::bpf_object__load_skeleton(&opened); error != 0) {
    return explain("load", -error, needs);
  }
  loaded.ring_map_ = TRY(duplicate(::bpf_map__fd(ring)));
  loaded.loss_map_ = TRY(duplicate(::bpf_map__fd(losses)));
  for (const auto& program : std::span(opened.progs, static_cast<std::size_t>(opened.prog_cnt)))
    loaded.programs_.push_back(TRY(duplicate(::bpf_program__fd(*program.prog))));
  loaded.ring_ = TRY(Ring::open(loaded.ring_map_.get(), loaded.ring_bytes_));
  return loaded;
}

Result<void> Programs::attach(bpf_object_skeleton& loaded, const char* needs) {
  if (const int error = ::bpf_object__attach_skeleton(&loaded); error != 0) {
    return explain("attach", -error, needs);
  }
  for (const auto& program : std::span(loaded.progs, static_cast<std::size_t>(loaded.prog_cnt)))
    links_.push_back(TRY(duplicate(::bpf_link__fd(*program.link))));
  return {};
}

std::uint64_t Programs::lost(std::uint32_t kind) const {
  const int processors = ::libbpf_num_possible_cpus();
  std::vector<vedette_loss> values(static_cast<std::size_t>(std::max(processors, 1)));
  if (::bpf_map_lookup_elem(loss_map_.get(), &kind, values.data()) != 0) return 0;
  std::uint64_t total = 0;
  for (const vedette_loss& value : values)
    total += value.count;
  return total;
}

std::uint64_t Programs::skipped() const {
  std::uint64_t skipped = 0;
  for (const os::Fd& program : programs_) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (::bpf_obj_get_info_by_fd(program.get(), &info, &size) == 0)
      skipped += info.recursion_misses;
  }
  return skipped;
}

}  // namespace bpf
