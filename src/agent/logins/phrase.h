#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/logins/observation.h"

// Pieces of log messages; for the sources of this folder. Threads: pure.
namespace agent::logins {

struct Cut {
  std::string_view before;
  std::string_view after;
};
// The text around the first (the last) `mark`; nullopt: there is none.
std::optional<Cut> cut_first(std::string_view text, std::string_view mark);
std::optional<Cut> cut_last(std::string_view text, std::string_view mark);
// What follows a beginning; nullopt: the text begins otherwise.
std::optional<std::string_view> after(std::string_view text, std::string_view beginning);
// Without the quotes around it, if there are any.
std::string_view unquoted(std::string_view text);
// The digits that a port begins with, when there is such a port; else empty.
std::string digits(std::string_view text);
// Foreign text for an event: UTF-8, without white space around, cut.
std::string clean(std::string_view text, std::size_t limit = 256);

// What a PAM module says within any program: "pam_unix(sshd:auth): authentication failure; ...",
// "pam_unix(su:session): session opened for user amy(uid=1002) by (uid=1001)". The module's text is
// trusted, the names in it are not. nullopt: something else, or a session of nobody's.
std::optional<Observation> read_pam_message(std::string_view message);

}  // namespace agent::logins
