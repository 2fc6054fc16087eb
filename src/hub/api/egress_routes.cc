// What other programs take out: the stream of events, exports, and how forwards do.
#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/query_call.h"
#include "hub/egress/exporter.h"
#include "hub/egress/feed.h"
#include "hub/egress/forwards.h"
#include "hub/ingest/ingest.h"
#include "store/catalogue.h"
#include "store/query.h"

namespace hub::api {

using base::json::Writer;

namespace {

constexpr std::size_t kPieceLines = 1'000;
constexpr std::size_t kPieceBytes = std::size_t{64} << 10U;
constexpr std::size_t kMaxQueryBytes = 65'536;

Response bad_parameter(const Call& call, std::string_view name, std::string_view expected,
                       std::string_view found) {
  return problem(
      call.request, Problem::BadRequest,
      fmt::format("{}: expected {}, found {}", name, expected, base::json::quoted(found)));
}

std::expected<egress::Filter, Response> filter_of(const Call& call) {
  egress::Filter filter;
  const std::string* kinds = call.target.parameter("kinds");
  const std::string_view wanted =
      kinds == nullptr ? "events,telemetry,alerts" : std::string_view(*kinds);
  for (const std::string_view name : base::split(wanted, ',')) {
    const auto kind = egress::parse_kind(name);
    if (!kind) {
      return std::unexpected(
          bad_parameter(call, "kinds", "a list of events, telemetry, alerts and operations", name));
    }
    filter.kinds[static_cast<std::size_t>(*kind)] = true;
  }
  if (const auto* device = call.target.parameter("device")) filter.devices = {*device};
  return filter;
}

// Where the reader wants to begin; what is gone by now is his loss, and he is told.
std::expected<egress::Offset, Response> start_of(const Call& call, const ingest::Ingest& ingest) {
  const std::string* from = call.target.parameter("from");
  const std::string* after = call.target.parameter("after");
  if (from != nullptr && after != nullptr) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "Give either from or after, not both."));
  }
  const egress::Offset latest = egress::Feed::latest(ingest);
  const std::string* text = from != nullptr ? from : after;
  if (text == nullptr || *text == "latest") return latest;
  if (*text == "earliest") return egress::Feed::earliest(ingest);
  auto offset = egress::Offset::parse(*text);
  if (!offset) {
    return std::unexpected(bad_parameter(call, from != nullptr ? "from" : "after",
                                         "an offset, earliest or latest", *text));
  }
  if (after != nullptr) {
    if (offset->index == UINT32_MAX)
      return std::unexpected(bad_parameter(call, "after", "an offset", *text));
    ++offset->index;
  }
  if (offset->sequence > latest.sequence) {
    return std::unexpected(problem(
        call.request, Problem::BadRequest,
        fmt::format("The offset {} is beyond the end, {}: it is of another hub, or of data that "
                    "is gone.",
                    *text, latest.to_string())));
  }
  return *offset;
}

std::string lost_line(std::uint64_t count) {
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("kind", "lost");
  writer.field("records", count);
  writer.end_object();
  return text + "\n";
}

// One reader's way through the journal; counted while it lives.
class Lines final : public Pieces {
 public:
  Lines(ingest::Ingest& ingest, egress::Filter filter, egress::Offset from, bool follow,
        std::atomic<std::size_t>& readers)
      : feed_(ingest, std::move(filter), from), follow_(follow), readers_(readers) {
    ++readers_;
  }
  ~Lines() override { --readers_; }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  base::Result<Piece> next() override {
    const auto batch = TRY(feed_.read(kPieceLines, kPieceBytes));
    Piece piece;
    if (batch.lost != 0) piece.text += lost_line(batch.lost);
    for (const egress::Line& line : batch.lines)
      piece.text += line.text;
    piece.last = !follow_ && !batch.more;
    piece.more = batch.more;
    return piece;
  }

 private:
  egress::Feed feed_;
  bool follow_;
  std::atomic<std::size_t>& readers_;
};

}  // namespace

Response stream_events(Call& call) {
  const Dependencies& dependencies = call.services.dependencies;
  if (dependencies.live == nullptr || dependencies.live->ingest == nullptr)
    return problem(call.request, Problem::Unavailable, "The hub takes no messages now.");
  ingest::Ingest& ingest = *dependencies.live->ingest;
  auto filter = filter_of(call);
  if (!filter) return std::move(filter.error());
  const auto start = start_of(call, ingest);
  if (!start) return start.error();
  bool follow = true;
  if (call.target.parameter("follow") != nullptr) {
    const auto flag = flag_parameter(call, "follow");
    if (!flag) return flag.error();
    follow = *flag;
  }
  if (call.services.event_readers.load() >= call.services.options.max_event_streams) {
    Response response =
        problem(call.request, Problem::Unavailable, "Too many streams of events are open.");
    response.headers.push_back({"Retry-After", "5"});
    return response;
  }
  Response response;
  response.content_type = "application/x-ndjson";
  response.pieces = std::make_shared<Lines>(ingest, std::move(*filter), *start, follow,
                                            call.services.event_readers);
  return response;
}

