#include "sensor/delivery/conversations.h"

#include <algorithm>

#include "sensor/delivery/events.h"
#include "sensor/engine/words.h"

namespace sensor::delivery {

namespace {

std::optional<std::string> some(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

}  // namespace

void Conversations::add(const engine::FlowRecord& record) {
  const dissect::Side side = record.info.server;
  const auto server_side = static_cast<std::size_t>(side);
  const std::size_t client_side = 1 - server_side;
  if (record.counts[0].packets + record.counts[1].packets == 0) return;
  const dissect::End& client = record.info.end(dissect::other(side));
  const dissect::End& server = record.info.end(side);
  if (!has_address(client) || !has_address(server)) {
    ++left_out_;
    return;
  }
  Key key;
  key.client = client.ip;
  key.server = server.ip;
  if (client.ip.none()) key.client_mac = client.mac;
  if (server.ip.none()) key.server_mac = server.mac;
  key.port = server.port;
  key.vlan = record.vlan;
  key.transport = record.info.transport;
  key.selector = record.info.selector;
  if (record.protocol != nullptr) key.protocol = record.protocol->name;
  if (record.expected != nullptr) key.expected = record.expected->name;
  const auto found = sums_.find(key);
  if (found == sums_.end() && sums_.size() >= most_) {
    ++left_out_;
    return;
  }
  Sum& sum = found == sums_.end() ? sums_[key] : found->second;
  if (sum.first == base::WallTime{} || record.first < sum.first) sum.first = record.first;
  if (record.last >= sum.last) {
    sum.last = record.last;
    sum.client_mac = client.mac;
    sum.server_mac = server.mac;
  }
  sum.flows += record.told_before ? 0 : 1;
  sum.packets[0] += record.counts[client_side].packets;
  sum.packets[1] += record.counts[server_side].packets;
  sum.bytes[0] += record.counts[client_side].bytes;
  sum.bytes[1] += record.counts[server_side].bytes;
  sum.messages += record.messages;
  sum.issues += record.issues;
}

schema::NetworkConversation Conversations::item_of(const Key& key, const Sum& sum) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  dissect::FlowInfo info;
  info.transport = key.transport;
  info.selector = key.selector;
  schema::NetworkConversation item;
  item.client_address = some(key.client.text());
  item.client_mac = some(sum.client_mac.text());
  item.server_address = some(key.server.text());
  item.server_mac = some(sum.server_mac.text());
  if (key.port != 0) item.server_port = std::to_string(key.port);
  if (key.vlan != 0) item.vlan = key.vlan;
  item.protocol = engine::transport_text(info);
  item.application_protocol = some(key.protocol);
  item.expected_protocol = some(key.expected);
  item.flows = number(sum.flows);
  item.client_packets = number(sum.packets[0]);
  item.server_packets = number(sum.packets[1]);
  item.client_bytes = number(sum.bytes[0]);
  item.server_bytes = number(sum.bytes[1]);
  item.messages = number(sum.messages);
  item.issues = number(sum.issues);
  item.first_seen = time_text(sum.first);
  item.last_seen = time_text(sum.last);
  return item;
}

std::vector<schema::NetworkConversation> Conversations::take() {
  std::vector<schema::NetworkConversation> items;
  items.reserve(sums_.size());
  for (const auto& [key, sum] : sums_)
    items.push_back(item_of(key, sum));
  sums_.clear();
  return items;
}

}  // namespace sensor::delivery
