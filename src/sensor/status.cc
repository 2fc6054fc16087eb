#include "sensor/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "os/file.h"
#include "sensor/output.h"

namespace sensor {

namespace {

int failed(const base::Error& error) {
  std::fputs(("vedette-sensor: " + error.to_string() + "\n").c_str(), stderr);
  return 1;
}

std::string status_file(const Config& config) {
  return config.state_dir + "/status.json";
}

void print_members(const base::json::Value* object, std::string_view before, std::FILE* out) {
  if (object == nullptr || object->if_object() == nullptr) return;
  for (const base::json::Member& one : *object->if_object()) {
    const std::string name = fmt::format("{}{}", before, one.name);
    const std::string* const text = one.value.if_string();
    std::fputs(
        fmt::format("{:<24} {}\n", name, text == nullptr ? one.value.to_json() : *text).c_str(),
        out);
  }
}

}  // namespace

void write_status(const Config& config, const Status& status) {
  if (config.state_dir.empty()) return;
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  json.field("state", status.state);
  json.field("pid", std::int64_t{::getpid()});
  json.field("interface", config.interface);
  json.field("since", base::format_rfc3339(status.since));
  json.field("updated", base::format_rfc3339(base::wall_now()));
  json.key("protection");
  json.begin_object();
  json.field("interfaceOpenedBy", status.opened_by);
  status.sandbox.write_status(json);
  json.end_object();
  json.key("inventory");
  json.begin_object();
  status.keeper.write_status(json);
  json.field("edits", std::uint64_t{status.edits});
  if (!status.edits_problem.empty()) json.field("editsProblem", status.edits_problem);
  json.end_object();
  json.key("health");
  json.raw(health_json(status.health));
  if (status.reporter != nullptr) {
    json.key("hub");
    json.begin_object();
    status.reporter->write_status(json);
    json.end_object();
  }
  json.end_object();
  text += '\n';
  const auto written = os::write_file_atomic(status_file(config), text, 0640);
  if (!written) {
    LOG_WARNING("sensor.status_not_written").field("why", written.error().to_string());
  }
}

int status(const Config& config, bool table, std::FILE* out) {
  if (config.state_dir.empty()) {
    std::fputs("vedette-sensor: state.dir is not set, so that there is no status\n", stderr);
    return 1;
  }
  const auto text = os::read_file(status_file(config));
  if (!text) return failed(text.error());
  if (!table) {
    std::fputs(text->c_str(), out);
    return 0;
  }
  const auto parsed = base::json::parse(*text);
  if (!parsed) return failed(parsed.error());
  for (const char* const name : {"state", "interface", "since", "updated"})
    std::fputs(fmt::format("{:<24} {}\n", name, parsed->text_or(name, "")).c_str(), out);
  print_members(parsed->find("protection"), "protection.", out);
  print_members(parsed->find("inventory"), "inventory.", out);
  print_members(parsed->find("health"), "", out);
  return 0;
}

}  // namespace sensor
