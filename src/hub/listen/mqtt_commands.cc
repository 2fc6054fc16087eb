#include "hub/listen/mqtt_commands.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/time.h"
#include "wire/mqtt.h"
#include "wire/property_bag.h"
#include "wire/topics.h"

namespace hub::listen {

using commands::Locked;
using commands::Settlement;
namespace mqtt = wire::mqtt;

namespace {

// More is not fetched for a client that has so much to read.
constexpr std::size_t kMaxUnread = 64 * 1024;
// Packet ids that are remembered although their locks have ended.
constexpr std::size_t kMaxRemembered = 64;

void add(wire::PropertyBag& bag, std::string_view name, std::string_view value) {
  if (!value.empty()) bag.add(name, value);
}

}  // namespace

std::string command_bag(const commands::CloudMessage& message) {
  wire::PropertyBag bag;
  add(bag, "$.mid", message.message_id);
  add(bag, "$.cid", message.correlation_id);
  add(bag, "$.uid", message.user_id);
  add(bag, "$.to", message.to_address);
  add(bag, "$.ct", message.content_type);
  add(bag, "$.ce", message.content_encoding);
  if (message.expiry) add(bag, "$.exp", base::format_rfc3339(*message.expiry));
  if (message.ack != commands::Ack::None) add(bag, "iothub-ack", to_string(message.ack));
  for (const wire::Property& property : message.properties)
    bag.add(property.name, property.value);
  return bag.encode();
}

// Locked messages on their way to the session; those that do not get there are given back.
struct MqttCommands::Batch {
  Batch(commands::Messages& queue, commands::Client whose, std::vector<Locked> locked)
      : messages(queue), client(std::move(whose)), waiting(std::move(locked)) {}
  ~Batch() {
    for (Locked& locked : waiting)
      messages.settle(client, std::move(locked.lock_token), Settlement::Abandon, {});
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  commands::Messages& messages;
  commands::Client client;
  std::vector<Locked> waiting;
};

commands::Client MqttCommands::client() const {
  return {member_.name(), member_.peer().generation_id, member_.new_record("")};
}

std::size_t MqttCommands::held() const {
  const base::MonoTime now = service_.options.mono_now();
  const auto holds = [now](const auto& entry) { return entry.second.lock_ends > now; };
  return static_cast<std::size_t>(std::ranges::count_if(unsettled_, holds));
}

bool MqttCommands::has_room() const {
  return held() < service_.options.max_unsettled && out_.size() <= kMaxUnread;
}

void MqttCommands::look() {
  look_again_ = false;
  if (!qos_ || !service_.messages.may_receive(member_.name())) return;
  if (fetching_ || !has_room()) {
    look_again_ = true;
    return;
  }
  fetching_ = true;
  asked_ = service_.options.max_unsettled - held();
  commands::Client whose = client();
  service_.messages.receive(
      whose, asked_, commands::Holder::Connection,
      [this, whose, &messages = service_.messages, host = &host_,
       connection = connection_](base::Result<std::vector<Locked>> locked) mutable {
        auto batch = std::make_shared<Batch>(messages, std::move(whose),
                                             locked ? std::move(*locked) : std::vector<Locked>());
        host->deliver(connection, link::Task{[this, batch] { take(*batch); }});
      });
}

void MqttCommands::take(Batch& batch) {
  fetching_ = false;
  // Unsubscribed meanwhile: the batch gives them back.
  if (!qos_) return;
  const std::vector<Locked> given = std::exchange(batch.waiting, {});
  for (const Locked& locked : given)
    publish(locked);
  if (look_again_ || given.size() == asked_) look();
}

std::uint16_t MqttCommands::packet_id_for(std::int64_t sequence, bool& again) {
  const auto same = [sequence](const auto& entry) { return entry.second.sequence == sequence; };
  const auto found = std::ranges::find_if(unsettled_, same);
  again = found != unsettled_.end();
  if (again) return found->first;
  if (unsettled_.size() >= kMaxRemembered) {
    const base::MonoTime now = service_.options.mono_now();
    std::erase_if(unsettled_, [now](const auto& entry) { return entry.second.lock_ends <= now; });
  }
  do {
    ++last_packet_id_;
  } while (last_packet_id_ == 0 || unsettled_.contains(last_packet_id_));
  return last_packet_id_;
}

void MqttCommands::publish(const Locked& locked) {
  const identity::Name& name = member_.name();
  const std::string topic = wire::command_topic({name.device_id, name.module_id},
                                                locked.message.input, command_bag(locked.message));
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = base::as_bytes(locked.message.body);
  packet.qos = *qos_;
  if (packet.qos == 1) packet.packet_id = packet_id_for(locked.sequence, packet.dup);
  if (!mqtt::encode_publish(packet, out_)) {
    // Its properties are longer than a topic may be: over MQTT it cannot be delivered at all.
    settle(locked.lock_token, Settlement::Reject);
  } else if (packet.qos == 0) {
    settle(locked.lock_token, Settlement::Complete);
  } else {
    unsettled_[packet.packet_id] = {locked.sequence, locked.lock_token,
                                    service_.options.mono_now() + service_.messages.options().lock};
  }
}

void MqttCommands::settle(std::string lock_token, Settlement settlement) {
  service_.messages.settle(client(), std::move(lock_token), settlement, {});
}

void MqttCommands::acknowledged(std::uint16_t packet_id) {
  const auto found = unsettled_.find(packet_id);
  if (found == unsettled_.end()) return;
  settle(std::move(found->second.lock_token), Settlement::Complete);
  unsettled_.erase(found);
  if (look_again_) look();
}

void MqttCommands::tick() {
  if (look_again_) look();
}

void MqttCommands::end() {
  qos_.reset();
  for (auto& [packet_id, unsettled] : unsettled_)
    settle(std::move(unsettled.lock_token), Settlement::Abandon);
  unsettled_.clear();
}

}  // namespace hub::listen
