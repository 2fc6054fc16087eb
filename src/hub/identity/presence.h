#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "hub/identity/registry.h"

namespace hub::identity {

// What is known of the connections, in memory: of those that are connected, and of those that
// changed since the last take_changed(). Threads: any.
class Presence {
 public:
  explicit Presence(std::function<base::WallTime()> now) : now_(std::move(now)) {}

  // `stored` is what is known of the identity so far; used only when nothing newer is held.
  std::uint64_t connected(const Name& name, std::string_view client_type, std::string_view ip,
                          const Activity& stored);
  // False: that connection is not the current one any more, and nothing changed.
  bool disconnected(const Name& name, std::uint64_t connection);
  // False: nothing is held of it, see remember().
  bool active(const Name& name, std::uint64_t messages, std::uint64_t security_messages,
              std::uint64_t small_security_messages);
  bool observe_clock(const Name& name, base::WallTime theirs, base::WallTime received);
  // Holds what is stored of an identity that is not connected, unless something newer is held.
  void remember(const Name& name, const Activity& stored);
  // A device takes its modules with it.
  void forget(const Name& name);

  // nullopt: nothing newer than what is stored.
  std::optional<Activity> find(const Name& name) const;
  std::uint64_t connected_count() const;    // devices and modules
  std::uint64_t connected_devices() const;  // without their modules

  // What changed, to be stored. Call put_back() if that fails.
  std::vector<std::pair<Name, Activity>> take_changed();
  void put_back(const std::vector<std::pair<Name, Activity>>& changed);

 private:
  struct Entry {
    Activity activity;
    std::uint64_t connection = 0;  // 0: not connected
    bool changed = false;
  };
  struct Hash {
    std::size_t operator()(const Name& name) const;
  };

  std::function<base::WallTime()> now_;
  mutable std::mutex mutex_;
  std::unordered_map<Name, Entry, Hash> entries_;
  std::uint64_t next_connection_ = 1;
  std::uint64_t connected_count_ = 0;
  std::uint64_t connected_devices_ = 0;

  void count(const Name& name, std::int64_t change);
};

}  // namespace hub::identity
