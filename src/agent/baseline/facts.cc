#include "agent/baseline/facts.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::fail;
using base::Result;

namespace {

Result<std::vector<RunningProcess>> read_processes(const Host& host) {
  std::vector<RunningProcess> processes;
  for (const std::string& name : TRY(host.list("/proc"))) {
    const auto pid = number_of(name);
    if (!pid) continue;
    // Gone in between, most likely.
    const auto comm = host.read("/proc/" + name + "/comm");
    if (!comm) continue;
    RunningProcess process{
        .pid = static_cast<int>(*pid), .name = std::string(base::trim(*comm)), .arguments = {}};
    if (const auto line = host.read("/proc/" + name + "/cmdline")) {
      for (const std::string_view argument : base::split(*line, '\0'))
        process.arguments.emplace_back(argument);
      if (!process.arguments.empty() && process.arguments.back().empty())
        process.arguments.pop_back();
    }
    processes.push_back(std::move(process));
  }
  return processes;
}

Result<std::vector<Listener>> read_all_listeners(const Host& host) {
  std::vector<Listener> listeners;
  for (const char* const protocol : {"tcp", "udp"}) {
    for (const char* const suffix : {"", "6"}) {
      const std::string text =
          TRY(read_optional(host, std::string("/proc/net/") + protocol + suffix));
      for (Listener& listener : read_listeners(text, protocol))
        listeners.push_back(std::move(listener));
    }
  }
  return listeners;
}

Result<SshdConfig> read_sshd(const Host& host) {
  // Without its file the server does not start.
  std::string config = "/etc/ssh/sshd_config";
  bool there = TRY(exists(host, config));
  if (!there) {
    config = "/usr/etc/ssh/sshd_config";
    there = TRY(exists(host, config));
  }
  if (!there) return fail(Code::NotFound, "no SSH server");
  return SshdConfig::read(
      config, {.read = [&](const std::string& path) { return host.read(path); },
               .expand = [&](const std::string& pattern) { return expand(host, pattern); }});
}

// Words of the machine's own byte order, as hexadecimal numbers; "" when it is none.
std::string address_of_hex(std::string_view hex) {
  std::array<std::uint32_t, 4> words{};
  const std::size_t count = hex.size() / 8;
  if (hex.size() % 8 != 0 || (count != 1 && count != 4)) return "";
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view word = hex.substr(i * 8, 8);
    const auto read = std::from_chars(word.data(), word.data() + word.size(), words[i], 16);
    if (read.ptr != word.data() + word.size()) return "";
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = count == 1 ? AF_INET : AF_INET6;
  if (::inet_ntop(family, words.data(), text.data(), text.size()) == nullptr) return "";
  return text.data();
}

bool loopback_hex(std::string_view address) {
  if (address.size() == 8) return address.ends_with("7F");
  // ::1, and 127.0.0.0/8 mapped into IPv6, as four words of the machine's byte order.
  return address == "00000000000000000000000001000000" ||
         (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"));
}

}  // namespace

std::vector<Listener> read_listeners(std::string_view text, std::string_view protocol) {
  std::vector<Listener> listeners;
  each_line(text, [&](std::string_view line, int number) {
    const auto words = words_of(line);
    if (number == 1 || words.size() < 4) return;
    const std::size_t colon = words[1].find(':');
    if (colon == std::string_view::npos) return;
    // 0A: TCP_LISTEN. 07: what an unconnected UDP socket is in.
    if (words[3] != (protocol == "tcp" ? "0A" : "07")) return;
    unsigned port = 0;
    const std::string_view hex = words[1].substr(colon + 1);
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), port, 16);
    if (error != std::errc() || end != hex.data() + hex.size()) return;
    listeners.push_back({.port = std::string(protocol) + "/" + std::to_string(port),
                         .address = address_of_hex(words[1].substr(0, colon)),
                         .loopback = loopback_hex(words[1].substr(0, colon))});
  });
  return listeners;
}

const Result<Distro>& Facts::distro() {
  return once(distro_, [&] { return read_distro(host_); });
}

const Result<std::vector<Account>>& Facts::accounts() {
  return once(accounts_, [&]() -> Result<std::vector<Account>> {
    return read_passwd(TRY(host_.read("/etc/passwd")));
  });
}

const Result<std::vector<ShadowEntry>>& Facts::shadow() {
  return once(shadow_, [&]() -> Result<std::vector<ShadowEntry>> {
    return read_shadow(TRY(host_.read("/etc/shadow")));
  });
}

const Result<std::vector<Group>>& Facts::groups() {
  return once(groups_, [&]() -> Result<std::vector<Group>> {
    return read_group(TRY(host_.read("/etc/group")));
  });
}

const Result<std::vector<Mount>>& Facts::mounts() {
  return once(mounts_, [&]() -> Result<std::vector<Mount>> {
    // Our own view may be another than the system's: a service manager mounts much of it read-only
    // or anew for us alone. Only who may look into process 1 can tell.
    auto all = host_.read("/proc/1/mountinfo");
    if (!all) all = host_.read("/proc/self/mountinfo");
    return read_mountinfo(TRY(std::move(all)));
  });
}

const Result<std::vector<Mount>>& Facts::fstab() {
  return once(fstab_, [&]() -> Result<std::vector<Mount>> {
    return read_fstab(TRY(read_optional(host_, "/etc/fstab")));
  });
}

const Result<std::string>& Facts::login_defs() {
  return once(login_defs_, [&] { return host_.read("/etc/login.defs"); });
}

const Result<Installed>& Facts::installed() {
  return once(installed_, [&] { return read_installed(host_); });
}

const Result<SshdConfig>& Facts::sshd() {
  return once(sshd_, [&] { return read_sshd(host_); });
}

const Result<Sudoers>& Facts::sudoers() {
  return once(sudoers_, [&]() -> Result<Sudoers> {
    return read_sudoers(
        "/etc/sudoers", [&](const std::string& path) { return host_.read(path); },
        [&](const std::string& path) { return host_.list(path); });
  });
}

const Result<std::vector<RunningProcess>>& Facts::processes() {
  return once(processes_, [&] { return read_processes(host_); });
}

const Result<std::vector<Listener>>& Facts::listeners() {
  return once(listeners_, [&] { return read_all_listeners(host_); });
}

const Result<std::map<std::string, SysctlSetting>>& Facts::sysctl_files() {
  return once(sysctl_files_, [&] { return read_sysctl_files(host_); });
}

Result<std::vector<PamEntry>> Facts::pam(const std::string& service) {
  return read_pam_stack(service, [&](const std::string& path) { return host_.read(path); });
}

Result<std::vector<Account>> Facts::people() {
  if (!accounts()) return std::unexpected(accounts().error());
  std::vector<Account> people;
  for (const Account& account : *accounts()) {
    const bool nobody = account.uid >= 65'534;
    if ((account.uid == 0 || account.uid >= 1000) && !nobody && !refuses_login(account.shell))
      people.push_back(account);
  }
  return people;
}

}  // namespace agent::baseline
