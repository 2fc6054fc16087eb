#include "devices.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "os/file.h"
#include "schema/message.h"
#include "wire/connection_string.h"
#include "wire/sas.h"

namespace bench {

constexpr std::size_t kToTheSecond = std::string_view("2026-01-01T00:00:00").size();

void give_up(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

double cpu_seconds(int pid) {
  const auto stat = os::read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) give_up("the server is gone");
  // The name may hold anything, so the fields are counted from its closing bracket: 14 and 15 of
  // all.
  const auto fields = base::split(std::string_view(*stat).substr(stat->rfind(')') + 2), ' ');
  const auto ticks = *base::parse_int(fields[11]) + *base::parse_int(fields[12]);
  return static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::size_t resident_bytes(int pid) {
  const auto statm = os::read_file(fmt::format("/proc/{}/statm", pid));
  if (!statm) give_up("the server is gone");
  const auto pages = *base::parse_int(base::split(*statm, ' ')[1]);
  return static_cast<std::size_t>(pages) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::vector<Identity> read_identities(const std::string& file) {
  const auto text = os::read_file(file);
  if (!text) give_up(text.error().to_string());
  std::vector<Identity> identities;
  for (const std::string_view line : base::split(base::trim(*text), '\n')) {
    const auto connection = wire::parse_connection_string(line);
    if (!connection) give_up(connection.error().to_string());
    std::string resource = connection->host_name + "/devices/" + connection->device_id;
    if (!connection->module_id.empty()) resource += "/modules/" + connection->module_id;
    auto token =
        wire::make_sas(resource, connection->key_base64, base::wall_now() + std::chrono::hours(1));
    if (!token) give_up(token.error().to_string());
    identities.push_back(
        {connection->host_name, connection->device_id, connection->module_id, std::move(*token)});
  }
  return identities;
}

SecurityPayload::SecurityPayload(std::size_t events) {
  schema::Message message{"0.1.0", base::Guid::random(), {}};
  for (std::size_t i = 0; i < events; ++i) {
    schema::Event event;
    event.id = base::Guid::random();
    event.time.utc = base::wall_now();
    event.payload = schema::payload_of(schema::ProcessCreate{
        .executable = "/usr/bin/python3.11",
        .process_id = 1'000'000 + static_cast<std::int64_t>(i),
        .parent_process_id = 1,
        .user_id = "1000",
        .user_name = "operator",
        .command_line = "/usr/bin/python3.11 /srv/gateway/collect.py --every 60",
        .extra_details = {{"Cwd", "/srv/data"}}});
    message.events.push_back(std::move(event));
  }
  text_ = schema::encode_message(message);
  constexpr std::string_view kId = "\"Id\":\"";
  for (auto at = text_.find(kId); at != std::string::npos; at = text_.find(kId, at + 1))
    ids_.push_back(at + kId.size() + 24);
  ASSERT(ids_.size() == events);
  for (const std::string_view name : {"\"TimestampUTC\":\"", "\"TimestampLocal\":\""}) {
    for (auto at = text_.find(name); at != std::string::npos; at = text_.find(name, at + 1))
      times_.push_back(at + name.size());
  }
}

base::ByteView SecurityPayload::next() {
  for (const std::size_t id : ids_)
    fmt::format_to_n(text_.data() + id, 12, "{:012x}", ++number_);
  // Of now, as devices': what is known to be new by its time needs no look at what is stored.
  const std::string now = base::format_rfc3339(base::wall_now(), 0);
  for (const std::size_t time : times_)
    std::ranges::copy(std::string_view(now).substr(0, kToTheSecond),
                      text_.begin() + static_cast<std::ptrdiff_t>(time));
  return base::as_bytes(text_);
}

}  // namespace bench
