#include "cli/commands.h"

#include <algorithm>
#include <ostream>

#include "base/text.h"

namespace cli {

using base::json::Value;

namespace {

constexpr std::size_t kPage = 500;

}  // namespace

Outcome<Client> Session::connect() const {
  auto settings = TRY(load_settings(flags, environment));
  return Client::open(std::move(settings));
}

void Session::note(const std::string& text) const {
  environment.err << "vedette: " << text << '\n';
}

void add_parameter(std::string& path, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  path += path.find('?') == std::string::npos ? '?' : '&';
  path += std::string(name) + "=" + base::percent_encode(value);
}

Outcome<Value> fetch_list(Client& client, const std::string& path, std::size_t limit) {
  Value::Array items;
  Value total;
  std::string cursor;
  while (items.size() < limit) {
    std::string page_path = path;
    add_parameter(page_path, "limit", std::to_string(std::min(limit - items.size(), kPage)));
    add_parameter(page_path, "cursor", cursor);
    auto page = TRY(client.call("GET", page_path));
    const Value* found = page.find("items");
    if (found == nullptr || found->if_array() == nullptr) {
      return give_up(Exit::Failure, "the hub's answer has no items");
    }
    items.insert(items.end(), found->if_array()->begin(), found->if_array()->end());
    if (const Value* count = page.find("total")) total = *count;
    cursor = page.text_or("nextCursor", "");
    if (cursor.empty()) break;
  }
  Value::Object list;
  list.push_back({"items", Value(std::move(items))});
  if (!total.is_null()) list.push_back({"total", std::move(total)});
  return Value(std::move(list));
}

Outcome<Exit> print_list(const Session& session, const Value& list,
                         std::initializer_list<Field> fields) {
  const auto format = TRY(session.format());
  std::ostream& out = session.environment.out;
  if (format == Format::Json) {
    print_json(out, list);
    return Exit::Ok;
  }
  const Value::Array& items = *list.find("items")->if_array();
  const Grid grid = make_grid(items, fields);
  if (format == Format::Csv) {
    print_csv(out, grid);
    return Exit::Ok;
  }
  if (items.empty()) {
    session.note("nothing found");
    return Exit::Ok;
  }
  print_table(out, grid, session.color());
  const Value* total = list.find("total");
  const std::int64_t* count = total == nullptr ? nullptr : total->if_int();
  if (count != nullptr && static_cast<std::size_t>(*count) > items.size()) {
    session.note(std::to_string(items.size()) + " of " + std::to_string(*count) +
                 " shown; use --limit for more");
  }
  return Exit::Ok;
}

Outcome<Exit> print_object(const Session& session, const Value& object,
                           std::initializer_list<Field> fields) {
  const auto format = TRY(session.format());
  std::ostream& out = session.environment.out;
  switch (format) {
    case Format::Json:
      print_json(out, object);
      break;
    case Format::Csv:
      print_csv(out, make_grid({object}, fields));
      break;
    case Format::Table:
      print_record(out, object, fields);
      break;
  }
  return Exit::Ok;
}

}  // namespace cli
