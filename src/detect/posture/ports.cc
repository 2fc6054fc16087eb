#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/posture/device_checks.h"
#include "detect/posture/ranges.h"

namespace detect::posture {
namespace {

using base::json::Value;
using schema::ListeningPorts;

// Of the transport protocols that have ports; "tcp6" is how netstat writes TCP over IPv6.
std::string transport_of(const ListeningPorts& socket) {
  std::string name = base::to_lower(socket.protocol);
  while (name.ends_with('6') || name.ends_with('4'))
    name.pop_back();
  return name;
}

bool has_peer(const ListeningPorts& socket) {
  const auto peer = parse_prefix(socket.remote_address.value_or(""));
  const std::string port = socket.remote_port.value_or("");
  const bool some_address =
      peer && std::ranges::any_of(peer->bytes, [](std::uint8_t byte) { return byte != 0; });
  return some_address && !port.empty() && port != "0" && port != "*";
}

// In a network of a container's own, which others reach only by what its host listens on for it.
bool is_inside_container(const ListeningPorts& socket) {
  return schema::find(socket.extra_details, "NetworkNamespace") != nullptr &&
         schema::find(socket.extra_details, "ContainerId") != nullptr;
}

bool is_open(const ListeningPorts& socket) {
  const std::string transport = transport_of(socket);
  const auto transports = {"tcp", "udp", "udplite", "sctp", "dccp"};
  if (std::ranges::find(transports, transport) == transports.end()) return false;
  if (is_loopback_address(socket.local_address.value_or(""))) return false;
  return !has_peer(socket) && !is_inside_container(socket);
}

std::string text_of(const ListeningPorts& socket, std::string_view key) {
  const std::string* text = schema::find(socket.extra_details, key);
  return text == nullptr ? std::string() : *text;
}

struct OpenPort {
  std::string transport;
  std::vector<std::string> addresses;
  const ListeningPorts* socket = nullptr;
};

Item item_of(const std::string& port, const OpenPort& open) {
  Item item;
  item.key = open.transport + "/" + port;
  const std::string program = text_of(*open.socket, "Executable");
  item.title =
      fmt::format("{} {} is open on {}{}", open.transport, port, fmt::join(open.addresses, ", "),
                  program.empty() ? "" : " by " + program);
  item.severity = Severity::Medium;
  item.steps = {
      "Find out which program listens, and whether anybody but the device itself needs it.",
      "Stop what nobody needs, or let it listen on a loopback address; otherwise let the firewall "
      "admit only those who need it."};
  const bool numeric = base::parse_int(port).has_value();
  if (numeric) {
    const bool tcp = open.transport == "tcp";
    item.commands.push_back(fmt::format("sudo ss -H{}lnp 'sport = :{}'", tcp ? 't' : 'u', port));
    if (tcp || open.transport == "udp") {
      item.commands.push_back(fmt::format("sudo nft add rule inet filter input {} dport {} drop",
                                          open.transport, port));
    }
  }
  Value::Object facts;
  facts.push_back({"Protocol", Value(open.transport)});
  facts.push_back({"LocalPort", Value(port)});
  Value::Array addresses;
  for (const std::string& address : open.addresses)
    addresses.emplace_back(address);
  facts.push_back({"LocalAddress", Value(std::move(addresses))});
  for (const char* key : {"Executable", "CommandLine", "UserId", "ContainerImage"}) {
    if (std::string text = text_of(*open.socket, key); !text.empty())
      facts.push_back({key, Value(std::move(text))});
  }
  item.facts = Value(std::move(facts));
  return item;
}

}  // namespace

Verdict judge_ports(std::span<const ListeningPorts> sockets) {
  Verdict verdict{.kind = Kind::OpenPorts};
  std::map<std::pair<std::string, std::string>, OpenPort> open;
  for (const ListeningPorts& socket : sockets) {
    if (schema::find(socket.extra_details, "Unknown") != nullptr) {
      verdict.partial = true;
      continue;
    }
    if (!is_open(socket)) continue;
    OpenPort& port = open[{transport_of(socket), socket.local_port}];
    if (port.socket == nullptr) port.socket = &socket;
    port.transport = transport_of(socket);
    std::string address = socket.local_address.value_or("");
    if (address.empty()) address = "any address";
    if (std::ranges::find(port.addresses, address) == port.addresses.end())
      port.addresses.push_back(std::move(address));
  }
  for (const auto& [key, port] : open)
    verdict.items.push_back(item_of(key.second, port));
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

}  // namespace detect::posture
