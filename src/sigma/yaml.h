#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "sigma/rule.h"

// Reading of YAML with places, for the sources of this folder.
namespace sigma {

Problem problem_at(const YAML::Mark& mark, std::string message);
std::unexpected<Problem> fail_at(const YAML::Node& node, std::string message);
// "a map", "'the text'": for messages.
std::string found_in(const YAML::Node& node);
Mention mention(const YAML::Node& scalar);

// The text of a key, trimmed; empty when it is not there.
std::expected<std::string, Problem> read_text(const YAML::Node& parent, const std::string& key);
// A list of texts, or one text; empty when it is not there.
std::expected<std::vector<std::string>, Problem> read_texts(const YAML::Node& parent,
                                                            const std::string& key);
// The same with places.
std::expected<std::vector<Mention>, Problem> read_mentions(const YAML::Node& parent,
                                                           const std::string& key);

// Refuses keys that are not `known`: "expected a key of 'correlation', found 'timespam' (did you
// mean 'timespan'?)".
std::expected<void, Problem> check_keys(const YAML::Node& map, std::string_view what,
                                        std::span<const std::string_view> known);

}  // namespace sigma
