#include "agent/files/files.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fanotify.h>
#include <unistd.h>

#include "agent/files/backend.h"
#include "agent/files/event.h"
#include "agent/files/plan.h"
#include "base/log.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/privilege.h"

namespace agent::files {

using base::Result;
using schema::FileOperation;
using namespace std::chrono_literals;

namespace {

// Between looks at what has to be watched, since folders are made in bunches; what is made in them
// before they are watched is found when they are looked at.
constexpr base::MonoTime::duration kReplan = 20ms;
// What nothing tells of: a folder that comes to be reachable by a change of rights, a limit raised.
constexpr auto kReplanAnyway = 60s;
constexpr auto kRetry = 5min;

struct Watched {
  std::string path;
  Interest interest;
};

constexpr std::pair<std::uint64_t, FileOperation> kOperations[] = {
    {FAN_CREATE, FileOperation::Create},
    {FAN_CLOSE_WRITE, FileOperation::Modify},
    {FAN_ATTRIB, FileOperation::Attributes},
    {FAN_OPEN_EXEC, FileOperation::Execute},
    {FAN_DELETE, FileOperation::Delete}};
constexpr std::uint64_t kStructure = FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_MOVE;
constexpr std::uint64_t kSelf = FAN_DELETE_SELF | FAN_MOVE_SELF;

std::string join(const std::string& folder, std::string_view name) {
  if (name.empty() || name == ".") return folder;
  return (folder == "/" ? "/" : folder + "/") + std::string(name);
}

class Files final : public Watch {
 public:
  explicit Files(const WatchContext& context) : context_(context), settings_(context.settings) {
    watch_mounts();
    retry_ = context_.loop->every(kRetry, [this] { improve(); });
    anyway_ = context_.loop->every(kReplanAnyway, [this] { replan(); });
    apply();
  }

  ~Files() override {
    close();
    if (mounts_) context_.loop->unwatch(mounts_.get());
    for (const os::TimerId timer : {replan_, retry_, anyway_})
      context_.loop->cancel(timer);
  }

  std::vector<SourceReport> sources() const override {
    SourceReport report;
    report.event = schema::EventName::FileEvent;
    report.tier = backend_ == nullptr ? "none" : std::string(backend_->tier());
    report.reason = reason();
    report.lost = lost_;
    return {report};
  }

  void configure(const WatchSettings& settings) override {
    settings_ = settings;
    apply();
  }

  void drain() override { receive(); }

 private:
  // From Linux 5.13 on everybody may use fanotify, without the processes.
  static bool privileged() {
    return (os::permitted_capabilities() & os::capability(CAP_SYS_ADMIN)) != 0;
  }

  bool off() const { return settings_.off.contains(schema::EventName::FileEvent); }

  std::string reason() const {
    if (off()) return "off";
    if (entries_.empty()) return "no paths are configured";
    std::string text = open_reason_;
    const auto add = [&](const std::string& more) {
      if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
    };
    if (backend_ != nullptr && backend_->tier() == "inotify") add("inotify tells no process");
    if (backend_ != nullptr && backend_->tier() == "fanotify" && !privileged())
      add("fanotify tells no process without CAP_SYS_ADMIN");
    if (left_out_ > 0) add(std::to_string(left_out_) + " folders beyond the limit are not watched");
    add(mark_reason_);
    return text;
  }

  void apply() {
    entries_.clear();
    for (const std::string& path : settings_.file_paths)
      entries_.push_back(read_entry(path));
    if (off() || entries_.empty()) {
      receive();
      close();
      return;
    }
    if (backend_ == nullptr) open_best();
    replan();
  }

  void open_best() {
    open_reason_.clear();
    for (const auto& open : {open_fanotify, open_inotify}) {
      if (open == open_fanotify && context_.tier == "proc") continue;  // forced, for tests
      auto backend = open();
      if (backend && take_over(std::move(*backend))) return;
      if (!backend) {
        open_reason_ +=
            (open_reason_.empty() ? "" : "; ") + std::string(backend.error().what) + ": " +
            (backend.error().detail.empty() ? backend.error().to_string() : backend.error().detail);
      }
    }
    LOG_ERROR("files.none").field("because", open_reason_);
  }

  bool take_over(std::unique_ptr<Backend> backend) {
    const auto watched = context_.loop->watch(backend->fd(), os::Loop::kReadable,
                                              [this](std::uint32_t) { receive(); });
    if (!watched) return false;
    close();
    backend_ = std::move(backend);
    fresh_ = true;
    LOG_NOTICE("files.tier").field("tier", backend_->tier()).field("because", open_reason_);
    return true;
  }

