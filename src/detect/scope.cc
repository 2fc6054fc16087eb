#include "detect/scope.h"

#include <algorithm>
#include <array>
#include <ranges>

#include <fmt/format.h>

#include "base/text.h"
#include "sigma/pattern.h"

namespace detect {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

constexpr std::array<std::string_view, 6> kTests = {"equals",   "contains", "startsWith",
                                                    "endsWith", "matches",  "within"};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

Result<std::string> read_text(const Value& object, std::string_view name) {
  const Value* member = object.find(name);
  if (member == nullptr || member->is_null()) return std::string();
  const std::string* text = member->if_string();
  if (text == nullptr)
    return fail(Code::Invalid, "scope", -1, fmt::format("{}: expected a text", name));
  if (text->size() > kMaxScopeText) {
    return fail(Code::TooLarge, "scope", -1,
                fmt::format("{}: at most {} bytes", name, kMaxScopeText));
  }
  return *text;
}

Result<void> check_members(const Value& value, std::span<const std::string_view> known) {
  if (value.if_object() == nullptr) return fail(Code::Invalid, "scope", -1, "expected an object");
  for (const auto& member : *value.if_object()) {
    if (std::ranges::find(known, member.name) == known.end())
      return fail(Code::Invalid, "scope", -1,
                  fmt::format("{}: there is no such member", base::json::quoted(member.name)));
  }
  return {};
}

Result<FieldTest> read_field_test(const Value& value) {
  constexpr std::array<std::string_view, 3> kMembers = {"field", "test", "value"};
  TRY(check_members(value, kMembers));
  FieldTest out;
  out.field = TRY(read_text(value, "field"));
  if (out.field.empty())
    return fail(Code::Invalid, "scope", -1, "field: expected the name of a field");
  const std::string test = TRY(read_text(value, "test"));
  const auto parsed = test.empty() ? std::optional(Comparison::Equals) : parse_comparison(test);
  if (!parsed) {
    return fail(Code::Invalid, "scope", -1,
                fmt::format("test: expected one of {}, found {}", fmt::join(kTests, ", "),
                            base::json::quoted(test)));
  }
  out.test = *parsed;
  out.value = TRY(read_text(value, "value"));
  if (out.value.empty() && out.test != Comparison::Equals) {
    return fail(
        Code::Invalid, "scope", -1,
        fmt::format("value: every text {} nothing", kTests[static_cast<std::size_t>(out.test)]));
  }
  if (out.test == Comparison::Within && !sigma::parse_cidr(out.value)) {
    return fail(Code::Invalid, "scope", -1,
                "value: expected a block of addresses such as 10.0.0.0/8, found " +
                    base::json::quoted(out.value));
  }
  return out;
}

bool passes(const FieldTest& test, std::string_view value) {
  const auto folded = [](std::string_view text) { return base::to_lower(text); };
  switch (test.test) {
    case Comparison::Equals:
      return base::equal_ignore_case(value, test.value);
    case Comparison::Contains:
      return folded(value).contains(folded(test.value));
    case Comparison::StartsWith:
      return folded(value).starts_with(folded(test.value));
    case Comparison::EndsWith:
      return folded(value).ends_with(folded(test.value));
    case Comparison::Matches:
      return glob_matches(test.value, value);
    case Comparison::Within: {
      const auto block = sigma::parse_cidr(test.value);
      return block && sigma::in_cidr(*block, value);
    }
  }
  return false;
}

bool any_passes(const FieldTest& test, const Value& value) {
  if (const auto* texts = value.if_array())
    return std::ranges::any_of(*texts, [&](const Value& one) { return any_passes(test, one); });
  if (const std::string* text = value.if_string()) return passes(test, *text);
  return !value.is_null() && passes(test, value.to_json());
}

const Value* find_member(const Value& object, std::string_view name) {
  const auto* members = object.if_object();
  if (members == nullptr) return nullptr;
  for (const auto& member : *members) {
    if (base::equal_ignore_case(member.name, name)) return &member.value;
  }
  // A.B is B in A.
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const Value* inner = find_member(object, name.substr(0, dot));
  return inner == nullptr ? nullptr : find_member(*inner, name.substr(dot + 1));
}

}  // namespace

std::string_view to_string(Comparison test) {
  return kTests[static_cast<std::size_t>(test)];
}

std::optional<Comparison> parse_comparison(std::string_view text) {
  for (std::size_t i = 0; i < kTests.size(); ++i) {
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): one name for each
    if (base::equal_ignore_case(text, kTests[i])) return static_cast<Comparison>(i);
  }
  return std::nullopt;
}

