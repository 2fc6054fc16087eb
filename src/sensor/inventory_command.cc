#include "sensor/inventory_command.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include "base/text.h"
#include "os/file.h"
#include "sensor/assets.h"
#include "sensor/edits_file.h"
#include "sensor/inventory/device_json.h"
#include "sensor/inventory/saved.h"
#include "sensor/keeper.h"
#include "sensor/stock.h"

namespace sensor {

using base::Code;
using base::fail;
using base::Result;
using dissect::Fact;
using inventory::Action;
using inventory::Address;
using inventory::Device;
using inventory::Edit;
using inventory::Edits;

namespace {

// Who calls: also who became root for it.
std::string caller() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread
  const passwd* const user = ::getpwuid(::getuid());
  std::string name = user == nullptr ? std::to_string(::getuid()) : user->pw_name;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): as above
  const char* const sudo = ::getenv("SUDO_USER");
  if (::getuid() == 0 && sudo != nullptr && base::is_utf8(sudo))
    name += fmt::format(" ({})", std::string_view(sudo).substr(0, 64));
  return name;
}

Result<std::vector<Device>> devices_of(const Config& config, const Edits& edits) {
  const std::string path = config.state_dir + Keeper::kFile;
  const auto content = os::read_file(path, inventory::kMaxSaved);
  if (!content && content.error().code == Code::NotFound) {
    return fail(Code::NotFound, "inventory", -1,
                path + " is not there: `vedette-sensor run` with this state.dir makes it");
  }
  if (!content) return std::unexpected(content.error());
  const inventory::Saved saved = TRY(inventory::decode(base::as_bytes(*content)));
  return saved.inventory.devices(installed_vendors(), edits);
}

bool has(const Device& device, const Address& address) {
  if (!address.mac.none()) return std::ranges::find(device.macs, address.mac) != device.macs.end();
  return std::ranges::find(device.ips, address.ip) != device.ips.end() &&
         (address.vlan == 0 || device.vlans.contains(address.vlan));
}

// By its id, or by an address that no other has.
Result<const Device*> find(const std::vector<Device>& devices, const std::string& text) {
  const Address address = TRY(Address::parse(text));
  std::vector<const Device*> found;
  for (const Device& one : devices) {
    if (one.id == address.text()) return &one;
    if (has(one, address)) found.push_back(&one);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(Code::NotFound, "inventory", -1,
                "no device has the address " + text +
                    "; `inventory list` shows those that were known when the sensor last wrote "
                    "its inventory");
  }
  std::string ids;
  for (const Device* const one : found)
    ids += (ids.empty() ? "" : ", ") + one->id;
  return fail(Code::Conflict, "inventory", -1,
              text + " is an address of several devices; name one by its id: " + ids);
}

Result<Edit> join_or_part(const std::vector<Device>& devices, Edit edit, const std::string& of,
                          const std::string& other) {
  const Device* const device = TRY(find(devices, of));
  edit.device = TRY(Address::parse(device->id));
  if (edit.action == Action::Merge) {
    const Device* const into = TRY(find(devices, other));
    if (into == device) {
      return fail(Code::Invalid, "merge", -1,
                  of + " and " + other + " are one device already, " + device->id);
    }
    edit.other = TRY(Address::parse(into->id));
    return edit;
  }
  edit.other = TRY(Address::parse(other));
  // In the only VLAN that it can be meant in.
  if (edit.other.mac.none() && edit.other.vlan == 0 && device->vlans.size() == 1)
    edit.other.vlan = *device->vlans.begin();
  if (has(*device, edit.other)) return edit;
  return fail(
      Code::NotFound, "split", -1,
      other + " is no address of " + device->id + "; `inventory show " + device->id + "` has them");
}

struct Asked {
  const Config& config;
  const std::vector<std::string>& words;
  bool table;
  std::FILE* out;
};

std::string edit_row(const Edit& edit, bool in_force) {
  std::string what(edit.action == Action::Undo ? fmt::format("edit {}", edit.undone)
                                               : edit.device.text());
  if (edit.action == Action::Merge) what += " into " + edit.other.text();
  if (edit.action == Action::Split) what += " from it " + edit.other.text();
  if (!edit.field.empty()) what += " " + edit.field;
  if (edit.action == Action::Set) what += "=" + edit.value;
  return fmt::format("{:<6} {:<24} {:<16} {:<6} {}{}\n", edit.number,
                     base::format_rfc3339(edit.time, 0), edit.who,
                     inventory::action_name(edit.action), what, in_force ? "" : "  (undone)");
}