  void close() {
    if (backend_ == nullptr) return;
    context_.loop->unwatch(backend_->fd());
    backend_.reset();
    watched_.clear();
    marked_.clear();
  }

  void improve() {
    if (off() || entries_.empty()) return;
    if (backend_ != nullptr && (backend_->tier() == "fanotify" || context_.tier == "proc")) return;
    if (backend_ == nullptr) {
      open_best();
    } else if (auto better = open_fanotify()) {
      receive();
      open_reason_.clear();
      take_over(std::move(*better));
    }
    replan();
  }

  // The kernel says when something is mounted, which may cover what is watched.
  void watch_mounts() {
    auto mounts = os::open_file("/proc/self/mountinfo", O_RDONLY);
    if (!mounts) return;
    mounts_ = std::move(*mounts);
    const auto watched =
        context_.loop->watch(mounts_.get(), 0, [this](std::uint32_t) { plan_soon(); });
    if (!watched) mounts_.reset();
  }

  void plan_soon() {
    if (replan_ != 0) return;
    const auto wait = std::max(planned_ + kReplan - base::mono_now(), base::MonoTime::duration(0));
    replan_ = context_.loop->after(wait, [this] {
      replan_ = 0;
      replan();
    });
  }

  void replan() {
    if (backend_ == nullptr) return;
    const Plan plan = make_plan(entries_);
    planned_ = base::mono_now();
    left_out_ = plan.left_out;
    mark_reason_.clear();
    std::map<std::string, FolderId> before = std::exchange(marked_, {});
    watched_.clear();
    std::vector<std::string> new_ones;
    for (const auto& [path, interest] : plan.folders) {
      const auto id = backend_->mark(path, wants_any_execution(interest));
      if (!id) {
        if (id.error().code != base::Code::NotFound) mark_reason_ = id.error().to_string();
        continue;
      }
      const auto known = before.find(path);
      if (known == before.end() || known->second != *id) {
        new_ones.push_back(path);
      } else {
        before.erase(known);
      }
      marked_[path] = *id;
      watched_[*id] = {path, interest};
    }
    for (const auto& [path, id] : before) {
      if (!watched_.contains(id)) backend_->unmark(path, id);
    }
    if (!std::exchange(fresh_, false)) look_into(new_ones);
  }

  static bool wants_any_execution(const Interest& interest) {
    return interest.execute ||
           std::ranges::any_of(interest.names, [](const Entry& one) { return one.execute; });
  }

  // What was made in a new folder before it was watched.
  void look_into(const std::vector<std::string>& folders) {
    for (const std::string& folder : folders) {
      const Watched& watched = watched_.at(marked_.at(folder));
      const auto names = os::list_dir(folder);
      if (!names) continue;
      for (const std::string& name : *names) {
        if (!watched.interest.wants(name)) continue;
        tell({.operation = FileOperation::Create,
              .path = join(folder, name),
              .new_path = {},
              .folder = marked_.contains(join(folder, name)),
              .found_late = true,
              .pid = 0,
              .time = base::wall_now()});
      }
    }
  }

  void receive() {
    if (backend_ == nullptr) return;
    now_ = base::wall_now();
    bool asked = false;
    const auto received = backend_->receive([&](const Notice& notice) {
      // What the process did before is known first.
      if (!std::exchange(asked, true) && context_.processes != nullptr)
        context_.processes->catch_up();
      take(notice);
    });
    end_rename();
    if (received) return;
    LOG_ERROR("files.failed").field("error", received.error().to_string());
    ++lost_;
    close();
    context_.loop->post([this] { apply(); });
  }

  const Watched* find(const FolderId& id) const {
    const auto found = watched_.find(id);
    return found == watched_.end() ? nullptr : &found->second;
  }

  void take(const Notice& notice) {
    if (notice.pid == static_cast<std::uint32_t>(::getpid())) return;
    if ((notice.mask & FAN_Q_OVERFLOW) != 0) {
      overflow();
      return;
    }
    const Watched* const from = find(notice.folder);
    const Watched* const into = notice.new_folder ? find(*notice.new_folder) : nullptr;
    if ((notice.mask & kSelf) != 0) plan_soon();
    if (changes_structure(notice, from, into)) plan_soon();
    if ((notice.mask & FAN_RENAME) != 0) take_rename(notice, from, into);
    if ((notice.mask & FAN_MOVE) != 0) take_half(notice, from);
    if (from == nullptr) return;
    for (const auto& [bit, operation] : kOperations) {
      if ((notice.mask & bit) == 0) continue;
      const bool wanted = operation == FileOperation::Execute
                              ? from->interest.wants_execution(notice.name)
                              : wants(*from, notice.name);
      if (wanted) tell(change_of(notice, operation, join(from->path, notice.name)));
    }
  }

