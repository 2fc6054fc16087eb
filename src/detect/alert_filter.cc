#include "detect/alert_filter.h"

#include <array>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "detect/alert_tables.h"

namespace detect {
namespace {

std::string like_pattern(std::string_view search) {
  std::string out = "%";
  for (const char c : base::to_lower(search)) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

std::string json_array(const std::vector<std::string>& texts) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
  return out;
}

void add_people(Where& where, const AlertFilter& filter) {
  if (filter.assignee) where.add("assignee = ?", *filter.assignee);
  if (filter.verdict) where.add("verdict = ?", static_cast<std::int64_t>(*filter.verdict));
  if (!filter.suppression.empty()) {
    where.add("suppression = ?", filter.suppression);
  } else if (filter.hidden != Hidden::Too) {
    where.add(filter.hidden == Hidden::No ? "suppression = ''" : "suppression <> ''");
  }
}

void add_rule(Where& where, const AlertFilter& filter) {
  if (!filter.rule_id.empty()) where.add("rule_id = ?", filter.rule_id);
  if (!filter.entity.empty()) where.add("entity = ?", filter.entity);
  if (!filter.technique.empty()) {
    where.add(
        "EXISTS (SELECT 1 FROM json_each(rule, '$.techniques') "
        "WHERE upper(value) = ? OR upper(value) LIKE ?)",
        filter.technique);
    std::string& technique = std::get<std::string>(where.values.back());
    for (char& c : technique)
      c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    const std::string below = technique + ".%";
    where.values.emplace_back(below);
  }
  if (!filter.tactic.empty()) {
    where.add("EXISTS (SELECT 1 FROM json_each(rule, '$.tactics') WHERE lower(value) = lower(?))",
              filter.tactic);
  }
}

}  // namespace

void Where::add(std::string_view condition) {
  sql += fmt::format(" AND ({})", condition);
}

Where where_of(const AlertFilter& filter) {
  Where where;
  if (filter.status) where.add("status = ?", static_cast<std::int64_t>(*filter.status));
  if (filter.open_only) where.add("status <> 2");
  if (filter.severity) where.add("severity = ?", static_cast<std::int64_t>(*filter.severity));
  if (!filter.device_id.empty()) where.add("device_id = ?", filter.device_id);
  if (!filter.search.empty()) where.add("search LIKE ? ESCAPE '\\'", like_pattern(filter.search));
  add_rule(where, filter);
  add_people(where, filter);
  if (filter.from) where.add("last_seen >= ?", to_integer(*filter.from));
  if (filter.until) where.add("last_seen < ?", to_integer(*filter.until));
  if (!filter.ids.empty())
    where.add("id IN (SELECT value FROM json_each(?))", json_array(filter.ids));
  return where;
}

Where where_changed(const AlertUpdate& update) {
  Where where;
  where.sql.clear();
  const auto either = [&where](std::string_view condition, auto value) {
    where.sql += fmt::format("{}{}", where.sql.empty() ? "" : " OR ", condition);
    where.values.emplace_back(std::move(value));
  };
  if (update.status) either("status <> ?", static_cast<std::int64_t>(*update.status));
  if (update.verdict) either("verdict <> ?", static_cast<std::int64_t>(*update.verdict));
  if (update.assignee) either("assignee <> ?", *update.assignee);
  if (update.severity) either("severity <> ?", static_cast<std::int64_t>(*update.severity));
  // A comment alone goes to all of them.
  if (where.sql.empty()) where.sql = "1";
  return where;
}

int bind_values(store::Statement& statement, const Where& where, int parameter) {
  for (const auto& value : where.values) {
    ++parameter;
    std::visit([&](const auto& one) { statement.bind(parameter, one); }, value);
  }
  return parameter;
}

std::string AlertCursor::to_string() const {
  return fmt::format("{}.{}", last_seen, id);
}

base::Result<AlertCursor> AlertCursor::parse(std::string_view text) {
  const auto dot = text.find('.');
  const auto last_seen = base::parse_int(text.substr(0, dot));
  if (dot == std::string_view::npos || !last_seen || !base::Guid::parse(text.substr(dot + 1))) {
    return base::fail(base::Code::Invalid, "alert cursor", -1,
                      "expected the cursor of an earlier page");
  }
  return AlertCursor{*last_seen, std::string(text.substr(dot + 1))};
}

std::string describe(const AlertFilter& filter) {
  std::vector<std::string> parts;
  const auto add = [&parts](std::string_view what, std::string_view value) {
    if (!value.empty()) parts.push_back(fmt::format("{} {}", what, base::json::quoted(value)));
  };
  if (filter.status) parts.push_back(fmt::format("status is {}", to_string(*filter.status)));
  if (filter.open_only) parts.emplace_back("status is new or active");
  if (filter.severity) parts.push_back(fmt::format("severity is {}", to_string(*filter.severity)));
  add("device is", filter.device_id);
  add("rule is", filter.rule_id);
  add("entity is", filter.entity);
  add("technique is", filter.technique);
  add("tactic is", filter.tactic);
  if (filter.assignee && filter.assignee->empty()) parts.emplace_back("assigned to nobody");
  if (filter.assignee) add("assigned to", *filter.assignee);
  if (filter.verdict) {
    parts.push_back(*filter.verdict == Verdict::None
                        ? std::string("without a verdict")
                        : fmt::format("verdict is {}", to_string(*filter.verdict)));
  }
  if (filter.from) parts.push_back("last seen at or after " + base::format_rfc3339(*filter.from));
  if (filter.until) parts.push_back("last seen before " + base::format_rfc3339(*filter.until));
  add("contains", filter.search);
  if (!filter.ids.empty()) parts.push_back(fmt::format("one of {} chosen", filter.ids.size()));
  if (!filter.suppression.empty()) {
    add("hidden by suppression", filter.suppression);
  } else if (filter.hidden == Hidden::Only) {
    parts.emplace_back("hidden by a suppression");
  } else if (filter.hidden == Hidden::Too) {
    parts.emplace_back("hidden or not");
  }
  return parts.empty() ? "every alert" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string describe(const AlertUpdate& update) {
  std::vector<std::string> parts;
  if (update.status == Status::Closed) {
    const Verdict verdict = update.verdict.value_or(Verdict::Undetermined);
    parts.push_back(fmt::format("close as {}", to_string(verdict)));
  } else if (update.status) {
    parts.push_back(fmt::format("mark {}", to_string(*update.status)));
  } else if (update.verdict) {
    parts.push_back(fmt::format("set the verdict {}", to_string(*update.verdict)));
  }
  if (update.severity) parts.push_back(fmt::format("set severity {}", to_string(*update.severity)));
  if (update.assignee) {
    parts.push_back(update.assignee->empty()
                        ? std::string("assign to nobody")
                        : fmt::format("assign to {}", base::json::quoted(*update.assignee)));
  }
  if (!update.comment.empty()) parts.push_back("comment " + base::json::quoted(update.comment));
  return parts.empty() ? "change nothing" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace detect
