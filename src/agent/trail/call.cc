#include "agent/trail/call.h"

#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include <linux/audit.h>

#include "audit/names.h"

namespace agent::trail {

using audit::Activity;
using audit::Fields;

namespace {

// Of the second argument of socket(2): the rest are flags.
constexpr std::uint64_t kTypeMask = 0xF;
constexpr std::uint64_t kSocketcallOfI386 = 102;

std::uint64_t hexadecimal(const Fields& fields, std::string_view name) {
  const std::string_view raw = fields.raw(name).value_or("");
  std::uint64_t value = 0;
  std::from_chars(raw.data(), raw.data() + raw.size(), value, 16);
  return value;
}

// The arguments and the result, as far as the call has them in registers.
void read_arguments(const Fields& fields, std::int64_t result, bool through_socketcall,
                    SocketCall& call) {
  if (call.activity == Activity::Connect) {
    if (!through_socketcall) call.fd = static_cast<int>(hexadecimal(fields, "a0"));
    return;
  }
  call.fd = static_cast<int>(result);
  if (call.activity != Activity::Socket) return;
  call.family = static_cast<int>(hexadecimal(fields, "a0"));
  call.type = static_cast<int>(hexadecimal(fields, "a1") & kTypeMask);
}

}  // namespace

std::optional<SocketCall> read_socket_call(const audit::Event& event) {
  const audit::Record* const record = event.find(audit::types::kSyscall);
  if (record == nullptr) return std::nullopt;
  const Fields fields(record->body);
  const auto number = fields.number("syscall");
  const auto result = fields.number("exit");
  if (!number || *number < 0 || !result) return std::nullopt;
  const auto arch = static_cast<std::uint32_t>(hexadecimal(fields, "arch"));
  SocketCall call;
  call.activity =
      audit::activity_of(arch, static_cast<std::uint64_t>(*number), hexadecimal(fields, "a0"));
  if (call.activity == Activity::Other || call.activity == Activity::Exec) return std::nullopt;
  call.in_progress = call.activity == Activity::Connect && *result == -EINPROGRESS;
  if (*result < 0 && !call.in_progress) return std::nullopt;
  call.pid = static_cast<std::uint32_t>(fields.number("pid").value_or(0));
  call.uid = static_cast<std::uint32_t>(fields.number("uid").value_or(0));
  call.executable = fields.text("exe").value_or("");
  call.comm = fields.text("comm").value_or("");
  const bool through_socketcall =
      arch == AUDIT_ARCH_I386 && static_cast<std::uint64_t>(*number) == kSocketcallOfI386;
  read_arguments(fields, *result, through_socketcall, call);
  if (const audit::Record* const address = event.find(audit::types::kSockaddr)) {
    const Fields of_address(address->body);
    if (auto peer = audit::read_saddr(of_address.raw("saddr").value_or("")))
      call.peer = std::move(*peer);
  }
  return call;
}

}  // namespace agent::trail