  static bool wants(const Watched& watched, const std::string& name) {
    return name.empty() || name == "." ? watched.interest.all : watched.interest.wants(name);
  }

  static bool changes_structure(const Notice& notice, const Watched* from, const Watched* into) {
    if ((notice.mask & kStructure) == 0) return false;
    const bool folder = (notice.mask & FAN_ONDIR) != 0;
    const auto matters = [folder](const Watched* watched, const std::string& name) {
      if (watched == nullptr) return false;
      const bool leads =
          std::ranges::find(watched->interest.ways, name) != watched->interest.ways.end();
      // A link may come to lead elsewhere; a folder may have to be watched.
      return leads || (folder && watched->interest.wants(name)) ||
             (!watched->interest.all && watched->interest.wants(name));
    };
    return matters(from, notice.name) || matters(into, notice.new_name);
  }

  Change change_of(const Notice& notice, FileOperation operation, std::string path) const {
    return {.operation = operation,
            .path = std::move(path),
            .new_path = {},
            .folder = (notice.mask & FAN_ONDIR) != 0,
            .found_late = false,
            .pid = notice.pid,
            .time = now_};
  }

  void take_rename(const Notice& notice, const Watched* from, const Watched* into) {
    const bool wanted_from = from != nullptr && wants(*from, notice.name);
    const bool wanted_into = into != nullptr && wants(*into, notice.new_name);
    if (!wanted_from && !wanted_into) return;
    const std::string new_path =
        into == nullptr ? std::string() : join(into->path, notice.new_name);
    Change change = change_of(notice, FileOperation::Rename,
                              from == nullptr ? new_path : join(from->path, notice.name));
    change.new_path = new_path;
    tell(change);
  }

  // Of a rename told in two halves: by inotify with a cookie, by older kernels without.
  void take_half(const Notice& notice, const Watched* watched) {
    if (watched == nullptr) return;
    const std::string path = join(watched->path, notice.name);
    if ((notice.mask & FAN_MOVED_FROM) != 0) {
      end_rename();
      half_ = {change_of(notice, FileOperation::Rename, path), notice.cookie,
               wants(*watched, notice.name)};
    }
    if ((notice.mask & FAN_MOVED_TO) == 0) return;
    const bool wanted = wants(*watched, notice.name);
    if (half_ && notice.cookie != 0 && half_->cookie == notice.cookie) {
      half_->change.new_path = path;
      half_->wanted = half_->wanted || wanted;
      end_rename();
      return;
    }
    end_rename();
    Change change = change_of(notice, FileOperation::Rename, path);
    change.new_path = path;
    if (wanted) tell(change);
  }
  void end_rename() {
    if (half_ && half_->wanted) tell(half_->change);
    half_.reset();
  }

  // An unknown number of changes is gone: every path is to be looked at again.
  void overflow() {
    ++lost_;
    LOG_WARNING("files.overflow");
    for (const Entry& entry : entries_) {
      tell({.operation = FileOperation::Unknown,
            .path = entry.path,
            .new_path = {},
            .folder = false,
            .found_late = false,
            .pid = 0,
            .time = now_});
    }
    plan_soon();
  }

  void tell(const Change& change) {
    EventFacts facts;
    facts.tier = backend_->tier();
    facts.boot_id = context_.boot_id;
    facts.sequence = context_.next_sequence();
    if (change.pid != 0 && context_.processes != nullptr)
      facts.process = context_.processes->find_at(change.pid, change.time);
    context_.emit(make_event(change, facts, users_, containers_));
  }

  struct Half {
    Change change;
    std::uint32_t cookie = 0;
    bool wanted = false;
  };

  const WatchContext& context_;
  WatchSettings settings_;
  std::vector<Entry> entries_;
  std::unique_ptr<Backend> backend_;
  bool fresh_ = true;  // nothing was watched before: what is there is not news
  std::unordered_map<FolderId, Watched> watched_;
  std::map<std::string, FolderId> marked_;
  std::optional<Half> half_;
  collect::Users users_;
  collect::ContainerImages containers_;
  os::Fd mounts_;
  std::string open_reason_;
  std::string mark_reason_;
  std::size_t left_out_ = 0;
  std::uint64_t lost_ = 0;
  base::WallTime now_;
  base::MonoTime planned_{};
  os::TimerId replan_ = 0;
  os::TimerId retry_ = 0;
  os::TimerId anyway_ = 0;
};

}  // namespace

std::unique_ptr<Watch> open(const WatchContext& context) {
  return std::make_unique<Files>(context);
}

}  // namespace agent::files