Response list_forwards(Call& call) {
  const Live* live = call.services.dependencies.live;
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  const auto states = live == nullptr || live->forwards == nullptr
                          ? std::vector<egress::ForwardState>()
                          : live->forwards->states();
  for (const egress::ForwardState& state : states) {
    writer.begin_object();
    writer.field("name", state.name);
    writer.field("type", egress::to_string(state.type));
    writer.field("destination", state.destination);
    writer.field("healthy", !state.failing);
    writer.field("problem", state.problem);
    writer.field("offset", state.next.to_string());
    writer.field("behind", state.behind);
    writer.field("lines", state.lines);
    writer.field("bytes", state.bytes);
    writer.field("deliveries", state.deliveries);
    writer.field("failures", state.failures);
    writer.field("refused", state.refused);
    writer.field("lost", state.lost);
    time_field(writer, "lastDelivery", state.last_delivery);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

namespace {

std::expected<store::ExportFormat, Response> format_of(const Call& call, const std::string* text) {
  if (text == nullptr || *text == "ndjson") return store::ExportFormat::Ndjson;
  if (*text == "parquet") return store::ExportFormat::Parquet;
  return std::unexpected(bad_parameter(call, "format", "ndjson or parquet", *text));
}

std::expected<std::string, Response> bound_of(const Call& call, std::string_view name,
                                              std::string_view comparison) {
  const std::string* text = call.target.parameter(name);
  if (text == nullptr) return std::string();
  const auto time = base::parse_rfc3339(*text);
  if (!time) return std::unexpected(bad_parameter(call, name, "a time as in RFC 3339", *text));
  return fmt::format("\n| where TimeGenerated {} datetime({})", comparison,
                     base::format_rfc3339(time->utc, 7));
}

std::expected<std::string, Response> table_query(const Call& call) {
  const std::string* table = call.target.parameter("table");
  if (table == nullptr)
    return std::unexpected(problem(call.request, Problem::BadRequest, "table: it is missing"));
  std::vector<std::string_view> names;
  for (const kql::Table& each : store::catalogue().tables())
    names.push_back(each.name);
  if (std::ranges::find(names, *table) == names.end()) {
    std::string message = fmt::format("There is no table {}.", base::json::quoted(*table));
    if (const auto near = base::nearest(*table, names))
      message += fmt::format(" Did you mean {}?", *near);
    return std::unexpected(problem(call.request, Problem::NotFound, message));
  }
  const auto from = bound_of(call, "from", ">=");
  if (!from) return std::unexpected(from.error());
  const auto to = bound_of(call, "to", "<");
  if (!to) return std::unexpected(to.error());
  return *table + *from + *to;
}

Response exported(const Request& request, store::ExportFormat format, std::string_view name,
                  egress::Exporter::Outcome outcome) {
  if (!outcome) return query_failed(request, outcome.error());
  const bool parquet = format == store::ExportFormat::Parquet;
  Response response;
  response.content_type = parquet ? "application/vnd.apache.parquet" : "application/x-ndjson";
  response.headers.push_back(
      {"Content-Disposition",
       fmt::format("attachment; filename=\"{}.{}\"", name, parquet ? "parquet" : "ndjson")});
  response.file = std::make_shared<os::Fd>(std::move(outcome->file));
  response.file_bytes = outcome->bytes;
  return response;
}

// The answer comes when the file is written.
Response start_export(Call& call, egress::Exporter::Job wanted, std::string name) {
  egress::Exporter* exporter = call.services.dependencies.exporter;
  if (exporter == nullptr)
    return problem(call.request, Problem::Unavailable, "This hub exports nothing.");
  Response response;
  wanted.now = call.now;
  wanted.cancel = call.cancel;
  response.later = [exporter, wanted = std::move(wanted), name = std::move(name),
                    &request = call.request](const Finish& finish) {
    egress::Exporter::Job job = wanted;
    // `finish` keeps the request and its cancel alive.
    job.done = [finish, format = wanted.format, name, &request](egress::Exporter::Outcome outcome) {
      finish(exported(request, format, name, std::move(outcome)));
    };
    if (exporter->submit(job)) return;
    Response busy = problem(request, Problem::TooManyRequests,
                            "Too many exports are waiting; try again in a moment.");
    busy.headers.push_back({"Retry-After", "30"});
    finish(std::move(busy));
  };
  return response;
}

}  // namespace

Response export_table(Call& call) {
  auto query = table_query(call);
  if (!query) return std::move(query.error());
  const auto format = format_of(call, call.target.parameter("format"));
  if (!format) return format.error();
  call.audit_target = *call.target.parameter("table");
  egress::Exporter::Job job;
  job.query = std::move(*query);
  job.format = *format;
  return start_export(call, std::move(job), *call.target.parameter("table"));
}

Response export_query(Call& call) {
  auto body = read_body(call, Body::Required, {"query", "parameters", "format"});
  if (!body) return std::move(body.error());
  const auto query = text_field(call, *body, "query", kMaxQueryBytes);
  if (!query) return query.error();
  if (!*query) return problem(call.request, Problem::BadRequest, "query: it is missing");
  const auto named = text_field(call, *body, "format", 16);
  if (!named) return named.error();
  const auto format = format_of(call, *named ? &**named : nullptr);
  if (!format) return format.error();
  auto parameters = parameters_field(call, *body);
  if (!parameters) return std::move(parameters.error());
  call.audit_target = "query";
  egress::Exporter::Job job;
  job.query = **query;
  job.parameters = std::move(*parameters);
  job.format = *format;
  return start_export(call, std::move(job), "export");
}

}  // namespace hub::api
