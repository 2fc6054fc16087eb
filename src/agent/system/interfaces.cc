#include "agent/system/interfaces.h"

#include <array>
#include <bit>
#include <filesystem>
#include <map>
#include <memory>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::system {

using base::Result;

namespace {

constexpr std::size_t kMaxInterfaces = 256;
constexpr std::size_t kMaxAttribute = 4096;
constexpr std::size_t kMaxAddresses = 64;

std::string attribute(const std::string& path) {
  const auto text = os::read_file(path, kMaxAttribute);
  return text ? base::to_utf8(base::trim(*text)) : "";
}

std::int64_t number(const std::string& path) {
  const auto value = base::parse_int(attribute(path));
  return value && *value > 0 ? *value : 0;
}

std::string link_name(const std::string& path) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(path, error);
  return error ? "" : target.filename().string();
}

std::string kind_of(const std::string& folder) {
  const std::string uevent = attribute(folder + "/uevent");
  for (const std::string_view line : base::split(uevent, '\n')) {
    if (line.starts_with("DEVTYPE=")) return std::string(line.substr(8));
  }
  return {};
}

unsigned ones(const std::uint8_t* bytes, std::size_t count) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    bits += static_cast<unsigned>(std::popcount(bytes[i]));
  }
  return bits;
}

// "address/prefix", empty for other families.
std::string address_text(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = entry.ifa_addr->sa_family;
  // getifaddrs hands out sockaddr_in and sockaddr_in6 behind sockaddr.
  const auto bytes = [family](const sockaddr* address) {
    return family == AF_INET ? reinterpret_cast<const std::uint8_t*>(
                                   &reinterpret_cast<const sockaddr_in*>(address)->sin_addr)
                             : reinterpret_cast<const std::uint8_t*>(
                                   &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  };
  if (family != AF_INET && family != AF_INET6) return {};
  if (::inet_ntop(family, bytes(entry.ifa_addr), text.data(), text.size()) == nullptr) return {};
  std::string out = text.data();
  if (entry.ifa_netmask != nullptr)
    out += "/" + std::to_string(ones(bytes(entry.ifa_netmask), family == AF_INET ? 4 : 16));
  return out;
}

Result<std::map<std::string, std::vector<std::string>>> addresses() {
  ifaddrs* head = nullptr;
  if (::getifaddrs(&head) != 0) return base::fail_errno("getifaddrs");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(head, ::freeifaddrs);
  std::map<std::string, std::vector<std::string>> found;
  for (const ifaddrs* entry = head; entry != nullptr; entry = entry->ifa_next) {
    auto& texts = found[entry->ifa_name];
    std::string text = address_text(*entry);
    if (!text.empty() && texts.size() < kMaxAddresses) texts.push_back(std::move(text));
  }
  return found;
}

}  // namespace

Result<std::vector<Interface>> interfaces(const std::string& sys) {
  auto known = TRY(addresses());
  // An interface whose sysfs folder cannot be seen is still one.
  for (const std::string& name :
       os::list_dir(sys + "/class/net").value_or(std::vector<std::string>())) {
    if (os::file_exists(sys + "/class/net/" + name + "/address")) known.try_emplace(name);
  }
  std::vector<Interface> out;
  for (auto& [name, texts] : known) {
    if (out.size() == kMaxInterfaces) break;
    const std::string folder = sys + "/class/net/" + name;
    Interface interface;
    interface.name = name;
    interface.mac = attribute(folder + "/address");
    if (interface.mac.find_first_not_of("0:") == std::string::npos) interface.mac.clear();
    interface.driver = link_name(folder + "/device/driver");
    interface.physical = !link_name(folder + "/device").empty();
    interface.state = attribute(folder + "/operstate");
    interface.kind = kind_of(folder);
    interface.speed_mbit = number(folder + "/speed");
    interface.mtu = number(folder + "/mtu");
    interface.addresses = std::move(texts);
    out.push_back(std::move(interface));
  }
  return out;
}

std::string interfaces_json(const std::vector<Interface>& interfaces) {
  std::string text;
  base::json::Writer out(text);
  out.begin_array();
  for (const Interface& interface : interfaces) {
    const auto optional = [&](const char* name, const std::string& value) {
      if (!value.empty()) out.field(name, value);
    };
    out.begin_object();
    out.field("name", interface.name);
    optional("mac", interface.mac);
    optional("driver", interface.driver);
    optional("kind", interface.kind);
    optional("state", interface.state);
    out.field("physical", interface.physical);
    if (interface.speed_mbit != 0) out.field("speedMbit", interface.speed_mbit);
    if (interface.mtu != 0) out.field("mtu", interface.mtu);
    out.key("addresses");
    out.begin_array();
    for (const std::string& address : interface.addresses) {
      out.value(address);
    }
    out.end_array();
    out.end_object();
  }
  out.end_array();
  return text;
}

}  // namespace agent::system
