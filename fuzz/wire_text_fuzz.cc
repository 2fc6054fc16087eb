// The texts that clients write: property bags, tokens, topics, user names, connection strings. No
// input may break a parser; what one accepts is written and read again unchanged; the quick look at
// a bag says what the full one does.
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/connection_string.h"
#include "wire/property_bag.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace {

void check_bag(std::string_view text) {
  const auto bag = wire::PropertyBag::parse(text);
  const bool security = wire::is_security_message(text);
  if (!bag) return;
  const std::string* interface = bag->find("$.ifid");
  ASSERT(security == (interface != nullptr && *interface == wire::kSecurityInterface));
  const auto found = wire::find_property(text, "$.ifid");
  ASSERT(found.has_value() == (interface != nullptr) && (!found || *found == *interface));
  const auto again = wire::PropertyBag::parse(bag->encode());
  ASSERT(again.has_value() && again->properties().size() == bag->properties().size());
  for (const wire::Property& property : bag->properties()) {
    const std::string* value = again->find(property.name);
    ASSERT(value != nullptr && *value == *bag->find(property.name));
  }
}

void check_token(std::string_view text) {
  const auto token = wire::parse_sas(text);
  if (!token) return;
  const auto verdict =
      wire::verify_sas(*token, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", base::WallTime());
  ASSERT(verdict.has_value() || verdict.error().code == base::Code::Denied ||
         verdict.error().code == base::Code::Expired);
  (void)wire::sas_covers(*token, "h/devices/d");
}

void check_topics(std::string_view text) {
  const auto topic = wire::parse_publish_topic(text);
  if (topic && topic->kind == wire::PublishKind::Events) {
    const std::string written = wire::events_topic(topic->owner, topic->bag);
    const auto again = wire::parse_publish_topic(written);
    ASSERT(again.has_value() && again->bag == topic->bag);
    ASSERT(again->owner.device_id == topic->owner.device_id &&
           again->owner.module_id == topic->owner.module_id);
  }
  if (const auto delivery = wire::parse_delivery_topic(text))
    ASSERT(delivery->version || delivery->kind == wire::DeliveryKind::TwinResult);
  const wire::TopicOwner owner{"d", "m"};
  if (const auto kind = wire::parse_filter(text, owner)) {
    ASSERT(wire::parse_filter(wire::filter_text(*kind, owner), owner) == kind);
  }
  if (const auto user = wire::parse_mqtt_username(text))
    ASSERT(!user->host.empty() && !user->device_id.empty());
}

void check_connection_string(std::string_view text) {
  const auto connection = wire::parse_connection_string(text);
  if (!connection) return;
  const auto again = wire::parse_connection_string(wire::format_connection_string(*connection));
  ASSERT(again.has_value());
  ASSERT(again->host_name == connection->host_name && again->port == connection->port);
  ASSERT(again->device_id == connection->device_id && again->module_id == connection->module_id);
  ASSERT(again->policy == connection->policy && again->key_base64 == connection->key_base64);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  check_bag(text);
  check_token(text);
  check_topics(text);
  check_connection_string(text);
  return 0;
}
