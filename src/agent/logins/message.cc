#include "agent/logins/message.h"

#include <utility>

#include "agent/logins/phrase.h"
#include "base/text.h"

namespace agent::logins {

namespace {

using Read = std::optional<Observation>;

constexpr std::size_t kMaxReason = 256;

Observation of(std::string_view service, Kind kind, Outcome outcome) {
  Observation observation;
  observation.service = service;
  observation.kind = kind;
  observation.outcome = outcome;
  observation.operation = service;
  return observation;
}

void set_account(Observation& observation, std::string_view name) {
  for (const std::string_view mark : {"invalid user ", "illegal user "}) {
    if (!name.starts_with(mark)) continue;
    name.remove_prefix(mark.size());
    observation.invalid_user = true;
  }
  observation.account = clean(name);
}

// "NAME from ADDRESS port PORT", NAME being anything.
bool set_name_and_remote(Observation& observation, std::string_view text) {
  const auto port = cut_last(text, " port ");
  if (!port) return false;
  const auto address = cut_last(port->before, " from ");
  if (!address) return false;
  set_account(observation, address->before);
  set_remote(observation, address->after);
  observation.port = digits(port->after);
  return true;
}

// "NAME ADDRESS port PORT"; both NAME and ADDRESS may be empty of blanks only at the end.
bool set_name_then_remote(Observation& observation, std::string_view text) {
  const auto port = cut_last(text, " port ");
  if (!port) return false;
  const auto address = cut_last(port->before, " ");
  if (!address) return false;
  set_account(observation, address->before);
  set_remote(observation, address->after);
  observation.port = digits(port->after);
  return true;
}

// "Accepted publickey for joe from 192.0.2.7 port 5555 ssh2: ED25519 SHA256:..."
Read ssh_verdict(std::string_view text, Outcome outcome) {
  const auto method = cut_first(text, " for ");
  if (!method) return std::nullopt;
  Observation observation = of("sshd", Kind::LogProgram, outcome);
  std::string_view rest = method->after;
  // What follows the protocol's name is sshd's own; before it comes the name, which is not.
  if (const auto protocol = cut_last(rest, " ssh2")) {
    std::string_view key = protocol->after;
    if (key.starts_with(": ")) observation.key = clean(key.substr(2));
    rest = protocol->before;
  }
  if (!set_name_and_remote(observation, rest)) return std::nullopt;
  observation.method = clean(method->before);
  observation.operation = "sshd:" + observation.method;
  // Keys are tried one after the other, and "none" only asks what there is.
  if (outcome == Outcome::Fail &&
      (observation.method == "publickey" || observation.method == "none" ||
       observation.method == "hostbased")) {
    observation.outcome = Outcome::Hint;
    observation.kind = Kind::LogMethod;
  }
  return observation;
}

// "Connection closed by authenticating user joe 192.0.2.7 port 5555 [preauth]"
Read ssh_ended(std::string_view text, std::string_view reason) {
  Observation observation = of("sshd", Kind::LogProgram, Outcome::Ended);
  if (text.starts_with("invalid user ")) {
    observation.invalid_user = true;
    text.remove_prefix(13);
  } else if (text.starts_with("authenticating user ")) {
    text.remove_prefix(20);
  } else {
    return std::nullopt;  // nobody had said a name
  }
  if (const auto preauth = cut_last(text, " [preauth]")) text = preauth->before;
  observation.reason = reason;
  // "...: Too many authentication failures"
  const auto port = cut_last(text, " port ");
  if (port) {
    if (const auto said = cut_first(port->after, ": ")) observation.reason = clean(said->after);
  }
  if (!set_name_then_remote(observation, text)) return std::nullopt;
  return observation;
}

// "maximum authentication attempts exceeded for joe from 192.0.2.7 port 5555 ssh2 [preauth]"
Read ssh_exceeded(std::string_view text) {
  Observation observation = of("sshd", Kind::LogMethod, Outcome::Hint);
  observation.reason = "too many authentication failures";
  if (!set_name_and_remote(observation, text)) return std::nullopt;
  return observation;
}

// "PAM: Authentication failure for illegal user joe from 192.0.2.7"
Read ssh_pam(std::string_view text) {
  const auto address = cut_last(text, " from ");
  const auto name = address ? cut_first(address->before, " for ") : std::nullopt;
  if (!name) return std::nullopt;
  Observation observation = of("sshd", Kind::LogMethod, Outcome::Fail);
  observation.method = "keyboard-interactive/pam";
  observation.operation = "sshd:" + observation.method;
  observation.reason = clean(name->before);
  set_account(observation, name->after);
  set_remote(observation, address->after);
  return observation;
}

// "User joe from 192.0.2.7 not allowed because not listed in AllowUsers"
Read ssh_not_allowed(std::string_view text) {
  const auto why = cut_last(text, " not allowed because ");
  const auto address = why ? cut_last(why->before, " from ") : std::nullopt;
  if (!address) return std::nullopt;
  Observation observation = of("sshd", Kind::LogMethod, Outcome::Hint);
  observation.reason = clean(why->after);
  set_account(observation, address->before);
  set_remote(observation, address->after);
  return observation;
}

Read ssh_left(std::string_view text) {
  Observation observation = of("sshd", Kind::LogProgram, Outcome::Logout);
  if (!set_name_then_remote(observation, text)) return std::nullopt;
  return observation;
}

Read ssh(std::string_view text) {
  if (after(text, "error: ")) text = *after(text, "error: ");
  if (const auto rest = after(text, "Accepted ")) return ssh_verdict(*rest, Outcome::Success);
  if (const auto rest = after(text, "Failed ")) return ssh_verdict(*rest, Outcome::Fail);
  if (const auto rest = after(text, "Invalid user ")) {
    Observation observation = of("sshd", Kind::LogMethod, Outcome::Hint);
    if (!set_name_and_remote(observation, *rest)) return std::nullopt;
    observation.invalid_user = true;
    return observation;
  }
  for (const std::string_view begin :
       {"Connection closed by ", "Connection reset by ", "Disconnected from "}) {
    if (const auto rest = after(text, begin)) {
      if (auto ended = ssh_ended(*rest, "connection closed")) return ended;
    }
  }
  if (const auto rest = after(text, "Disconnecting ")) return ssh_ended(*rest, "disconnected");
  if (const auto rest = after(text, "Disconnected from user ")) return ssh_left(*rest);
  if (const auto rest = after(text, "maximum authentication attempts exceeded for "))
    return ssh_exceeded(*rest);
  if (const auto rest = after(text, "PAM: ")) return ssh_pam(*rest);
  if (const auto rest = after(text, "User ")) return ssh_not_allowed(*rest);
  if (const auto rest = after(text, "fatal: Access denied for user ")) {
    const auto name = cut_last(*rest, " by PAM account configuration");
    if (!name) return std::nullopt;
    Observation observation = of("sshd", Kind::LogMethod, Outcome::Fail);
    observation.reason = "account refused";
    set_account(observation, name->before);
    return observation;
  }
  return std::nullopt;
}

// util-linux: "FAILED SU (to amy) joe on pts/6", "(to amy) joe on pts/7".
Read su_to(std::string_view text, Outcome outcome) {
  const auto close = cut_first(text, ") ");
  const auto tty = close ? cut_last(close->after, " on ") : std::nullopt;
  if (!tty) return std::nullopt;
  Observation observation = of("su", Kind::LogProgram, outcome);
  set_account(observation, close->before);
  observation.by = clean(tty->before);
  observation.tty = tty_of(tty->after);
  return observation;
}

// shadow: "Successful su for amy by joe", "FAILED su for amy by joe".
Read su_for(std::string_view text, Outcome outcome) {
  const auto by = cut_last(text, " by ");
  if (!by) return std::nullopt;
  Observation observation = of("su", Kind::LogProgram, outcome);
  set_account(observation, by->before);
  observation.by = clean(by->after);
  return observation;
}

Read su(std::string_view text) {
  if (const auto rest = after(text, "FAILED SU (to ")) return su_to(*rest, Outcome::Fail);
  if (const auto rest = after(text, "(to ")) return su_to(*rest, Outcome::Success);
  if (const auto rest = after(text, "Successful su for ")) return su_for(*rest, Outcome::Success);
  if (const auto rest = after(text, "FAILED su for ")) return su_for(*rest, Outcome::Fail);
  // busybox: "+ /dev/pts/0 joe:amy", "- ...". shadow writes these beside the above.
  if (text.size() > 2 && (text[0] == '+' || text[0] == '-') && text[1] == ' ') {
    std::string_view rest = text.substr(2);
    const auto tty = cut_first(rest, " ");
    const auto names = tty ? cut_first(tty->after, ":") : std::nullopt;
    if (!names) return std::nullopt;
    Observation observation =
        of("su", Kind::LogMethod, text[0] == '+' ? Outcome::Success : Outcome::Fail);
    observation.tty = tty_of(tty->before);
    observation.by = clean(names->before);
    set_account(observation, names->after);
    return observation;
  }
  return std::nullopt;
}

// The value of "KEY=value" among parts that " ; " separates; COMMAND is the last, whatever it
// holds.
std::string_view sudo_field(std::string_view text, std::string_view key) {
  const auto found = text.find(key);
  if (found == std::string_view::npos) return {};
  const std::string_view value = text.substr(found + key.size());
  return key == "COMMAND=" ? value : value.substr(0, value.find(" ; "));
}

// "joe : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh", "joe : 3 incorrect password attempts ;
// ..."
Read sudo(std::string_view text) {
  const auto who = cut_first(base::trim(text), " : ");
  if (!who || who->before.find(' ') != std::string_view::npos) return std::nullopt;
  const std::string_view rest = who->after;
  const std::size_t facts = rest.find("TTY=");
  if (facts == std::string_view::npos) return std::nullopt;
  Observation observation = of("sudo", Kind::LogProgram, Outcome::Success);
  observation.account = clean(who->before);
  observation.by = observation.account;
  const std::string_view said = base::trim(rest.substr(0, facts));
  const std::string_view details = rest.substr(facts);
  observation.tty = tty_of(sudo_field(details, "TTY="));
  observation.target = clean(sudo_field(details, "USER="));
  observation.command = clean(sudo_field(details, "COMMAND="), 1024);
  if (said.empty()) return observation;
  std::string_view reason = said;
  while (reason.ends_with(';') || reason.ends_with(' '))
    reason.remove_suffix(1);
  observation.outcome = Outcome::Fail;
  observation.reason = clean(reason, kMaxReason);
  if (const auto count = cut_first(reason, " incorrect password attempt")) {
    const auto number = base::parse_int(count->before);
    if (number && *number > 1 && *number <= 100) observation.count = static_cast<unsigned>(*number);
    observation.method = "password";
    return observation;
  }
  for (const std::string_view refusal :
       {"user NOT in sudoers", "user NOT authorized on host", "command not allowed",
        "a password is required", "no tty present", "account validation failure",
        "a terminal is required", "Account expired", "Password expired"}) {
    if (reason.starts_with(refusal)) return observation;
  }
  return std::nullopt;  // about something else than who may do what
}

// login of util-linux: "FAILED LOGIN 1 FROM tty1 FOR joe, Authentication failure"; of shadow:
// "FAILED LOGIN (1) on '/dev/tty1' FOR 'joe', Authentication failure".
Read login_failed(std::string_view text) {
  const auto reason = cut_last(text, ", ");
  const auto name = reason ? cut_first(reason->before, " FOR ") : std::nullopt;
  if (!name) return std::nullopt;
  Observation observation = of("login", Kind::LogProgram, Outcome::Fail);
  observation.method = "password";
  observation.reason = clean(reason->after);
  set_account(observation, unquoted(name->after));
  if (const auto from = cut_first(name->before, " FROM ")) set_remote(observation, from->after);
  const auto on = cut_first(name->before, " on '");
  if (on) observation.tty = tty_of(on->after.substr(0, on->after.find('\'')));
  // util-linux names the terminal where there is no remote host.
  if (observation.host.starts_with("tty") || observation.host.starts_with("pts/"))
    observation.tty = std::exchange(observation.host, {});
  return observation;
}

// "LOGIN ON tty1 BY joe FROM host"; "ROOT LOGIN ON tty1"; busybox: "root login on 'tty1'".
Read login_succeeded(std::string_view text, std::string_view account) {
  Observation observation = of("login", Kind::LogProgram, Outcome::Success);
  observation.account = account;
  if (const auto from = cut_last(text, " FROM ")) {
    set_remote(observation, from->after);
    text = from->before;
  }
  if (const auto by = cut_first(text, " BY ")) {
    set_account(observation, by->after);
    text = by->before;
  }
  observation.tty = tty_of(unquoted(base::trim(text)));
  return observation;
}

Read login(std::string_view text) {
  if (const auto rest = after(text, "FAILED LOGIN SESSION")) return std::nullopt;  // said before
  if (const auto rest = after(text, "FAILED LOGIN ")) return login_failed(*rest);
  if (const auto rest = after(text, "LOGIN ON ")) return login_succeeded(*rest, "");
  for (const std::string_view begin : {"ROOT LOGIN ON ", "ROOT LOGIN  on ", "root login on "}) {
    if (const auto rest = after(text, begin)) return login_succeeded(*rest, "root");
  }
  // busybox: "invalid password for 'joe' on 'tty1'"
  if (const auto rest = after(text, "invalid password for ")) {
    Observation observation = of("login", Kind::LogProgram, Outcome::Fail);
    observation.method = "password";
    const auto on = cut_last(*rest, " on ");
    const std::string_view name = unquoted(on ? on->before : *rest);
    if (name != "UNKNOWN") set_account(observation, name);
    if (on) observation.tty = tty_of(unquoted(on->after));
    return observation;
  }
  return std::nullopt;
}

// "192.0.2.7:5555", "2001:db8::7:5555".
void set_remote_with_port(Observation& observation, std::string_view text) {
  const auto port = cut_last(text, ":");
  if (!port) return;
  set_remote(observation, port->before);
  observation.port = digits(port->after);
}

// "... for 'joe' from 192.0.2.7:5555", a key before "from".
Read dropbear_verdict(std::string_view text, Outcome outcome, std::string_view method) {
  const auto address = cut_last(text, " from ");
  if (!address) return std::nullopt;
  Observation observation = of("dropbear", Kind::LogProgram, outcome);
  observation.method = method;
  observation.operation = "dropbear:" + observation.method;
  set_remote_with_port(observation, address->after);
  std::string_view name = address->before;
  if (const auto key = cut_last(name, "' with ")) {
    observation.key = clean(key->after);
    name = name.substr(0, key->before.size() + 1);
  }
  set_account(observation, unquoted(name));
  return observation;
}

Read dropbear(std::string_view text) {
  if (const auto rest = after(text, "Password auth succeeded for "))
    return dropbear_verdict(*rest, Outcome::Success, "password");
  if (const auto rest = after(text, "PAM password auth succeeded for "))
    return dropbear_verdict(*rest, Outcome::Success, "password");
  if (const auto rest = after(text, "Pubkey auth succeeded for "))
    return dropbear_verdict(*rest, Outcome::Success, "publickey");
  if (const auto rest = after(text, "Bad password attempt for "))
    return dropbear_verdict(*rest, Outcome::Fail, "password");
  if (const auto rest = after(text, "Bad PAM password attempt for "))
    return dropbear_verdict(*rest, Outcome::Fail, "password");
  if (const auto rest = after(text, "Login attempt for nonexistent user")) {
    const auto address = cut_last(*rest, " from ");
    if (!address) return std::nullopt;
    Observation observation = of("dropbear", Kind::LogProgram, Outcome::Fail);
    observation.invalid_user = true;
    observation.account = clean(unquoted(base::trim(address->before)));
    set_remote_with_port(observation, address->after);
    return observation;
  }
  if (const auto rest = after(text, "Exit (")) {
    const auto name = cut_first(*rest, ")");
    if (!name) return std::nullopt;
    Observation observation = of("dropbear", Kind::LogProgram, Outcome::Logout);
    observation.account = clean(name->before);
    if (const auto from = after(name->after, " from <"))
      set_remote_with_port(observation, from->substr(0, from->find('>')));
    return observation;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Observation> read_message(std::string_view program, std::string_view message) {
  const std::string service = service_of(program);
  if (const auto pam = read_pam_message(message)) return pam;
  if (service == "sshd") return ssh(message);
  if (service == "su") return su(message);
  if (service == "sudo") return sudo(message);
  if (service == "login") return login(message);
  if (service == "dropbear") return dropbear(message);
  return std::nullopt;
}

}  // namespace agent::logins
