#include "sensor/protocols.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "dissect/all/list.h"
#include "os/file.h"
#include "sensor/flow/registry.h"

namespace sensor {

namespace {

using dissect::described::Description;

base::Result<std::vector<std::string>> files_of(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    const std::filesystem::path& path = at->path();
    if (path.extension() == ".json" && !path.filename().string().starts_with('.'))
      files.push_back(path.string());
  }
  if (error) {
    return base::fail(base::Code::NotFound, "folder of protocols", -1,
                      fmt::format("{}: {}", folder, error.message()));
  }
  std::ranges::sort(files);
  return files;
}

base::Result<std::unique_ptr<Description>> load_one(const std::string& file) {
  const std::string text = TRY(os::read_file(file, Description::kMostText));
  return Description::compile(text, file);
}

}  // namespace

base::Result<Protocols> Protocols::load(const std::string& folder) {
  Protocols made;
  const auto builtin = dissect::all::protocols();
  made.all_.assign(builtin.begin(), builtin.end());
  if (folder.empty()) return made;
  std::string problems;
  for (const std::string& file : TRY(files_of(folder))) {
    auto one = load_one(file);
    if (!one) {
      const bool said =
          one.error().code == base::Code::Invalid || one.error().code == base::Code::Malformed;
      problems += (said ? one.error().detail : file + ": " + one.error().to_string()) + "\n";
      continue;
    }
    const dissect::Protocol& protocol = (*one)->protocol();
    const bool known = std::ranges::any_of(
        made.all_, [&](const dissect::Protocol* other) { return other->name == protocol.name; });
    if (known) {
      problems += fmt::format("{}: there is a protocol \"{}\" already\n", file, protocol.name);
      continue;
    }
    if (made.all_.size() == flow::kMaxProtocols) {
      problems += fmt::format("{}: more than {} protocols\n", file, flow::kMaxProtocols);
      break;
    }
    made.all_.push_back(&protocol);
    made.own_.push_back(std::move(*one));
  }
  if (problems.empty()) return made;
  problems.pop_back();
  return base::fail(base::Code::Invalid, "protocols", -1, std::move(problems));
}

std::string explained(const base::Error& error) {
  return error.detail.empty() ? error.to_string() : error.detail;
}

}  // namespace sensor
