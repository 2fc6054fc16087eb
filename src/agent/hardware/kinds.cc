#include "agent/hardware/kinds.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <set>
#include <utility>
#include <vector>

#include "agent/hardware/ids.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::hardware {

namespace {

using Item = schema::ConnectedHardware;

constexpr std::size_t kMaxIds = 8U << 20U;
constexpr std::size_t kMaxInterfaces = 32;
constexpr std::uint64_t kSector = 512;

void add(Item& item, const char* name, std::string value) {
  if (!value.empty()) item.extra_details.emplace_back(name, std::move(value));
}

std::string first_of(std::initializer_list<std::string> candidates) {
  for (const std::string& one : candidates) {
    if (!one.empty()) return one;
  }
  return {};
}

// From the lists of ids that distributions install.
IdNames look_up(const Sysfs& sysfs, const char* list, std::uint64_t vendor, std::uint64_t product,
                std::string& text) {
  for (const char* folder : {"/usr/share/misc/", "/usr/share/hwdata/"}) {
    auto content = os::read_file(sysfs.root() + folder + list, kMaxIds);
    if (!content) continue;
    text = std::move(*content);
    return find_ids(text, static_cast<std::uint16_t>(vendor), static_cast<std::uint16_t>(product));
  }
  return {};
}

struct Names {
  std::string vendor;
  std::string product;
};

// What the device says, else what udev's database, else what the list of ids says.
Names names_of(const Sysfs& sysfs, const char* list, Names own, const char* vendor_id,
               const char* product_id) {
  if (own.vendor.empty()) own.vendor = sysfs.udev("ID_VENDOR_FROM_DATABASE");
  if (own.product.empty()) own.product = sysfs.udev("ID_MODEL_FROM_DATABASE");
  if (!own.vendor.empty() && !own.product.empty()) return own;
  std::string text;
  const IdNames listed = look_up(sysfs, list, sysfs.number(vendor_id, 16).value_or(0),
                                 sysfs.number(product_id, 16).value_or(0), text);
  if (own.vendor.empty()) own.vendor = base::to_utf8(listed.vendor);
  if (own.product.empty()) own.product = base::to_utf8(listed.product);
  return own;
}

std::string joined(const Names& names, std::string_view otherwise) {
  if (names.product.empty()) return names.vendor.empty() ? std::string(otherwise) : names.vendor;
  if (names.vendor.empty() || names.product.starts_with(names.vendor)) return names.product;
  return names.vendor + " " + names.product;
}

void add_names(Item& item, const Names& names, const Sysfs& sysfs, const char* vendor_id,
               const char* product_id) {
  const auto hex = [&](const char* attribute) {
    std::string text = sysfs.text(attribute);
    return text.starts_with("0x") ? text.substr(2) : text;
  };
  add(item, "Vendor", names.vendor);
  add(item, "Product", names.product);
  add(item, "VendorId", hex(vendor_id));
  add(item, "ProductId", hex(product_id));
}

Names usb_names(const Sysfs& usb) {
  return names_of(usb, "usb.ids", {usb.text("manufacturer"), usb.text("product")}, "idVendor",
                  "idProduct");
}

// What every device has, or takes from the USB device that it is part of.
void add_common(Item& item, const Sysfs& sysfs, std::string_view subsystem) {
  std::string driver = sysfs.link("driver");
  if (driver.empty()) driver = sysfs.link("device/driver");
  add(item, "Driver", std::move(driver));
  if (const std::string node = sysfs.uevent("DEVNAME"); !node.empty())
    add(item, "DeviceNode", "/dev/" + node);
  add(item, "Subsystem", std::string(subsystem));
  add(item, "DevicePath", sysfs.devpath());
  if (sysfs.devpath().starts_with("/devices/virtual/")) add(item, "Virtual", "true");
  if (subsystem == "usb") return;
  if (const auto usb = sysfs.usb_parent()) {
    add(item, "UsbPort", usb->name());
    add_names(item, usb_names(*usb), *usb, "idVendor", "idProduct");
    add(item, "SerialNumber", usb->text("serial"));
  }
}

// The classes of a USB device's interfaces, each once, in order of their numbers.
std::string interface_classes(const Sysfs& usb) {
  std::set<std::string> classes;
  const std::string prefix = usb.name() + ":";
  const auto names = os::list_dir(usb.root() + "/sys" + usb.devpath());
  std::size_t seen = 0;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (!name.starts_with(prefix) || ++seen > kMaxInterfaces) continue;
    const auto code = usb.number(name + "/bInterfaceClass", 16);
    if (!code) continue;
    const std::string_view word = usb_class(static_cast<std::uint8_t>(*code));
    classes.emplace(word.empty() ? usb.text(name + "/bInterfaceClass") : word);
  }
  std::string out;
  for (const std::string& one : classes) {
    out += (out.empty() ? "" : ",") + one;
  }
  return out;
}

