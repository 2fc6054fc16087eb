#include "sensor/inventory/edits.h"

#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>

#include "base/json.h"
#include "base/text.h"

namespace sensor::inventory {

using base::Code;
using base::fail;
using base::Result;
using dissect::Fact;
using dissect::IpAddress;
using dissect::MacAddress;

namespace {

constexpr std::array<std::string_view, 5> kActions = {"set", "unset", "merge", "split", "undo"};
constexpr std::array<EditableField, 13> kFields = {{{"name", Fact::Name},
                                                    {"type", Fact::Type},
                                                    {kLevelField, Fact::Type},
                                                    {"vendor", Fact::Vendor},
                                                    {"model", Fact::Model},
                                                    {"order-code", Fact::OrderCode},
                                                    {"firmware", Fact::Firmware},
                                                    {"hardware", Fact::Hardware},
                                                    {"serial", Fact::Serial},
                                                    {"hostname", Fact::Hostname},
                                                    {"location", Fact::Location},
                                                    {"os", Fact::Os},
                                                    {kNotesField, Fact::Name}}};
constexpr std::int64_t kMaxVlan = 4094;
constexpr std::size_t kMaxProblems = 20;

std::unexpected<base::Error> not_an_address(std::string_view text) {
  return fail(Code::Invalid, "address", -1,
              "\"" + std::string(text) +
                  "\" is no address of a device: it is one like 00:1d:9c:00:00:01, 10.0.0.9, "
                  "10.0.0.9@7 (in VLAN 7) or fd00::9");
}

MacAddress parse_mac(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return {};
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    unsigned int byte = 0;
    for (const char one : text.substr(3 * i, 2)) {
      const char lower = one >= 'A' && one <= 'F' ? static_cast<char>(one - 'A' + 'a') : one;
      const std::size_t digit = std::string_view("0123456789abcdef").find(lower);
      if (digit == std::string_view::npos) return {};
      byte = byte * 16 + static_cast<unsigned int>(digit);
    }
    if (i > 0 && text[3 * i - 1] != ':' && text[3 * i - 1] != '-') return {};
    mac.bytes[i] = static_cast<std::uint8_t>(byte);
  }
  return mac;
}

IpAddress parse_ip(const std::string& text) {
  std::array<std::uint8_t, 16> room{};
  if (::inet_pton(AF_INET, text.c_str(), room.data()) == 1)
    return IpAddress::of(base::ByteView(room).first(4));
  if (::inet_pton(AF_INET6, text.c_str(), room.data()) == 1) return IpAddress::of(room);
  return {};
}

Result<std::uint64_t> number_of(const base::json::Value& from, std::string_view name) {
  const base::json::Value* const found = from.find(name);
  const std::int64_t* const number = found == nullptr ? nullptr : found->if_int();
  if (number == nullptr || *number < 1) return fail(Code::Invalid, "edit", -1, "no number");
  return static_cast<std::uint64_t>(*number);
}

// Errors: what is wrong with the line.
Result<Edit> read_edit(std::string_view line) {
  if (!base::is_utf8(line)) return fail(Code::Invalid, "edit", -1, "no UTF-8");
  const base::json::Value from = TRY(base::json::parse(line));
  Edit edit;
  edit.number = TRY(number_of(from, "edit"));
  edit.time = TRY(base::parse_rfc3339(from.text_or("time", ""))).utc;
  edit.who = from.text_or("who", "");
  const auto* const action = std::ranges::find(kActions, from.text_or("do", ""));
  if (action == kActions.end()) return fail(Code::Invalid, "edit", -1, "it does nothing known");
  edit.action = static_cast<Action>(action - kActions.begin());
  if (edit.action == Action::Undo) {
    edit.undone = TRY(number_of(from, "undone"));
    if (edit.undone >= edit.number) return fail(Code::Invalid, "edit", -1, "it undoes a later one");
    return edit;
  }
  edit.device = TRY(Address::parse(from.text_or("device", "")));
  if (edit.action == Action::Merge || edit.action == Action::Split) {
    edit.other = TRY(Address::parse(from.text_or("other", "")));
    return edit;
  }
  edit.field = from.text_or("field", "");
  TRY(editable_field(edit.field));
  if (edit.action == Action::Unset) return edit;
  edit.value = from.text_or("value", "");
  TRY(check_value(edit.field, edit.value));
  return edit;
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  Address address;
  address.mac = parse_mac(text);
  if (!address.mac.none()) {
    if (address.mac.group()) return not_an_address(text);
    return address;
  }
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    const auto vlan = base::parse_int(text.substr(at + 1));
    if (!vlan || *vlan < 1 || *vlan > kMaxVlan) return not_an_address(text);
    address.vlan = static_cast<std::uint16_t>(*vlan);
  }
  address.ip = parse_ip(std::string(text.substr(0, at)));
  if (address.ip.none() || address.ip.group()) return not_an_address(text);
  return address;
}

