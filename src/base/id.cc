#include "base/id.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include <pthread.h>
#include <sys/random.h>

#include "base/hash.h"

namespace base {

void random_bytes(std::span<std::uint8_t> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = ::getrandom(out.data() + done, out.size() - done, 0);
    if (count < 0 && errno == EINTR) continue;
    ASSERT(count > 0);
    done += static_cast<std::size_t>(count);
  }
}

namespace {

Guid with_version(Guid guid, std::uint8_t version) {
  guid.bytes[6] =
      static_cast<std::uint8_t>((guid.bytes[6] & 0x0FU) | (static_cast<unsigned>(version) << 4U));
  guid.bytes[8] = static_cast<std::uint8_t>((guid.bytes[8] & 0x3FU) | 0x80U);
  return guid;
}

// Random bytes for ids, fetched many at a time: one system call for each id would cost as much as
// all else about an event's head. A child process never uses what its parent has in stock.
class RandomStock {
 public:
  static RandomStock& own() {
    thread_local RandomStock stock;
    return stock;
  }
  void take(std::span<std::uint8_t> out) {
    const unsigned now = generation().load(std::memory_order_relaxed);
    if (left_ < out.size() || filled_in_ != now) {
      random_bytes(bytes_);
      left_ = bytes_.size();
      filled_in_ = now;
    }
    std::copy_n(bytes_.end() - static_cast<std::ptrdiff_t>(left_), out.size(), out.begin());
    left_ -= out.size();
  }

 private:
  // Counts the forks between the first process and this one.
  static std::atomic<unsigned>& generation() {
    static std::atomic<unsigned> count = [] {
      ASSERT(::pthread_atfork(nullptr, nullptr, [] { ++generation(); }) == 0);
      return 0U;
    }();
    return count;
  }

  std::array<std::uint8_t, 512> bytes_{};
  std::size_t left_ = 0;
  unsigned filled_in_ = 0;
};

constexpr std::size_t kGuidText = 36;

// 16 for a character that is no hex digit.
unsigned hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : 16;
}

bool is_dash(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

}  // namespace

Guid Guid::random() {
  Guid guid;
  RandomStock::own().take(guid.bytes);
  return with_version(guid, 4);
}

Guid Guid::derived(std::string_view space, std::string_view name) {
  std::string input(space);
  input.push_back('\0');
  input.append(name);
  const Sha256 digest = sha256(as_bytes(input));
  Guid guid;
  std::copy_n(digest.begin(), guid.bytes.size(), guid.bytes.begin());
  return with_version(guid, 8);
}

Result<Guid> Guid::parse(std::string_view text) {
  if (text.size() != kGuidText) return fail(Code::Malformed, "guid is not 36 characters long");
  Guid guid;
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash(i) != (text[i] == '-')) {
      return fail(Code::Malformed, "guid has a dash missing or misplaced",
                  static_cast<std::int64_t>(i));
    }
    if (is_dash(i)) continue;
    const unsigned digit = hex_value(text[i]);
    if (digit > 15) {
      return fail(Code::Malformed, "guid has a character that is no hex digit",
                  static_cast<std::int64_t>(i));
    }
    std::uint8_t& byte = guid.bytes[nibble++ / 2];
    byte = static_cast<std::uint8_t>((static_cast<unsigned>(byte) << 4U) | digit);
  }
  return guid;
}

std::string Guid::to_string() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(kGuidText, '-');
  std::size_t at = 0;
  for (const std::uint8_t byte : bytes) {
    if (is_dash(at)) ++at;
    text[at++] = kDigits[byte >> 4U];
    text[at++] = kDigits[byte & 0x0FU];
  }
  return text;
}

}  // namespace base
