#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "agent/dns/answer.h"
#include "base/time.h"

namespace agent::dns {

// Names by address, as answers told them. A name is known as long as its answer says, at least five
// minutes (programs keep addresses for longer than they should) and at most a day. An address with
// several names has the one that was told last. Bounded: beyond `capacity` addresses, the one that
// was told first makes room. Threads: pure.
class Names {
 public:
  explicit Names(std::size_t capacity = 2048) : capacity_(capacity) {}

  void add(const Answer& answer, base::MonoTime now);
  std::optional<std::string> find(const connections::Address& address, base::MonoTime now) const;
  std::size_t size() const { return entries_.size(); }

 private:
  using Key = std::array<std::uint8_t, 16>;
  struct Entry {
    std::string name;
    base::MonoTime until;
    std::list<Key>::iterator age;
  };
  std::size_t capacity_;
  std::map<Key, Entry> entries_;
  std::list<Key> oldest_first_;
};

}  // namespace agent::dns
