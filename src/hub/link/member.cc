#include "hub/link/member.h"

#include <utility>

#include "base/json.h"
#include "hub/identity/authorities.h"
#include "hub/identity/sign_ins.h"

namespace hub::link {

using identity::Refusal;
using operations::Level;
using operations::Reason;

namespace {

struct Ending {
  int status_code;
  std::uint32_t sub_code;
  Level level;
};

// How the end of a session is recorded.
Ending ending_of(Reason reason) {
  switch (reason) {
    case Reason::None:
    case Reason::Stopping:
      return {200, 0, Level::Information};
    case Reason::TakenOver:
      return {400, 400027, Level::Warning};
    case Reason::TokenRenewal:
      return {200, 0, Level::Information};
    case Reason::Throttled:
      return {429, 429001, Level::Error};
    case Reason::Quota:
      return {403, 403002, Level::Error};
    case Reason::SasExpired:
    case Reason::CertExpired:
    case Reason::CertUntrusted:
      return {401, 401003, Level::Warning};
    case Reason::Deleted:
      return {404, 404001, Level::Warning};
    case Reason::Disabled:
      return {403, 401003, Level::Warning};
    case Reason::KeepAlive:
    case Reason::PeerClosed:
      return {404, 404104, Level::Warning};
    case Reason::Oversize:
      return {413, 0, Level::Error};
    case Reason::NotDurable:
      return {503, 0, Level::Error};
    default:
      return {400, 0, Level::Error};
  }
}

}  // namespace

std::string auth_json(const operations::Auth& auth) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_object();
  writer.field("scope", auth.scope);
  writer.field("type", auth.type);
  writer.field("issuer", auth.issuer);
  if (!auth.skn.empty()) writer.field("skn", auth.skn);
  writer.end_object();
  return out;
}

Member::Member(Service& service, Host& host, std::uint32_t connection, Transport transport)
    : service_(service),
      host_(host),
      connection_(connection),
      transport_(std::move(transport)),
      opened_(service.options.mono_now()) {}

std::optional<Refusal> Member::log_in(const Authenticate& authenticate) {
  const SessionTable::Place here{&host_, connection_};
  for (bool entered = false;;) {
    const std::uint64_t revocations = service_.revocations.load();
    auto grant = service_.registry.admit(authenticate(), transport_.ip);
    if (!grant) {
      if (entered) service_.sessions.remove(name_, here);
      return std::move(grant).error();
    }
    if (!entered) {
      name_ = grant->name;
      if (auto refused = charge(limits::Kind::Connect, 0)) return too_much(*grant, *refused);
      entered = true;
      renewal_ = service_.registry.sign_ins().is_renewal(*grant, transport_.ip,
                                                         service_.options.wall_now());
      service_.sessions.replace(name_, here, renewal_ ? Reason::TokenRenewal : Reason::TakenOver);
    }
    // Disabled or deleted while this went on: the table may have been searched too early.
    if (revocations != service_.revocations.load()) continue;
    const base::WallTime now = service_.options.wall_now();
    const auto their_clock = service_.registry.sign_ins().began(*grant, transport_.ip, now);
    expires_ = grant->expires_at;
    authority_ = std::move(grant->authority);
    // Has been judged, and is large.
    if (transport_.certificate) {
      transport_.certificate->chain.clear();
      transport_.certificate->chain.shrink_to_fit();
    }
    auth_ = std::move(grant->auth);
    Peer peer{
        name_.device_id,     name_.module_id, std::move(grant->generation_id), auth_json(auth_),
        transport_.protocol, transport_.ip,   std::move(grant->client_type)};
    peer_ = std::make_unique<const Peer>(std::move(peer));
    presence_ = service_.registry.connected(name_, peer_->client_type, peer_->ip);
    if (their_clock) service_.registry.observe_clock(name_, *their_clock, now);
    return std::nullopt;
  }
}

void Member::welcome() {
  service_.counters.logins.add();
  operations::Record record = new_record("deviceConnect");
  if (renewal_) {
    service_.counters.token_renewals.add();
    record.reason = Reason::TokenRenewal;
  }
  record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(service_.options.mono_now() - opened_);
  service_.operations.record(std::move(record));
}

void Member::refused(const Refusal& refusal) {
  service_.counters.logins_refused.add();
  operations::Record record = new_record("deviceConnect");
  record.status_code = refusal.status_code;
  record.sub_code = refusal.sub_code;
  record.level = refusal.level;
  record.device_id = refusal.name.device_id;
  record.module_id = refusal.name.module_id;
  record.auth = refusal.auth;
  record.reason = refusal.reason;
  record.detail = refusal.detail;
  record.sdk_version = refusal.client_type;
  service_.operations.record(std::move(record));
}

void Member::refused_unknown(Reason reason, const std::string& detail) {
  Refusal refusal;
  refusal.reason = reason;
  refusal.status_code = reason == Reason::Oversize ? 413 : 400;
  refusal.sub_code = 0;
  refusal.detail = detail;
  refused(refusal);
}

void Member::renew(const identity::Grant& grant) {
  const base::WallTime now = service_.options.wall_now();
  const auto their_clock = service_.registry.sign_ins().began(grant, transport_.ip, now);
  if (their_clock) service_.registry.observe_clock(name_, *their_clock, now);
  expires_ = grant.expires_at;
  auth_ = grant.auth;
}

