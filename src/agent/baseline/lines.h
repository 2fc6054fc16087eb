#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Small readings of configuration text that several checks share. Threads: pure.
namespace agent::baseline {

// Words between blanks and tabs.
std::vector<std::string_view> words_of(std::string_view text);
// Words, where quotes hold blanks together and '#' outside of them ends the line. Quotes are gone.
std::vector<std::string> quoted_words_of(std::string_view line);
// Each line without its end ("\n" or "\r\n"), numbered from 1.
void each_line(std::string_view text,
               const std::function<void(std::string_view line, int number)>& on_line);
// The line up to a '#' that starts it or follows a blank; trimmed.
std::string_view without_comment(std::string_view line);
// Shell patterns: '*', '?' and [sets]; a '/' is like any character. Case matters.
bool glob_matches(std::string_view pattern, std::string_view text);
// A whole number that may have a sign; nullopt when there is anything else.
std::optional<long long> number_of(std::string_view text);
// An octal mode: "0644", "644".
std::optional<unsigned> mode_of(std::string_view text);
std::string mode_text(unsigned mode);  // "0644"
// "a, b and c": the words of a list for people.
std::string joined(const std::vector<std::string>& items, std::string_view separator = ", ");
// Reads NAME=VALUE of shell-like files (os-release, /etc/default/*): the last one that is not a
// comment, quotes taken off.
std::optional<std::string> shell_value(std::string_view text, std::string_view name);
// A number against "<=4", ">=1", "2", "1..60", or several words any of which will do.
bool number_meets(long long value, std::string_view expectation);

}  // namespace agent::baseline
