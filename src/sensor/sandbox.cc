#include "sensor/sandbox.h"

#include <cstdlib>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "os/call_sets.h"
#include "sensor/assets.h"
#include "sensor/capture/source.h"

namespace sensor {

using Action = os::SyscallFilter::Action;
using base::Result;

namespace {

constexpr std::uint32_t kSocketTypeMask = 0xf;  // the rest are flags

// Whoever holds a packet socket could send by it, or listen elsewhere.
void keep_to_listening(os::SyscallFilter& filter, std::uint32_t mask, std::uint32_t descriptor) {
  for (const int call : {SYS_write, SYS_writev, SYS_pwrite64, SYS_sendto, SYS_sendmsg, SYS_sendmmsg,
                         SYS_bind, SYS_connect, SYS_setsockopt, SYS_ioctl})
    filter.add_if(call, {{0, mask, descriptor}}, Action::Refuse);
  for (const int how : {F_DUPFD, F_DUPFD_CLOEXEC})
    filter.add_if(SYS_fcntl, {{0, mask, descriptor}, {1, ~0U, static_cast<std::uint32_t>(how)}},
                  Action::Refuse);
}

void keep_to_listening(os::SyscallFilter& filter, std::span<const int> descriptors) {
  constexpr std::uint32_t kBlock = ~(capture::kMostDescriptors - 1);
  constexpr auto kFirst = static_cast<std::uint32_t>(capture::kFirstDescriptor);
  keep_to_listening(filter, kBlock, kFirst);
  for (const int one : descriptors) {
    const auto number = static_cast<std::uint32_t>(one);
    if ((number & kBlock) != kFirst) keep_to_listening(filter, ~0U, number);
  }
}

bool has_service_manager() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
  return ::getenv("NOTIFY_SOCKET") != nullptr;
}

os::SyscallFilter filter_for(const Config& config, std::span<const int> descriptors) {
  os::SyscallFilter filter(Action::Refuse);
  keep_to_listening(filter, descriptors);
  os::allow_plain_work(filter);
  filter.add({SYS_recvfrom, SYS_recvmsg, SYS_getsockopt}, Action::Allow);
  os::allow_memory(filter);
  os::allow_threads(filter);
  os::allow_opening_to_read(filter);
  if (!config.state_dir.empty()) os::allow_changing_files(filter);
  if (config.has_hub()) {
    // Of netlink, the resolver has one to ask which addresses there are; it does without an answer.
    for (const int family : {AF_INET, AF_INET6, AF_NETLINK})
      os::allow_sockets(filter, family);
    filter.add({SYS_sendto, SYS_sendmmsg, SYS_recvmmsg}, Action::Allow);
    os::allow_connecting(filter);
    // How many bytes of an answer there are.
    filter.add({SYS_ioctl}, Action::Allow);
  }
  if (has_service_manager()) {
    filter.add_if(SYS_socket, {{0, ~0U, AF_UNIX}, {1, kSocketTypeMask, SOCK_DGRAM}}, Action::Allow);
    filter.add({SYS_sendto}, Action::Allow);
  }
  os::kill_the_worst(filter);
  return filter;
}

os::Places places_for(const Config& config) {
  os::Places places;
  places.read = {"/proc/self", kVendorFolder, "/sys/class/net/" + config.interface};
  if (config.has_hub()) {
    for (const char* const one : os::resolver_files())
      places.read.emplace_back(one);
    if (!config.hub.ca_file.empty()) places.read.push_back(config.hub.ca_file);
  }
  if (!config.state_dir.empty()) places.change.push_back(config.state_dir);
  return places;
}

}  // namespace

Result<Sandbox> Sandbox::enter(const Config& config, std::span<const int> descriptors) {
  Sandbox sandbox;
  os::hide_memory();
  TRY(os::keep_only({}));
  sandbox.capabilities_ = os::permitted_capabilities();
  if (config.sandbox == Sandboxing::Off) {
    sandbox.problem_ = "switched off by privileges.sandbox";
    return sandbox;
  }
  const auto confined = sandbox.confine(config, descriptors);
  if (confined) return sandbox;
  if (config.sandbox == Sandboxing::Required) return std::unexpected(confined.error());
  sandbox.problem_ = confined.error().to_string();
  LOG_WARNING("sensor.not_confined").field("why", sandbox.problem_);
  return sandbox;
}

Result<void> Sandbox::confine(const Config& config, std::span<const int> descriptors) {
  self_.reset(::open("/proc/self", O_PATH | O_CLOEXEC));
  files_ = TRY(os::confine_to(places_for(config)));
  TRY(filter_for(config, descriptors).install());
  calls_filtered_ = true;
  return {};
}

void Sandbox::write_status(base::json::Writer& json) const {
  json.field("user", std::int64_t{::geteuid()});
  json.field("noNewPrivileges", true);
  json.field("capabilities", os::capability_names(capabilities_));
  json.field("landlock", std::int64_t{files_.version});
  json.field("files", files_.files);
  json.field("systemCalls", calls_filtered_);
  if (!problem_.empty()) json.field("problem", problem_);
}

}  // namespace sensor
