// What is kept, what goes and why, what is held.
#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/retention/retention.h"
#include "kql/ticks.h"
#include "store/catalogue.h"

namespace hub::api {

using base::json::Writer;
using retention::HoldRecord;
using retention::Retention;

namespace {

constexpr std::size_t kMaxText = 1'024;
constexpr std::size_t kMaxName = 256;

Response no_store(const Call& call) {
  return problem(call.request, Problem::Unavailable, "This hub has no event store.");
}

std::vector<std::string_view> table_names() {
  std::vector<std::string_view> names;
  for (const store::TableDefinition* table : store::all_tables()) {
    if (!table->stored.empty()) names.push_back(table->name);
  }
  return names;
}

// Whether the table's rows lie in no pieces, of which a size could be told.
bool shares_its_file(std::string_view name) {
  const auto tables = store::all_tables();
  return std::ranges::any_of(tables, [name](const store::TableDefinition* table) {
    return table->name == name && table->piece_order.empty();
  });
}

// An answer when it is no table.
std::optional<Response> check_table(const Call& call, std::string_view name) {
  const auto names = table_names();
  if (std::ranges::find(names, name) != names.end()) return std::nullopt;
  std::string message = fmt::format("There is no table {}.", base::json::quoted(name));
  if (const auto near = base::nearest(name, names))
    message += fmt::format(" Did you mean {}?", *near);
  return problem(call.request, Problem::BadRequest, message);
}

void limit_fields(Writer& writer, const retention::Limit& limit) {
  writer.key("maxAgeSeconds");
  if (limit.max_age.count() == 0) {
    writer.null();
  } else {
    writer.value(std::int64_t{limit.max_age.count()});
  }
  writer.key("maxBytes");
  if (limit.max_bytes == 0) {
    writer.null();
  } else {
    writer.value(limit.max_bytes);
  }
}

void texts_field(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

struct Held {
  std::uint64_t pieces = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  kql::Ticks first = 0;
  kql::Ticks last = 0;
};

Held total_of(const std::vector<retention::Piece>& pieces, std::string_view table) {
  Held total;
  for (const retention::Piece& piece : pieces) {
    if (piece.table != table) continue;
    total.first = total.pieces == 0 ? piece.first : std::min(total.first, piece.first);
    total.last = std::max(total.last, piece.last);
    ++total.pieces;
    total.rows += piece.rows;
    total.bytes += piece.bytes;
  }
  return total;
}

void write_tables(Writer& writer, const retention::Settings& settings,
                  const std::vector<retention::Piece>& pieces) {
  writer.key("tables");
  writer.begin_array();
  for (const std::string_view name : table_names()) {
    const Held held = total_of(pieces, name);
    writer.begin_object();
    writer.field("table", name);
    limit_fields(writer, settings.of(name));
    writer.field("goesLast", retention::is_evidence(name));
    writer.field("pieces", held.pieces);
    writer.field("rows", held.rows);
    writer.field("bytes", held.bytes);
    writer.key("oldest");
    held.pieces == 0 ? writer.null() : writer.value(kql::format_datetime(held.first));
    writer.key("newest");
    held.pieces == 0 ? writer.null() : writer.value(kql::format_datetime(held.last));
    writer.end_object();
  }
  writer.end_array();
}

void write_disk(Writer& writer, const retention::Settings& settings,
                const Retention::Status& status) {
  const retention::Marks marks = retention::marks_of(settings.disk_max);
  writer.key("disk");
  writer.begin_object();
  writer.field("usedBytes", status.disk_used);
  const auto mark = [&](std::string_view name, std::uint64_t bytes) {
    writer.key(name);
    settings.disk_max == 0 ? writer.null() : writer.value(bytes);
  };
  mark("maxBytes", settings.disk_max);
  mark("goalBytes", marks.goal);
  mark("startBytes", marks.start);
  mark("stopBytes", marks.stop);
  writer.field("storing", status.storing);
  writer.end_object();
}

void write_step(Writer& writer, const retention::Step& step, std::uint64_t rows) {
  writer.begin_object();
  writer.field("table", step.piece.table);
  writer.field("why", retention::to_string(step.why));
  writer.field("oldest", kql::format_datetime(step.piece.first));
  writer.field("newest", kql::format_datetime(step.piece.last));
  writer.field("rows", rows);
  writer.field("rowsHeld", step.piece.rows - std::min(step.piece.rows, rows));
  writer.field("bytes", step.piece.bytes);
  writer.end_object();
}

// Limits to try, over those in force.
std::expected<retention::Settings, Response> tried_settings(const Call& call,
                                                            const Retention& retention) {
  retention::Settings settings = retention.settings();
  const auto bad = [&call](std::string_view name, std::string_view expected) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, fmt::format("{}: expected {}", name, expected)));
  };
  const auto size_of = [&call](const char* name) -> std::optional<std::uint64_t> {
    const auto number = base::parse_int(*call.target.parameter(name));
    return number && *number >= 0 ? std::optional(static_cast<std::uint64_t>(*number))
                                  : std::nullopt;
  };
  std::vector<retention::Limit*> limits;
  if (const auto* table = call.target.parameter("table")) {
    if (auto refused = check_table(call, *table)) return std::unexpected(std::move(*refused));
    limits = {&settings.tables.try_emplace(*table, settings.otherwise).first->second};
  } else {
    limits = {&settings.otherwise};
    for (auto& [name, limit] : settings.tables)
      limits.push_back(&limit);
  }
  if (const auto* text = call.target.parameter("maxAge")) {
    const auto ticks = kql::parse_timespan(*text);
    if (!ticks || *ticks < 0) return bad("maxAge", "a duration such as 30d or 12h; 0d: no limit");
    for (retention::Limit* limit : limits)
      limit->max_age = std::chrono::seconds(*ticks / kql::kTicksPerSecond);
  }
  if (call.target.parameter("maxBytes") != nullptr) {
    const auto bytes = size_of("maxBytes");
    if (!bytes) return bad("maxBytes", "a number of bytes; 0: no limit");
    const auto* table = call.target.parameter("table");
    if (table != nullptr && shares_its_file(*table)) {
      return bad("maxBytes",
                 "none for " + *table + ": its rows share the database file with others");
    }
    for (retention::Limit* limit : limits)
      limit->max_bytes = *bytes;
  }
  if (call.target.parameter("diskMax") != nullptr) {
    const auto bytes = size_of("diskMax");
    if (!bytes) return bad("diskMax", "a number of bytes; 0: no limit");
    settings.disk_max = *bytes;
  }
  return settings;
}

}  // namespace

