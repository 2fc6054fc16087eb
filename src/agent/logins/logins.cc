#include "agent/logins/logins.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <map>
#include <optional>
#include <utility>

#include "agent/logins/attempts.h"
#include "agent/logins/audit_record.h"
#include "agent/logins/cursors.h"
#include "agent/logins/journal.h"
#include "agent/logins/login_event.h"
#include "agent/logins/peer.h"
#include "agent/logins/readers.h"
#include "agent/logins/tail.h"
#include "audit/stream.h"
#include "base/log.h"
#include "os/file.h"
#include "os/process.h"

namespace agent::logins {

using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr auto kName = schema::EventName::Login;
constexpr auto kProbe = 60s;   // for a better source; and between writes of the cursors
constexpr auto kRecent = 10s;  // a process of then may still be there to be looked at
constexpr std::size_t kMaxConnections = 256;
constexpr std::size_t kMaxCursorFile = 64U << 10U;
constexpr std::array kLogs = {"/var/log/auth.log", "/var/log/secure", "/var/log/messages",
                              "/var/log/syslog"};
constexpr const char* kWtmp = "/var/log/wtmp";
constexpr const char* kBtmp = "/var/log/btmp";

class LoginWatch final : public Watch {
 public:
  explicit LoginWatch(const WatchContext& context);
  ~LoginWatch() override { end(); }
  LoginWatch(const LoginWatch&) = delete;
  LoginWatch& operator=(const LoginWatch&) = delete;

  std::vector<SourceReport> sources() const override;
  void configure(const WatchSettings& settings) override;
  void drain() override;

 private:
  void begin();
  void end();
  void open_audit();
  // The first of journal, log and wtmp that is there, if it is a better one than now.
  void probe();
  bool open_journal();
  bool open_log();
  void open_utmp();
  std::unique_ptr<Tail> tail(const std::string& path,
                             std::function<std::size_t(base::ByteView, const TailPosition&)> read);
  void on_audit(const audit::Event& event);
  void observe(Observation observation);
  void identify(JournalEntry& entry) const;
  void complete(Observation& observation);
  void settle();
  bool audit_is_on() const;
  void load_cursors();
  Cursors cursors() const;
  void save(const Cursors& cursors);

  const WatchContext& context_;
  os::Loop& loop_;
  Accounts accounts_;
  Attempts attempts_;
  bool on_ = false;

  audit::Stream::Lease records_;
  audit::Stream::Lease auditing_;
  std::string audit_reason_;
  bool audit_seen_ = false;

  std::string second_;  // "journal", "log", "utmp" or empty
  std::string second_reason_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<LineReader> lines_;
  std::unique_ptr<UtmpReader> wtmp_reader_;
  std::unique_ptr<UtmpReader> btmp_reader_;
  std::map<std::string, std::unique_ptr<Tail>> tails_;

