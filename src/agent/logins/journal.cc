#include "agent/logins/journal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <dlfcn.h>

#include "agent/logins/message.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::logins {

using base::Code;
using base::fail;
using base::Result;

namespace {

// Of systemd/sd-journal.h.
struct sd_journal;
constexpr int kLocalOnly = 1;
constexpr int kSystem = 4;
constexpr std::size_t kMaxField = 8192;
constexpr std::size_t kReadAtOnce = 256;
constexpr std::int64_t kMaxPid = 4'194'304;
constexpr std::uint32_t kNobody = 0xFFFFFFFF;
constexpr std::uint64_t kLatest = 9'000'000'000'000'000;  // microseconds: what a WallTime holds

// The functions that are needed, found at run time.
struct Library {
  int (*open)(sd_journal**, int) = nullptr;
  int (*open_directory)(sd_journal**, const char*, int) = nullptr;
  void (*close)(sd_journal*) = nullptr;
  int (*add_match)(sd_journal*, const void*, std::size_t) = nullptr;
  int (*seek_tail)(sd_journal*) = nullptr;
  int (*seek_cursor)(sd_journal*, const char*) = nullptr;
  int (*test_cursor)(sd_journal*, const char*) = nullptr;
  int (*next)(sd_journal*) = nullptr;
  int (*previous)(sd_journal*) = nullptr;
  int (*get_data)(sd_journal*, const char*, const void**, std::size_t*) = nullptr;
  int (*get_realtime)(sd_journal*, std::uint64_t*) = nullptr;
  int (*get_cursor)(sd_journal*, char**) = nullptr;
  int (*get_fd)(sd_journal*) = nullptr;
  int (*process)(sd_journal*) = nullptr;
  int (*set_data_threshold)(sd_journal*, std::size_t) = nullptr;
};

template <class Function>
bool find(void* handle, const char* name, Function& function) {
  // dlsym gives functions as pointers to objects; POSIX says that they may be turned back.
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

Result<Library> load() {
  void* const handle = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(Code::Unsupported, "journal", -1, "libsystemd is not there");
  Library lib;
  const bool complete = find(handle, "sd_journal_open", lib.open) &&
                        find(handle, "sd_journal_open_directory", lib.open_directory) &&
                        find(handle, "sd_journal_close", lib.close) &&
                        find(handle, "sd_journal_add_match", lib.add_match) &&
                        find(handle, "sd_journal_seek_tail", lib.seek_tail) &&
                        find(handle, "sd_journal_seek_cursor", lib.seek_cursor) &&
                        find(handle, "sd_journal_test_cursor", lib.test_cursor) &&
                        find(handle, "sd_journal_next", lib.next) &&
                        find(handle, "sd_journal_previous", lib.previous) &&
                        find(handle, "sd_journal_get_data", lib.get_data) &&
                        find(handle, "sd_journal_get_realtime_usec", lib.get_realtime) &&
                        find(handle, "sd_journal_get_cursor", lib.get_cursor) &&
                        find(handle, "sd_journal_get_fd", lib.get_fd) &&
                        find(handle, "sd_journal_process", lib.process) &&
                        find(handle, "sd_journal_set_data_threshold", lib.set_data_threshold);
  // The library stays loaded: it is used as long as the agent runs.
  if (!complete) return fail(Code::Unsupported, "journal", -1, "libsystemd is too old");
  return lib;
}

// Of a negative errno, as libsystemd returns it.
std::unexpected<base::Error> failed(const char* what, int answer) {
  errno = -answer;
  return base::fail_errno("journal", what);
}

class SystemdJournal final : public Journal {
 public:
  SystemdJournal(os::Loop& loop, Options options, Library library)
      : loop_(loop), options_(std::move(options)), lib_(library) {}
  ~SystemdJournal() override {
    if (watched_ >= 0) loop_.unwatch(watched_);
    if (journal_ != nullptr) lib_.close(journal_);
  }
  SystemdJournal(const SystemdJournal&) = delete;
  SystemdJournal& operator=(const SystemdJournal&) = delete;

  Result<void> begin();
  void read() override;
  std::string cursor() const override { return cursor_; }

 private:
  Result<void> seek();
  std::string field(const char* name) const;
  void hand_over();

  os::Loop& loop_;
  Options options_;
  Library lib_;
  sd_journal* journal_ = nullptr;
  int watched_ = -1;
  std::string cursor_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

Result<void> SystemdJournal::begin() {
  const int opened = options_.folder.empty()
                         ? lib_.open(&journal_, kLocalOnly | kSystem)
                         : lib_.open_directory(&journal_, options_.folder.c_str(), 0);
  if (opened < 0) return failed("open", opened);
  lib_.set_data_threshold(journal_, kMaxField);
  // Of one field, either value will do.
  for (const std::string_view match : {"SYSLOG_FACILITY=4", "SYSLOG_FACILITY=10"}) {
    const int added = lib_.add_match(journal_, match.data(), match.size());
    if (added < 0) return failed("match", added);
  }
  TRY(seek());
  const int fd = lib_.get_fd(journal_);
  if (fd < 0) return failed("watch", fd);
  TRY(loop_.watch(fd, os::Loop::kReadable, [this](std::uint32_t) {
    lib_.process(journal_);
    read();
  }));
  watched_ = fd;
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) read();
  });
  return {};
}

