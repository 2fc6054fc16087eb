#include "agent/logins/audit_record.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace agent::logins {

namespace {

constexpr audit::RecordType kUserAuth = 1100;
constexpr audit::RecordType kUserAccount = 1101;
constexpr audit::RecordType kUserStart = 1105;
constexpr audit::RecordType kUserEnd = 1106;
constexpr audit::RecordType kUserError = 1109;
constexpr audit::RecordType kUserLogin = 1112;
constexpr audit::RecordType kUserLogout = 1113;
constexpr audit::RecordType kUserCommand = 1123;
constexpr std::array kTypes = {kUserAuth,  kUserAccount, kUserStart,  kUserEnd,
                               kUserError, kUserLogin,   kUserLogout, kUserCommand};

constexpr std::int64_t kUnset = 0xFFFFFFFF;
constexpr std::size_t kMaxText = 1024;

std::string text(const audit::Fields& fields, std::string_view name) {
  return base::to_utf8(fields.text(name).value_or("").substr(0, kMaxText));
}

std::optional<std::uint32_t> id(const audit::Fields& fields, std::string_view name) {
  const auto number = fields.number(name);
  if (!number || *number < 0 || *number >= kUnset) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// Names that stand for "no such account" or for none at all.
void set_account(Observation& observation, const std::string& name) {
  if (name == "(invalid user)" || name == "(unknown user)" || name == "(unknown)") {
    observation.invalid_user = true;
  } else if (name != "?") {
    observation.account = name;
  }
}

bool succeeded(const audit::Fields& fields) {
  const std::string result = text(fields, "res");
  return result == "success" || result == "yes" || result == "1";
}

// The kind and the outcome of a record; nullopt: nothing to say.
std::optional<std::pair<Kind, Outcome>> judge(audit::RecordType type,
                                              const Observation& observation, bool success) {
  const Outcome outcome = success ? Outcome::Success : Outcome::Fail;
  switch (type) {
    case kUserAuth:
      return std::pair(Kind::AuditAuth, outcome);
    case kUserAccount:
      // A good account alone is no login yet.
      return std::pair(Kind::AuditAccount, success ? Outcome::Hint : Outcome::Fail);
    case kUserStart:
      return std::pair(Kind::AuditSession, outcome);
    case kUserEnd:
      return std::pair(Kind::AuditSession, Outcome::Logout);
    case kUserError:
      // PAM's transaction ended before there was anybody in it.
      return std::pair(Kind::AuditSession, Outcome::Ended);
    case kUserLogin:
      // sshd writes one for each method that failed, even for asking which there are.
      if (!success && observation.service == "sshd")
        return std::pair(Kind::AuditLogin, Outcome::Hint);
      return std::pair(Kind::AuditLogin, outcome);
    case kUserLogout:
      return std::pair(Kind::AuditLogin, Outcome::Logout);
    case kUserCommand:
      return std::pair(Kind::AuditCommand, success ? Outcome::Hint : Outcome::Fail);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::span<const audit::RecordType> login_records() {
  return kTypes;
}

std::optional<Observation> read_audit(const audit::Record& record) {
  const audit::Fields fields(record.body);
  Observation observation;
  observation.executable = text(fields, "exe");
  observation.service = service_of(observation.executable);
  if (is_machinery(observation.service)) return std::nullopt;
  const bool success = succeeded(fields);
  const auto judged = judge(record.type, observation, success);
  if (!judged) return std::nullopt;
  observation.kind = judged->first;
  observation.outcome = judged->second;
  observation.pid = id(fields, "pid").value_or(0);
  observation.uid = id(fields, "id");
  observation.by_uid = id(fields, "uid");
  observation.operation = text(fields, "op");
  set_account(observation, text(fields, "acct"));
  set_remote(observation, text(fields, "hostname"));
  set_remote(observation, text(fields, "addr"));
  observation.tty = tty_of(text(fields, "terminal"));
  if (const auto session = id(fields, "ses")) observation.session = std::to_string(*session);
  if (record.type == kUserCommand) {
    observation.command = text(fields, "cmd");
    observation.operation = "sudo";
    if (!success) observation.reason = "not allowed";
  }
  if (record.type == kUserAccount && !success) observation.reason = "account refused";
  if (record.type == kUserStart && !success) observation.reason = "session refused";
  // Of sudo, the account is who asks for rights before, and whose rights they are afterwards.
  if (observation.service == "sudo" && (record.type == kUserStart || record.type == kUserEnd))
    observation.target = std::exchange(observation.account, {});
  if (record.type == kUserAuth && success && observation.method.empty()) {
    const std::string grantors = text(fields, "grantors");
    if (grantors.find("pam_rootok") != std::string::npos) observation.method = "rootok";
  }
  return observation;
}

}  // namespace agent::logins