  std::map<std::uint32_t, Connection> connections_;  // of processes that were asked about
  Cursors resume_;                                   // of the earlier run
  Cursors saved_;
  Cursors settled_;  // as it was a probe ago: all of that has been told
  os::TimerId timer_ = 0;
  os::TimerId probe_ = 0;
  bool settling_ = false;
  // Gone with this, for what was posted to the loop.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

LoginWatch::LoginWatch(const WatchContext& context)
    : context_(context),
      loop_(*context.loop),
      attempts_(
          {.tell =
               [this](const Verdict& verdict) { context_.emit(make_event(verdict, accounts_)); },
           .alive =
               [](std::uint32_t pid) {
                 return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
               }}) {
  load_cursors();
  if (!context.settings.off.contains(kName)) begin();
}

void LoginWatch::begin() {
  on_ = true;
  if (context_.tier != "proc") open_audit();
  if (context_.tier != "audit") probe();
  probe_ = loop_.every(kProbe, [this] {
    if (context_.tier != "audit") probe();
    // What was read a minute ago has been told by now, even the slowest attempt.
    save(settled_);
    settled_ = cursors();
  });
  settled_ = cursors();
}

void LoginWatch::end() {
  if (!on_) return;
  on_ = false;
  attempts_.flush();
  save(cursors());
  resume_ = saved_;
  records_.reset();
  auditing_.reset();
  journal_.reset();
  tails_.clear();
  second_.clear();
  for (os::TimerId* timer : {&timer_, &probe_}) {
    if (*timer != 0) loop_.cancel(std::exchange(*timer, 0));
  }
}

void LoginWatch::open_audit() {
  audit_reason_.clear();
  if (context_.audit == nullptr) {
    audit_reason_ = "audit: not asked for";
    return;
  }
  const auto types = login_records();
  auto lease = context_.audit->subscribe({types.begin(), types.end()},
                                         [this](const audit::Event& event) { on_audit(event); });
  if (!lease) {
    audit_reason_ = "audit: " + lease.error().to_string();
    return;
  }
  records_ = std::move(*lease);
  // Auditing costs every system call: it is switched on for logins only when that is asked for.
  if (context_.tier != "audit") return;
  auto watched = context_.audit->watch({});
  if (watched) {
    auditing_ = std::move(*watched);
  } else {
    audit_reason_ = "audit: " + watched.error().to_string();
  }
}

bool LoginWatch::audit_is_on() const {
  if (!records_) return false;
  const auto enabled = context_.audit->enabled();
  return enabled ? *enabled : audit_seen_;
}

void LoginWatch::probe() {
  if (second_ == "journal") return;
  const bool utmp_only = context_.tier == "proc";
  if (!utmp_only && open_journal()) return;
  if (second_ == "log") return;
  if (!utmp_only && open_log()) return;
  if (second_.empty()) open_utmp();
}

bool LoginWatch::open_journal() {
  Journal::Options options;
  options.cursor = resume_.journal;
  options.on_entry = [this](JournalEntry entry) {
    identify(entry);
    if (auto observation = read_journal(entry)) observe(std::move(*observation));
  };
  auto journal = Journal::open(loop_, std::move(options));
  if (!journal) {
    second_reason_ = journal.error().to_string();
    return false;
  }
  tails_.clear();
  journal_ = std::move(*journal);
  second_ = "journal";
  second_reason_.clear();
  return true;
}

std::unique_ptr<Tail> LoginWatch::tail(
    const std::string& path, std::function<std::size_t(base::ByteView, const TailPosition&)> read) {
  Tail::Options options;
  options.path = path;
  const auto known = resume_.files.find(path);
  if (known != resume_.files.end()) options.resume = known->second;
  options.on_bytes = std::move(read);
  return std::make_unique<Tail>(loop_, std::move(options));
}

bool LoginWatch::open_log() {
  for (const char* path : kLogs) {
    if (!os::file_exists(path)) continue;
    lines_ = std::make_unique<LineReader>(
        path, [this](const Observation& observation) { observe(observation); });
    auto opened = tail(path, [this](base::ByteView bytes, const TailPosition& position) {
      return (*lines_)(bytes, position, base::wall_now());
    });
    if (!opened->is_open()) {
      second_reason_ += std::string("; log: ") + path + " cannot be read";
      continue;
    }
    tails_.clear();
    tails_.emplace(path, std::move(opened));
    second_ = "log";
    return true;
  }
  if (second_reason_.find("log:") == std::string::npos) second_reason_ += "; log: none";
  return false;
}

void LoginWatch::open_utmp() {
  const auto take = [this](const Observation& observation) { observe(observation); };
  wtmp_reader_ = std::make_unique<UtmpReader>(kWtmp, UtmpFile::Wtmp, take);
  btmp_reader_ = std::make_unique<UtmpReader>(kBtmp, UtmpFile::Btmp, take);
  // Files that do not exist are followed from their beginning, should they be made.
  for (const auto& [path, reader] :
       {std::pair(kWtmp, wtmp_reader_.get()), std::pair(kBtmp, btmp_reader_.get())}) {
    tails_[path] =
        tail(path, [records = reader](base::ByteView bytes, const TailPosition& position) {
          return (*records)(bytes, position);
        });
    if (tails_[path]->is_open()) second_ = "utmp";
  }
  if (second_.empty()) second_reason_ += "; utmp: no wtmp, no btmp";
}

void LoginWatch::on_audit(const audit::Event& event) {
  audit_seen_ = true;
  for (const audit::Record& record : event.records) {
    auto observation = read_audit(record);
    if (!observation) continue;
    observation->time = event.time;
    observe(std::move(*observation));
  }
}

// journald asks /proc who wrote, and su and sudo have often ended by then; the process events know.
void LoginWatch::identify(JournalEntry& entry) const {
  if (!entry.executable.empty() || entry.pid == 0 || context_.processes == nullptr) return;
  context_.processes->catch_up();
  if (auto known = context_.processes->find_at(entry.pid, entry.time))
    entry.executable = std::move(known->executable);
}

// What can still be learned from the process itself.
void LoginWatch::complete(Observation& observation) {
  if (observation.pid == 0) return;
  const base::WallTime now = base::wall_now();
  if (observation.executable.empty()) {
    const auto known = context_.processes != nullptr
                           ? context_.processes->find_at(observation.pid, observation.time)
                           : std::nullopt;
    if (known) {
      observation.executable = known->executable;
    } else if (now - observation.time < kRecent) {
      observation.executable =
          os::ProcFs().executable(static_cast<pid_t>(observation.pid)).value_or("");
    }
  }
  if (observation.service.empty()) observation.service = service_of(observation.executable);
  if (observation.service != "sshd" && observation.service != "dropbear") return;
  auto known = connections_.find(observation.pid);
  if (known == connections_.end() && now - observation.time < kRecent) {
    if (connections_.size() >= kMaxConnections) connections_.clear();
    if (auto connection = connection_of(observation.pid))
      known = connections_.emplace(observation.pid, std::move(*connection)).first;
  }
  if (known == connections_.end()) return;
  const Connection& connection = known->second;
  const bool other =
      (!observation.address.empty() && observation.address != connection.remote_address) ||
      (!observation.port.empty() && observation.port != connection.remote_port);
  if (other) {
    connections_.erase(known);  // the number belongs to another process by now
    return;
  }
  observation.port = connection.remote_port;
  observation.local_port = connection.local_port;
  if (observation.address.empty()) set_remote(observation, connection.remote_address);
}

void LoginWatch::observe(Observation observation) {
  complete(observation);
  attempts_.observe(observation, base::mono_now());
  if (observation.outcome == Outcome::Logout) connections_.erase(observation.pid);
  if (std::exchange(settling_, true)) return;
  // Once for all that come together.
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (alive.expired()) return;
    settling_ = false;
    settle();
  });
}