// Adds an edit, once it is known to do something.
Result<void> change(const Asked& asked, const MakeEdit& make) {
  const auto made = append_edit(asked.config.state_dir, [&](const Edits& edits) -> Result<Edit> {
    Edit edit = TRY(make(edits));
    edit.who = caller();
    return edit;
  });
  if (!made) return std::unexpected(made.error());
  std::fputs(asked.table ? edit_row(*made, true).c_str() : Edits::line(*made).c_str(), asked.out);
  return {};
}

Result<void> set(const Asked& asked, Action action) {
  for (std::size_t i = 2; i < asked.words.size(); ++i) {
    const std::string& word = asked.words[i];
    const std::size_t equals = word.find('=');
    if (action == Action::Set && equals == std::string::npos)
      return fail(Code::Invalid, "set", -1, "\"" + word + "\" is not FIELD=VALUE");
    Edit edit;
    edit.action = action;
    edit.field = word.substr(0, action == Action::Set ? equals : std::string::npos);
    TRY(inventory::editable_field(edit.field));
    if (action == Action::Set) {
      edit.value = word.substr(equals + 1);
      TRY(inventory::check_value(edit.field, edit.value));
    }
    TRY(change(asked, [&](const Edits& edits) -> Result<Edit> {
      const auto devices = TRY(devices_of(asked.config, edits));
      const Device* const device = TRY(find(devices, asked.words[1]));
      edit.device = TRY(Address::parse(device->id));
      if (action == Action::Unset &&
          std::ranges::find(device->stated, edit.field) == device->stated.end()) {
        return fail(Code::NotFound, "unset", -1, "nobody set " + edit.field + " of " + device->id);
      }
      return edit;
    }));
  }
  return {};
}

Result<void> merge_or_split(const Asked& asked, Action action) {
  return change(asked, [&](const Edits& edits) -> Result<Edit> {
    const auto devices = TRY(devices_of(asked.config, edits));
    Edit edit;
    edit.action = action;
    edit = TRY(join_or_part(devices, edit, asked.words[1], asked.words[2]));
    if (action != Action::Split) return edit;
    // Whatever is taken, something has to be left.
    const Device* const device = TRY(find(devices, asked.words[1]));
    Edits with = Edits::parse([&] {
      std::string lines;
      for (const Edit& one : edits.all())
        lines += Edits::line(one);
      Edit last = edit;
      last.number = edits.next_number();
      last.time = base::wall_now();
      return lines + Edits::line(last);
    }());
    const auto after = TRY(devices_of(asked.config, with));
    if (after.size() == devices.size()) {
      return fail(Code::Invalid, "split", -1,
                  "with " + asked.words[2] + " nothing would be left of " + device->id);
    }
    return edit;
  });
}

Result<void> undo(const Asked& asked) {
  std::uint64_t number = 0;
  if (asked.words.size() > 1) {
    const auto given = base::parse_int(asked.words[1]);
    if (!given || *given < 1)
      return fail(Code::Invalid, "undo", -1, "\"" + asked.words[1] + "\" is no number of an edit");
    number = static_cast<std::uint64_t>(*given);
  }
  return change(asked, [&](const Edits& edits) -> Result<Edit> {
    Edit edit;
    edit.action = Action::Undo;
    edit.undone = TRY(edits.to_undo(number));
    return edit;
  });
}

void print_history(const Asked& asked, const Edits& edits) {
  const std::vector<bool> force = edits.in_force();
  for (std::size_t i = 0; i < force.size(); ++i) {
    const Edit& edit = edits.all()[i];
    std::fputs(asked.table ? edit_row(edit, force[i]).c_str() : Edits::line(edit).c_str(),
               asked.out);
  }
}

void print_row(const Device& device, std::FILE* out) {
  std::string_view name = device.field(Fact::Name);
  if (name.empty()) name = device.field(Fact::Hostname);
  std::fputs(fmt::format("{:<24} {:<18} {:<20.20} {:<24.24} {:<24.24} {:<24.24} {}\n", device.id,
                         device.ips.empty() ? "" : device.ips[0].text(), device.type.text, name,
                         device.field(Fact::Vendor), device.field(Fact::Model),
                         base::format_rfc3339(device.last, 0))
                 .c_str(),
             out);
}

