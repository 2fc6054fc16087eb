#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/dns/names.h"
#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace agent::dns {

// Hears the DNS answers that reach this device (UDP, port 53, any interface of its own network
// namespace, loopback included) and knows the names in them.
//
// A filter in the kernel lets nothing else through, so that it costs nothing while nobody asks.
// Answers over TCP, TLS or HTTPS are not visible. An answer that nobody asked for is heard too:
// names are a help for the reader, not evidence. Threads: the loop's.
class Listener {
 public:
  // Errors: Denied (needs CAP_NET_RAW), Io.
  static base::Result<std::unique_ptr<Listener>> open(os::Loop& loop);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::optional<std::string> name_of(const connections::Address& address) const;
  // Takes what waits.
  void drain();

  std::uint64_t answers() const { return answers_; }
  std::uint64_t malformed() const { return malformed_; }

 private:
  explicit Listener(os::Loop& loop) : loop_(loop) {}
  void receive(int fd);

  os::Loop& loop_;
  std::vector<os::Fd> sockets_;  // for IPv4 and IPv6
  Names names_;
  std::uint64_t answers_ = 0;
  std::uint64_t malformed_ = 0;
};

}  // namespace agent::dns
