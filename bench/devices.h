#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "wire/topics.h"

// What the loads of the benchmarks share. Failures end the program: there is nothing to measure
// then.
namespace bench {

[[noreturn]] void give_up(const std::string& why);

// User and system time of a process so far, all threads.
double cpu_seconds(int pid);
// Resident memory of a process now, in bytes.
std::size_t resident_bytes(int pid);

// One that may connect to the hub.
struct Identity {
  std::string host;
  std::string device_id;
  std::string module_id;
  std::string token;  // a shared access signature, valid for an hour

  wire::TopicOwner owner() const { return {device_id, module_id}; }
};

// Of a file of connection strings, one a line.
std::vector<Identity> read_identities(const std::string& file);

// The properties of a security message, encoded.
inline constexpr std::string_view kSecurityBag =
    "%24.ct=application%2Fjson&%24.ce=utf-8&%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1";

// Security messages of so many events, about 440 bytes each, whose ids are new in each message and
// whose times are those of now.
class SecurityPayload {
 public:
  explicit SecurityPayload(std::size_t events);
  base::ByteView next();

 private:
  std::string text_;
  std::vector<std::size_t> ids_;    // where the last twelve digits of each stand
  std::vector<std::size_t> times_;  // where each time stands
  std::uint64_t number_ = 0;
};

}  // namespace bench
