#include "agent/logins/utmp.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "base/text.h"

namespace agent::logins {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

// Records are of the machine's own byte order, and so are all the machines that this runs on.
static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kLineBytes = 32;
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kUserBytes = 32;
constexpr std::size_t kHostBytes = 256;
constexpr std::uint16_t kMaxType = 9;  // ACCOUNTING
constexpr std::uint16_t kLoginProcess = 6;
constexpr std::uint16_t kUserProcess = 7;
constexpr std::uint16_t kDeadProcess = 8;
constexpr std::int64_t kLatest = 9'000'000'000;  // in 2255: what a WallTime holds

struct Raw {
  std::uint16_t type = 0;
  std::uint32_t pid = 0;
  std::string line;
  std::string user;
  std::string host;
  std::int64_t seconds = 0;
  std::int64_t microseconds = 0;
  std::array<std::uint8_t, 16> address{};
};

// Text that ends with the first NUL, or with the field.
Result<std::string> text(Cursor& cursor, std::size_t size) {
  const std::string_view field = base::as_text(TRY(cursor.bytes(size)));
  return base::to_utf8(field.substr(0, field.find('\0')));
}

Result<Raw> read_raw(ByteView bytes, UtmpLayout layout) {
  Cursor cursor(bytes);
  Raw raw;
  raw.type = TRY(cursor.u16le());
  TRY(cursor.skip(2));
  raw.pid = TRY(cursor.u32le());
  raw.line = TRY(text(cursor, kLineBytes));
  TRY(cursor.skip(kIdBytes));
  raw.user = TRY(text(cursor, kUserBytes));
  raw.host = TRY(text(cursor, kHostBytes));
  TRY(cursor.skip(4));  // exit status
  if (layout == UtmpLayout::Times32) {
    TRY(cursor.skip(4));  // session
    // Unsigned, as it has to be read from 2038 on.
    raw.seconds = TRY(cursor.u32le());
    raw.microseconds = TRY(cursor.u32le());
  } else {
    TRY(cursor.skip(4 + 8));
    const std::uint64_t seconds = TRY(cursor.u64le());
    raw.microseconds = static_cast<std::int64_t>(TRY(cursor.u64le()));
    if (seconds > static_cast<std::uint64_t>(kLatest))
      return fail(Code::Malformed, "utmp", 344, "time");
    raw.seconds = static_cast<std::int64_t>(seconds);
  }
  const ByteView address = TRY(cursor.bytes(raw.address.size()));
  std::ranges::copy(address, raw.address.begin());
  TRY(cursor.skip(20));  // reserved
  if (raw.type > kMaxType) return fail(Code::Malformed, "utmp", 0, "type");
  if (raw.microseconds < 0 || raw.microseconds > 999'999) raw.microseconds = 0;
  return raw;
}

std::string address_text(const std::array<std::uint8_t, 16>& bytes) {
  const auto all_zero = [&bytes](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) {
      if (bytes[i] != 0) return false;
    }
    return true;
  };
  if (all_zero(0, 16)) return {};
  std::string out;
  if (all_zero(4, 16)) {
    for (std::size_t i = 0; i < 4; ++i) {
      out += (i == 0 ? "" : ".") + std::to_string(bytes[i]);
    }
    return out;
  }
  // In full; shorter forms are the host's text, where there is one.
  const std::string hex = base::hex_encode(bytes);
  for (std::size_t i = 0; i < hex.size(); i += 4) {
    out += (i == 0 ? "" : ":") + hex.substr(i, 4);
  }
  return out;
}

bool plausible(const Raw& raw) {
  const auto printable = [](const std::string& field) {
    for (const char c : field) {
      if (static_cast<unsigned char>(c) < 0x20) return false;
    }
    return true;
  };
  return printable(raw.line) && printable(raw.user) && printable(raw.host);
}

}  // namespace

std::size_t utmp_size(UtmpLayout layout) {
  return layout == UtmpLayout::Times32 ? 384 : 400;
}

UtmpLayout native_utmp_layout() {
  // glibc's __WORDSIZE_TIME64_COMPAT32.
#if defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64) || defined(__loongarch64)
  return UtmpLayout::Times64;
#else
  return UtmpLayout::Times32;
#endif
}

std::optional<UtmpLayout> utmp_layout(ByteView bytes) {
  constexpr std::size_t kLook = 8;
  // The machine's own first: a file of one record may look like both.
  const UtmpLayout own = native_utmp_layout();
  const UtmpLayout other = own == UtmpLayout::Times32 ? UtmpLayout::Times64 : UtmpLayout::Times32;
  std::optional<UtmpLayout> best;
  std::size_t most = 0;
  for (const UtmpLayout layout : {own, other}) {
    const std::size_t size = utmp_size(layout);
    std::size_t good = 0;
    std::size_t empty = 0;
    std::size_t looked = 0;
    for (; looked < kLook && (looked + 1) * size <= bytes.size(); ++looked) {
      const auto raw = read_raw(bytes.subspan(looked * size, size), layout);
      if (!raw || !plausible(*raw)) continue;
      // A record that says nothing speaks for neither.
      if (raw->type == 0) ++empty;
      if (raw->type != 0 && raw->seconds > 0) ++good;
    }
    // Single records may be damaged.
    if (good > most && good * 2 >= looked - empty) {
      best = layout;
      most = good;
    }
  }
  return best;
}

Result<std::optional<Observation>> read_utmp(ByteView record, UtmpLayout layout, UtmpFile file) {
  const Raw raw = TRY(read_raw(record, layout));
  Observation observation;
  observation.kind = Kind::Utmp;
  observation.pid = raw.pid;
  observation.account = raw.user;
  observation.tty = tty_of(raw.line);
  observation.operation = file == UtmpFile::Btmp ? "btmp" : "wtmp";
  observation.time = base::WallTime(std::chrono::seconds(raw.seconds) +
                                    std::chrono::microseconds(raw.microseconds));
  set_remote(observation, raw.host);
  if (observation.address.empty()) set_remote(observation, address_text(raw.address));
  // sshd's sessions have no terminal of that name.
  if (raw.line.starts_with("ssh:")) observation.tty.clear();
  if (file == UtmpFile::Btmp) {
    if (raw.type != kLoginProcess && raw.type != kUserProcess) return std::nullopt;
    observation.outcome = Outcome::Fail;
    return observation;
  }
  if (raw.type == kUserProcess && !raw.user.empty()) {
    observation.outcome = Outcome::Success;
    return observation;
  }
  if (raw.type == kDeadProcess && !observation.tty.empty()) {
    observation.outcome = Outcome::Logout;
    return observation;
  }
  return std::nullopt;
}

}  // namespace agent::logins