Result<void> SystemdJournal::seek() {
  if (!options_.cursor.empty() && lib_.seek_cursor(journal_, options_.cursor.c_str()) >= 0) {
    // The entry of the cursor was dealt with; if it is gone, this is one that was not.
    if (lib_.next(journal_) > 0 && lib_.test_cursor(journal_, options_.cursor.c_str()) <= 0)
      hand_over();
    cursor_ = options_.cursor;
    return {};
  }
  const int sought = lib_.seek_tail(journal_);
  if (sought < 0) return failed("seek", sought);
  // The end is a place behind the last entry: next() would find that one once more.
  lib_.previous(journal_);
  return {};
}

std::string SystemdJournal::field(const char* name) const {
  const void* data = nullptr;
  std::size_t size = 0;
  if (lib_.get_data(journal_, name, &data, &size) < 0) return {};
  std::string_view text(static_cast<const char*>(data), size);
  const std::size_t equals = text.find('=');
  return equals == std::string_view::npos ? "" : std::string(text.substr(equals + 1, kMaxField));
}

void SystemdJournal::hand_over() {
  JournalEntry entry;
  std::uint64_t microseconds = 0;
  if (lib_.get_realtime(journal_, &microseconds) >= 0 && microseconds < kLatest)
    entry.time = base::WallTime(std::chrono::microseconds(microseconds));
  entry.identifier = field("SYSLOG_IDENTIFIER");
  entry.message = field("MESSAGE");
  entry.executable = field("_EXE");
  const auto pid = base::parse_int(field("_PID"));
  if (pid && *pid > 0 && *pid <= kMaxPid) entry.pid = static_cast<std::uint32_t>(*pid);
  const auto uid = base::parse_int(field("_UID"));
  if (uid && *uid >= 0 && *uid < kNobody) entry.uid = static_cast<std::uint32_t>(*uid);
  char* cursor = nullptr;
  if (lib_.get_cursor(journal_, &cursor) >= 0) {
    entry.cursor = cursor;
    ::free(cursor);  // NOLINT(cppcoreguidelines-no-malloc): libsystemd allocated it
    cursor_ = entry.cursor;
  }
  options_.on_entry(entry);
}

void SystemdJournal::read() {
  for (std::size_t i = 0; i < kReadAtOnce; ++i) {
    const int more = lib_.next(journal_);
    if (more < 0) {
      LOG_WARNING("logins.journal_failed").field("error", std::generic_category().message(-more));
      return;
    }
    if (more == 0) return;
    hand_over();
  }
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) read();
  });
}

}  // namespace

std::optional<Observation> read_journal(const JournalEntry& entry) {
  auto observation = read_message(entry.identifier, entry.message);
  if (!observation) return std::nullopt;
  // What a PAM module says comes from the program that loaded it, whatever its service is called.
  const std::string sender = service_of(entry.executable);
  const bool of_program = observation->kind != Kind::LogPam;
  if (!sender.empty() && of_program && sender != observation->service && sender != "busybox" &&
      sender != "dropbearmulti")
    return std::nullopt;
  // Programs that anyone may put where he likes.
  static constexpr std::array<std::string_view, 4> kSystemFolders = {"/usr/", "/bin/", "/sbin/",
                                                                     "/lib"};
  const bool of_system = std::ranges::any_of(kSystemFolders, [&entry](std::string_view folder) {
    return entry.executable.starts_with(folder);
  });
  if (!sender.empty() && (!of_system || sender == "logger" || sender == "systemd-cat"))
    return std::nullopt;
  // Of a process that is gone journald does not know the program, but whose it was.
  if (sender.empty() && entry.uid.value_or(kNobody) != 0) return std::nullopt;
  observation->time = entry.time;
  observation->pid = entry.pid;
  observation->executable = entry.executable;
  observation->origin = "journal:" + entry.cursor;
  return observation;
}

Result<std::unique_ptr<Journal>> Journal::open(os::Loop& loop, Options options) {
  if (options.folder.empty() && !os::file_exists("/run/systemd/journal/socket"))
    return fail(Code::NotFound, "journal", -1, "journald does not run");
  const Library library = TRY(load());
  auto journal = std::make_unique<SystemdJournal>(loop, std::move(options), library);
  TRY(journal->begin());
  return journal;
}

}  // namespace agent::logins