// All that is known of one, with what else was said and by whom.
void print_device(const Device& device, const Edits& edits, std::FILE* out) {
  const auto line = [out](std::string_view name, const std::string& text) {
    if (!text.empty()) std::fputs(fmt::format("{:<14} {}\n", name, text).c_str(), out);
  };
  line("id", device.id);
  for (const auto& one : device.macs)
    line("hardware", one.text());
  for (const auto& one : device.ips)
    line("address", one.text());
  line("type", device.type.text);
  if (device.level != 0) {
    line(
        "level",
        std::to_string(device.level) +
            (device.heard_level == 0 ? "" : fmt::format(" (stated; else {})", device.heard_level)));
  }
  for (const inventory::Field& field : device.fields) {
    for (const inventory::Value& value : field.values) {
      line(&value == &field.values.front() ? dissect::fact_name(field.fact) : "  else",
           fmt::format("{} ({}, {})", value.text, value.source,
                       value.stated ? "stated" : inventory::confidence_name(value.confidence)));
    }
  }
  line("notes", device.notes);
  line("first", base::format_rfc3339(device.first, 0));
  line("last", base::format_rfc3339(device.last, 0));
  for (const std::uint64_t number : device.edits)
    if (const Edit* const edit = edits.find(number); edit != nullptr)
      std::fputs(("edit           " + edit_row(*edit, true)).c_str(), out);
}

Result<void> show(const Asked& asked, const Edits& edits) {
  const auto devices = TRY(devices_of(asked.config, edits));
  std::string lines;
  if (asked.words[0] == "show") {
    const Device* const device = TRY(find(devices, asked.words[1]));
    if (asked.table) {
      print_device(*device, edits, asked.out);
    } else {
      json_line(lines, *device);
    }
  } else {
    for (const Device& one : devices) {
      if (asked.table) {
        print_row(one, asked.out);
      } else {
        json_line(lines, one);
      }
    }
  }
  std::fputs(lines.c_str(), asked.out);
  return {};
}

Result<void> carry_out(const Asked& asked) {
  const std::string& verb = asked.words[0];
  if (verb == "set") return set(asked, Action::Set);
  if (verb == "unset") return set(asked, Action::Unset);
  if (verb == "merge") return merge_or_split(asked, Action::Merge);
  if (verb == "split") return merge_or_split(asked, Action::Split);
  if (verb == "undo") return undo(asked);
  const Edits edits = TRY(read_edits(asked.config.state_dir + kEditsFile));
  for (const std::string& problem : edits.problems())
    std::fputs(("vedette-sensor: edits.jsonl, " + problem + ": passed over\n").c_str(), stderr);
  if (verb != "history") return show(asked, edits);
  print_history(asked, edits);
  return {};
}

struct Verb {
  std::string_view name;
  std::size_t least;  // words after it
  std::size_t most;
  std::string_view usage;
};
constexpr Verb kVerbs[] = {{"list", 0, 0, "list"},
                           {"show", 1, 1, "show ID"},
                           {"set", 2, 64, "set ID FIELD=VALUE..."},
                           {"unset", 2, 2, "unset ID FIELD"},
                           {"merge", 2, 2, "merge ID INTO"},
                           {"split", 2, 2, "split ID ADDRESS"},
                           {"undo", 0, 1, "undo [N]"},
                           {"history", 0, 0, "history"}};

}  // namespace

int inventory_command(const Config& config, const std::vector<std::string>& words, bool table,
                      std::FILE* out) {
  const auto* const verb =
      words.empty() ? std::end(kVerbs) : std::ranges::find(kVerbs, words[0], &Verb::name);
  if (verb == std::end(kVerbs) || words.size() - 1 < verb->least || words.size() - 1 > verb->most) {
    for (const Verb& one : kVerbs)
      if (verb == std::end(kVerbs) || verb == &one)
        std::fputs(fmt::format("vedette-sensor inventory {}\n", one.usage).c_str(), stderr);
    return 2;
  }
  if (config.state_dir.empty()) {
    std::fputs("vedette-sensor: inventory needs state.dir, or --state-dir\n", stderr);
    return 2;
  }
  const auto done = carry_out({config, words, table, out});
  if (done) return 0;
  const base::Error& error = done.error();
  const std::string text = error.detail.empty() ? error.to_string() : error.detail;
  std::fputs(("vedette-sensor: " + text + "\n").c_str(), stderr);
  return 1;
}

}  // namespace sensor
