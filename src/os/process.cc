#include "os/process.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"
#include "os/file.h"

namespace os {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

constexpr std::size_t kMaxProcFile = 64U << 10U;
// PF_KTHREAD, of the flags in stat.
constexpr std::uint64_t kKernelThread = 0x00200000;

// One read, not a loop: proc files of this kind come whole, and a vanished process ends it.
Result<std::string> read_proc(const std::string& path, std::size_t limit = 4096) {
  const Fd file = TRY(open_file(path, O_RDONLY));
  std::string text(limit, '\0');
  std::size_t size = 0;
  while (size < limit) {
    const ssize_t count = ::read(file.get(), text.data() + size, limit - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text;
}

Result<std::string> read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return fail_errno("readlink", path);
  return std::string(target.data(), static_cast<std::size_t>(size));
}

// A number that ends at a blank or at the end.
std::optional<std::uint64_t> number(std::string_view text) {
  text = base::trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

// The text after "Name:" in a file of such lines.
std::string_view line_value(std::string_view text, std::string_view name) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') {
      return line.substr(name.size() + 1);
    }
    at = end + 1;
  }
  return {};
}

// The n-th blank-separated field, from 0.
std::string_view field(std::string_view text, std::size_t index) {
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t\n"), text.size());
    if (index-- == 0) return text.substr(0, end);
    text.remove_prefix(end);
  }
  return {};
}

std::uint32_t number32(std::string_view text) {
  return static_cast<std::uint32_t>(number(text).value_or(0));
}

struct Mapping {
  void* start = nullptr;
  std::size_t size = 0;  // 0: not one whose pages may be given back
};

// The first line of a mapping in smaps: "5581c0-5581d4 r-xp 00014000 fe:00 9188 /usr/bin/x".
std::optional<Mapping> read_mapping(std::string_view line) {
  std::uintptr_t start = 0;
  std::uintptr_t end = 0;
  const auto [dash, no_start] = std::from_chars(line.data(), line.data() + line.size(), start, 16);
  if (no_start != std::errc() || dash == line.data() + line.size() || *dash != '-')
    return std::nullopt;
  const auto [blank, no_end] = std::from_chars(dash + 1, line.data() + line.size(), end, 16);
  if (no_end != std::errc() || end <= start) return std::nullopt;
  const std::string_view rest(blank, static_cast<std::size_t>(line.data() + line.size() - blank));
  const std::string_view access = field(rest, 0);
  const bool of_a_file = field(rest, 4).starts_with('/');
  if (!of_a_file || access.size() != 4 || access[1] != '-' || access[3] != 'p') return Mapping{};
  return Mapping{reinterpret_cast<void*>(start), end - start};
}

}  // namespace

Result<ProcessStat> read_process_stat(std::string_view text) {
  // The name may hold anything, brackets and blanks included: it ends at the last bracket.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return fail(Code::Malformed, "process stat");
  }
  const auto pid = number(text.substr(0, open));
  const std::string_view rest = text.substr(close + 1);
  // Counted from the state, which is field 3 in proc(5).
  const auto start = number(field(rest, 19));
  if (!pid || !start) return fail(Code::Malformed, "process stat");
  ProcessStat stat;
  stat.pid = static_cast<pid_t>(*pid);
  stat.comm = text.substr(open + 1, close - open - 1);
  stat.parent = static_cast<pid_t>(number32(field(rest, 1)));
  stat.session = number32(field(rest, 3));
  stat.tty = static_cast<int>(number32(field(rest, 4)));
  stat.kernel = (number(field(rest, 6)).value_or(0) & kKernelThread) != 0;
  stat.threads = number32(field(rest, 17));
  stat.start_ticks = *start;
  return stat;
}

std::string cgroup_of_text(std::string_view text) {
  std::string_view unified;
  std::string_view memory;
  for (const std::string_view line : base::split(text, '\n')) {
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    if (line.starts_with("0::")) unified = path;
    for (const std::string_view name : base::split(controllers, ',')) {
      if (name == "memory") memory = path;
    }
  }
  if (unified.size() > 1 || memory.size() <= 1) return std::string(unified.empty() ? "/" : unified);
  return std::string(memory);
}

std::string tty_name(int device) {
  if (device == 0) return {};
  const unsigned major = gnu_dev_major(static_cast<dev_t>(device));
  const unsigned minor = gnu_dev_minor(static_cast<dev_t>(device));
  if (major >= 136 && major <= 143) return fmt::format("pts{}", minor + (major - 136) * 256);
  if (major == 4)
    return minor < 64 ? fmt::format("tty{}", minor) : fmt::format("ttyS{}", minor - 64);
  return fmt::format("{}:{}", major, minor);
}

