#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kql/ticks.h"

namespace bench {

// What the events of one device have in common at a moment.
struct DeviceState {
  std::string id;
  std::string serial;
  std::string address;
  std::string site_gateway;
  std::string boot_id;
  int utc_offset_minutes = 0;
  std::uint32_t release = 0;  // of its software; rises once
  std::uint32_t user_id = 1000;
  kql::Ticks booted = 0;
  std::uint64_t sequence = 0;  // of process events since boot
  std::uint64_t collected = 0;
  std::uint64_t messages = 0;
};

// One event, or one item of it.
struct Moment {
  const DeviceState* device = nullptr;
  kql::Ticks time = 0;     // when it happened, by the device's clock
  std::uint64_t dice = 0;  // what varies from event to event; the same for all slots of one
  std::uint64_t process = 0;
  std::uint64_t parent = 0;
};

// A text with slots such as <pid>, rendered millions of times. Not for foreign text.
class Template {
 public:
  // Ends the program when a slot is unknown.
  explicit Template(std::string_view text);
  void render(const Moment& moment, std::string& out) const;

 private:
  enum class Slot : std::uint8_t;
  struct Piece {
    std::string literal;  // before the slot
    Slot slot;
  };
  static Slot slot_named(std::string_view name);
  static void render_slot(Slot slot, const Moment& moment, std::string& out);
  static void render_number(Slot slot, const Moment& moment, std::string& out);

  std::vector<Piece> pieces_;
};

void append_number(std::string& out, std::uint64_t number);
// 2026-01-01T01:00:00.123+01:00; with no offset a Z.
void append_time(std::string& out, kql::Ticks time, int offset_minutes);

}  // namespace bench
