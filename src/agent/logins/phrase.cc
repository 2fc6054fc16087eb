#include "agent/logins/phrase.h"

#include <utility>

#include "base/text.h"

namespace agent::logins {

namespace {

constexpr std::int64_t kMaxPort = 65535;
constexpr std::int64_t kMaxUid = 0xFFFFFFFE;

std::optional<std::uint32_t> uid_of(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9')
    ++end;
  const auto number = base::parse_int(text.substr(0, end));
  if (!number || *number < 0 || *number > kMaxUid) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// "joe(uid=1001)", "joe".
void read_named(std::string_view text, std::string& name, std::optional<std::uint32_t>& uid) {
  if (const auto number = cut_last(text, "(uid=")) {
    uid = uid_of(number->after);
    text = number->before;
  }
  name = clean(text);
}

// "... ruser=joe rhost=192.0.2.7  user=amy": the value runs to the next key.
std::string_view value_of(std::string_view text, std::string_view key) {
  const auto found = cut_last(text, key);
  return found ? found->after.substr(0, found->after.find(' ')) : std::string_view();
}

std::optional<Observation> pam_failure(Observation observation, std::string_view facts) {
  observation.outcome = Outcome::Fail;
  observation.method = "password";
  // The account comes last and may hold anything; what is before it is PAM's.
  if (const auto user = cut_first(facts, "  user=")) {
    observation.account = clean(user->after);
    facts = user->before;
  } else if (const auto only = cut_first(facts, " user=")) {
    observation.account = clean(only->after);
    facts = only->before;
  }
  set_remote(observation, value_of(facts, " rhost="));
  observation.tty = tty_of(value_of(facts, " tty="));
  observation.by = clean(value_of(facts, " ruser="));
  if (const auto uid = cut_first(facts, " uid=")) observation.by_uid = uid_of(uid->after);
  return observation;
}

std::optional<Observation> pam_session(Observation observation, std::string_view text) {
  if (const auto opened = after(text, "session opened for user ")) {
    observation.outcome = Outcome::Success;
    std::string_view rest = *opened;
    if (const auto by = cut_last(rest, " by ")) {
      std::string ignored;
      read_named(by->after, ignored, observation.by_uid);
      observation.by = ignored == "LOGIN" ? "" : ignored;
      rest = by->before;
    }
    read_named(rest, observation.account, observation.uid);
    return observation;
  }
  if (const auto closed = after(text, "session closed for user ")) {
    observation.outcome = Outcome::Logout;
    observation.account = clean(*closed);
    return observation;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Cut> cut_first(std::string_view text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  return Cut{text.substr(0, at), text.substr(at + mark.size())};
}

std::optional<Cut> cut_last(std::string_view text, std::string_view mark) {
  const std::size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  return Cut{text.substr(0, at), text.substr(at + mark.size())};
}

std::optional<std::string_view> after(std::string_view text, std::string_view beginning) {
  if (!text.starts_with(beginning)) return std::nullopt;
  return text.substr(beginning.size());
}

std::string_view unquoted(std::string_view text) {
  text = base::trim(text);
  if (text.size() >= 2 && (text[0] == '\'' || text[0] == '`') && text.back() == '\'')
    return text.substr(1, text.size() - 2);
  return text;
}

std::string digits(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9')
    ++end;
  const auto number = base::parse_int(text.substr(0, end));
  return number && *number >= 0 && *number <= kMaxPort ? std::to_string(*number) : "";
}

std::string clean(std::string_view text, std::size_t limit) {
  return base::to_utf8(base::trim(text).substr(0, limit));
}

std::optional<Observation> read_pam_message(std::string_view message) {
  if (!message.starts_with("pam_")) return std::nullopt;
  const auto head = cut_first(message, "): ");
  const auto place = head ? cut_first(head->before, "(") : std::nullopt;
  const auto service = place ? cut_first(place->after, ":") : std::nullopt;
  if (!service) return std::nullopt;
  Observation observation;
  observation.kind = Kind::LogPam;
  observation.service = clean(service->before);
  // Login shells of su have a service of their own.
  if (observation.service == "su-l") observation.service = "su";
  if (observation.service == "sudo-i") observation.service = "sudo";
  if (observation.service == "remote") observation.service = "login";
  if (is_machinery(observation.service)) return std::nullopt;
  if (service->after == "auth") {
    const auto facts = after(head->after, "authentication failure;");
    if (!facts) return std::nullopt;
    observation.operation = "PAM:authentication";
    return pam_failure(std::move(observation), *facts);
  }
  if (service->after != "session") return std::nullopt;
  observation.operation =
      head->after.starts_with("session closed") ? "PAM:session_close" : "PAM:session_open";
  auto session = pam_session(std::move(observation), head->after);
  // Of sudo, the session is that of the account whose rights are used.
  if (session && session->service == "sudo") session->target = std::exchange(session->account, {});
  if (session && session->service == "sudo") session->uid.reset();
  return session;
}

}  // namespace agent::logins