std::string ProcFs::path(pid_t pid, std::string_view name) const {
  return fmt::format("{}/{}/{}", root_, pid, name);
}

Result<std::vector<pid_t>> ProcFs::processes() const {
  std::vector<pid_t> pids;
  for (const std::string& name : TRY(list_dir(root_))) {
    if (const auto pid = base::parse_int(name); pid && *pid > 0)
      pids.push_back(static_cast<pid_t>(*pid));
  }
  std::ranges::sort(pids);
  return pids;
}

Result<ProcessStat> ProcFs::stat(pid_t pid) const {
  return read_process_stat(TRY(read_proc(path(pid, "stat"))));
}

Result<ProcessIds> ProcFs::ids(pid_t pid) const {
  const std::string text = TRY(read_proc(path(pid, "status"), 8192));
  const std::string_view uids = line_value(text, "Uid");
  return ProcessIds{number32(field(uids, 0)), number32(field(uids, 1)),
                    number32(field(line_value(text, "Gid"), 0))};
}

Result<std::string> ProcFs::argv(pid_t pid, std::size_t limit) const {
  return read_proc(path(pid, "cmdline"), limit);
}
Result<std::string> ProcFs::executable(pid_t pid) const {
  return read_link(path(pid, "exe"));
}
Result<std::string> ProcFs::cwd(pid_t pid) const {
  return read_link(path(pid, "cwd"));
}

std::optional<std::uint32_t> ProcFs::loginuid(pid_t pid) const {
  const auto text = read_proc(path(pid, "loginuid"), 64);
  const auto uid = text ? number(*text) : std::nullopt;
  if (!uid || *uid == 0xFFFFFFFF) return std::nullopt;
  return static_cast<std::uint32_t>(*uid);
}

Result<std::string> ProcFs::cgroup(pid_t pid) const {
  return cgroup_of_text(TRY(read_proc(path(pid, "cgroup"), kMaxProcFile)));
}

Result<pid_t> ProcFs::last_pid() const {
  const std::string text = TRY(read_proc(root_ + "/loadavg", 256));
  const auto pid = number(field(text, 4));
  if (!pid) return fail(Code::Malformed, "loadavg");
  return static_cast<pid_t>(*pid);
}

Result<std::string> ProcFs::boot_id() const {
  return std::string(base::trim(TRY(read_proc(root_ + "/sys/kernel/random/boot_id", 256))));
}

std::size_t resident_bytes() {
  const auto text = read_proc("/proc/self/statm", 256);
  if (!text) return 0;
  return static_cast<std::size_t>(number(field(*text, 1)).value_or(0)) *
         static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t storage_bytes_written() {
  constexpr std::string_view kName = "\nwrite_bytes: ";
  const auto text = read_proc("/proc/self/io", 1024);
  if (!text) return 0;
  const std::size_t at = text->find(kName);
  if (at == std::string::npos) return 0;
  const std::string_view rest = std::string_view(*text).substr(at + kName.size());
  return static_cast<std::uint64_t>(base::parse_int(rest.substr(0, rest.find('\n'))).value_or(0));
}

StartupMemory::StartupMemory() : mappings_(::open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)) {}

void StartupMemory::release() const {
  ::malloc_trim(0);
  std::string maps;
  std::array<std::uint8_t, 4096> part;
  for (;;) {
    const auto size = read_at(mappings_.get(), part, maps.size());
    if (!size || *size == 0) break;
    maps += base::as_text(base::ByteView(part).first(*size));
  }
  Mapping mapping;
  for (const std::string_view line : base::split(maps, '\n')) {
    if (const auto next = read_mapping(line)) {
      mapping = *next;
    } else if (line.starts_with("Anonymous:") && mapping.size != 0) {
      // No page was written to (relocations would be), so that each is in the file still.
      if (number(line.substr(10)) == 0) ::madvise(mapping.start, mapping.size, MADV_DONTNEED);
      mapping = {};
    }
  }
}

void release_startup_memory() {
  StartupMemory().release();
}

void prefer_small_memory() {
  // NOLINTBEGIN(concurrency-mt-unsafe): before there are threads
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, 64 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 10);
  // NOLINTEND(concurrency-mt-unsafe)
}

std::uint64_t memory_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

bool favour_this_thread() {
  constexpr int kFavoured = -4;
  return ::getpriority(PRIO_PROCESS, 0) <= kFavoured ||
         ::setpriority(PRIO_PROCESS, 0, kFavoured) == 0;
}

std::uint64_t ticks_per_second() {
  return static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
}

}  // namespace os