std::string Address::text() const {
  if (!mac.none()) return mac.text();
  std::string text = ip.text();
  if (vlan != 0) text += "@" + std::to_string(vlan);
  return text;
}

std::string_view action_name(Action action) {
  return kActions[static_cast<std::size_t>(action)];
}

std::vector<EditableField> editable_fields() {
  return {kFields.begin(), kFields.end()};
}

Result<EditableField> editable_field(std::string_view name) {
  const auto* const found = std::ranges::find(kFields, name, &EditableField::name);
  if (found != kFields.end()) return *found;
  std::string names;
  for (const EditableField& one : kFields) {
    if (!names.empty()) names += ", ";
    names += one.name;
  }
  return fail(Code::NotFound, "field", -1,
              "there is no field \"" + std::string(name) + "\" to set; there are " + names);
}

Result<void> check_value(std::string_view field, std::string_view value) {
  if (value.empty()) {
    return fail(
        Code::Invalid, "value", -1,
        "a value for " + std::string(field) + " is missing; `unset` takes back one that was set");
  }
  if (value.size() > kMaxValue || !base::is_utf8(value) ||
      std::ranges::any_of(value, [](char one) { return static_cast<unsigned char>(one) < ' '; })) {
    return fail(Code::Invalid, "value", -1,
                "a value is UTF-8 on one line, of at most " + std::to_string(kMaxValue) + " bytes");
  }
  if (field != kLevelField) return {};
  const auto level = base::parse_int(value);
  if (!level || *level < 1 || *level > 4)
    return fail(Code::Invalid, "value", -1, "level is 1 to 4, of the Purdue model");
  return {};
}

std::string Edits::line(const Edit& edit) {
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  json.field("edit", edit.number);
  json.field("time", base::format_rfc3339(edit.time, 3));
  json.field("who", edit.who);
  json.field("do", action_name(edit.action));
  if (edit.action == Action::Undo) {
    json.field("undone", edit.undone);
  } else {
    json.field("device", edit.device.text());
  }
  if (edit.action == Action::Merge || edit.action == Action::Split)
    json.field("other", edit.other.text());
  if (!edit.field.empty()) json.field("field", edit.field);
  if (!edit.value.empty()) json.field("value", edit.value);
  json.end_object();
  return text + '\n';
}

Edits Edits::parse(std::string_view lines) {
  Edits edits;
  std::size_t number = 0;
  const auto passed_over = [&](const std::string& why) {
    if (edits.problems_.size() < kMaxProblems)
      edits.problems_.push_back("line " + std::to_string(number) + ": " + why);
  };
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    ++number;
    if (line.empty()) continue;
    auto edit = read_edit(line);
    if (!edit) {
      passed_over(edit.error().to_string());
    } else if (edit->number < edits.next_number()) {
      passed_over("an edit of that number was there before");
    } else if (edits.all_.size() == kMost) {
      passed_over("more than " + std::to_string(kMost) + " edits");
    } else {
      edits.all_.push_back(std::move(*edit));
    }
  }
  return edits;
}

const Edit* Edits::find(std::uint64_t number) const {
  const auto found = std::ranges::lower_bound(all_, number, {}, &Edit::number);
  return found == all_.end() || found->number != number ? nullptr : &*found;
}

std::vector<bool> Edits::in_force() const {
  std::vector<bool> force(all_.size(), true);
  for (std::size_t i = all_.size(); i-- > 0;) {
    if (!force[i] || all_[i].action != Action::Undo) continue;
    if (const Edit* const undone = find(all_[i].undone); undone != nullptr)
      force[static_cast<std::size_t>(undone - all_.data())] = false;
  }
  return force;
}

Result<std::uint64_t> Edits::to_undo(std::uint64_t number) const {
  const std::vector<bool> force = in_force();
  for (std::size_t i = all_.size(); i-- > 0;) {
    if (number == 0 && force[i] && all_[i].action != Action::Undo) return all_[i].number;
    if (number != all_[i].number) continue;
    if (force[i]) return number;
    return fail(Code::Conflict, "undo", -1,
                "edit " + std::to_string(number) + " is undone already; `history` shows by which");
  }
  return fail(Code::NotFound, "undo", -1,
              number == 0 ? std::string("there is nothing to undo")
                          : "there is no edit " + std::to_string(number) +
                                "; `history` shows those that there are");
}

}  // namespace sensor::inventory
