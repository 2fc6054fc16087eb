// What SystemHost knows from the kernel and from daemons, not from files.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <dlfcn.h>
#include <linux/audit.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/baseline/packet_filter.h"
#include "agent/baseline/system_host.h"
#include "os/file.h"
#include "os/netlink.h"

namespace agent::baseline {

using base::Code;
using base::fail;
using base::Result;

namespace {

std::unexpected<base::Error> not_running(const char* what) {
  return std::unexpected(base::Error{
      .code = Code::Unsupported, .what = what, .detail = "a folder has no running kernel"});
}

constexpr std::array<std::pair<std::uint32_t, Hook>, 3> kHooks = {{
    {NF_INET_LOCAL_IN, Hook::Input},
    {NF_INET_FORWARD, Hook::Forward},
    {NF_INET_LOCAL_OUT, Hook::Output},
}};

Result<void> add_nft(IpFamily family, FirewallFacts& facts) {
  const auto concerns = [family](std::uint8_t of) {
    return of == NFPROTO_INET || of == (family == IpFamily::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
  };
  const std::array<std::uint8_t, 4> all_families = {0, NFNETLINK_V0, 0, 0};
  constexpr std::uint16_t kSubsystem = NFNL_SUBSYS_NFTABLES << 8U;
  Result<void> trouble;
  TRY(os::dump_netlink(NETLINK_NETFILTER, kSubsystem | NFT_MSG_GETCHAIN, all_families,
                       [&](const os::NetlinkMessage& message) {
                         const auto chain = read_nft_chain(message.payload);
                         if (!chain) trouble = std::unexpected(chain.error());
                         if (!chain || !chain->base || !concerns(chain->family)) return;
                         for (const auto& [number, hook] : kHooks) {
                           if (chain->hook != number) continue;
                           facts.chains.push_back({.name = chain->table + " " + chain->name,
                                                   .hook = hook,
                                                   .drops = chain->drops});
                         }
                       }));
  TRY(os::dump_netlink(NETLINK_NETFILTER, kSubsystem | NFT_MSG_GETRULE, all_families,
                       [&](const os::NetlinkMessage& message) {
                         const auto guards = nft_rule_guards_loopback(message.payload);
                         if (!guards) trouble = std::unexpected(guards.error());
                         if (guards && *guards && !message.payload.empty() &&
                             concerns(message.payload[0]))
                           facts.loopback_guard = true;
                       }));
  return trouble;
}

// The old tables, if they are in use: asking for them must not load them.
template <class Info, class Entries>
Result<void> add_legacy(IpFamily family, int level, int get_info, int get_entries,
                        FirewallFacts& facts) {
  const os::Fd socket(
      ::socket(family == IpFamily::V4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!socket) return base::fail_errno("raw socket");
  Info info{};
  std::strcpy(info.name, "filter");
  socklen_t size = sizeof info;
  if (::getsockopt(socket.get(), level, get_info, &info, &size) != 0)
    return base::fail_errno("filter table");
  constexpr std::size_t kMaxTable = 16U << 20U;
  if (info.size > kMaxTable) return fail(Code::TooLarge, "filter table");
  base::ByteVec buffer(offsetof(Entries, entrytable) + info.size);
  // Name and size come first, then the entries.
  std::memcpy(buffer.data(), info.name, sizeof info.name);
  std::memcpy(buffer.data() + offsetof(Entries, size), &info.size, sizeof info.size);
  size = static_cast<socklen_t>(buffer.size());
  if (::getsockopt(socket.get(), level, get_entries, buffer.data(), &size) != 0)
    return base::fail_errno("filter table entries");
  const auto entries = base::ByteView(buffer).subspan(offsetof(Entries, entrytable));
  constexpr std::array<const char*, 3> kNames = {"INPUT", "FORWARD", "OUTPUT"};
  for (const auto& [number, hook] : kHooks) {
    const LegacyChain chain =
        TRY(read_legacy_chain(entries, info.hook_entry[number], info.underflow[number], family));
    facts.chains.push_back({.name = std::string("filter ") + kNames[static_cast<std::size_t>(hook)],
                            .hook = hook,
                            .drops = chain.drops});
    facts.loopback_guard = facts.loopback_guard || (hook == Hook::Input && chain.loopback_guard);
  }
  return {};
}

Result<bool> uses_legacy(IpFamily family) {
  const char* const path =
      family == IpFamily::V4 ? "/proc/net/ip_tables_names" : "/proc/net/ip6_tables_names";
  const auto names = os::read_file(path);
  if (!names && names.error().code == Code::NotFound) return false;
  if (!names) return std::unexpected(names.error());
  return names->find("filter\n") != std::string::npos;
}

// Sends all and reads to the end, no longer than some seconds for each step.
Result<std::string> exchange(int socket, std::string_view request, std::size_t limit) {
  constexpr int kTimeoutMs = 5000;
  TRY(os::write_all(socket, base::as_bytes(request)));
  std::string answer;
  char buffer[16384];
  for (;;) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kTimeoutMs) <= 0)
      return fail(Code::Unavailable, "docker", -1, "no answer");
    const ssize_t count = ::read(socket, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::fail_errno("docker");
    if (count == 0) return answer;
    answer.append(buffer, static_cast<std::size_t>(count));
    if (answer.size() > limit) return fail(Code::TooLarge, "docker");
  }
}

}  // namespace

void SystemHost::CloseLibrary::operator()(void* library) const {
  ::dlclose(library);
}

Result<bool> SystemHost::clock_synchronised() const {
  if (!whole_machine_) return not_running("clock");
  timex state{};  // modes 0: only asks
  const int result = ::adjtimex(&state);
  if (result < 0) return base::fail_errno("adjtimex");
  return result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

Result<AuditFacts> SystemHost::audit() const {
  if (!whole_machine_) return not_running("audit");
  AuditFacts facts;
  bool answered = false;
  TRY(os::ask_netlink(NETLINK_AUDIT, AUDIT_GET, {}, [&](const os::NetlinkMessage& message) {
    if (message.type != AUDIT_GET || message.payload.size() < 16) return;
    base::Cursor cursor(message.payload);
    static_cast<void>(cursor.skip(4));  // mask
    facts.enabled = static_cast<int>(cursor.u32le().value_or(0));
    static_cast<void>(cursor.skip(4));  // failure
    facts.pid = cursor.u32le().value_or(0);
    answered = true;
  }));
  if (!answered) return fail(Code::Unavailable, "audit", -1, "the kernel did not answer");
  return facts;
}

Result<FirewallFacts> SystemHost::firewall(IpFamily family) const {
  if (!whole_machine_) return not_running("firewall");
  FirewallFacts facts;
  const auto nft = add_nft(family, facts);
  // A kernel without nf_tables has only the old tables.
  if (!nft && nft.error().code != Code::Unsupported && nft.error().code != Code::NotFound)
    return std::unexpected(nft.error());
  const bool legacy = TRY(uses_legacy(family));
  if (legacy && family == IpFamily::V4) {
    TRY(add_legacy<ipt_getinfo, ipt_get_entries>(family, IPPROTO_IP, IPT_SO_GET_INFO,
                                                 IPT_SO_GET_ENTRIES, facts));
  } else if (legacy) {
    TRY(add_legacy<ip6t_getinfo, ip6t_get_entries>(family, IPPROTO_IPV6, IP6T_SO_GET_INFO,
                                                   IP6T_SO_GET_ENTRIES, facts));
  }
  return facts;
}

Result<bool> SystemHost::password_makes(std::string_view password, const std::string& hash) const {
  if (!crypt_) {
    for (const char* const name : {"libcrypt.so.1", "libcrypt.so.2"}) {
      crypt_.reset(::dlopen(name, RTLD_NOW | RTLD_LOCAL));
      if (crypt_) break;
    }
  }
  // Some C libraries have it themselves.
  void* const symbol = ::dlsym(crypt_ ? crypt_.get() : RTLD_DEFAULT, "crypt");
  if (symbol == nullptr) return fail(Code::Unsupported, "crypt", -1, "no libcrypt here");
  // dlsym gives functions as pointers to objects; POSIX says that they may be turned back.
  const auto crypt = reinterpret_cast<char* (*)(const char*, const char*)>(symbol);
  const char* const made = crypt(std::string(password).c_str(), hash.c_str());
  if (made == nullptr || made[0] == '*')
    return fail(Code::Invalid, "crypt", -1, "unknown kind of hash");
  return hash == made;
}

Result<std::string> SystemHost::docker(const std::string& path) const {
  if (!whole_machine_) return not_running("docker");
  const os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return base::fail_errno("docker");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/run/docker.sock");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return base::fail_errno("docker", "/run/docker.sock");
  // HTTP 1.0: the end of the answer is the end of the connection.
  const std::string answer = TRY(
      exchange(socket.get(), "GET " + path + " HTTP/1.0\r\nHost: docker\r\n\r\n", kMaxFileBytes));
  const std::size_t body = answer.find("\r\n\r\n");
  const std::size_t blank = answer.find(' ');
  if (body == std::string::npos || blank == std::string::npos)
    return fail(Code::Malformed, "docker", -1, "no HTTP answer");
  if (answer.compare(blank + 1, 3, "200") != 0)
    return fail(Code::Unavailable, "docker", -1, answer.substr(0, answer.find("\r\n")));
  return answer.substr(body + 4);
}

}  // namespace agent::baseline
