#include "agent/collect/hasher.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"

namespace agent::collect {

using base::MonoTime;
using base::Result;

namespace {

constexpr std::size_t kPiece = 64U << 10U;
constexpr int kWorkerNice = 10;

using Key = FileVersion;

struct File {
  Key key;
  bool local = false;  // opening it does not ask a network
};

std::optional<File> look_at(int folder, const char* path, int flags) {
  struct statx status{};
  constexpr unsigned kWanted = STATX_INO | STATX_SIZE | STATX_MTIME | STATX_CTIME | STATX_TYPE;
  // Without asking a server whether it changed: a dead one must not stop us.
  if (::statx(folder, path, flags | AT_STATX_DONT_SYNC, kWanted, &status) != 0) return std::nullopt;
  if (!S_ISREG(status.stx_mode)) return std::nullopt;
  return File{{status.stx_dev_major, status.stx_dev_minor, status.stx_ino, status.stx_size,
               status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec, status.stx_ctime.tv_sec,
               status.stx_ctime.tv_nsec},
              // Network file systems and unions have no device of their own.
              status.stx_dev_major != 0};
}

struct Job {
  Key key;
  std::string path;
  os::Fd fd;  // may be none: the thread opens it
};

struct Outcome {
  Key key;
  std::string sha256;  // hexadecimal; empty: why not is in `missing`
  const char* missing = "";
};

// Spends bytes at a rate; says how long to pause.
class Budget {
 public:
  Budget(std::size_t per_second, std::size_t burst)
      : per_second_(static_cast<double>(per_second)),
        burst_(static_cast<double>(burst)),
        left_(burst_) {}

  std::chrono::nanoseconds spend(std::size_t bytes, MonoTime now) {
    left_ =
        std::min(burst_, left_ + std::chrono::duration<double>(now - last_).count() * per_second_);
    last_ = now;
    left_ -= static_cast<double>(bytes);
    if (left_ >= 0) return std::chrono::nanoseconds(0);
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(-left_ / per_second_));
  }

 private:
  double per_second_;
  double burst_;
  double left_;
  MonoTime last_ = base::mono_now();
};

}  // namespace

struct Hasher::State {
  struct Waiting {
    schema::Event event;
    Key key;
    MonoTime due;
  };
  struct Known {
    std::string sha256;
    std::list<Key>::iterator age;
  };

  os::Loop& loop;
  Options options;
  bool wanted = true;

  // Of the loop.
  std::map<Key, Known> known;
  std::list<Key> oldest_first;
  std::set<Key> asked;         // of the thread, and not answered yet
  std::list<Waiting> waiting;  // in the order of their due times
  os::TimerId timer = 0;

  // Of both.
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;   // guarded by mutex
  bool stopping = false;  // guarded by mutex
  std::thread thread;

  State(os::Loop& the_loop, Options the_options)
      : loop(the_loop), options(std::move(the_options)) {}

  void emit(schema::Event event, const std::string& sha256, const char* missing) {
    auto* const items = std::get_if<std::vector<schema::ProcessCreate>>(&event.payload);
    ASSERT(items != nullptr && items->size() == 1);
    schema::ExtraDetails& details = items->front().extra_details;
    if (!sha256.empty()) {
      details.emplace_back("Sha256", sha256);
    } else {
      details.emplace_back("Sha256Missing", missing);
    }
    options.emit(std::move(event));
  }

  const std::string* find(const Key& key) {
    const auto found = known.find(key);
    if (found == known.end()) return nullptr;
    oldest_first.splice(oldest_first.end(), oldest_first, found->second.age);
    return &found->second.sha256;
  }

  void remember(const Outcome& outcome) {
    if (outcome.sha256.empty() || known.contains(outcome.key)) return;
    if (known.size() >= options.max_known) {
      known.erase(oldest_first.front());
      oldest_first.pop_front();
    }
    oldest_first.push_back(outcome.key);
    known.emplace(outcome.key, Known{outcome.sha256, std::prev(oldest_first.end())});
  }

  void finished(const Outcome& outcome) {
    asked.erase(outcome.key);
    remember(outcome);
    for (auto one = waiting.begin(); one != waiting.end();) {
      if (one->key != outcome.key) {
        ++one;
        continue;
      }
      schema::Event event = std::move(one->event);
      one = waiting.erase(one);
      emit(std::move(event), outcome.sha256, outcome.missing);
    }
  }

  void release_oldest() {
    schema::Event event = std::move(waiting.front().event);
    waiting.pop_front();
    emit(std::move(event), {}, "busy");
  }

  void expire() {
    timer = 0;
    const MonoTime now = base::mono_now();
    while (!waiting.empty() && waiting.front().due <= now)
      release_oldest();
    plan();
  }

