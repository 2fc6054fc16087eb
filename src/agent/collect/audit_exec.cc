#include "agent/collect/audit_exec.h"

#include <charconv>
#include <string>
#include <utility>

#include "audit/execve.h"
#include "audit/names.h"
#include "audit/rules.h"

namespace agent::collect {

namespace {

namespace types = audit::types;
using audit::Fields;

constexpr std::uint32_t kNoLogin = 0xFFFFFFFF;
constexpr std::string_view kDeleted = " (deleted)";
// Of argv in the event; the rest is a gap between head and tail.
constexpr std::size_t kArgvHead = 12U << 10U;
constexpr std::size_t kArgvTail = 4U << 10U;

std::uint64_t hexadecimal(const Fields& fields, std::string_view name) {
  const std::string_view raw = fields.raw(name).value_or("");
  std::uint64_t value = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), value, 16);
  return value;
}

std::uint32_t small(const Fields& fields, std::string_view name) {
  return static_cast<std::uint32_t>(fields.number(name).value_or(0));
}

void read_identity(const Fields& fields, Started& started) {
  started.process.pid = small(fields, "pid");
  started.parent.pid = small(fields, "ppid");
  if (fields.number("uid")) {
    started.uid = small(fields, "uid");
    started.euid = small(fields, "euid");
    started.gid = small(fields, "gid");
  } else {
    started.gaps.add(Gap::User);
  }
  if (const std::uint32_t login = small(fields, "auid"); login != kNoLogin)
    started.loginuid = login;
  started.tty = fields.text("tty").value_or("");
}

void read_executable(const Fields& fields, Started& started) {
  started.executable = fields.text("exe").value_or("");
  started.executable_deleted = started.executable.ends_with(kDeleted);
  if (started.executable_deleted)
    started.executable.resize(started.executable.size() - kDeleted.size());
  if (!started.executable.starts_with('/')) {
    if (started.executable.empty()) started.executable = fields.text("comm").value_or("");
    started.gaps.add(Gap::Executable);
  }
}

void read_argv(const audit::Event& event, Started& started) {
  audit::Arguments arguments = audit::read_arguments(event);
  if (arguments.damaged) started.gaps.add(Gap::Argv);
  started.argv = std::move(arguments.bytes);
  started.argv_head = arguments.head;
  started.argv_bytes = arguments.total;
  if (started.argv.size() <= kArgvHead + kArgvTail) return;
  started.argv_head = std::min(started.argv_head, kArgvHead);
  started.argv.erase(started.argv_head, started.argv.size() - started.argv_head - kArgvTail);
}

// What execve was given is the first path; a script's interpreter is the second, before the loader,
// which every dynamic program has as its last.
void read_paths(const audit::Event& event, Started& started) {
  std::string names[3];
  std::size_t count = 0;
  for (const audit::Record& record : event.records) {
    if (record.type != types::kPath) continue;
    const Fields fields(record.body);
    const auto item = fields.number("item");
    if (!item || *item < 0 || *item >= 3) continue;
    ++count;
    names[static_cast<std::size_t>(*item)] = fields.text("name").value_or("");
  }
  started.file = std::move(names[0]);
  if (count == 3) started.interpreter = std::move(names[1]);
}

}  // namespace

std::optional<Started> read_audit_exec(const audit::Event& event) {
  const audit::Record* const call = event.find(types::kSyscall);
  if (call == nullptr) return std::nullopt;
  const Fields fields(call->body);
  const auto number = fields.number("syscall");
  const auto arch = static_cast<std::uint32_t>(hexadecimal(fields, "arch"));
  if (!number || *number < 0 || fields.raw("success") != "yes") return std::nullopt;
  if (audit::activity_of(arch, static_cast<std::uint64_t>(*number), 0) != audit::Activity::Exec)
    return std::nullopt;
  Started started;
  started.time = event.time;
  read_identity(fields, started);
  read_executable(fields, started);
  read_argv(event, started);
  read_paths(event, started);
  if (const audit::Record* const cwd = event.find(types::kCwd)) {
    started.cwd = Fields(cwd->body).text("cwd").value_or("");
  } else {
    started.gaps.add(Gap::Cwd);
  }
  started.gaps.add(Gap::Cgroup);
  if (started.process.pid == 0) return std::nullopt;
  return started;
}

}  // namespace agent::collect
