// vedette retention, vedette hold, vedette usage: what is kept, what goes, what it takes.
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/size.h"
#include "cli/validators.h"
#include "cli/verb.h"

namespace cli {

using base::json::Value;

namespace {

struct Limits {
  std::string table;
  std::string max_age;
  std::string max_size;
  std::string disk_max;
};

struct Nothing {};

const Value::Array& array_of(const Value& object, std::string_view name) {
  static const Value::Array kNone;
  const Value* member = object.find(name);
  return member == nullptr || member->if_array() == nullptr ? kNone : *member->if_array();
}

// The object with the sizes and ages that people read in place of numbers.
Value readable(const Value& object) {
  Value::Object out;
  for (const base::json::Member& member : *object.if_object()) {
    const std::int64_t* number = member.value.if_int();
    const bool bytes = member.name == "bytes" || member.name.ends_with("Bytes");
    if (number != nullptr && bytes) {
      out.push_back({member.name, Value(size_text(*number))});
    } else if (number != nullptr && member.name == "maxAgeSeconds") {
      out.push_back({member.name, Value(age_text(*number))});
    } else {
      out.push_back(member);
    }
  }
  return Value(std::move(out));
}

Value::Array readable(const Value::Array& items) {
  Value::Array out;
  for (const Value& item : items)
    out.push_back(item.if_object() == nullptr ? item : readable(item));
  return out;
}

Outcome<Exit> print_tables(const Session& session, const Value& answer, std::string_view list,
                           std::initializer_list<Field> record,
                           std::initializer_list<Field> fields) {
  const auto format = TRY(session.format());
  std::ostream& out = session.environment.out;
  const Value::Array& items = array_of(answer, list);
  switch (format) {
    case Format::Json:
      print_json(out, answer);
      break;
    case Format::Csv:
      print_csv(out, make_grid(items, fields));
      break;
    case Format::Table:
      print_record(out, readable(answer), record);
      if (items.empty()) break;
      out << '\n';
      print_table(out, make_grid(readable(items), fields), session.color());
      break;
  }
  return Exit::Ok;
}

// The disk's numbers beside the rest, so that a line can name them.
Value flattened(const Value& answer) {
  Value::Object out = *answer.if_object();
  for (const char* name : {"disk", "rawEvents"}) {
    const Value* part = answer.find(name);
    if (part == nullptr || part->if_object() == nullptr) continue;
    for (const base::json::Member& member : *part->if_object())
      out.push_back(member);
  }
  return Value(std::move(out));
}

Outcome<Exit> show(const Session& session, const Nothing& /*arguments*/) {
  auto client = TRY(session.connect());
  auto answer = TRY(client.call("GET", "/retention"));
  if (session.format() != Format::Json) answer = flattened(answer);
  return print_tables(session, answer, "tables",
                      {{"Raw events", "mode"},
                       {"Event types", "eventTypes"},
                       {"Security groups", "securityGroups"},
                       {"Disk used", "usedBytes"},
                       {"Disk limit", "maxBytes"},
                       {"Storing", "storing"},
                       {"Last run", "lastRun"},
                       {"Problem", "problem"}},
                      {{"Table", "table"},
                       {"Kept for", "maxAgeSeconds"},
                       {"At most", "maxBytes"},
                       {"Rows", "rows"},
                       {"Size", "bytes"},
                       {"Oldest", "oldest"},
                       {"Newest", "newest"}});
}

Outcome<std::string> plan_path(const Limits& limits) {
  std::string path = "/retention/plan";
  add_parameter(path, "table", limits.table);
  add_parameter(path, "maxAge", limits.max_age);
  for (const auto& [name, flag, text] : {std::tuple("maxBytes", "--max-size", &limits.max_size),
                                         {"diskMax", "--disk-max", &limits.disk_max}}) {
    if (text->empty()) continue;
    const auto bytes = parse_size(*text);
    if (!bytes) return give_up(Exit::Usage, fmt::format("{}: expected a size such as 20GiB", flag));
    add_parameter(path, name, std::to_string(*bytes));
  }
  return path;
}

Outcome<Exit> plan(const Session& session, const Limits& limits) {
  const std::string path = TRY(plan_path(limits));
  auto client = TRY(session.connect());
  auto answer = TRY(client.call("GET", path));
  const auto printed = print_tables(session, answer, "items",
                                    {{"Rows that go", "rows"},
                                     {"Size", "bytes"},
                                     {"Disk used", "diskUsedBytes"},
                                     {"Disk then", "diskAfterBytes"}},
                                    {{"Table", "table"},
                                     {"Why", "why"},
                                     {"Oldest", "oldest"},
                                     {"Newest", "newest"},
                                     {"Rows", "rows"},
                                     {"Held", "rowsHeld"},
                                     {"Size", "bytes"}});
  const std::size_t held = array_of(answer, "held").size();
  if (held != 0)
    session.note(std::to_string(held) +
                 " pieces stay only because they are held: `vedette hold "
                 "list` says by whom");
  const Value* fits = answer.find("fits");
  if (fits != nullptr && fits->if_bool() != nullptr && !*fits->if_bool())
    session.note("the disk's limit cannot be kept that way: further rows will not be stored");
  return printed;
}

Outcome<Exit> apply(const Session& session, const Nothing& /*arguments*/) {
  auto client = TRY(session.connect());
  auto answer = TRY(client.call("POST", "/retention/apply"));
  return print_tables(session, answer, "items",
                      {{"Disk before", "diskBeforeBytes"}, {"Disk now", "diskAfterBytes"}},
                      {{"Table", "table"},
                       {"Why", "why"},
                       {"Pieces", "pieces"},
                       {"Trimmed", "trimmedPieces"},
                       {"Rows", "rows"},
                       {"Size", "bytes"}});
}

struct Hold {
  std::string id;
  std::string reason;
  std::string owner;
  std::string table;
  std::string device;
  std::string from;
  std::string to;
  std::string until;
  bool all = false;
};

constexpr std::initializer_list<Field> kHoldFields = {
    {"Hold", "id"},       {"Active", "active"},
    {"Reason", "reason"}, {"Owner", "owner"},
    {"Table", "table"},   {"Device", "deviceId"},
    {"From", "from"},     {"To", "to"},
    {"Until", "until"},   {"Created", "created"},
    {"By", "createdBy"},  {"Released", "released"},
    {"By", "releasedBy"}, {"Because", "releaseReason"}};

Outcome<Exit> list_holds(const Session& session, const Hold& hold) {
  auto client = TRY(session.connect());
  auto found = TRY(client.call("GET", hold.all ? "/holds?all=true" : "/holds"));
  return print_list(session, found,
                    {{"Hold", "id"},
                     {"Active", "active"},
                     {"Owner", "owner"},
                     {"Table", "table"},
                     {"Device", "deviceId"},
                     {"From", "from"},
                     {"To", "to"},
                     {"Until", "until"},
                     {"Reason", "reason"}});
}

Outcome<Exit> call_hold(const Session& session, const char* method, const std::string& path,
                        Value::Object body) {
  auto client = TRY(session.connect());
  const std::string text = body.empty() ? std::string() : Value(std::move(body)).to_json();
  auto hold = TRY(client.call(method, path, text));
  return print_object(session, hold, kHoldFields);
}

Outcome<Exit> show_hold(const Session& session, const Hold& hold) {
  return call_hold(session, "GET", "/holds/" + base::percent_encode(hold.id), {});
}

Outcome<Exit> create_hold(const Session& session, const Hold& hold) {
  Value::Object body;
  for (const auto& [name, text] : {std::pair("reason", &hold.reason),
                                   {"owner", &hold.owner},
                                   {"table", &hold.table},
                                   {"deviceId", &hold.device},
                                   {"from", &hold.from},
                                   {"to", &hold.to},
                                   {"until", &hold.until}}) {
    if (!text->empty()) body.push_back({name, Value(*text)});
  }
  return call_hold(session, "POST", "/holds", std::move(body));
}

Outcome<Exit> release_hold(const Session& session, const Hold& hold) {
  Value::Object body;
  body.push_back({"reason", Value(hold.reason)});
  return call_hold(session, "POST", "/holds/" + base::percent_encode(hold.id) + "/release",
                   std::move(body));
}

struct Usage {
  std::string by = "table";
  std::string from;
  std::string to;
  std::string table;
  std::string device;
  std::size_t limit = 50;
};

Outcome<Exit> show_usage(const Session& session, const Usage& usage) {
  auto client = TRY(session.connect());
  std::string path = "/usage";
  add_parameter(path, "by", usage.by);
  add_parameter(path, "from", usage.from);
  add_parameter(path, "to", usage.to);
  add_parameter(path, "table", usage.table);
  add_parameter(path, "device", usage.device);
  add_parameter(path, "limit", std::to_string(usage.limit));
  auto answer = TRY(client.call("GET", path));
  return print_tables(
      session, answer, "items",
      {{"Rows", "rows"}, {"Size", "bytes"}, {"Cost", "cost"}, {"Currency", "currency"}},
      {{"Name", "name"},
       {"Rows", "rows"},
       {"Size", "bytes"},
       {"Share", "percent"},
       {"Cost", "cost"}});
}

void add_hold(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("hold", "Legal holds: evidence that no limit removes");
  noun->require_subcommand(1);
  auto [list, listed] = add_verb(*noun, session, "list", "List them", list_holds);
  list->add_flag("--all", listed->all, "Those that have ended, too");
  auto [show_one, shown] = add_verb(*noun, session, "show", "Show one", show_hold);
  show_one->add_option("HOLD", shown->id, "Its id")->type_name("")->required();
  auto [create, created] =
      add_verb(*noun, session, "create", "Hold rows, from now until released", create_hold);
  create->add_option("--reason", created->reason, "Why, for the record")
      ->type_name("TEXT")
      ->required();
  create->add_option("--owner", created->owner, "Who answers for it (default: you)")
      ->type_name("NAME");
  create->add_option("--table", created->table, "Of this table (default: all)")->type_name("TABLE");
  create->add_option("--device", created->device, "Of this device (default: all)")
      ->type_name("DEVICE");
  create->add_option("--from", created->from, "The first TimeGenerated, as in RFC 3339")
      ->type_name("TIME");
  create->add_option("--to", created->to, "The end, which is not part of it")->type_name("TIME");
  create->add_option("--until", created->until, "When the hold ends by itself")->type_name("TIME");
  auto [release, released] = add_verb(*noun, session, "release", "End one", release_hold);
  release->add_option("HOLD", released->id, "Its id")->type_name("")->required();
  release->add_option("--reason", released->reason, "Why, for the record")
      ->type_name("TEXT")
      ->required();
}

}  // namespace

void add_retention(CLI::App& program, Session& session) {
  auto* noun = program.add_subcommand("retention", "How long and how much of each table is kept");
  noun->require_subcommand(1);
  add_verb(*noun, session, "show", "Show the limits and what there is", show);
  auto [planned, limits] = add_verb(*noun, session, "plan",
                                    "Show what would go now, under these limits or others", plan);
  planned->add_option("--table", limits->table, "Try other limits of this table (default: all)")
      ->type_name("TABLE");
  planned->add_option("--max-age", limits->max_age, "As if rows were kept that long, such as 30d")
      ->type_name("TIME");
  planned->add_option("--max-size", limits->max_size, "As if a table could take that much")
      ->type_name("SIZE");
  planned->add_option("--disk-max", limits->disk_max, "As if the store could take that much")
      ->type_name("SIZE");
  add_verb(*noun, session, "apply", "Remove now what the limits say, which happens anyway", apply);
  add_hold(program, session);

  auto [meter, usage] =
      add_verb(program, session, "usage", "Show who and what takes room", show_usage);
  meter->add_option("--by", usage->by, "table (default), device, eventType or day")
      ->type_name("table|device|eventType|day")
      ->check(one_of({"table", "device", "eventType", "day"}));
  meter->add_option("--from", usage->from, "The first day (default: 30 days ago)")
      ->type_name("TIME");
  meter->add_option("--to", usage->to, "The end (default: now)")->type_name("TIME");
  meter->add_option("--table", usage->table, "Of this table only")->type_name("TABLE");
  meter->add_option("--device", usage->device, "Of this device only")->type_name("DEVICE");
  meter->add_option("--limit", usage->limit, "At most so many (default 50)")
      ->type_name("COUNT")
      ->check(in_range(1, 1'000));
}

}  // namespace cli