Refusal Member::too_much(const identity::Grant& grant, const Expiry& refused) {
  Refusal refusal;
  refusal.reason = refused.reason;
  refusal.status_code = 429;
  refusal.sub_code = 429001;
  refusal.name = grant.name;
  refusal.detail = refused.detail;
  refusal.client_type = grant.client_type;
  refusal.auth = grant.auth;
  return refusal;
}

std::optional<Member::Expiry> Member::charge(limits::Kind kind, std::size_t bytes) {
  using Verdict = limits::Decision::Verdict;
  const base::MonoTime now = service_.options.mono_now();
  const limits::Decision decision = service_.limits.check(kind, {name_.device_id, name_.module_id},
                                                          bytes, now, service_.options.wall_now());
  switch (decision.verdict) {
    case Verdict::Pass:
      break;
    case Verdict::Delay:
      held_until_ = now + decision.delay;
      break;
    case Verdict::Throttled:
      return Expiry{Reason::Throttled,
                    "too many operations of the kind " + std::string(limits::to_string(kind))};
    case Verdict::Quota:
      return Expiry{Reason::Quota, "the day's messages are used up"};
  }
  return std::nullopt;
}

bool Member::held_back() const {
  return held_until_ && service_.options.mono_now() < *held_until_;
}

void Member::count_message(std::size_t bytes, bool security) {
  ++tick_messages_;
  message_bytes_ += bytes;
  service_.counters.messages.add();
  service_.counters.message_bytes.add(bytes);
  if (traffic_.messages++ == 0) traffic_.since = service_.options.mono_now();
  traffic_.bytes += bytes;
  traffic_.units += service_.limits.units_of(bytes);
  if (!security) return;
  ++tick_security_messages_;
  ++traffic_.security_messages;
  service_.counters.security_messages.add();
  if (bytes >= kSmallMessage) return;
  ++tick_small_messages_;
  ++traffic_.small_messages;
}

void Member::record_traffic() {
  if (traffic_.messages == 0) return;
  operations::Record record = new_record("ingress");
  record.category = operations::Category::DeviceTelemetry;
  record.count = traffic_.messages;
  record.security_messages = traffic_.security_messages;
  record.small_messages = traffic_.small_messages;
  record.bytes = traffic_.bytes;
  record.meter_units = traffic_.units;
  record.duration = std::chrono::duration_cast<std::chrono::milliseconds>(
      service_.options.mono_now() - traffic_.since);
  traffic_ = {};
  service_.operations.record(std::move(record));
}

void Member::tick() {
  if (traffic_.messages != 0 && service_.options.mono_now() - traffic_.since >= kTrafficPeriod)
    record_traffic();
}

void Member::tell_activity() {
  service_.registry.active(name_, std::exchange(tick_messages_, 0),
                           std::exchange(tick_security_messages_, 0),
                           std::exchange(tick_small_messages_, 0));
}

std::optional<Member::Expiry> Member::expired() const {
  if (!authority_.empty() && !service_.registry.authorities().trusts(authority_))
    return Expiry{Reason::CertUntrusted, "the authority of its certificate was removed"};
  if (service_.options.wall_now() < expires_) return std::nullopt;
  const std::string when = base::format_rfc3339(expires_, 0);
  if (auth_.type == "x509")
    return Expiry{Reason::CertExpired, "the certificate expired at " + when};
  return Expiry{Reason::SasExpired, "the token expired at " + when};
}

void Member::leave() {
  service_.sessions.remove(name_, {&host_, connection_});
  if (tick_messages_ > 0) tell_activity();
  service_.registry.disconnected(name_, presence_);
}

void Member::record_end(Reason reason, const std::string& detail) {
  using Last = identity::SignIns::Ending;
  const bool orderly = reason == Reason::None || reason == Reason::TokenRenewal ||
                       reason == Reason::TakenOver || reason == Reason::SasExpired;
  // Whoever took its place began after it.
  if (!service_.sessions.contains(name_)) {
    service_.registry.sign_ins().ended(name_, orderly ? Last::Orderly : Last::Broken,
                                       service_.options.wall_now());
  }
  record_traffic();
  const Ending ending = ending_of(reason);
  if (reason == Reason::SasExpired) {
    // As an IoT Hub says it: first that the proof is none any more, then that the connection ended.
    operations::Record unproven = new_record("deviceDisconnect");
    unproven.status_code = ending.status_code;
    unproven.sub_code = ending.sub_code;
    unproven.level = ending.level;
    unproven.reason = reason;
    unproven.detail = detail;
    service_.operations.record(std::move(unproven));
  }
  operations::Record record = new_record("deviceDisconnect");
  record.status_code = ending.status_code;
  record.sub_code = ending.sub_code;
  record.level = ending.level;
  if (reason == Reason::SasExpired) {
    record.status_code = 404;
    record.sub_code = 404104;
  }
  record.reason = reason;
  record.detail = detail;
  record.bytes = message_bytes_;
  record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(service_.options.mono_now() - opened_);
  service_.operations.record(std::move(record));
}

operations::Record Member::new_record(const char* operation) const {
  operations::Record record;
  record.time = service_.options.wall_now();
  record.operation = operation;
  record.protocol = transport_.protocol;
  record.ip = transport_.ip;
  record.tls_version = transport_.tls_version;
  record.tls_cipher = transport_.tls_cipher;
  record.auth = auth_;
  if (peer_) {
    record.device_id = peer_->device_id;
    record.module_id = peer_->module_id;
    record.generation_id = peer_->generation_id;
    record.sdk_version = peer_->client_type;
  }
  return record;
}

}  // namespace hub::link
