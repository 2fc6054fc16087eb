#include "agent/logins/login_event.h"

#include <algorithm>
#include <utility>

namespace agent::logins {

namespace {

const char* source_of(Kind kind) {
  switch (kind) {
    case Kind::AuditAuth:
    case Kind::AuditAccount:
    case Kind::AuditSession:
    case Kind::AuditLogin:
    case Kind::AuditCommand:
      return "audit";
    case Kind::LogPam:
    case Kind::LogProgram:
    case Kind::LogMethod:
      return "log";
    case Kind::Utmp:
      return "utmp";
  }
  return "";
}

std::string sources(const std::vector<Kind>& kinds) {
  std::string out;
  for (const char* source : {"audit", "log", "utmp"}) {
    const bool used = std::ranges::any_of(
        kinds, [&](Kind kind) { return std::string_view(source_of(kind)) == source; });
    if (used) out += (out.empty() ? "" : ",") + std::string(source);
  }
  return out;
}

void add(schema::ExtraDetails& details, const char* name, const std::string& value) {
  if (!value.empty()) details.emplace_back(name, value);
}

// Who asked, when it was somebody else than the account, or asked for another's rights.
void add_people(schema::ExtraDetails& details, const Observation& facts, Accounts& accounts) {
  if (facts.service == "su" || facts.service == "sudo") {
    const std::string by =
        facts.by.empty() && facts.by_uid ? accounts.name(*facts.by_uid) : facts.by;
    add(details, "ByUserName", by);
    const auto uid = facts.by_uid ? facts.by_uid : accounts.uid(by);
    if (uid) add(details, "ByUserId", std::to_string(*uid));
  }
  add(details, "TargetUserName", facts.target);
}

void set_account(schema::Login& item, const Observation& facts, Accounts& accounts) {
  std::string account = facts.account;
  // sudo asks for the password of whoever calls it.
  if (account.empty() && facts.service == "sudo")
    account = facts.by.empty() && facts.by_uid ? accounts.name(*facts.by_uid) : facts.by;
  const auto uid = facts.uid ? facts.uid : account.empty() ? std::nullopt : accounts.uid(account);
  if (account.empty() && uid) account = accounts.name(*uid);
  if (uid) item.user_id = std::to_string(*uid);
  if (!account.empty()) item.user_name = std::move(account);
  if (!item.user_id && !item.user_name) item.user_name = "(unknown)";
}

void add_details(schema::ExtraDetails& details, const Verdict& verdict, Accounts& accounts) {
  const Observation& facts = verdict.facts;
  const bool logout = verdict.outcome == Outcome::Logout;
  add(details, "Action", logout ? "Logout" : "Login");
  add(details, "Service", facts.service);
  add(details, "Method", facts.method);
  add(details, "Key", facts.key);
  if (verdict.outcome == Outcome::Fail) add(details, "Reason", facts.reason);
  if (facts.invalid_user.value_or(false)) add(details, "InvalidUser", "true");
  add_people(details, facts, accounts);
  add(details, "Command", facts.command);
  add(details, "Tty", facts.tty);
  add(details, "RemoteHost", facts.host == facts.address ? "" : facts.host);
  add(details, "RemoteZone", facts.zone);
  add(details, "AuditSession", facts.session);
  if (verdict.tries > 1) add(details, "Tries", std::to_string(verdict.tries));
  if (verdict.since) {
    const auto lasted = std::chrono::floor<std::chrono::seconds>(facts.time - *verdict.since);
    add(details, "LoggedInAtUtc", base::format_rfc3339(*verdict.since));
    add(details, "DurationSeconds", std::to_string(std::max<std::int64_t>(lasted.count(), 0)));
  }
  add(details, "Sources", sources(verdict.kinds));
}

}  // namespace

schema::Event make_event(const Verdict& verdict, Accounts& accounts) {
  const Observation& facts = verdict.facts;
  schema::Login item;
  item.process_id = facts.pid;
  set_account(item, facts, accounts);
  item.operation = facts.operation.empty() ? "login" : facts.operation;
  item.executable = !facts.executable.empty() ? facts.executable
                    : !facts.service.empty()  ? facts.service
                                              : "(unknown)";
  if (!facts.address.empty()) item.remote_address = facts.address;
  if (!facts.port.empty()) item.remote_port = facts.port;
  if (!facts.local_port.empty()) item.local_port = facts.local_port;
  item.result =
      verdict.outcome == Outcome::Fail ? schema::LoginResult::Fail : schema::LoginResult::Success;
  add_details(item.extra_details, verdict, accounts);
  schema::Event event;
  event.id = facts.origin.empty() ? base::Guid::random()
                                  : base::Guid::derived("vedette.agent.login", facts.origin);
  event.time = {facts.time, std::chrono::minutes(0)};
  event.payload = schema::payload_of(std::move(item));
  return event;
}

}  // namespace agent::logins