void LoginWatch::settle() {
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  const base::MonoTime now = base::mono_now();
  const auto next = attempts_.settle(now);
  if (!next) return;
  timer_ = loop_.after(std::max<std::chrono::nanoseconds>(*next - now, 10ms), [this] {
    timer_ = 0;
    settle();
  });
}

std::vector<SourceReport> LoginWatch::sources() const {
  SourceReport report;
  report.event = kName;
  const bool audited = on_ && audit_is_on();
  report.tier = audited ? "audit" : "";
  if (!second_.empty()) report.tier += (audited ? "+" : "") + second_;
  if (report.tier.empty()) report.tier = "none";
  if (!on_) {
    report.reason = "off";
    return {report};
  }
  if (!audited) report.reason = audit_reason_.empty() ? "audit: auditing is off" : audit_reason_;
  if (second_ != "journal" && !second_reason_.empty())
    report.reason += (report.reason.empty() ? "" : "; ") + second_reason_;
  // wtmp and btmp tell nothing of sudo, nor of sessions without a terminal.
  report.lossy = !audited && second_ == "utmp";
  for (const auto& [path, one] : tails_) {
    report.lost += one->gaps();
  }
  if (lines_) report.lost += lines_->too_long();
  if (wtmp_reader_) report.lost += wtmp_reader_->malformed();
  if (btmp_reader_) report.lost += btmp_reader_->malformed();
  return {report};
}

void LoginWatch::configure(const WatchSettings& settings) {
  const bool wanted = !settings.off.contains(kName);
  if (wanted && !on_) begin();
  if (!wanted && on_) end();
}

void LoginWatch::drain() {
  if (!on_) return;
  if (records_) context_.audit->drain();
  if (journal_) journal_->read();
  for (const auto& [path, one] : tails_) {
    one->read();
  }
  attempts_.flush();
  save(cursors());
}

void LoginWatch::load_cursors() {
  if (context_.state_dir.empty()) return;
  const auto text = os::read_file(context_.state_dir + "/logins.json", kMaxCursorFile);
  if (!text) return;
  auto cursors = read_cursors(*text);
  if (!cursors) {
    LOG_WARNING("logins.cursors_unreadable").field("error", cursors.error().to_string());
    return;
  }
  resume_ = saved_ = std::move(*cursors);
}

Cursors LoginWatch::cursors() const {
  // Of a source that is not in use at present, the place stays.
  Cursors now = saved_;
  for (const auto& [path, one] : tails_) {
    if (const auto position = one->position()) now.files[path] = *position;
  }
  if (journal_ && !journal_->cursor().empty()) now.journal = journal_->cursor();
  return now;
}

void LoginWatch::save(const Cursors& cursors) {
  if (context_.state_dir.empty() || cursors == saved_) return;
  const auto written =
      os::write_file_atomic(context_.state_dir + "/logins.json", write_cursors(cursors));
  if (written) {
    saved_ = cursors;
  } else {
    LOG_WARNING("logins.cursors_not_written").field("error", written.error().to_string());
  }
}

}  // namespace

std::unique_ptr<Watch> open(const WatchContext& context) {
  return std::make_unique<LoginWatch>(context);
}

}  // namespace agent::logins
