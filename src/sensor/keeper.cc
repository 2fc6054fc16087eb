#include "sensor/keeper.h"

#include <cstdio>
#include <utility>

#include "base/log.h"
#include "os/file.h"
#include "os/thread.h"

namespace sensor {

using base::Result;

namespace {

std::int64_t nanoseconds_of(base::WallTime time) {
  return time.time_since_epoch().count();
}

}  // namespace

Result<os::Fd> Keeper::claim(const std::string& folder) {
  auto held = os::lock_file(folder + kFile + std::string(".lock"));
  if (!held && held.error().code == base::Code::Conflict) {
    return base::fail(base::Code::Conflict, "state.dir", -1,
                      "another sensor runs with the folder " + folder);
  }
  return held;
}

Keeper::Keeper(std::string folder, std::chrono::nanoseconds every, inventory::Inventory& inventory)
    : folder_(std::move(folder)), every_(every), inventory_(inventory), next_(base::mono_now()) {
  if (!folder_.empty()) load();
}

Keeper::~Keeper() {
  join();
}

void Keeper::load() {
  const auto content = os::read_file(folder_ + kFile, inventory::kMaxSaved);
  if (!content) {
    if (content.error().code != base::Code::NotFound) set_aside(content.error());
    return;
  }
  auto saved = inventory::decode(base::as_bytes(*content));
  if (!saved) {
    set_aside(saved.error());
    return;
  }
  inventory_ = std::move(saved->inventory);
  told_ = std::move(saved->told);
  loaded_ = "kept";
  size_ = content->size();
}

// It is there for whoever wants to know what happened to it; the one before it is not.
void Keeper::set_aside(const base::Error& error) {
  loaded_ = "damaged";
  problem_ = folder_ + kFile + ": " + error.to_string();
  const std::string aside = folder_ + kSetAside;
  if (std::rename((folder_ + kFile).c_str(), aside.c_str()) == 0) {
    problem_ += "; it is " + aside + " now";
  } else {
    problem_ += "; it could not be renamed to " + aside;
  }
  LOG_ERROR("inventory.damaged").field("error", problem_);
}

void Keeper::join() {
  if (thread_.joinable()) thread_.join();
}

bool Keeper::due(base::MonoTime now) const {
  return !folder_.empty() && now >= next_ && !writing_;
}

base::ByteVec Keeper::copy(base::WallTime wall) {
  const base::MonoTime begin = base::mono_now();
  forgotten_ += inventory_.make_room(wall - kForgotten);
  base::ByteVec content = inventory::encode(inventory_, told_);
  copying_ = std::chrono::duration_cast<std::chrono::microseconds>(base::mono_now() - begin);
  size_ = content.size();
  begun_ = wall;
  return content;
}

void Keeper::write(base::ByteVec content) {
  const std::string path = folder_ + kFile;
  const auto written = content.size() > inventory::kMaxSaved
                           ? Result<void>(base::fail(base::Code::TooLarge, "inventory", -1,
                                                     std::to_string(content.size()) + " bytes"))
                           : os::write_file_atomic(path, base::as_text(content), 0600);
  if (written) {
    saved_ = nanoseconds_of(begun_);
    return;
  }
  ++failures_;
  LOG_ERROR("inventory.not_written")
      .field("file", path)
      .field("error", written.error().to_string());
}

void Keeper::save(base::MonoTime now, base::WallTime wall) {
  join();
  next_ = now + every_;
  writing_ = true;
  thread_ = os::start_thread("sensor-keeper", [this, content = copy(wall)]() mutable {
    write(std::move(content));
    writing_ = false;
  });
}

void Keeper::finish(base::WallTime wall) {
  if (folder_.empty()) return;
  join();
  write(copy(wall));
}

void Keeper::write_status(base::json::Writer& json) const {
  json.field("addresses", std::uint64_t{inventory_.nodes()});
  json.field("leftOut", inventory_.left_out());
  json.field("forgotten", forgotten_);
  json.field("begunWith", loaded_);
  if (!problem_.empty()) json.field("problem", problem_);
  const base::WallTime saved{std::chrono::nanoseconds(saved_.load())};
  if (saved != base::WallTime{}) json.field("saved", base::format_rfc3339(saved));
  json.field("savedBytes", std::uint64_t{size_});
  json.field("copiedInMicroseconds", std::int64_t{copying_.count()});
  json.field("failures", failures_.load());
}

}  // namespace sensor
