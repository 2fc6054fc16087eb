#include "base/id.h"

#include <algorithm>
#include <cerrno>

#include <sys/random.h>

#include "base/hash.h"
#include "base/text.h"

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

bool is_dash(std::size_t at) {
  return at == 8 || at == 13 || at == 18 || at == 23;
}

}  // namespace

Guid Guid::random() {
  Guid guid;
  random_bytes(guid.bytes);
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
  if (text.size() != 36) return fail(Code::Malformed, "guid is not 36 characters long");
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash(i) != (text[i] == '-')) {
      return fail(Code::Malformed, "guid has a dash missing or misplaced",
                  static_cast<std::int64_t>(i));
    }
    if (text[i] != '-') digits.push_back(text[i]);
  }
  const ByteVec bytes = TRY(hex_decode(digits));
  Guid guid;
  std::copy(bytes.begin(), bytes.end(), guid.bytes.begin());
  return guid;
}

std::string Guid::to_string() const {
  std::string text = hex_encode(bytes);
  for (const std::size_t at : {8U, 13U, 18U, 23U})
    text.insert(at, 1, '-');
  return text;
}

}  // namespace base