  void plan() {
    if (timer != 0 || waiting.empty()) return;
    timer = loop.after(std::max(waiting.front().due - base::mono_now(), MonoTime::duration(0)),
                       [this] { expire(); });
  }

  void start_thread(const std::shared_ptr<State>& self) {
    if (thread.joinable()) return;
    // Signals belong to the loop.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread = std::thread([this, weak = std::weak_ptr<State>(self)] { work(weak); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void work(const std::weak_ptr<State>& weak) {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kWorkerNice);
    Budget budget(options.bytes_per_second, options.burst_bytes);
    for (;;) {
      Job job;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stopping || !jobs.empty(); });
        if (stopping) return;
        job = std::move(jobs.front());
        jobs.pop_front();
      }
      Outcome outcome = hash(std::move(job), budget);
      loop.post([weak, outcome = std::move(outcome)] {
        if (const auto state = weak.lock()) state->finished(outcome);
      });
    }
  }

  // False: the hasher ends.
  bool pause(std::chrono::nanoseconds time) {
    if (time.count() == 0) return true;
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, time, [this] { return stopping; });
  }

  Outcome hash(Job job, Budget& budget) {
    Outcome outcome{job.key, {}, "unreadable"};
    if (!job.fd) {
      auto opened = os::open_file(job.path, O_RDONLY | O_NONBLOCK);
      if (!opened) return outcome;
      job.fd = std::move(*opened);
    }
    // What was opened is what was looked at, also after the last byte.
    const auto same = [&] {
      const auto file = look_at(job.fd.get(), "", AT_EMPTY_PATH);
      return file && file->key == job.key;
    };
    if (!same()) return outcome;
    base::Sha256Stream stream;
    std::array<std::uint8_t, kPiece> piece;
    for (std::uint64_t at = 0;;) {
      const auto size = os::read_at(job.fd.get(), piece, at);
      if (!size || !pause(budget.spend(*size, base::mono_now()))) return outcome;
      stream.add(base::ByteView(piece).first(*size));
      at += *size;
      if (*size < piece.size()) break;
    }
    if (same()) outcome.sha256 = base::hex_encode(stream.finish());
    return outcome;
  }

  // Finds the file and has it hashed; what is missing when it cannot be.
  std::variant<Key, const char*> ask(const std::shared_ptr<State>& self, const Program& program) {
    std::string path = "/proc/" + std::to_string(program.pid) + "/exe";
    auto file = look_at(AT_FDCWD, path.c_str(), 0);
    if (!file && program.reachable) {
      path = program.path;
      file = look_at(AT_FDCWD, path.c_str(), 0);
    }
    if (!file) return "gone";
    if (file->key.size > options.max_file_bytes) return "large";
    if (known.contains(file->key) || asked.contains(file->key)) return file->key;
    Job job{file->key, path, {}};
    if (file->local) {
      // It may be gone in a moment; an open file stays.
      auto opened = os::open_file(path, O_RDONLY | O_NONBLOCK);
      if (!opened) return "unreadable";
      job.fd = std::move(*opened);
    }
    asked.insert(file->key);
    start_thread(self);
    {
      const std::lock_guard lock(mutex);
      if (jobs.size() >= options.max_waiting) {
        asked.erase(file->key);
        return "busy";
      }
      jobs.push_back(std::move(job));
    }
    changed.notify_all();
    return file->key;
  }
};

Hasher::Hasher(os::Loop& loop, Options options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

Hasher::~Hasher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  state_->loop.cancel(state_->timer);
}

void Hasher::set_wanted(bool wanted) {
  state_->wanted = wanted;
}

void Hasher::take(schema::Event event, const Program& program) {
  State& state = *state_;
  if (!state.wanted) {
    state.options.emit(std::move(event));
    return;
  }
  const std::string* const seen = program.version ? state.find(*program.version) : nullptr;
  if (seen != nullptr) {
    state.emit(std::move(event), *seen, "");
    return;
  }
  const auto asked = state.ask(state_, program);
  if (const auto* const missing = std::get_if<const char*>(&asked)) {
    state.emit(std::move(event), {}, *missing);
    return;
  }
  const Key& key = std::get<Key>(asked);
  if (const std::string* const sha256 = state.find(key)) {
    state.emit(std::move(event), *sha256, "");
    return;
  }
  if (state.waiting.size() >= state.options.max_waiting) state.release_oldest();
  state.waiting.push_back({std::move(event), key, base::mono_now() + state.options.wait});
  state.plan();
}

void Hasher::flush() {
  while (!state_->waiting.empty())
    state_->release_oldest();
}

}  // namespace agent::collect
