#include "sensor/edits_file.h"

#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"

namespace sensor {

using base::Result;
using inventory::Edit;
using inventory::Edits;

namespace {

constexpr std::size_t kMaxFile = 128U << 20U;

// Root may edit what another user's sensor has to read.
Result<void> give_to_owner(int fd, const std::string& folder) {
  struct stat owner{};
  if (::stat(folder.c_str(), &owner) != 0) return base::fail_errno("stat", folder);
  if (::geteuid() == 0 && ::fchown(fd, owner.st_uid, owner.st_gid) != 0)
    return base::fail_errno("fchown", folder);
  return {};
}

}  // namespace

Result<Edits> read_edits(const std::string& path) {
  const auto text = os::read_file(path, kMaxFile);
  if (!text && text.error().code == base::Code::NotFound) return Edits();
  if (!text) return std::unexpected(text.error());
  return Edits::parse(*text);
}

Result<Edit> append_edit(const std::string& folder, const MakeEdit& make) {
  const std::string path = folder + kEditsFile;
  const os::Fd lock = TRY(os::lock_file(path + ".lock"));
  TRY(give_to_owner(lock.get(), folder));
  const os::Fd fd = TRY(os::open_file(path, O_RDWR | O_CREAT, 0600));
  TRY(give_to_owner(fd.get(), folder));
  const std::string text = TRY(os::read_file(path, kMaxFile));
  const Edits edits = Edits::parse(text);
  if (edits.all().size() >= Edits::kMost)
    return base::fail(base::Code::Full, "edits", -1, path + " has no room for more");
  Edit edit = TRY(make(edits));
  edit.number = edits.next_number();
  edit.time = base::wall_now();
  const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (::ftruncate(fd.get(), static_cast<off_t>(whole)) != 0)
    return base::fail_errno("ftruncate", path);
  const std::string line = Edits::line(edit);
  TRY(os::write_all_at(fd.get(), base::as_bytes(line), whole));
  TRY(os::sync_data(fd.get()));
  TRY(os::sync_dir(folder));
  return edit;
}

void EditsWatch::look(Edits& edits) {
  struct stat now{};
  if (::stat(path_.c_str(), &now) != 0) now = {};
  const Mark mark{now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec};
  if (mark == mark_) return;
  mark_ = mark;
  auto read = read_edits(path_);
  problem_ = read ? std::string() : read.error().to_string();
  if (read && !read->problems().empty()) problem_ = path_ + ", " + read->problems().front();
  if (!problem_.empty()) {
    LOG_ERROR("inventory.edits_not_read").field("error", problem_);
  }
  if (!read) return;
  edits = std::move(*read);
  LOG_NOTICE("inventory.edits_taken")
      .field("edits", static_cast<std::uint64_t>(edits.all().size()));
}

}  // namespace sensor
