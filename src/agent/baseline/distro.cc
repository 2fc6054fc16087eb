#include "agent/baseline/distro.h"

#include <algorithm>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

namespace {

std::optional<std::vector<unsigned>> version_of(std::string_view text) {
  std::vector<unsigned> parts;
  for (const std::string_view part : base::split(text, '.')) {
    const auto number = number_of(part);
    if (!number || *number < 0 || *number > 1'000'000) return std::nullopt;
    parts.push_back(static_cast<unsigned>(*number));
  }
  return parts;
}

// -1, 0, 1: the system's version against the one that is written, by the parts of the latter.
int compare(const std::vector<unsigned>& has, const std::vector<unsigned>& wants) {
  for (std::size_t i = 0; i < wants.size(); ++i) {
    const unsigned part = i < has.size() ? has[i] : 0;
    if (part != wants[i]) return part < wants[i] ? -1 : 1;
  }
  return 0;
}

std::optional<bool> term_matches(std::string_view term, const Distro& distro) {
  bool negated = false;
  if (term.starts_with('!')) {
    negated = true;
    term.remove_prefix(1);
  }
  const std::size_t at = term.find_first_of("<>=");
  const std::string_view name = base::trim(term.substr(0, at));
  if (name.empty()) return std::nullopt;
  bool matches = name == "*" || base::equal_ignore_case(name, distro.name);
  if (at != std::string_view::npos) {
    const std::size_t digits = term.find_first_not_of("<>=", at);
    if (digits == std::string_view::npos) return std::nullopt;
    const std::string_view sign = term.substr(at, digits - at);
    const auto wants = version_of(base::trim(term.substr(digits)));
    if (!wants) return std::nullopt;
    const int order = compare(distro.version, *wants);
    if (sign == "=") {
      matches = matches && order == 0;
    } else if (sign == "<") {
      matches = matches && order < 0;
    } else if (sign == ">") {
      matches = matches && order > 0;
    } else if (sign == "<=") {
      matches = matches && order <= 0;
    } else if (sign == ">=") {
      matches = matches && order >= 0;
    } else {
      return std::nullopt;
    }
  }
  return matches != negated;
}

}  // namespace

Distro distro_of(std::string_view os_release) {
  Distro distro;
  const std::string id = base::to_lower(shell_value(os_release, "ID").value_or("linux"));
  const std::string like = base::to_lower(shell_value(os_release, "ID_LIKE").value_or(""));
  distro.name = id == "rhel"                       ? "redhat"
                : id == "ol"                       ? "oracle"
                : id == "sled" || id == "sles_sap" ? "sles"
                                                   : id;
  for (const std::string_view word : words_of(id + " " + like)) {
    if (word == "rhel" || word == "centos" || word == "fedora") distro.red_hat_family = true;
  }
  if (const auto version = version_of(shell_value(os_release, "VERSION_ID").value_or("")))
    distro.version = *version;
  return distro;
}

base::Result<Distro> read_distro(const Host& host) {
  auto text = host.read("/etc/os-release");
  if (!text && text.error().code == base::Code::NotFound) text = host.read("/usr/lib/os-release");
  if (!text && text.error().code == base::Code::NotFound) return distro_of("");
  if (!text) return std::unexpected(text.error());
  return distro_of(*text);
}

std::optional<bool> distro_matches(std::string_view expression, const Distro& distro) {
  auto terms = base::split(expression, '|');
  const bool all = terms.size() > 1 && base::equal_ignore_case(terms.front(), "and");
  if (all || (terms.size() > 1 && base::equal_ignore_case(terms.front(), "or")))
    terms.erase(terms.begin());
  bool matches = all;
  for (const std::string_view term : terms) {
    const auto one = term_matches(base::trim(term), distro);
    if (!one) return std::nullopt;
    matches = all ? matches && *one : matches || *one;
  }
  return matches;
}

}  // namespace agent::baseline