std::optional<Item> usb(const Sysfs& sysfs) {
  if (sysfs.uevent("DEVTYPE") != "usb_device") return std::nullopt;
  Item item;
  item.hardware_category = "USB";
  const auto code = static_cast<std::uint8_t>(sysfs.number("bDeviceClass", 16).value_or(0));
  const std::string interfaces = interface_classes(sysfs);
  // 0: the interfaces say it; 0xef: several functions.
  const bool each = code == 0 || code == 0xef;
  if (!each) {
    item.hardware_sub_category = usb_class(code);
  } else if (interfaces.find(',') != std::string::npos) {
    item.hardware_sub_category = "Composite";
  } else {
    item.hardware_sub_category = interfaces;
  }
  const Names names = usb_names(sysfs);
  item.hardware_name = joined(names, sysfs.text("idVendor") + ":" + sysfs.text("idProduct"));
  add_names(item, names, sysfs, "idVendor", "idProduct");
  add(item, "SerialNumber", sysfs.text("serial"));
  add(item, "Interfaces", interfaces);
  add(item, "UsbVersion", sysfs.text("version"));
  add(item, "SpeedMbit", sysfs.text("speed"));
  add(item, "UsbPort", sysfs.name());
  add(item, "Removable", sysfs.text("removable"));
  add(item, "Authorized", sysfs.text("authorized"));
  return item;
}

std::optional<Item> pci(const Sysfs& sysfs) {
  Item item;
  item.hardware_category = "PCI";
  item.hardware_sub_category =
      pci_class(static_cast<std::uint32_t>(sysfs.number("class", 16).value_or(0)));
  const Names names = names_of(sysfs, "pci.ids", {}, "vendor", "device");
  item.hardware_name = joined(names, sysfs.uevent("PCI_ID"));
  add_names(item, names, sysfs, "vendor", "device");
  add(item, "PciSlot", sysfs.name());
  add(item, "SubsystemId", sysfs.uevent("PCI_SUBSYS_ID"));
  return item;
}

std::string_view block_kind(const Sysfs& sysfs) {
  const std::string name = sysfs.name();
  if (name.starts_with("loop")) return "Loop";
  if (name.starts_with("mmcblk")) return "MemoryCard";
  if (name.starts_with("nvme")) return "Nvme";
  if (name.starts_with("sr")) return "Optical";
  if (name.starts_with("dm-")) return "DeviceMapper";
  if (name.starts_with("md")) return "Raid";
  if (name.starts_with("zram") || name.starts_with("ram")) return "RamDisk";
  return sysfs.text("removable") == "1" ? "RemovableDisk" : "Disk";
}

