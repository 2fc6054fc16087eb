#include "detect/process_commands.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "schema/types.h"

namespace detect {
namespace {

using shell::Field;

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

std::string_view detail(const schema::ExtraDetails& details, std::string_view name) {
  const std::string* value = schema::find(details, name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

}  // namespace

void ProcessCommands::read(const schema::Event& event, std::size_t item, const Origin& origin) {
  size_ = 0;
  // Only now: what was asked of the commands before had names that the tree holds.
  if (std::exchange(begun_.waits, false))
    tree_.started(device_, begun_.process, begun_.parent, begun_.name);
  if (const auto* ends = std::get_if<std::vector<schema::ProcessTerminate>>(&event.payload)) {
    tree_.ended(origin.device_id, (*ends)[item].process_id);
    return;
  }
  const auto* starts = std::get_if<std::vector<schema::ProcessCreate>>(&event.payload);
  if (starts == nullptr) return;
  const schema::ProcessCreate& process = (*starts)[item];
  const schema::ExtraDetails& details = process.extra_details;
  const std::string_view parent = detail(details, "ParentExecutable");
  ancestors_.clear();
  if (!parent.empty()) ancestors_.push_back(name_of(parent));
  const std::size_t own = ancestors_.size();
  tree_.ancestors(origin.device_id, process.parent_process_id, ancestors_);
  // The event says who the parent is; the memory begins with it, too.
  if (own == 1 && ancestors_.size() > 1) ancestors_.erase(ancestors_.begin() + 1);
  commands_.read({.executable = process.executable,
                  .command_line = process.command_line,
                  .argv_json = detail(details, "Argv"),
                  .current_directory = detail(details, "Cwd"),
                  .user = process.user_name ? std::string_view(*process.user_name) : "",
                  .user_id = process.user_id,
                  .parent_executable = parent,
                  .parent_command_line = detail(details, "ParentCommandLine"),
                  .terminal = detail(details, "Tty"),
                  .ancestors = ancestors_});
  size_ = commands_.size();
  if (commands_.cut()) cut_.add();
  device_ = origin.device_id;
  time_ = event.time.utc;
  event_ = &event;
  if (!downloads_.empty()) find_downloads();
  begun_.waits = true;
  begun_.process = process.process_id;
  begun_.parent = process.parent_process_id;
  begun_.name = name_of(process.executable);
}

// What a command runs, and an earlier process downloaded.
void ProcessCommands::find_downloads() {
  for (std::size_t command = 0; command < size_; ++command) {
    const std::size_t count = commands_.values(command, Field::Runs).size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto* download =
          downloads_.find(device_, commands_.values(command, Field::Runs)[i], time_);
      if (download == nullptr) continue;
      commands_.add(command, Field::RunsEarlierDownload, download->from);
    }
  }
}

Match ProcessCommands::where(std::size_t command) const {
  const std::string_view origin = commands_.value(command, Field::Origin);
  Match out{.field = "Command",
            .value = std::string(commands_.value(command, Field::CommandLine).substr(0, 512)),
            .pattern = "the process itself",
            .found = {}};
  if (origin == "script") out.pattern = "the script that it runs";
  if (origin == "shell") out.pattern = "in a shell's text";
  if (origin == "substitution") out.pattern = "substituted in a shell's text";
  if (origin == "code") out.pattern = "in the code of another language";
  if (origin == "decoded") out.pattern = "in encoded text";
  for (const std::string_view wrapper : commands_.values(command, Field::Wrapper))
    out.pattern += ", by " + std::string(wrapper);
  return out;
}

std::vector<Evidence> ProcessCommands::downloads_run(std::size_t command) const {
  std::vector<Evidence> out;
  if (commands_.values(command, Field::RunsEarlierDownload).empty()) return out;
  for (const std::string_view path : commands_.values(command, Field::Runs)) {
    const auto* download = downloads_.find(device_, path, time_);
    if (download != nullptr) out.push_back(download->evidence);
  }
  return out;
}

bool ProcessCommands::downloads() const {
  for (std::size_t command = 0; command < size_; ++command) {
    if (!commands_.values(command, Field::DownloadsTo).empty()) return true;
  }
  return false;
}

void ProcessCommands::remember(const Evidence& evidence) {
  for (std::size_t command = 0; command < size_; ++command) {
    const std::string_view url = commands_.value(command, Field::Url);
    const std::string_view from = url.empty() ? commands_.value(command, Field::Address) : url;
    for (const std::string_view path : commands_.values(command, Field::DownloadsTo)) {
      downloads_.add({.device = device_,
                      .path = std::string(path),
                      .from = std::string(from.empty() ? path : from),
                      .evidence = evidence});
    }
  }
}

void ProcessCommands::forget() {
  tree_.forget();
  downloads_.forget();
  begun_.waits = false;
  size_ = 0;
}

CommandCounters ProcessCommands::counters() const {
  return {.cut = cut_.value(),
          .evicted_processes = tree_.evicted(),
          .evicted_downloads = downloads_.evicted()};
}

}  // namespace detect