Response get_retention(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  const auto pieces = retention->pieces();
  if (!pieces) return problem(call.request, pieces.error());
  const retention::Settings& settings = retention->settings();
  const Retention::Status status = retention->status();
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("rawEvents");
  writer.begin_object();
  writer.field("mode", retention::to_string(settings.raw.mode));
  texts_field(writer, "eventTypes", settings.raw.types);
  texts_field(writer, "securityGroups", settings.raw.groups);
  writer.end_object();
  write_disk(writer, settings, status);
  write_tables(writer, settings, *pieces);
  time_field(writer, "lastRun", status.last_run);
  writer.field("problem", status.problem);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response plan_retention(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  const auto settings = tried_settings(call, *retention);
  if (!settings) return settings.error();
  const auto preview = retention->preview(*settings);
  if (!preview) return problem(call.request, preview.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  writer.key("items");
  writer.begin_array();
  for (std::size_t i = 0; i < preview->plan.steps.size(); ++i) {
    const retention::Step& step = preview->plan.steps[i];
    write_step(writer, step, preview->rows[i]);
    rows += preview->rows[i];
    if (step.whole()) bytes += step.piece.bytes;
  }
  writer.end_array();
  writer.key("held");
  writer.begin_array();
  for (const retention::Step& step : preview->plan.held)
    write_step(writer, step, 0);
  writer.end_array();
  writer.field("rows", rows);
  writer.field("bytes", bytes);
  writer.field("diskUsedBytes", preview->disk_used);
  writer.field("diskAfterBytes", preview->plan.disk_after);
  writer.field("fits", preview->plan.fits);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response apply_retention(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  const auto outcome = retention->apply(call.principal.name);
  if (!outcome) return problem(call.request, outcome.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const retention::Share& share : outcome->shares) {
    writer.begin_object();
    writer.field("table", share.table);
    writer.field("why", retention::to_string(share.why));
    writer.field("pieces", share.pieces);
    writer.field("trimmedPieces", share.trimmed_pieces);
    writer.field("rows", share.rows);
    writer.field("bytes", share.bytes);
    writer.end_object();
  }
  writer.end_array();
  writer.field("diskBeforeBytes", outcome->disk_before);
  writer.field("diskAfterBytes", outcome->disk_after);
  writer.field("fits", outcome->fits);
  writer.end_object();
  return json_response(200, std::move(body));
}

namespace {

void write_hold(Writer& writer, const HoldRecord& hold, base::WallTime now) {
  const auto text_or_null = [&writer](std::string_view name, const std::string& text) {
    writer.key(name);
    text.empty() ? writer.null() : writer.value(text);
  };
  writer.begin_object();
  writer.field("id", std::to_string(hold.id));
  writer.field("active", hold.is_active(now));
  writer.field("reason", hold.reason);
  writer.field("owner", hold.owner);
  text_or_null("table", hold.table);
  text_or_null("deviceId", hold.device_id);
  time_field(writer, "from", hold.from);
  time_field(writer, "to", hold.to);
  time_field(writer, "until", hold.until);
  writer.field("created", time_text(hold.created));
  writer.field("createdBy", hold.created_by);
  time_field(writer, "released", hold.released);
  text_or_null("releasedBy", hold.released_by);
  text_or_null("releaseReason", hold.release_reason);
  writer.end_object();
}

Response hold_answer(const Call& call, unsigned status, const HoldRecord& hold) {
  std::string body;
  Writer writer(body);
  write_hold(writer, hold, call.now);
  return json_response(status, std::move(body));
}

std::optional<std::int64_t> hold_id(const Call& call) {
  return base::parse_int(call.path[0]);
}

Response no_such_hold(const Call& call) {
  return problem(call.request, Problem::NotFound, "There is no such hold.");
}

std::expected<std::optional<base::WallTime>, Response> time_of(const Call& call,
                                                               const base::json::Value& body,
                                                               std::string_view name) {
  const auto text = text_field(call, body, name, kMaxName);
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::optional<base::WallTime>();
  const auto time = base::parse_rfc3339(**text);
  if (!time) {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   fmt::format("{}: expected a time as in RFC 3339", name)));
  }
  return std::optional(time->utc);
}

std::expected<std::string, Response> needed_text(const Call& call, const base::json::Value& body,
                                                 std::string_view name) {
  auto text = text_field(call, body, name, kMaxText);
  if (!text) return std::unexpected(std::move(text.error()));
  if (!*text || base::trim(**text).empty()) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, fmt::format("{}: it is missing", name)));
  }
  return std::move(**text);
}