std::optional<Item> block(const Sysfs& sysfs) {
  const auto sectors = sysfs.number("size");
  if (sysfs.has("partition") || !sectors || *sectors == 0) return std::nullopt;
  Item item;
  item.hardware_category = "Storage";
  item.hardware_sub_category = block_kind(sysfs);
  const std::string backing = sysfs.text("loop/backing_file");
  const std::string vendor = sysfs.text("device/vendor");
  std::string model = first_of({sysfs.text("device/model"), sysfs.text("device/name"), backing,
                                sysfs.text("dm/name"), sysfs.udev("ID_MODEL"), sysfs.name()});
  // Of virtio and mmc, the vendor is a number.
  const bool word = !vendor.empty() && !vendor.starts_with("0x");
  item.hardware_name = word ? vendor + " " + model : model;
  add(item, "SizeBytes", std::to_string(*sectors * kSector));
  add(item, "ReadOnly", sysfs.text("ro") == "1" ? "true" : "");
  add(item, "Removable", sysfs.text("removable") == "1" ? "true" : "");
  add(item, "BackingFile", backing);
  add(item, "DiskSerialNumber",
      first_of({sysfs.text("device/serial"), sysfs.text("serial"), sysfs.udev("ID_SERIAL_SHORT")}));
  return item;
}

std::optional<Item> net(const Sysfs& sysfs) {
  constexpr std::uint64_t kLoopback = 772;  // ARPHRD_LOOPBACK
  constexpr std::uint64_t kCan = 280;       // ARPHRD_CAN
  const auto type = sysfs.number("type");
  if (!type || *type == kLoopback) return std::nullopt;
  Item item;
  item.hardware_category = "Network";
  const std::string kind = sysfs.uevent("DEVTYPE");
  const bool is_virtual = sysfs.devpath().starts_with("/devices/virtual/");
  item.hardware_sub_category = !kind.empty()            ? kind
                               : *type == kCan          ? "can"
                               : sysfs.has("tun_flags") ? "tun"
                               : is_virtual             ? "virtual"
                                                        : "ethernet";
  item.hardware_name = first_of({sysfs.udev("ID_MODEL_FROM_DATABASE"), sysfs.name()});
  add(item, "Interface", sysfs.name());
  add(item, "MacAddress", sysfs.text("address"));
  return item;
}

std::optional<Item> tty(const Sysfs& sysfs) {
  // Virtual consoles and pseudo-terminals have nothing behind them, nor has a port that the driver
  // did not find.
  if (!sysfs.has("device") || sysfs.text("type") == "0") return std::nullopt;
  Item item;
  item.hardware_category = "Serial";
  const std::string name = sysfs.name();
  item.hardware_sub_category = name.starts_with("ttyUSB")   ? "UsbSerial"
                               : name.starts_with("ttyACM") ? "UsbModem"
                                                            : "Uart";
  item.hardware_name = first_of({sysfs.udev("ID_MODEL_FROM_DATABASE"), name});
  return item;
}

std::optional<Item> input(const Sysfs& sysfs) {
  // inputN; its eventN and mouseN are the same thing once more.
  if (!sysfs.name().starts_with("input")) return std::nullopt;
  const std::string events = sysfs.text("capabilities/ev");
  const std::string keys = sysfs.text("capabilities/key");
  const std::string relative = sysfs.text("capabilities/rel");
  const std::string absolute = sysfs.text("capabilities/abs");
  Item item;
  item.hardware_category = "Input";
  item.hardware_sub_category =
      input_kind({events, keys, relative, absolute}, sizeof(long) * CHAR_BIT);
  item.hardware_name = first_of({sysfs.text("name"), sysfs.name()});
  add(item, "InputBus", sysfs.text("id/bustype"));
  add(item, "InputVendorId", sysfs.text("id/vendor"));
  add(item, "InputProductId", sysfs.text("id/product"));
  add(item, "InputPath", sysfs.text("phys"));
  return item;
}

Item plain(const Sysfs& sysfs, const char* category, std::string kind, std::string name) {
  Item item;
  item.hardware_category = category;
  item.hardware_sub_category = std::move(kind);
  item.hardware_name = first_of({std::move(name), sysfs.name()});
  return item;
}

