#include "workspace/template.h"

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "devices.h"

namespace bench {

enum class Template::Slot : std::uint8_t {
  None,
  Device,
  Serial,
  Address,
  Gateway,
  BootId,
  UserId,
  Process,
  Parent,
  Sequence,
  Release,
  Hex,         // eight digits
  Job,         // 0 to 9999
  Few,         // 0 to 31, small ones more often
  Port,        // one that was chosen at random
  Bytes,       // small ones more often
  Millis,      // likewise
  UnixTime,    // seconds
  Day,         // 20260117
  Internet,    // an address from far away, one of some thousands
  LocalTime,   // of the event
  EarlierUtc,  // within the hour before
  EarlierLocal,
  Utc,
  Hits,
  Uptime,
  Collected,
  Messages,
  Memory
};

namespace {

constexpr std::uint64_t kInternetAddresses = 4'000;

// Another number from the same dice for each purpose.
std::uint64_t mixed(std::uint64_t dice, std::uint64_t purpose) {
  std::uint64_t value = dice ^ (purpose * 0x9E3779B97F4A7C15ULL);
  value = (value ^ (value >> 31U)) * 0xD6E8FEB86659FD93ULL;
  return value ^ (value >> 32U);
}

void append_digits(std::string& out, unsigned number, unsigned digits) {
  std::array<char, 10> text{};
  for (unsigned at = digits; at-- > 0; number /= 10)
    text[at] = static_cast<char>('0' + number % 10);
  out.append(text.data(), digits);
}

void append_hex(std::string& out, std::uint64_t value, unsigned digits) {
  for (unsigned at = 0; at < digits; ++at, value >>= 4U)
    out.push_back("0123456789abcdef"[value & 15U]);
}

std::chrono::year_month_day date_of(kql::Ticks time) {
  const auto days = (time - kql::kUnixEpochTicks) / kql::kTicksPerDay;
  return std::chrono::sys_days(std::chrono::days(days));
}

void append_date(std::string& out, kql::Ticks time, std::string_view between) {
  const auto date = date_of(time);
  append_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out.append(between);
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out.append(between);
  append_digits(out, static_cast<unsigned>(date.day()), 2);
}

void append_internet(std::string& out, std::uint64_t dice) {
  const std::uint64_t number = mixed(dice % kInternetAddresses, 77);
  append_number(out, 11 + number % 180);
  for (const unsigned shift : {16U, 24U, 32U}) {
    out.push_back('.');
    append_number(out, 1 + (number >> shift) % 253);
  }
}

}  // namespace

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> digits{};
  out.append(digits.data(),
             std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_time(std::string& out, kql::Ticks time, int offset_minutes) {
  const kql::Ticks local = time + offset_minutes * kql::kTicksPerMinute;
  append_date(out, local, "-");
  const auto millis =
      static_cast<unsigned>((local % kql::kTicksPerDay) / kql::kTicksPerMillisecond);
  out.push_back('T');
  append_digits(out, millis / 3'600'000, 2);
  out.push_back(':');
  append_digits(out, millis / 60'000 % 60, 2);
  out.push_back(':');
  append_digits(out, millis / 1000 % 60, 2);
  out.push_back('.');
  append_digits(out, millis % 1000, 3);
  if (offset_minutes == 0) {
    out.push_back('Z');
    return;
  }
  out.push_back(offset_minutes < 0 ? '-' : '+');
  const auto minutes = static_cast<unsigned>(offset_minutes < 0 ? -offset_minutes : offset_minutes);
  append_digits(out, minutes / 60, 2);
  out.push_back(':');
  append_digits(out, minutes % 60, 2);
}

Template::Slot Template::slot_named(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, Slot>, 28> kSlots = {{
      {"device", Slot::Device},
      {"serial", Slot::Serial},
      {"address", Slot::Address},
      {"gateway", Slot::Gateway},
      {"boot", Slot::BootId},
      {"uid", Slot::UserId},
      {"pid", Slot::Process},
      {"ppid", Slot::Parent},
      {"sequence", Slot::Sequence},
      {"release", Slot::Release},
      {"hex", Slot::Hex},
      {"job", Slot::Job},
      {"few", Slot::Few},
      {"port", Slot::Port},
      {"bytes", Slot::Bytes},
      {"millis", Slot::Millis},
      {"unix", Slot::UnixTime},
      {"day", Slot::Day},
      {"internet", Slot::Internet},
      {"local", Slot::LocalTime},
      {"utc", Slot::Utc},
      {"earlier", Slot::EarlierUtc},
      {"earlierlocal", Slot::EarlierLocal},
      {"hits", Slot::Hits},
      {"uptime", Slot::Uptime},
      {"collected", Slot::Collected},
      {"messages", Slot::Messages},
      {"memory", Slot::Memory},
  }};
  for (const auto& [known, slot] : kSlots) {
    if (known == name) return slot;
  }
  give_up("no such slot: " + std::string(name));
}

Template::Template(std::string_view text) {
  while (!text.empty()) {
    const auto open = text.find('<');
    if (open == std::string_view::npos) {
      pieces_.push_back({std::string(text), Slot::None});
      return;
    }
    const auto close = text.find('>', open);
    if (close == std::string_view::npos) give_up("a slot without end: " + std::string(text));
    pieces_.push_back(
        {std::string(text.substr(0, open)), slot_named(text.substr(open + 1, close - open - 1))});
    text.remove_prefix(close + 1);
  }
}

void Template::render(const Moment& moment, std::string& out) const {
  for (const Piece& piece : pieces_) {
    out.append(piece.literal);
    render_slot(piece.slot, moment, out);
  }
}

void Template::render_slot(Slot slot, const Moment& moment, std::string& out) {
  const DeviceState& device = *moment.device;
  const kql::Ticks earlier =
      moment.time - static_cast<kql::Ticks>(mixed(moment.dice, 9) % 3'500'000) * 10'000;
  switch (slot) {
    case Slot::None:
      return;
    case Slot::Device:
      out.append(device.id);
      return;
    case Slot::Serial:
      out.append(device.serial);
      return;
    case Slot::Address:
      out.append(device.address);
      return;
    case Slot::Gateway:
      out.append(device.site_gateway);
      return;
    case Slot::BootId:
      out.append(device.boot_id);
      return;
    case Slot::Hex:
      return append_hex(out, mixed(moment.dice, 1), 8);
    case Slot::Day:
      return append_date(out, moment.time, "");
    case Slot::Internet:
      return append_internet(out, mixed(moment.dice, 2));
    case Slot::LocalTime:
      return append_time(out, moment.time, device.utc_offset_minutes);
    case Slot::Utc:
      return append_time(out, moment.time, 0);
    case Slot::EarlierUtc:
      return append_time(out, earlier, 0);
    case Slot::EarlierLocal:
      return append_time(out, earlier, device.utc_offset_minutes);
    default:
      return render_number(slot, moment, out);
  }
}

void Template::render_number(Slot slot, const Moment& moment, std::string& out) {
  const DeviceState& device = *moment.device;
  const auto pick = [&](std::uint64_t purpose, std::uint64_t limit) {
    return mixed(moment.dice, purpose) % limit;
  };
  const auto skewed = [&](std::uint64_t purpose, std::uint64_t limit) {
    return pick(purpose, pick(purpose + 100, limit) + 1);
  };
  switch (slot) {
    case Slot::UserId:
      return append_number(out, device.user_id);
    case Slot::Process:
      return append_number(out, moment.process);
    case Slot::Parent:
      return append_number(out, moment.parent);
    case Slot::Sequence:
      return append_number(out, device.sequence);
    case Slot::Release:
      return append_number(out, device.release);
    case Slot::Job:
      return append_number(out, pick(3, 10'000));
    case Slot::Few:
      return append_number(out, skewed(4, 32));
    case Slot::Port:
      return append_number(out, 32'768 + pick(5, 28'232));
    case Slot::Bytes:
      return append_number(out, 40 + skewed(6, skewed(7, 4'000'000) + 1));
    case Slot::Millis:
      return append_number(out, 1 + skewed(8, 30'000));
    case Slot::UnixTime:
      return append_number(out, static_cast<std::uint64_t>((moment.time - kql::kUnixEpochTicks) /
                                                           kql::kTicksPerSecond));
    case Slot::Hits:
      return append_number(out, 2 + skewed(10, 58));
    case Slot::Uptime:
      return append_number(
          out, static_cast<std::uint64_t>((moment.time - device.booted) / kql::kTicksPerSecond));
    case Slot::Collected:
      return append_number(out, device.collected);
    case Slot::Messages:
      return append_number(out, device.messages);
    case Slot::Memory:
      return append_number(out, (6'000 + pick(11, 9'000)) * 1024);
    default:
      give_up("a slot that is no number");
  }
}

}  // namespace bench