// The times of a hold; an answer where they make no sense.
std::optional<Response> read_times(const Call& call, const base::json::Value& body,
                                   HoldRecord& hold) {
  for (const auto& [name, field] : {std::pair("from", &HoldRecord::from),
                                    {"to", &HoldRecord::to},
                                    {"until", &HoldRecord::until}}) {
    const auto time = time_of(call, body, name);
    if (!time) return time.error();
    hold.*field = *time;
  }
  if (hold.from && hold.to && *hold.from >= *hold.to)
    return problem(call.request, Problem::BadRequest, "to: it is not after from");
  if (hold.until && *hold.until <= call.now)
    return problem(call.request, Problem::BadRequest, "until: it is over already");
  return std::nullopt;
}

std::expected<HoldRecord, Response> read_hold(const Call& call) {
  const auto body = read_body(call, Body::Required,
                              {"reason", "owner", "table", "deviceId", "from", "to", "until"});
  if (!body) return std::unexpected(body.error());
  HoldRecord hold;
  auto reason = needed_text(call, *body, "reason");
  if (!reason) return std::unexpected(std::move(reason.error()));
  hold.reason = std::move(*reason);
  const auto owner = text_field(call, *body, "owner", kMaxName);
  if (!owner) return std::unexpected(owner.error());
  hold.owner = owner->value_or(call.principal.name);
  const auto table = text_field(call, *body, "table", kMaxName);
  if (!table) return std::unexpected(table.error());
  if (*table) {
    if (auto refused = check_table(call, **table)) return std::unexpected(std::move(*refused));
    hold.table = **table;
  }
  const auto device = text_field(call, *body, "deviceId", kMaxName);
  if (!device) return std::unexpected(device.error());
  hold.device_id = device->value_or("");
  if (auto refused = read_times(call, *body, hold)) return std::unexpected(std::move(*refused));
  hold.created_by = call.principal.name;
  return hold;
}

}  // namespace

