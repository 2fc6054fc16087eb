#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace agent::baseline {

struct FileFacts {
  enum class Kind : std::uint8_t { Regular, Folder, Link, Socket, Other };
  Kind kind = Kind::Other;
  unsigned mode = 0;  // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool operator==(const FileFacts&) const = default;
};

enum class IpFamily : std::uint8_t { V4, V6 };

enum class Hook : std::uint8_t { Input, Forward, Output };

// What decides over packets by default.
struct FirewallFacts {
  struct Chain {
    std::string name;  // "filter input"
    Hook hook = Hook::Input;
    bool drops = false;  // its policy
  };
  std::vector<Chain> chains;    // base chains of all tables
  bool loopback_guard = false;  // a rule drops 127.0.0.0/8 from other interfaces than lo
};

// What the kernel's audit system says of itself.
struct AuditFacts {
  int enabled = 0;        // 0 off, 1 on, 2 on and locked
  std::uint32_t pid = 0;  // the daemon's, 0: none
};

// All that a check may ask of a system. Paths are absolute. What is not there is NotFound; anything
// else that goes wrong makes the check Err, so it must not look like absence.
// Threads: one.
class Host {
 public:
  static constexpr std::size_t kMaxFileBytes = 8U << 20U;

  virtual ~Host() = default;
  virtual base::Result<std::string> read(const std::string& path) const = 0;
  virtual base::Result<FileFacts> stat(const std::string& path) const = 0;  // follows links
  virtual base::Result<FileFacts> lstat(const std::string& path) const = 0;
  virtual base::Result<std::vector<std::string>> list(const std::string& path) const = 0;  // sorted
  virtual base::Result<std::string> link(const std::string& path) const = 0;

  struct WalkLimits {
    std::size_t entries = 4'000'000;
    int depth = 200;  // each level holds a descriptor
  };
  // Each file and folder below `top`, without crossing into another file system; the visitor says
  // whether to go into a folder. Errors: TooLarge at a limit, Denied for a folder that is closed to
  // us (all others have been visited), Closed when it was abandoned.
  virtual base::Result<void> walk(
      const std::string& top, const WalkLimits& limits,
      const std::function<bool(const std::string& path, const FileFacts& facts)>& visit) const = 0;

  // Whoever asked no longer waits: what is left to do need not be done.
  virtual bool abandoned() const { return false; }

  virtual base::Result<bool> clock_synchronised() const = 0;
  virtual base::Result<AuditFacts> audit() const = 0;
  // Unsupported: the kernel has no packet filter of that family.
  virtual base::Result<FirewallFacts> firewall(IpFamily family) const = 0;
  // Does the password make that hash (crypt(3))? Unsupported: unknown kind of hash.
  virtual base::Result<bool> password_makes(std::string_view password,
                                            const std::string& hash) const = 0;
  // The body of the answer to a GET from the Docker engine's socket.
  virtual base::Result<std::string> docker(const std::string& path) const = 0;
};

// Whether it is there at all: an error is an answer of its own.
base::Result<bool> exists(const Host& host, const std::string& path);
// The text, "" when the file is not there.
base::Result<std::string> read_optional(const Host& host, const std::string& path);
// The names, none when the folder is not there.
base::Result<std::vector<std::string>> list_optional(const Host& host, const std::string& path);
// Paths that match a pattern with '*', '?' or [sets] in any of its names; sorted.
base::Result<std::vector<std::string>> expand(const Host& host, const std::string& pattern);

}  // namespace agent::baseline
