#include "uplink/twin_client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "wire/merge_patch.h"
#include "wire/topics.h"

namespace uplink {

using base::Code;
using base::fail;
using base::MonoTime;
using base::Result;
using base::json::Member;
using base::json::Value;

namespace {

constexpr std::array<std::string_view, 2> kFilters = {"$iothub/twin/res/#",
                                                      "$iothub/twin/PATCH/properties/desired/#"};
// What the hub wants for "no payload".
constexpr std::string_view kNothing = " ";

// The members that are ours, not the hub's notes.
Value without_notes(const Value& object) {
  Value::Object kept;
  for (const Member& member : *object.if_object()) {
    if (!member.name.starts_with('$')) kept.push_back(member);
  }
  return Value(std::move(kept));
}

// Those members of `object` that `like` has too.
Value only_those_of(const Value& object, const Value& like) {
  Value::Object kept;
  for (const Member& member : *object.if_object()) {
    if (like.find(member.name) != nullptr) kept.push_back(member);
  }
  return Value(std::move(kept));
}

std::int64_t version_of(const Value& object, std::int64_t otherwise) {
  const Value* version = object.find("$version");
  return version != nullptr && version->if_int() != nullptr ? *version->if_int() : otherwise;
}

// Answers that another attempt will not change.
bool is_final(int status) {
  return status == 400 || status == 413;
}

}  // namespace

TwinClient::TwinClient(Options options, Callbacks callbacks)
    : options_(options),
      callbacks_(std::move(callbacks)),
      backoff_(options.retry_first, options.retry_most),
      reported_(Value::Object{}) {}

std::span<const std::string_view> TwinClient::filters() {
  return kFilters;
}

void TwinClient::subscribed(bool granted, MonoTime now) {
  if (!granted) {
    stats_.last_error = "the hub serves no twins";
    LOG_WARNING("twin.not_served");
    return;
  }
  subscribed_ = true;
  step(now);
}

void TwinClient::disconnected() {
  subscribed_ = false;
  stats_.known = false;
  newest_patch_ = 0;
  request_.reset();
  resume_at_ = {};
  backoff_.reset();
}

Result<void> TwinClient::report(std::string_view json, MonoTime now) {
  Value wanted = TRY(base::json::parse(json));
  if (wanted.if_object() == nullptr) return fail(Code::Invalid, "reported", -1, "no object");
  if (wanted_ && wire::same_json(*wanted_, wanted)) return {};
  wanted_ = std::move(wanted);
  refused_ = false;
  step(now);
  return {};
}

// --- Requests ---

void TwinClient::step(MonoTime now) {
  if (!subscribed_ || request_ || now < resume_at_) return;
  const std::string id = std::to_string(last_id_ + 1);
  if (!stats_.known) {
    ++stats_.gets;
    send(wire::twin_get_topic(id), std::nullopt, now);
    return;
  }
  if (!wanted_ || refused_) return;
  Value patch = wire::difference(only_those_of(reported_, *wanted_), *wanted_);
  if (wire::is_empty_object(patch)) return;
  ++stats_.reports;
  send(wire::twin_reported_topic(id), std::move(patch), now);
}

void TwinClient::send(std::string_view topic, std::optional<Value> patch, MonoTime now) {
  const std::string payload = patch ? patch->to_json() : std::string(kNothing);
  request_ = Request{std::to_string(++last_id_), now + options_.answer_timeout, std::move(patch)};
  callbacks_.publish(topic, payload);
}

void TwinClient::try_later(std::string why, MonoTime now) {
  ++stats_.retries;
  resume_at_ = now + backoff_.next(callbacks_.random01());
  // Zero would be "at once", which no hub in trouble needs.
  resume_at_ = std::max(resume_at_, now + options_.retry_first / 2);
  stats_.last_error = std::move(why);
  LOG_WARNING("twin.request_failed").field("error", stats_.last_error);
}

MonoTime TwinClient::deadline() const {
  if (!subscribed_) return MonoTime::max();
  if (request_) return request_->deadline;
  return resume_at_ == MonoTime{} ? MonoTime::max() : resume_at_;
}

void TwinClient::tick(MonoTime now) {
  if (request_ && now >= request_->deadline) {
    request_.reset();
    try_later("no answer in time", now);
  }
  if (resume_at_ == MonoTime{} || now < resume_at_) return;
  resume_at_ = {};
  step(now);
}

// --- What comes ---

bool TwinClient::take(const wire::mqtt::Publish& packet, MonoTime now) {
  const auto topic = wire::parse_delivery_topic(packet.topic);
  if (!topic) {
    if (topic.error().code == Code::NotFound) return false;
    ++stats_.malformed;
    return true;
  }
  const std::string_view payload = base::as_text(packet.payload);
  if (topic->kind == wire::DeliveryKind::TwinDesired) {
    take_patch(*topic->version, payload);
  } else if (request_ && request_->id == topic->request_id) {
    answered(topic->status, payload, now);
  }
  step(now);
  return true;
}

void TwinClient::answered(int status, std::string_view payload, MonoTime now) {
  const Request request = *std::exchange(request_, std::nullopt);
  const bool ok = status >= 200 && status < 300;
  if (!ok && request.patch && is_final(status)) {
    ++stats_.refused;
    refused_ = true;
    stats_.last_error = "the hub refuses the reported properties: status " + std::to_string(status);
    LOG_ERROR("twin.report_refused").field("status", status);
    return;
  }
  if (!ok) {
    try_later("status " + std::to_string(status), now);
    return;
  }
  if (request.patch) {
    ++stats_.accepted;
    reported_ = wire::merge(reported_, *request.patch);
  } else if (!take_whole(payload)) {
    ++stats_.malformed;
    try_later("the hub's answer is no twin", now);
    return;
  }
  backoff_.reset();
}

bool TwinClient::take_whole(std::string_view payload) {
  const auto twin = base::json::parse(payload);
  if (!twin) return false;
  const Value* desired = twin->find("desired");
  const Value* reported = twin->find("reported");
  if (desired == nullptr || desired->if_object() == nullptr) return false;
  const bool has_reported = reported != nullptr && reported->if_object() != nullptr;
  reported_ = has_reported ? without_notes(*reported) : Value(Value::Object{});
  refused_ = false;
  const std::int64_t version = version_of(*desired, 0);
  // A change that was told while this answer was made may not be in it: then it is asked for again.
  stats_.known = version >= std::exchange(newest_patch_, 0);
  if (!stats_.known) return true;
  hand_on({Desired::Kind::Whole, version, without_notes(*desired).to_json()});
  return true;
}

void TwinClient::take_patch(std::int64_t version, std::string_view payload) {
  if (!stats_.known) {
    newest_patch_ = std::max(newest_patch_, version);
    return;
  }
  if (version <= stats_.version) return;  // told already
  const auto patch = base::json::parse(payload);
  const bool is_patch = patch && patch->if_object() != nullptr;
  if (!is_patch) ++stats_.malformed;
  // One in between was missed, or this one cannot be read: the whole says it.
  if (!is_patch || version != stats_.version + 1) {
    stats_.known = false;
    newest_patch_ = version;
    return;
  }
  hand_on({Desired::Kind::Patch, version, without_notes(*patch).to_json()});
}

void TwinClient::hand_on(const Desired& desired) {
  stats_.version = desired.version;
  ++stats_.desired;
  callbacks_.desired(desired);
}

TwinStats TwinClient::stats() const {
  TwinStats stats = stats_;
  stats.report_pending =
      wanted_ && (!stats.known || !wire::is_empty_object(wire::difference(
                                      only_those_of(reported_, *wanted_), *wanted_)));
  return stats;
}

}  // namespace uplink