std::optional<Item> by_name(const Sysfs& sysfs, std::string_view subsystem) {
  if (subsystem == "sound") {
    if (!sysfs.name().starts_with("card")) return std::nullopt;
    return plain(sysfs, "Audio", "Card",
                 first_of({sysfs.udev("ID_MODEL_FROM_DATABASE"), sysfs.text("id")}));
  }
  if (subsystem == "video4linux") return plain(sysfs, "Video", "Capture", sysfs.text("name"));
  if (subsystem == "bluetooth") {
    // Connections (hci0:11) come and go with each peer.
    if (sysfs.name().find(':') != std::string::npos) return std::nullopt;
    return plain(sysfs, "Bluetooth", "Controller", sysfs.text("name"));
  }
  if (subsystem == "mmc") {
    Item item = plain(sysfs, "MMC", first_of({sysfs.text("type"), "Card"}), sysfs.text("name"));
    add(item, "SerialNumber", sysfs.text("serial"));
    add(item, "ManufacturerId", sysfs.text("manfid"));
    return item;
  }
  if (subsystem == "virtio") {
    Item item = plain(sysfs, "Virtio", first_of({sysfs.link("driver"), "Unbound"}), sysfs.name());
    add(item, "VirtioId", sysfs.text("device"));
    return item;
  }
  if (subsystem == "thunderbolt" && sysfs.has("device_name")) {
    Item item = plain(sysfs, "Thunderbolt", "Device", sysfs.text("device_name"));
    add(item, "Vendor", sysfs.text("vendor_name"));
    add(item, "UniqueId", sysfs.text("unique_id"));
    add(item, "Authorized", sysfs.text("authorized"));
    return item;
  }
  return std::nullopt;
}

// Whether a bit of a capability is set; words of hexadecimal digits, the last one has bit 0.
bool has_bit(std::string_view bitmap, unsigned bit, unsigned word_bits) {
  const auto words = base::split(bitmap, ' ');
  const std::size_t index = bit / word_bits;
  if (index >= words.size()) return false;
  const std::string_view word = words[words.size() - 1 - index];
  std::uint64_t value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value, 16);
  return (value >> (bit % word_bits) & 1U) != 0;
}

}  // namespace

std::string_view input_kind(const InputCapabilities& capabilities, unsigned word_bits) {
  // Source: linux/input-event-codes.h.
  constexpr unsigned kEvSwitch = 5;
  constexpr unsigned kKeyEsc = 1;
  constexpr unsigned kKeyD = 32;
  constexpr unsigned kButtonLeft = 0x110;
  constexpr unsigned kButtonJoystick = 0x120;
  constexpr unsigned kButtonGamepad = 0x130;
  constexpr unsigned kButtonTouch = 0x14a;
  const auto key = [&](unsigned code) { return has_bit(capabilities.keys, code, word_bits); };
  bool all_keys = true;
  for (unsigned code = kKeyEsc; code < kKeyD; ++code) {
    all_keys = all_keys && key(code);
  }
  if (all_keys) return "Keyboard";
  const bool moves =
      has_bit(capabilities.relative, 0, word_bits) && has_bit(capabilities.relative, 1, word_bits);
  if (moves && key(kButtonLeft)) return "Mouse";
  const bool points =
      has_bit(capabilities.absolute, 0, word_bits) && has_bit(capabilities.absolute, 1, word_bits);
  if (points && key(kButtonTouch)) return "Touch";
  if (key(kButtonJoystick) || key(kButtonGamepad)) return "Joystick";
  if (points && key(kButtonLeft)) return "Mouse";
  if (has_bit(capabilities.events, kEvSwitch, word_bits)) return "Switch";
  return "Other";
}

std::optional<Item> describe(const Sysfs& sysfs, std::string_view subsystem) {
  std::optional<Item> item = subsystem == "usb"     ? usb(sysfs)
                             : subsystem == "pci"   ? pci(sysfs)
                             : subsystem == "block" ? block(sysfs)
                             : subsystem == "net"   ? net(sysfs)
                             : subsystem == "tty"   ? tty(sysfs)
                             : subsystem == "input" ? input(sysfs)
                                                    : by_name(sysfs, subsystem);
  if (!item) return std::nullopt;
  if (item->hardware_sub_category.empty()) item->hardware_sub_category = "Other";
  add_common(*item, sysfs, subsystem);
  return item;
}

}  // namespace agent::hardware
