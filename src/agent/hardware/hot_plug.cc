#include "agent/hardware/hot_plug.h"

#include <utility>

#include "base/text.h"

namespace agent::hardware {

namespace {

constexpr std::size_t kMaxKnown = 8192;
constexpr std::size_t kMaxPending = 4096;

// What the kernel's own words tell of a device that was gone before anybody could look. nullopt:
// too little to know that it is one that would be told.
std::optional<Device> device_of_event(const Uevent& event) {
  schema::ConnectedHardware item;
  const auto text = [&event](std::string_view name) {
    return base::to_utf8(event.property(name).substr(0, 256));
  };
  if (event.subsystem == "net" && text("INTERFACE") != "lo") {
    item.hardware_category = "Network";
    item.hardware_name = text("INTERFACE");
    item.extra_details.emplace_back("Interface", item.hardware_name);
  } else if (event.subsystem == "usb" && text("DEVTYPE") == "usb_device") {
    item.hardware_category = "USB";
    item.hardware_name = text("PRODUCT");  // vendor/product/version
  } else if (event.subsystem == "pci") {
    item.hardware_category = "PCI";
    item.hardware_name = text("PCI_ID");
  } else if (event.subsystem == "input" && !text("NAME").empty()) {
    item.hardware_category = "Input";
    item.hardware_name = text("NAME");
  }
  if (item.hardware_name.empty()) return std::nullopt;
  item.hardware_sub_category = text("DEVTYPE").empty() ? "Other" : text("DEVTYPE");
  item.extra_details.emplace_back("Subsystem", event.subsystem);
  item.extra_details.emplace_back("DevicePath", base::to_utf8(event.devpath.substr(0, 1024)));
  item.extra_details.emplace_back("Incomplete", "true");
  return Device{event.devpath, std::move(item)};
}

}  // namespace

std::string_view to_string(Change change) {
  switch (change) {
    case Change::Added:
      return "Added";
    case Change::Removed:
      return "Removed";
    case Change::Changed:
      return "Changed";
  }
  return "";
}

void HotPlug::learn(std::vector<Device> present) {
  known_.clear();
  pending_.clear();
  wants_comparison_ = false;
  for (Device& device : present) {
    if (known_.size() == kMaxKnown) return;
    std::string path = device.devpath;
    known_.emplace(std::move(path), std::move(device));
  }
}

void HotPlug::compare(std::vector<Device> present) {
  std::map<std::string, Device> before;
  before.swap(known_);
  learn(std::move(present));
  for (const auto& [path, device] : before) {
    if (!known_.contains(path)) options_.tell(Change::Removed, device);
  }
  for (const auto& [path, device] : known_) {
    const auto earlier = before.find(path);
    if (earlier == before.end()) {
      options_.tell(Change::Added, device);
    } else if (earlier->second.item != device.item) {
      options_.tell(Change::Changed, device);
    }
  }
}

void HotPlug::on_event(const Uevent& event, bool udev_runs, base::MonoTime now) {
  if (!Reader::tells(event.subsystem)) return;
  const std::string& path = event.devpath;
  if (event.action == "move") {
    moved(event);
    return;
  }
  const auto waiting = pending_.find(path);
  if (event.from_udev) {
    // What udev adds is there by now; who waited for it need not any longer.
    if (waiting != pending_.end() && event.action != "remove") waiting->second.due = now;
    return;
  }
  if (event.action == "remove") {
    // One that was taken away before it was told is told all the same.
    if (waiting != pending_.end()) {
      Pending pending = std::move(pending_.extract(waiting).mapped());
      pending.by_event_only = false;
      look(path, pending);
    }
    if (known_.contains(path)) pending_[path] = {now + options_.settle, std::nullopt};
    return;
  }
  if (event.action == "add" && waiting != pending_.end() && !waiting->second.first_seen) {
    // Another one in its place, before we looked.
    removed(path);
    pending_.erase(path);
  }
  if (pending_.size() >= kMaxPending) {
    wants_comparison_ = true;
    return;
  }
  const auto wait = udev_runs ? options_.settle_with_udev : options_.settle;
  if (pending_.contains(path)) return;
  Pending pending{now + wait, options_.read(path), false};
  if (!pending.first_seen && event.action == "add") {
    pending.first_seen = device_of_event(event);
    pending.by_event_only = true;
  }
  pending_.emplace(path, std::move(pending));
}

void HotPlug::removed(const std::string& devpath) {
  const auto found = known_.extract(devpath);
  if (found) options_.tell(Change::Removed, found.mapped());
}

void HotPlug::moved(const Uevent& event) {
  const std::string from(event.property("DEVPATH_OLD"));
  auto waiting = pending_.extract(from);
  if (waiting) {
    waiting.key() = event.devpath;
    pending_.insert(std::move(waiting));
    return;
  }
  auto found = known_.extract(from);
  auto device = options_.read(event.devpath);
  if (!device) return;
  const Change change = found ? Change::Changed : Change::Added;
  if (found) device->item.extra_details.emplace_back("FormerDevicePath", from.substr(0, 1024));
  options_.tell(change, *device);
  if (found) device->item.extra_details.pop_back();
  known_.insert_or_assign(event.devpath, std::move(*device));
}

// What is there at that path now, and what does that say?
void HotPlug::look(const std::string& devpath, const Pending& pending) {
  auto device = options_.read(devpath);
  const auto known = known_.find(devpath);
  if (!device) {
    if (known != known_.end()) {
      removed(devpath);
    } else if (pending.first_seen && !pending.by_event_only) {
      options_.tell(Change::Added, *pending.first_seen);
      options_.tell(Change::Removed, *pending.first_seen);
    }
    return;
  }
  if (known == known_.end()) {
    if (known_.size() >= kMaxKnown) {
      wants_comparison_ = true;
      return;
    }
    options_.tell(Change::Added, *device);
    known_.emplace(devpath, std::move(*device));
  } else if (known->second.item != device->item) {
    known->second = std::move(*device);
    options_.tell(Change::Changed, known->second);
  }
}

std::optional<base::MonoTime> HotPlug::settle(base::MonoTime now) {
  std::optional<base::MonoTime> next;
  std::vector<std::string> due;
  for (const auto& [path, pending] : pending_) {
    if (pending.due <= now) {
      due.push_back(path);
    } else if (!next || pending.due < *next) {
      next = pending.due;
    }
  }
  for (const std::string& path : due) {
    const auto pending = pending_.extract(path);
    if (pending) look(path, pending.mapped());
  }
  return next;
}

void HotPlug::flush() {
  while (!pending_.empty()) {
    const auto pending = pending_.extract(pending_.begin());
    look(pending.key(), pending.mapped());
  }
}

}  // namespace agent::hardware
