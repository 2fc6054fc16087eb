#include "detect/trial/hub_facts.h"

#include <cmath>

#include "base/text.h"
#include "kql/ticks.h"

namespace detect::trial {

using base::json::Value;

namespace {

std::optional<base::WallTime> time_of(const Value& facts, std::string_view name) {
  const Value* value = facts.find(name);
  if (value == nullptr) return std::nullopt;
  if (const std::string* text = value->if_string()) {
    if (const auto time = base::parse_rfc3339(*text)) return time->utc;
    if (const auto seconds = base::parse_int(*text))
      return base::WallTime(std::chrono::seconds(*seconds));
    return std::nullopt;
  }
  constexpr double kMost = 9e9;  // seconds that fit
  if (const std::int64_t* seconds = value->if_int();
      seconds != nullptr && std::abs(static_cast<double>(*seconds)) < kMost)
    return base::WallTime(std::chrono::seconds(*seconds));
  if (const double* seconds = value->if_double(); seconds != nullptr && std::abs(*seconds) < kMost)
    return base::WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(*seconds * 1e9)));
  return std::nullopt;
}

std::optional<bool> flag_of(const Value& facts, std::string_view name) {
  const Value* value = facts.find(name);
  if (value == nullptr || value->if_bool() == nullptr) return std::nullopt;
  return *value->if_bool();
}

// As long as the hub makes a refusal for a credential that is over no Error:
// hub::identity::kClockTolerance.
constexpr std::chrono::minutes kClockTolerance{5};

// Thumbprints are written with and without colons, in either case.
std::string thumbprint(const Value& facts, std::string_view name) {
  std::string out;
  for (const char c : base::to_lower(facts.text_or(name, ""))) {
    if (c != ':' && c != ' ' && c != '-') out += c;
  }
  return out;
}

std::string certificate_fault(const Value& facts, base::WallTime now) {
  const std::string presented = thumbprint(facts, "Presented");
  const std::string primary = thumbprint(facts, "Primary");
  const std::string secondary = thumbprint(facts, "Secondary");
  const bool known = !primary.empty() || !secondary.empty();
  if (known && !presented.empty() && presented != primary && presented != secondary)
    return "thumbprint";
  const auto begin = time_of(facts, "NotBefore");
  if (begin && now < *begin) return "cert_not_yet_valid";
  const auto end = time_of(facts, "NotAfter");
  return end && now > *end ? "cert_expired" : "";
}

// Whether it is signed is looked at first: of a token that anybody may have written, the time says
// nothing.
std::string token_fault(const Value& facts, base::WallTime now) {
  if (!flag_of(facts, "SignatureValid").value_or(true)) return "sas_signature";
  const auto end = time_of(facts, "Expiry");
  return end && now >= *end ? "sas_expired" : "";
}

// Whether something that is over ended only now, by `name` of the facts.
bool is_just_over(const Value& facts, std::string_view name, base::WallTime now) {
  const auto end = time_of(facts, name);
  return end && now >= *end && now - *end < kClockTolerance;
}

}  // namespace

LoginAttempt::LoginAttempt(const Value& facts, std::string_view device_id, base::WallTime now)
    : device_id_(device_id),
      method_(base::to_lower(facts.text_or("Method", ""))),
      now_(time_of(facts, "Now").value_or(now)) {
  if (method_ == "x509") {
    reason_ = certificate_fault(facts, now_);
  } else if (method_ == "sas") {
    reason_ = token_fault(facts, now_);
  }
  just_over_ = (reason_ == "cert_expired" && is_just_over(facts, "NotAfter", now_)) ||
               (reason_ == "sas_expired" && is_just_over(facts, "Expiry", now_));
  refused_ = !reason_.empty() || base::equal_ignore_case(facts.text_or("Result", ""), "Fail") ||
             base::equal_ignore_case(facts.text_or("Result", ""), "Failure");
}

store::OperationRow LoginAttempt::row() const {
  store::OperationRow out;
  out.time = kql::to_ticks(now_);
  out.category = "Connections";
  out.operation = "deviceConnect";
  out.level = !refused_ ? "Information" : just_over_ ? "Warning" : "Error";
  out.status_code = refused_ ? 401 : 200;
  out.sub_code = refused_ ? 401003 : 0;
  out.reason = reason_;
  out.device_id = device_id_;
  out.protocol = "MQTT";
  out.auth_scope = "device";
  out.auth_type = method_;
  return out;
}

store::AuditRow audit_row(const Value& facts, base::WallTime now) {
  store::AuditRow out;
  out.time = kql::to_ticks(time_of(facts, "Now").value_or(now));
  out.actor = facts.text_or("Caller", "");
  out.method = "token";
  const std::string operation = base::to_lower(facts.text_or("Operation", ""));
  const auto parts = base::split(operation, '/');
  const std::string_view verb = parts.back();
  const std::string_view noun = parts.size() > 1 ? parts[parts.size() - 2] : "";
  // Azure's diagnostic settings say where records go: forwards, here.
  const std::string ours = noun == "certificates"         ? "certificate"
                           : noun == "diagnosticsettings" ? "forward"
                                                          : std::string(noun);
  out.action = ours + "." + std::string(verb == "write" ? "put" : verb == "read" ? "get" : verb);
  out.target = facts.text_or("Name", "");
  const std::string status = base::to_lower(facts.text_or("Status", "success"));
  const bool made = status.starts_with("succe") || status == "ok" || status == "accepted";
  out.result = made ? "ok" : "Denied";
  out.status_code = made ? 200 : 403;
  return out;
}

}  // namespace detect::trial
