#include <utility>

#include "base/text.h"
#include "hub/amqp/session.h"
#include "wire/sas.h"

namespace hub::amqp {

using identity::Name;
using identity::Refusal;
using operations::Reason;

namespace {

constexpr std::size_t kMaxShown = 128;

operations::Auth auth_of_policy(const std::string& name) {
  operations::Auth auth;
  auth.scope = "hub";
  auth.type = "sas";
  auth.issuer = "iothub";
  auth.skn = name;
  return auth;
}

}  // namespace

link::Member* Session::member(const Name& name) {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

operations::Record Session::new_record(const char* operation) const {
  operations::Record record;
  record.time = service_.options.wall_now();
  record.operation = operation;
  record.protocol = transport_.protocol;
  record.ip = transport_.ip;
  record.tls_version = transport_.tls_version;
  record.tls_cipher = transport_.tls_cipher;
  record.sdk_version = client_;
  return record;
}

operations::Record Session::service_record() const {
  operations::Record record = new_record("");
  record.auth = policy_ ? policy_->auth : auth_of_policy({});
  record.actor = "policy:" + record.auth.skn;
  return record;
}

// Enters the identity, or renews its proof. Empty `token`: by the certificate.
std::optional<Refusal> Session::prove(const Name& name, const std::string& token) {
  const auto ask = [&] {
    auto grant = service_.registry.prove(
        {name, token, transport_.certificate ? &*transport_.certificate : nullptr},
        service_.options.wall_now());
    grant = service_.registry.admit(std::move(grant), transport_.ip);
    if (grant && grant->client_type.empty()) grant->client_type = client_;
    if (!grant && grant.error().client_type.empty()) grant.error().client_type = client_;
    return grant;
  };
  if (link::Member* known = member(name)) {
    auto grant = ask();
    if (!grant) return std::move(grant).error();
    known->renew(*grant);
    return std::nullopt;
  }
  if (members_.size() >= shared_->options.max_identities) {
    Refusal refusal;
    refusal.reason = Reason::Limit;
    refusal.status_code = 429;
    refusal.sub_code = 0;
    refusal.name = name;
    refusal.detail = "too many identities on one connection";
    return refusal;
  }
  const auto [entry, made] = members_.try_emplace(name, service_, host_, connection_, transport_);
  auto refusal = entry->second.log_in(ask);
  if (refusal) {
    members_.erase(entry);
    return refusal;
  }
  entry->second.welcome();
  return std::nullopt;
}

std::optional<Refusal> Session::prove_policy(const std::string& token) {
  const auto refuse = [](Reason reason, std::string detail) {
    Refusal refusal;
    refusal.reason = reason;
    refusal.status_code = 401;
    refusal.sub_code = 401003;
    refusal.detail = std::move(detail);
    refusal.auth = auth_of_policy({});
    return refusal;
  };
  const auto parsed = wire::parse_sas(token);
  if (!parsed) return refuse(Reason::SasMalformed, parsed.error().detail);
  if (parsed->policy.empty()) return refuse(Reason::SasScope, "the token is no policy's");
  const auto policy = service_.registry.authenticate_service(token, service_.options.wall_now());
  if (!policy) {
    switch (policy.error().code) {
      case base::Code::Expired:
        return refuse(Reason::SasExpired, "the token has expired");
      case base::Code::NotFound:
        return refuse(Reason::Unknown, "no such policy");
      default:
        return refuse(Reason::SasSignature, policy.error().to_string());
    }
  }
  identity::Grant grant;
  grant.auth = auth_of_policy(policy->name);
  auto admitted = service_.registry.admit(std::move(grant), transport_.ip);
  if (!admitted) return std::move(admitted).error();
  const bool first = !policy_.has_value();
  if (first && charge_service(limits::Kind::Connect, 0, {})) {
    Refusal refusal = refuse(Reason::Throttled, "too many operations of the kind connect");
    refusal.status_code = 429;
    refusal.sub_code = 429001;
    refusal.auth = std::move(admitted->auth);
    return refusal;
  }
  policy_ =
      Policy{policy->name, policy->rights, token, parsed->expires_at(), std::move(admitted->auth)};
  if (first) {
    service_.counters.logins.add();
    counters().service_logins.add();
    record_policy("serviceConnect", Reason::None, {});
  }
  return std::nullopt;
}

void Session::record_policy(const char* operation, Reason reason, const std::string& detail) {
  operations::Record record = service_record();
  record.operation = operation;
  record.reason = reason;
  record.detail = detail;
  if (reason == Reason::SasExpired) {
    record.status_code = 401;
    record.sub_code = 401003;
    record.level = operations::Level::Warning;
  }
  service_.operations.record(std::move(record));
}

std::optional<Fault> Session::charge_service(limits::Kind kind, std::size_t bytes,
                                             operations::Record record) {
  using Verdicts = limits::Decision::Verdict;
  const base::MonoTime now = service_.options.mono_now();
  const limits::Decision decision =
      service_.limits.check(kind, {}, bytes, now, service_.options.wall_now());
  if (decision.verdict == Verdicts::Delay) held_until_ = now + decision.delay;
  if (decision.permitted()) return std::nullopt;
  const bool quota = decision.verdict == Verdicts::Quota;
  Fault fault{quota ? condition::kQuota : condition::kThrottled,
              quota ? "the day's messages are used up"
                    : "too many operations of the kind " + std::string(limits::to_string(kind))};
  if (record.operation.empty()) return fault;
  record.status_code = quota ? 403 : 429;
  record.sub_code = quota ? 403002 : 429001;
  record.level = operations::Level::Error;
  record.reason = quota ? Reason::Quota : Reason::Throttled;
  record.detail = fault.description;
  record.bytes = bytes;
  service_.operations.record(std::move(record));
  return fault;
}

Session::Verdict Session::refuse(const Refusal& refusal) {
  service_.counters.logins_refused.add();
  operations::Record record =
      new_record(refusal.name.device_id.empty() ? "serviceConnect" : "deviceConnect");
  record.status_code = refusal.status_code;
  record.sub_code = refusal.sub_code;
  record.level = refusal.level;
  record.device_id = refusal.name.device_id;
  record.module_id = refusal.name.module_id;
  record.auth = refusal.auth;
  record.reason = refusal.reason;
  record.detail = refusal.detail;
  service_.operations.record(std::move(record));
  // Who is only too fast shall come again, which SDKs do not after a refused token.
  if (refusal.reason == Reason::Throttled)
    close(refusal.reason, {condition::kThrottled, refusal.detail});
  if (++failed_logins_ >= shared_->options.max_failed_logins)
    close(refusal.reason, {condition::kUnauthorized, refusal.detail});
  return {refusal.status_code == 404 ? 404 : 401, refusal.detail};
}

Session::Verdict Session::put_token(std::string_view audience, std::string_view token) {
  counters().tokens.add();
  const auto whom = parse_audience(audience);
  if (!whom) {
    counters().tokens_refused.add();
    return {400, "the name is no audience"};
  }
  auto refusal =
      whom->name ? prove(*whom->name, std::string(token)) : prove_policy(std::string(token));
  if (!refusal) return {200, "OK"};
  counters().tokens_refused.add();
  return refuse(*refusal);
}

bool Session::plain(std::string_view user, std::string_view password) {
  const auto who = parse_plain_user(user);
  std::optional<Refusal> refusal;
  if (!who) {
    refusal.emplace();
    refusal->reason = Reason::ClientId;
    refusal->status_code = 401;
    refusal->sub_code = 401003;
    refusal->detail = "user '" + base::to_utf8(user.substr(0, kMaxShown)) + "'";
  } else if (who->name) {
    refusal = prove(*who->name, std::string(password));
  } else {
    refusal = prove_policy(std::string(password));
  }
  if (!refusal) return true;
  refuse(*refusal);
  if (reason_ == Reason::None) {
    reason_ = refusal->reason;
    detail_ = refusal->detail;
  }
  return false;
}

// Which identity it is for is known when the first of its links is attached.
bool Session::external() {
  if (transport_.certificate) return true;
  Refusal refusal;
  refusal.reason = Reason::Thumbprint;
  refusal.status_code = 401;
  refusal.sub_code = 401003;
  refusal.detail = "no certificate was shown";
  refuse(refusal);
  reason_ = refusal.reason;
  detail_ = refusal.detail;
  return false;
}

link::Member* Session::identify(const Name& name, Fault& fault) {
  if (link::Member* known = member(name)) return known;
  const bool by_policy = policy_ && (policy_->rights & identity::kDeviceConnect) != 0;
  if (!by_policy && !transport_.certificate) {
    fault = {condition::kUnauthorized, "no token for '" + name.to_string() + "'"};
    return nullptr;
  }
  const auto refusal = prove(name, by_policy ? policy_->token : std::string());
  if (!refusal) return member(name);
  refuse(*refusal);
  fault = {refusal->status_code == 404 ? condition::kNotFound : condition::kUnauthorized,
           refusal->detail};
  return nullptr;
}

void Session::look_at_expiry() {
  const base::WallTime now = service_.options.wall_now();
  if (policy_ && now >= policy_->expires) {
    service_.counters.token_expired.add();
    return close(Reason::SasExpired,
                 {condition::kUnauthorized,
                  "the token expired at " + base::format_rfc3339(policy_->expires, 0)});
  }
  std::vector<std::pair<Name, link::Member::Expiry>> over;
  for (const auto& [name, member] : members_) {
    if (auto expiry = member.expired()) over.emplace_back(name, std::move(*expiry));
  }
  for (const auto& [name, expiry] : over) {
    service_.counters.token_expired.add();
    if (members_.size() == 1 && !policy_)
      return close(expiry.reason, {condition::kUnauthorized, expiry.detail});
    drop_member(name, expiry.reason, expiry.detail);
  }
}

// One of several on this connection: its links go, the others stay.
void Session::drop_member(const Name& name, Reason reason, const std::string& why) {
  std::vector<Channel*> own;
  for (const auto& [link, channel] : channels_) {
    const bool is_own = channel != nullptr && channel->address().node != Node::Cbs &&
                        channel->address().name == name;
    if (is_own) own.push_back(channel.get());
  }
  const auto found = members_.find(name);
  found->second.leave();
  found->second.record_end(reason, why);
  members_.erase(found);
  watched_.erase(name);
  for (Channel* channel : own)
    fail_link(*channel, {condition::kUnauthorized, why}, reason);
  finished_.clear();
}

}  // namespace hub::amqp
