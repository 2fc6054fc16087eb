#include "agent/local/selftest.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/time.h"
#include "os/file.h"
#include "os/privilege.h"

namespace agent::local {

using base::MonoTime;
using base::json::Value;
using base::json::Writer;
using std::chrono::milliseconds;
using namespace std::chrono_literals;
using Outcome = Trial::Outcome;

namespace {

constexpr const char* kNobodysAddress = "192.0.2.1";
constexpr std::uint16_t kDiscard = 9;
constexpr std::size_t kMaxLine = 4U << 20U;
constexpr std::array kSwitchUser = {"/usr/bin/su", "/bin/su"};

bool has_member(const Value& item, const std::string& name, const std::string& part) {
  const Value* const value = item.find(name);
  if (value == nullptr) return false;
  const std::string* const text = value->if_string();
  return (text == nullptr ? value->to_json() : *text).find(part) != std::string::npos;
}

bool event_tells(const Value& event, const Expected& expected) {
  if (event.text_or("Name", "") != expected.event) return false;
  const Value* const payload = event.find("Payload");
  if (payload == nullptr || payload->if_array() == nullptr) return false;
  return std::ranges::any_of(*payload->if_array(), [&](const Value& item) {
    return std::ranges::all_of(expected.members, [&](const auto& member) {
      return has_member(item, member.first, member.second);
    });
  });
}

// A child that does one thing and ends; reaped with the rest.
pid_t in_a_child(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2})
    if (nothing >= 0) ::dup2(nothing, fd);
  body();
  ::_exit(127);
}

// The trials of one run, and what each of them leaves to be tidied.
class Run {
 public:
  explicit Run(SelftestOptions options) : options_(std::move(options)) {
    token_ = base::Guid::random().to_string();
  }

  ~Run() {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  base::Result<std::vector<Trial>> run() {
    listen();
    if (options_.begin) options_.events = TRY(options_.begin());
    start_program();
    connect();
    touch_file();
    fail_to_switch_user();
    read_until_seen();
    std::vector<Trial> trials;
    for (Pending& pending : pending_)
      trials.push_back(std::move(pending.trial));
    return trials;
  }

 private:
  struct Pending {
    Trial trial;
    Expected expected;
    MonoTime began;
  };

  void expect(std::string name, Expected expected) {
    Trial trial;
    trial.name = std::move(name);
    trial.event = expected.event;
    trial.detail = "no event told of it";
    pending_.push_back({std::move(trial), std::move(expected), base::mono_now()});
  }
  void not_tried(std::string name, std::string event, std::string why) {
    pending_.push_back({{.name = std::move(name),
                         .event = std::move(event),
                         .outcome = Outcome::NotTried,
                         .detail = std::move(why)},
                        {},
                        {}});
  }

  void start_program() {
    const char* const name = "a program in a temporary folder, named as a miner";
    folder_ = "/tmp/vedette-selftest.XXXXXX";
    std::error_code error;
    if (::mkdtemp(folder_.data()) == nullptr) {
      folder_.clear();
      return not_tried(name, "ProcessCreate", "no temporary folder");
    }
    const std::string program = folder_ + "/xmrig";
    std::filesystem::copy_file("/bin/true", program, error);
    if (error) return not_tried(name, "ProcessCreate", "/bin/true: " + error.message());
    expect(name, {"ProcessCreate", {{"CommandLine", token_}, {"Executable", program}}});
    expect("its end", {"ProcessTerminate", {{"Executable", program}}});
    std::string argument = token_;
    std::string path = program;
    children_.push_back(in_a_child([&] {
      const std::array<char*, 3> words = {path.data(), argument.data(), nullptr};
      ::execv(path.c_str(), words.data());
    }));
  }

  void connect() {
    const char* const name = "a connection to an address that is nobody's";
    const os::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return not_tried(name, "ConnectionCreate", std::generic_category().message(errno));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kDiscard);
    ::inet_pton(AF_INET, kNobodysAddress, &address.sin_addr);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS) {
      return not_tried(name, "ConnectionCreate", std::generic_category().message(errno));
    }
    expect(name, {"ConnectionCreate", {{"RemoteAddress", kNobodysAddress}}});
    // A socket that closes at once would be gone before the slower sources look.
    connection_.reset(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  }

