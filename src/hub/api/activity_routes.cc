// What devices and modules were seen doing, and who of them needs looking after.
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/identity/registry.h"

namespace hub::api {

using base::json::Writer;
using identity::Activity;

namespace {

constexpr std::int64_t kMostHours = 24 * 366;
constexpr std::int64_t kMostSeconds = std::int64_t{100} * 366 * 86'400;

// A whole number of a parameter; nullopt: it is absent. An answer when it is none, or out of range.
std::expected<std::optional<std::int64_t>, Response> number_parameter(const Call& call,
                                                                      std::string_view name,
                                                                      std::int64_t most) {
  const std::string* text = call.target.parameter(name);
  if (text == nullptr) return std::nullopt;
  const auto value = base::parse_int(*text);
  if (value && *value >= 0 && *value <= most) return *value;
  return std::unexpected(
      problem(call.request, Problem::BadRequest,
              std::string(name) + ": expected a whole number from 0 to " + std::to_string(most)));
}

std::expected<identity::ActivityFilter, Response> read_filter(const Call& call) {
  identity::ActivityFilter filter;
  auto silent = number_parameter(call, "silentHours", kMostHours);
  if (!silent) return std::unexpected(std::move(silent.error()));
  if (*silent) filter.no_message_since = call.now - std::chrono::hours(**silent);
  auto quiet = number_parameter(call, "securitySilentHours", kMostHours);
  if (!quiet) return std::unexpected(std::move(quiet.error()));
  if (*quiet) filter.no_security_message_since = call.now - std::chrono::hours(**quiet);
  auto off = number_parameter(call, "clockOffSeconds", kMostSeconds);
  if (!off) return std::unexpected(std::move(off.error()));
  if (*off) filter.clock_off_by = std::chrono::seconds(**off);
  auto small = number_parameter(call, "smallPercent", 100);
  if (!small) return std::unexpected(std::move(small.error()));
  if (*small) filter.small_percent = static_cast<unsigned>(**small);
  return filter;
}

}  // namespace

void write_activity(Writer& writer, const Activity& activity, base::WallTime now) {
  time_field(writer, "lastActivity", activity.last_activity);
  time_field(writer, "lastTelemetry", activity.last_message);
  time_field(writer, "lastSecurityMessage", activity.last_security_message);
  time_field(writer, "connectionChanged", activity.connection_changed);
  writer.field("messages", activity.messages);
  writer.field("securityMessages", activity.security_messages);
  const auto day = activity.security_sizes.sum(now);
  writer.field("securityMessagesToday", day.messages);
  writer.field("smallSecurityMessagesToday", day.small);
  if (activity.clock_ahead && activity.clock_observed) {
    writer.field("clockAheadMs", std::int64_t{activity.clock_ahead->count()});
    time_field(writer, "clockObserved", *activity.clock_observed);
  }
  if (!activity.client_type.empty()) writer.field("sdkVersion", activity.client_type);
  if (!activity.ip.empty()) writer.field("ip", activity.ip);
}

Response list_activity(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  auto filter = read_filter(call);
  if (!filter) return std::move(filter.error());
  const std::string* cursor = call.target.parameter("cursor");
  auto page = call.services.dependencies.registry->list_activity(
      *filter, *limit, cursor == nullptr ? "" : std::string_view(*cursor));
  if (!page) return problem(call.request, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const auto& [name, activity] : page->items) {
    writer.begin_object();
    writer.field("deviceId", name.device_id);
    if (name.is_module()) writer.field("moduleId", name.module_id);
    writer.field("connectionState", activity.connected ? "Connected" : "Disconnected");
    write_activity(writer, activity, call.now);
    writer.end_object();
  }
  writer.end_array();
  cursor_field(writer, page->next_cursor);
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
