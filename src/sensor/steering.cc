#include "sensor/steering.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "os/file.h"

namespace sensor {

using base::Result;
using base::json::Value;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxFile = 2U << 20U;

uplink::TwinKey accesses_key(delivery::AccessSet& place) {
  uplink::TwinKey key;
  key.name = "networkTransactions";
  key.set = [&place](const Value& value) -> Result<void> {
    const Value::Array* const names = value.if_array();
    if (names == nullptr) return base::fail(base::Code::Invalid, "value", -1, "an array of text");
    delivery::AccessSet accesses = 0;
    for (const Value& one : *names) {
      const std::string* const name = one.if_string();
      const auto access = delivery::parse_access(name == nullptr ? std::string_view() : *name);
      if (!access) return std::unexpected(access.error());
      accesses |= delivery::bit(*access);
    }
    place = accesses;
    return {};
  };
  key.get = [&place] {
    Value::Array names;
    for (std::string& name : delivery::names_of(place))
      names.emplace_back(std::move(name));
    return Value(std::move(names));
  };
  return key;
}

}  // namespace

Steering::Steering(const delivery::Settings& deliver, std::chrono::nanoseconds health_every,
                   std::size_t spool_bytes, std::string file)
    : deliver_(deliver),
      health_every_(health_every),
      cache_bytes_(spool_bytes),
      file_(std::move(file)),
      settings_(kTwinObject, keys()) {
  const auto text = os::read_file(file_, kMaxFile);
  if (!text && text.error().code == base::Code::NotFound) return;
  if (const auto restored =
          text ? settings_.restore(*text) : Result<void>(std::unexpected(text.error()));
      !restored) {
    LOG_ERROR("twin.damaged").field("file", file_).field("error", restored.error().to_string());
  }
}

std::vector<uplink::TwinKey> Steering::keys() {
  std::vector<uplink::TwinKey> keys;
  keys.push_back(uplink::duration_key("highPriorityMessageFrequency", 0s, 24h * 7, high_every_));
  keys.push_back(uplink::duration_key("lowPriorityMessageFrequency", 0s, 24h * 7, low_every_));
  keys.push_back(uplink::number_key("maxLocalCacheSizeInBytes", 1U << 20U, std::uint64_t{1} << 40U,
                                    cache_bytes_));
  keys.push_back(uplink::number_key("maxMessageSizeInBytes", 8192, 256U << 10U, message_bytes_));
  keys.push_back(uplink::number_key("sendRateLimitInBytesPerSecond", 4096, 1U << 30U, rate_bytes_));
  keys.push_back(accesses_key(deliver_.accesses));
  keys.push_back(uplink::number_key("networkTransactionsPerMinute", 0, 10'000'000,
                                    deliver_.transactions_in_a_minute));
  keys.push_back(uplink::duration_key("networkAssetFrequency", 1s, 24h, deliver_.assets_every));
  keys.push_back(
      uplink::duration_key("networkConversationFrequency", 1s, 24h, deliver_.conversations_every));
  keys.push_back(uplink::duration_key("heartbeatFrequency", 1s, 24h, health_every_));
  return keys;
}

void Steering::take(const uplink::Desired& desired) {
  if (const auto taken = settings_.take(desired); !taken) {
    LOG_ERROR("twin.not_taken")
        .field("version", desired.version)
        .field("error", taken.error().to_string());
    return;
  }
  LOG_NOTICE("twin.taken")
      .field("version", desired.version)
      .field("problems", static_cast<std::uint64_t>(settings_.problems().size()));
  if (const auto written = os::write_file_atomic(file_, settings_.saved()); !written) {
    LOG_ERROR("twin.not_saved").field("error", written.error().to_string());
  }
}

uplink::Uplink::Delivery Steering::sending() const {
  uplink::Uplink::Delivery delivery;
  delivery.high_every = high_every_;
  // Never more often than what is urgent.
  delivery.low_every = std::max(low_every_, high_every_);
  delivery.max_message_bytes = message_bytes_;
  delivery.max_cache_bytes = cache_bytes_;
  delivery.resume_bytes_per_second = rate_bytes_;
  return delivery;
}

}  // namespace sensor