void write_scope(Writer& writer, const Scope& scope) {
  writer.begin_object();
  if (!scope.rule_id.empty()) writer.field("ruleId", scope.rule_id);
  if (!scope.device.empty()) writer.field("device", scope.device);
  if (!scope.entity.empty()) writer.field("entity", scope.entity);
  if (scope.at_most) writer.field("atMostSeverity", to_string(*scope.at_most));
  writer.key("fields");
  writer.begin_array();
  for (const FieldTest& test : scope.fields) {
    writer.begin_object();
    writer.field("field", test.field);
    writer.field("test", to_string(test.test));
    writer.field("value", test.value);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

Result<Scope> read_scope(const Value& value) {
  constexpr std::array<std::string_view, 5> kMembers = {"ruleId", "device", "entity",
                                                        "atMostSeverity", "fields"};
  TRY(check_members(value, kMembers));
  Scope out;
  out.rule_id = TRY(read_text(value, "ruleId"));
  out.device = TRY(read_text(value, "device"));
  out.entity = TRY(read_text(value, "entity"));
  if (const std::string severity = TRY(read_text(value, "atMostSeverity")); !severity.empty()) {
    out.at_most = parse_severity(severity);
    if (!out.at_most) {
      return fail(Code::Invalid, "scope", -1,
                  "atMostSeverity: expected High, Medium, Low or Informational, found " +
                      base::json::quoted(severity));
    }
  }
  const Value* fields = value.find("fields");
  if (fields != nullptr && !fields->is_null()) {
    if (fields->if_array() == nullptr)
      return fail(Code::Invalid, "scope", -1, "fields: expected a list");
    if (fields->if_array()->size() > kMaxFieldTests) {
      return fail(Code::TooLarge, "scope", -1, fmt::format("fields: at most {}", kMaxFieldTests));
    }
    for (const Value& field : *fields->if_array())
      out.fields.push_back(TRY(read_field_test(field)));
  }
  const auto says_nothing = [](std::string_view text) {
    return text.find_first_not_of('*') == std::string_view::npos;
  };
  if (out.rule_id.empty() && says_nothing(out.device) && says_nothing(out.entity) &&
      out.fields.empty()) {
    return fail(Code::Invalid, "scope", -1,
                "it would hide everything: name a rule, a device, an entity or a field");
  }
  return out;
}

std::string describe(const Scope& scope) {
  std::vector<std::string> parts;
  const auto add = [&parts](std::string_view what, std::string_view value) {
    if (!value.empty()) parts.push_back(fmt::format("{} {}", what, base::json::quoted(value)));
  };
  add("rule", scope.rule_id);
  add("device", scope.device);
  add("entity", scope.entity);
  if (scope.at_most) parts.push_back(fmt::format("severity at most {}", to_string(*scope.at_most)));
  constexpr std::array<std::string_view, 6> kWords = {"is",        "contains", "starts with",
                                                      "ends with", "matches",  "is within"};
  for (const FieldTest& test : scope.fields)
    add(fmt::format("{} {}", test.field, kWords[static_cast<std::size_t>(test.test)]),
        test.value.empty() ? std::string_view("") : std::string_view(test.value));
  return fmt::format("{}", fmt::join(parts, ", "));
}

bool covers(const Scope& scope, const Subject& subject) {
  return (scope.rule_id.empty() || base::equal_ignore_case(scope.rule_id, subject.rule_id)) &&
         (scope.device.empty() || glob_matches(scope.device, subject.device_id)) &&
         (scope.entity.empty() || glob_matches(scope.entity, subject.entity)) &&
         (!scope.at_most || subject.severity <= *scope.at_most);
}

bool covers(const Scope& scope, const Evidence& evidence) {
  if (scope.fields.empty()) return true;
  const auto details = base::json::parse(evidence.details_json);
  return std::ranges::all_of(scope.fields, [&](const FieldTest& test) {
    const Value* member = details ? find_member(*details, test.field) : nullptr;
    if (member != nullptr && any_passes(test, *member)) return true;
    // What the rule looked at is not always a field of the event: a command inside a shell's text.
    return std::ranges::any_of(evidence.matched, [&](const Match& match) {
      return base::equal_ignore_case(match.field, test.field) && passes(test, match.value);
    });
  });
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last one seen
  std::size_t retry = 0;                      // where the text behind it was tried to begin
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

}  // namespace detect
