#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/time.h"
#include "store/events.h"

// What happens at a hub, as people write it for a trial, in the words of the hub's own records.
namespace detect::trial {

// An attempt to log in: {"Method":"x509","Presented":..,"Primary":..,"Secondary":..,
// "NotBefore":..,"NotAfter":..} or {"Method":"sas","SignatureValid":..,"Expiry":..}, with "Now" and
// "Result" (Fail, Success). Times are RFC 3339 or seconds since 1970. Decided as the hub decides:
// a certificate must be one of those that are known, and at its time; a token must be signed, and
// not over. What ended less than five minutes ago is a Warning, no Error: clocks differ.
class LoginAttempt {
 public:
  // `now`: when it is, where the attempt does not say.
  LoginAttempt(const base::json::Value& facts, std::string_view device_id, base::WallTime now);
  // Refers to this.
  store::OperationRow row() const;
  // As the hub calls it: sas_expired, thumbprint; empty: the login is good.
  const std::string& reason() const { return reason_; }

 private:
  std::string device_id_;
  std::string method_;
  std::string reason_;
  std::string properties_;
  bool refused_ = false;
  bool just_over_ = false;  // what it was refused for ended only now
  base::WallTime now_;
};

// A change of how the hub is set up, or an attempt: {"Operation":"certificates/write",
// "Status":"Success","Caller":..,"Name":..}. Operations are named as Azure names them, with any
// path before them.
store::AuditRow audit_row(const base::json::Value& facts, base::WallTime now);

}  // namespace detect::trial
