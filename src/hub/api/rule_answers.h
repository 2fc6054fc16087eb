#pragma once

#include <expected>
#include <optional>
#include <string>

#include "base/json.h"
#include "detect/rule_settings.h"
#include "detect/stream.h"
#include "hub/api/api.h"
#include "hub/rules/rules.h"

// Detection rules as the API writes and reads them; for its routes.
namespace hub::api {

void write_rule(base::json::Writer& writer, const detect::ListedRule& rule);
// The same without the braces.
void write_rule_fields(base::json::Writer& writer, const detect::ListedRule& rule);
// Where and why it cannot run.
void write_problem_fields(base::json::Writer& writer, const detect::RuleProblem& problem);
void write_filter(base::json::Writer& writer, const detect::ListedFilter& filter);
void write_text(base::json::Writer& writer, const rules::Text& text);
// null: nothing is set.
void write_setting(base::json::Writer& writer, const std::optional<rules::Setting>& setting);

// What the rules refused.
Response rule_refused(const Request& request, const base::Error& error);
// The same, with places in the text as diagnostics.
Response rules_refused(const Request& request, const rules::Wrong& wrong);

// An exception of a body: Sigma as `text`, or `rule`, `title` and `conditions`.
struct ExceptionBody {
  std::string text;
  std::string comment;
};
std::expected<ExceptionBody, Response> read_exception(const Call& call);
// Likewise of a body that was read.
std::expected<ExceptionBody, Response> exception_of(const Call& call,
                                                    const base::json::Value& body);

}  // namespace hub::api
