#include "agent/files/event.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "agent/collect/command_line.h"
#include "agent/watch/new_event.h"

namespace agent::files {

namespace {

constexpr std::size_t kMaxPathJson = 8U << 10U;
constexpr std::size_t kMaxLineJson = 8U << 10U;

std::string path_text(std::string_view path) {
  return std::string(collect::fit_json(path, kMaxPathJson));
}

std::string tier_detail(std::string_view tier) {
  if (tier == "fanotify") return "Fanotify";
  return tier == "audit" ? "Audit" : "Inotify";
}

void add_file(schema::ExtraDetails& details, const Change& change) {
  const std::string& path = change.new_path.empty() ? change.path : change.new_path;
  struct stat status{};
  if (change.operation == schema::FileOperation::Delete || ::lstat(path.c_str(), &status) != 0)
    return;
  constexpr unsigned kPermissions = 07777;
  details.emplace_back("Mode", fmt::format("{:04o}", status.st_mode & kPermissions));
  details.emplace_back("OwnerId", std::to_string(status.st_uid));
  details.emplace_back("GroupId", std::to_string(status.st_gid));
  if (S_ISREG(status.st_mode)) details.emplace_back("Size", std::to_string(status.st_size));
  if (S_ISLNK(status.st_mode)) details.emplace_back("Link", "true");
}

void add_process(schema::FileEvent& file, const EventFacts& facts, collect::Users& users,
                 collect::ContainerImages& containers) {
  if (!facts.process) return;
  const ProcessFacts& process = *facts.process;
  file.executable = path_text(process.executable);
  if (!process.command_line.empty())
    file.command_line = std::string(collect::fit_json(process.command_line, kMaxLineJson));
  if (process.uid) {
    file.user_id = std::to_string(*process.uid);
    file.user_name = users.name(*process.uid, base::mono_now());
  }
  collect::add_container(file.extra_details, process.cgroup, containers);
}

}  // namespace

schema::Event make_event(const Change& change, const EventFacts& facts, collect::Users& users,
                         collect::ContainerImages& containers) {
  schema::FileEvent file;
  file.path = path_text(change.path);
  if (!change.new_path.empty()) file.new_path = path_text(change.new_path);
  file.operation = change.operation;
  if (change.pid != 0) file.process_id = change.pid;
  add_process(file, facts, users, containers);
  schema::ExtraDetails& details = file.extra_details;
  if (change.folder) details.emplace_back("Folder", "true");
  if (change.found_late) details.emplace_back("FoundLate", "true");
  if (change.operation != schema::FileOperation::Unknown) add_file(details, change);
  details.emplace_back("Tier", tier_detail(facts.tier));
  if (change.operation != schema::FileOperation::Unknown && !facts.process)
    details.emplace_back("Incomplete", change.pid == 0 ? "Process" : "Executable");
  details.emplace_back("BootId", facts.boot_id);
  details.emplace_back("Sequence", std::to_string(facts.sequence));
  schema::Event event = new_event(change.time);
  event.payload = schema::payload_of(std::move(file));
  return event;
}

}  // namespace agent::files