Response list_holds(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  bool all = false;
  if (call.target.parameter("all") != nullptr) {
    const auto flag = flag_parameter(call, "all");
    if (!flag) return flag.error();
    all = *flag;
  }
  const auto holds = retention->holds();
  if (!holds) return problem(call.request, holds.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const HoldRecord& hold : *holds) {
    if (all || hold.is_active(call.now)) write_hold(writer, hold, call.now);
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_hold(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  const auto id = hold_id(call);
  if (!id) return no_such_hold(call);
  const auto hold = retention->hold(*id);
  if (!hold && hold.error().code == base::Code::NotFound) return no_such_hold(call);
  if (!hold) return problem(call.request, hold.error());
  return hold_answer(call, 200, *hold);
}

Response create_hold(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  auto wanted = read_hold(call);
  if (!wanted) return std::move(wanted.error());
  const auto hold = retention->add_hold(std::move(*wanted));
  if (!hold) return problem(call.request, hold.error());
  call.audit_target = std::to_string(hold->id);
  call.audit_detail = hold->reason;
  return hold_answer(call, 201, *hold);
}

Response release_hold(Call& call) {
  Retention* retention = call.services.dependencies.retention;
  if (retention == nullptr) return no_store(call);
  const auto id = hold_id(call);
  if (!id) return no_such_hold(call);
  const auto body = read_body(call, Body::Required, {"reason"});
  if (!body) return body.error();
  const auto reason = needed_text(call, *body, "reason");
  if (!reason) return reason.error();
  call.audit_target = std::to_string(*id);
  call.audit_detail = *reason;
  const auto hold = retention->release_hold(*id, call.principal.name, *reason);
  if (!hold && hold.error().code == base::Code::NotFound) return no_such_hold(call);
  if (!hold && hold.error().code == base::Code::Conflict)
    return problem(call.request, Problem::Conflict, "The hold has ended before.");
  if (!hold) return problem(call.request, hold.error());
  return hold_answer(call, 200, *hold);
}

void add_retention_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  table.push_back({Get, "/retention", Look, get_retention});
  table.push_back({Get,
                   "/retention/plan",
                   Look,
                   plan_retention,
                   {},
                   {"table", "maxAge", "maxBytes", "diskMax"},
                   Pool::Queries});
  table.push_back({Post,
                   "/retention/apply",
                   Administer,
                   apply_retention,
                   "retention.apply",
                   {},
                   Pool::Queries});
  table.push_back({Get,
                   "/usage",
                   Look,
                   get_usage,
                   {},
                   {"by", "from", "to", "table", "device", "limit"},
                   Pool::Queries});
  table.push_back({Get, "/holds", Look, list_holds, {}, {"all"}});
  table.push_back({Post, "/holds", Administer, create_hold, "hold.create"});
  table.push_back({Get, "/holds/{holdId}", Look, get_hold});
  table.push_back({Post, "/holds/{holdId}/release", Administer, release_hold, "hold.release"});
}

}  // namespace hub::api
