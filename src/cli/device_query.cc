// vedette device query
#include "cli/device_query.h"

#include <algorithm>
#include <ostream>

#include <CLI/CLI.hpp>

#include "cli/diagnostics.h"
#include "cli/validators.h"

namespace cli {

using base::json::Member;
using base::json::Value;

namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kMostColumns = 64;

struct Arguments {
  std::string query;
  std::size_t limit = 1000;
};

struct Rows {
  Value::Array items;
  bool whole_twins = false;
  bool more = false;
};

Outcome<Value> fetch_page(const Session& session, Client& client, const Arguments& arguments,
                          std::size_t limit, const std::string& cursor) {
  Value::Object body;
  body.push_back({"query", Value(arguments.query)});
  body.push_back({"limit", Value(static_cast<std::int64_t>(limit))});
  if (!cursor.empty()) body.push_back({"cursor", Value(cursor)});
  auto answer = TRY(client.send("POST", "/devices/query", Value(std::move(body)).to_json()));
  auto parsed = base::json::parse(answer.body);
  if (answer.status >= 400) {
    const Value* diagnostics = parsed ? find_path(*parsed, "error.diagnostics") : nullptr;
    const std::string text =
        diagnostics == nullptr ? "" : rendered_diagnostics(*diagnostics, arguments.query);
    if (text.empty()) return std::unexpected(failure_of(answer));
    session.environment.err << text;
    return give_up(Exit::Failure, "the query has errors");
  }
  const Value* items = parsed ? parsed->find("items") : nullptr;
  if (items == nullptr || items->if_array() == nullptr)
    return give_up(Exit::Failure, "the hub's answer has no items");
  return std::move(*parsed);
}

Outcome<Rows> fetch(const Session& session, const Arguments& arguments) {
  auto client = TRY(session.connect());
  Rows rows;
  std::string cursor;
  do {
    const std::size_t limit = std::min(arguments.limit - rows.items.size(), kPage);
    auto page = TRY(fetch_page(session, client, arguments, limit, cursor));
    const Value::Array& items = *page.find("items")->if_array();
    rows.items.insert(rows.items.end(), items.begin(), items.end());
    rows.whole_twins = page.text_or("itemType", "") == "Twin";
    cursor = page.text_or("nextCursor", "");
  } while (!cursor.empty() && rows.items.size() < arguments.limit);
  rows.more = !cursor.empty();
  return rows;
}

// A column for each member that a row has, in the order in which they appear.
Grid grid_of(const Value::Array& items) {
  Grid grid;
  for (const Value& item : items) {
    if (item.if_object() == nullptr) continue;
    for (const Member& member : *item.if_object()) {
      const bool known = std::ranges::find(grid.headings, member.name) != grid.headings.end();
      if (!known && grid.headings.size() < kMostColumns) grid.headings.push_back(member.name);
    }
  }
  for (const Value& item : items) {
    grid.rows.emplace_back();
    for (const std::string& heading : grid.headings)
      grid.rows.back().push_back(cell(item.find(heading)));
  }
  return grid;
}

Grid twins_grid(const Value::Array& items) {
  return make_grid(items, {{"Device", "deviceId"},
                           {"Module", "moduleId"},
                           {"Status", "status"},
                           {"Connection", "connectionState"},
                           {"Last activity", "lastActivityTime"},
                           {"Tags", "tags"}});
}

Outcome<Exit> run(const Session& session, const Arguments& arguments) {
  const auto format = TRY(session.format());
  auto rows = TRY(fetch(session, arguments));
  std::ostream& out = session.environment.out;
  if (format == Format::Json) {
    print_json(out, Value(std::move(rows.items)));
  } else {
    const Grid grid = rows.whole_twins ? twins_grid(rows.items) : grid_of(rows.items);
    if (format == Format::Csv) print_csv(out, grid);
    if (format == Format::Table && !rows.items.empty()) print_table(out, grid, session.color());
    if (format == Format::Table && rows.items.empty()) session.note("nothing found");
  }
  if (rows.more) session.note("there are more rows; use --limit");
  return Exit::Ok;
}

}  // namespace

void add_device_query(CLI::App& noun, Session& session) {
  auto arguments = std::make_shared<Arguments>();
  auto* command =
      noun.add_subcommand("query", "Select device and module twins with the twin query language");
  command
      ->add_option("QUERY", arguments->query,
                   "For example: SELECT deviceId FROM devices WHERE tags.site = 'north'")
      ->type_name("")
      ->required();
  command->add_option("--limit", arguments->limit, "At most so many rows (default 1000)")
      ->type_name("ROWS")
      ->check(in_range(1, 1'000'000));
  command->callback([&session, arguments] {
    session.action = [&session, arguments] { return run(session, *arguments); };
  });
}

}  // namespace cli
