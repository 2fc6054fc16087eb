#include "cli/diagnostics.h"

#include <algorithm>

#include "cli/output.h"
#include "kql/kql.h"

namespace cli {

using base::json::Value;

namespace {

std::int64_t number(const Value& object, std::string_view name) {
  const Value* member = object.find(name);
  const std::int64_t* value = member == nullptr ? nullptr : member->if_int();
  return value == nullptr || *value < 0 ? 0 : *value;
}

}  // namespace

std::string rendered_diagnostics(const Value& diagnostics, std::string_view query) {
  std::string text;
  if (diagnostics.if_array() == nullptr) return text;
  for (const Value& each : *diagnostics.if_array()) {
    kql::Diagnostic diagnostic;
    diagnostic.severity =
        each.text_or("severity", "") == "warning" ? kql::Severity::Warning : kql::Severity::Error;
    diagnostic.offset = std::min(static_cast<std::size_t>(number(each, "offset")), query.size());
    diagnostic.length = std::min(static_cast<std::size_t>(number(each, "length")),
                                 query.size() - diagnostic.offset);
    diagnostic.line = static_cast<int>(number(each, "line"));
    diagnostic.column = static_cast<int>(number(each, "column"));
    diagnostic.message = printable(each.text_or("message", ""));
    text += kql::render(diagnostic, query);
    if (!text.ends_with('\n')) text += '\n';
  }
  return text;
}

}  // namespace cli
