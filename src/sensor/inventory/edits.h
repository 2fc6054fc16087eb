#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "dissect/address.h"
#include "dissect/evidence.h"

namespace sensor::inventory {

// One address of a device: hardware, or network with its VLAN (0: none). Written as devices' ids
// are: "00:1d:9c:00:00:01", "10.0.0.9", "10.0.0.9@7".
struct Address {
  dissect::MacAddress mac;
  dissect::IpAddress ip;
  std::uint16_t vlan = 0;

  // Errors: Invalid (not one, or nobody's own).
  static base::Result<Address> parse(std::string_view text);
  std::string text() const;
  auto operator<=>(const Address&) const = default;
};

enum class Action : std::uint8_t { Set, Unset, Merge, Split, Undo };
std::string_view action_name(Action action);

// What a person changed in what is believed of devices, whatever the evidence says.
struct Edit {
  std::uint64_t number = 0;  // 1, 2 ...
  base::WallTime time;
  std::string who;
  Action action = Action::Set;
  Address device;            // any address of it
  std::string field;         // Set, Unset: of editable_fields()
  std::string value;         // Set
  Address other;             // Merge: of the device that it becomes part of; Split: what is taken
  std::uint64_t undone = 0;  // Undo: the number of the edit that is taken back
};

// Fields that a person can set.
struct EditableField {
  std::string_view name;  // "order-code"
  dissect::Fact fact;     // of kLevel and kNotes: none
};
inline constexpr std::string_view kLevelField = "level";
inline constexpr std::string_view kNotesField = "notes";
inline constexpr std::size_t kMaxValue = 512;  // bytes
std::vector<EditableField> editable_fields();
// Errors: NotFound, with those that there are.
base::Result<EditableField> editable_field(std::string_view name);
// Errors: Invalid: what is wrong with it.
base::Result<void> check_value(std::string_view field, std::string_view value);

// All edits since the first, none of which is ever taken out: what is undone is so by a later edit.
class Edits {
 public:
  static constexpr std::size_t kMost = 100'000;

  // Lines of JSON, as line() makes them. A line that is none is passed over and told (problems):
  // it takes nothing along.
  static Edits parse(std::string_view lines);
  // With its newline.
  static std::string line(const Edit& edit);

  const std::vector<Edit>& all() const { return all_; }
  const std::vector<std::string>& problems() const { return problems_; }
  std::uint64_t next_number() const { return all_.empty() ? 1 : all_.back().number + 1; }
  const Edit* find(std::uint64_t number) const;
  // Which of all() are in force: those that no undoing that is in force took back.
  std::vector<bool> in_force() const;
  // To take one back: that of this number, or (0) the last that is in force and no undoing itself.
  // Errors: NotFound, Conflict (it is undone already).
  base::Result<std::uint64_t> to_undo(std::uint64_t number) const;

 private:
  std::vector<Edit> all_;  // by number
  std::vector<std::string> problems_;
};

}  // namespace sensor::inventory