  void listen() {
    const char* const name = "a listening port";
    if (!options_.own) {
      return not_tried(name, "ListeningPorts",
                       "the running agent takes a picture of ports every snapshotFrequency only");
    }
    port_.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(port_.get(), generic, size) != 0 || ::listen(port_.get(), 1) != 0 ||
        ::getsockname(port_.get(), generic, &size) != 0) {
      return not_tried(name, "ListeningPorts", std::generic_category().message(errno));
    }
    expect(name,
           {"ListeningPorts",
            {{"LocalAddress", "::1"}, {"LocalPort", std::to_string(ntohs(address.sin6_port))}}});
  }

  void touch_file() {
    const char* const name = "a file in a watched folder";
    if (options_.file_path.empty())
      return not_tried(name, "FileEvent", "no folder is watched (fileEventPaths in the twin)");
    const std::string file = options_.file_path + "/vedette-selftest-" + token_;
    const auto made = os::open_file(file, O_WRONLY | O_CREAT | O_EXCL);
    if (!made) return not_tried(name, "FileEvent", made.error().to_string());
    expect(name, {"FileEvent", {{"Path", token_}}});
    ::unlink(file.c_str());
  }

  // As a user who needs a password: root needs none.
  void fail_to_switch_user() {
    const char* const name = "a wrong password for su";
    const auto* const program = std::ranges::find_if(kSwitchUser, [](const char* path) {
      struct stat status{};
      return ::stat(path, &status) == 0 && (status.st_mode & S_ISUID) != 0;
    });
    if (program == kSwitchUser.end()) return not_tried(name, "Login", "no set-uid su here");
    std::optional<os::Account> nobody;
    if (::geteuid() == 0) {
      const auto found = os::find_account("nobody");
      if (!found) return not_tried(name, "Login", "no user to try it as");
      nobody = *found;
    }
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
      return not_tried(name, "Login", std::generic_category().message(errno));
    const os::Fd read_end(pipe[0]);
    const os::Fd write_end(pipe[1]);
    constexpr std::string_view kWrong = "vedette selftest: not the password\n";
    [[maybe_unused]] const ssize_t sent = ::write(write_end.get(), kWrong.data(), kWrong.size());
    expect(name, {"Login", {{"Result", "Fail"}, {"Executable", "su"}}});
    children_.push_back(in_a_child([&] {
      ::dup2(read_end.get(), 0);
      if (nobody && (::setgid(nobody->gid) != 0 || ::setuid(nobody->uid) != 0)) return;
      ::execl(*program, "su", "root", "-c", "true", nullptr);
    }));
  }

  bool waiting() const {
    return std::ranges::any_of(
        pending_, [](const Pending& pending) { return pending.trial.outcome == Outcome::Missed; });
  }

  void read_until_seen() {
    const MonoTime deadline = base::mono_now() + options_.patience;
    std::string text;
    while (waiting()) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - base::mono_now());
      pollfd wait{options_.events.get(), POLLIN, 0};
      if (left <= 0ms || ::poll(&wait, 1, static_cast<int>(left.count())) == 0) return;
      std::array<char, 16384> bytes;
      const ssize_t size = ::read(options_.events.get(), bytes.data(), bytes.size());
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;  // whoever tells them has ended
      text.append(bytes.data(), static_cast<std::size_t>(size));
      for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos;
           text.erase(0, end + 1))
        take(std::string_view(text).substr(0, end));
      if (text.size() > kMaxLine) text.clear();
    }
  }

  void take(std::string_view line) {
    for (Pending& pending : pending_) {
      if (pending.trial.outcome != Outcome::Missed || !tells_of(line, pending.expected)) continue;
      pending.trial.outcome = Outcome::Seen;
      pending.trial.after = std::chrono::ceil<milliseconds>(base::mono_now() - pending.began);
      pending.trial.detail.clear();
    }
  }

  SelftestOptions options_;
  std::string token_;
  std::string folder_;
  os::Fd connection_;
  os::Fd port_;
  std::vector<pid_t> children_;
  std::vector<Pending> pending_;
};

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::Seen:
      return "seen";
    case Outcome::Missed:
      return "MISSED";
    case Outcome::NotTried:
      break;
  }
  return "not tried";
}

}  // namespace

bool tells_of(std::string_view line, const Expected& expected) {
  // Most lines are of something else: no need to read them.
  if (line.find(expected.event) == std::string_view::npos) return false;
  const auto read = base::json::parse(line);
  if (!read) return false;
  const Value* const events = read->find("Events");
  if (events == nullptr) return event_tells(*read, expected);
  if (events->if_array() == nullptr) return false;
  return std::ranges::any_of(*events->if_array(),
                             [&](const Value& event) { return event_tells(event, expected); });
}

base::Result<std::vector<Trial>> selftest(SelftestOptions options) {
  return Run(std::move(options)).run();
}

bool passed(const std::vector<Trial>& trials) {
  const auto is = [](Outcome outcome) {
    return [outcome](const Trial& trial) { return trial.outcome == outcome; };
  };
  return std::ranges::none_of(trials, is(Outcome::Missed)) &&
         std::ranges::any_of(trials, is(Outcome::Seen));
}

std::string table_of(const std::vector<Trial>& trials) {
  std::string out;
  for (const Trial& trial : trials) {
    const std::string detail = trial.outcome == Outcome::Seen
                                   ? fmt::format("after {} ms", trial.after.count())
                                   : trial.detail;
    out += fmt::format("{:<10} {:<17} {}: {}\n", outcome_name(trial.outcome), trial.event,
                       trial.name, detail);
  }
  return out;
}

std::string json_of(const std::vector<Trial>& trials, bool own) {
  std::string json;
  Writer out(json);
  out.begin_object();
  out.field("passed", passed(trials));
  out.field("collectors", own ? "own" : "running agent");
  out.key("trials");
  out.begin_array();
  for (const Trial& trial : trials) {
    out.begin_object();
    out.field("name", trial.name);
    out.field("event", trial.event);
    out.field("outcome", trial.outcome == Outcome::Seen     ? "seen"
                         : trial.outcome == Outcome::Missed ? "missed"
                                                            : "notTried");
    out.field("milliseconds", static_cast<std::int64_t>(trial.after.count()));
    out.field("detail", trial.detail);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  json += '\n';
  return json;
}

}  // namespace agent::local
