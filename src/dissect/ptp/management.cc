#include "dissect/ptp/management.h"

#include <array>
#include <string>

#include "dissect/names.h"
#include "dissect/text.h"

namespace dissect::ptp {

namespace {

enum Id : std::uint16_t {
  kDescription = 0x0001,
  kUser = 0x0002,
  kResetStorage = 0x0004,
  kInitialize = 0x0005,
  kDefaultSet = 0x2000,
  kCurrentSet = 0x2001,
  kParentSet = 0x2002,
  kPriority1 = 0x2005,
  kPriority2 = 0x2006,
  kDomain = 0x2007,
};

constexpr Named kIds[] = {
    {0x0000, "null"},
    {kDescription, "clock description"},
    {kUser, "user description"},
    {0x0003, "save in non-volatile storage"},
    {kResetStorage, "reset non-volatile storage"},
    {kInitialize, "initialize"},
    {0x0006, "fault log"},
    {0x0007, "fault log reset"},
    {kDefaultSet, "default data set"},
    {kCurrentSet, "current data set"},
    {kParentSet, "parent data set"},
    {0x2003, "time properties data set"},
    {0x2004, "port data set"},
    {kPriority1, "priority 1"},
    {kPriority2, "priority 2"},
    {kDomain, "domain"},
    {0x2008, "slave only"},
    {0x2009, "log announce interval"},
    {0x200a, "announce receipt timeout"},
    {0x200b, "log sync interval"},
    {0x200c, "version number"},
    {0x200d, "enable port"},
    {0x200e, "disable port"},
    {0x200f, "time"},
    {0x2010, "clock accuracy"},
    {0x2011, "utc properties"},
    {0x2012, "traceability properties"},
    {0x2013, "timescale properties"},
    {0x2014, "unicast negotiation enable"},
    {0x2015, "path trace list"},
    {0x2016, "path trace enable"},
    {0x2017, "grandmaster cluster table"},
    {0x2018, "unicast master table"},
    {0x2019, "unicast master table size"},
    {0x201a, "acceptable master table"},
    {0x201b, "acceptable master table enable"},
    {0x201c, "acceptable master table size"},
    {0x201d, "alternate master"},
    {0x201e, "alternate time offset enable"},
    {0x201f, "alternate time offset name"},
    {0x2020, "alternate time offset maximum key"},
    {0x2021, "alternate time offset properties"},
    {0x4000, "transparent clock default data set"},
    {0x4001, "transparent clock port data set"},
    {0x4002, "primary domain"},
    {0x6000, "delay mechanism"},
    {0x6001, "log peer delay request interval"},
};
static_assert(sorted_by_code(kIds));

// A length in one byte, and text (1588-2019 section 5.3.9).
std::string_view read_text(Reader& reader) {
  return reader.text(reader.u8());
}

// "a;b;c": the part at a place, without what follows it.
std::string_view part(std::string_view text, std::size_t place) {
  for (; place > 0; --place) {
    const std::size_t end = text.find(';');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find(';'));
}

void tell(Fact fact, std::string_view value, Sink& sink) {
  sink.tell(fact, printable(value), Confidence::Protocol);
}

void read_user(Reader& data, Sink& sink) {
  const std::string_view user = read_text(data);
  if (!data.ok()) return;
  sink.shown("user_description", user);
  tell(Fact::Name, part(user, 0), sink);
  tell(Fact::Location, part(user, 1), sink);
}

void read_description(Reader& data, Sink& sink) {
  sink.number("clock_type", data.u16be());
  sink.shown("physical_layer_protocol", read_text(data));
  sink.bytes("physical_address", data.bytes(data.u16be()));
  sink.number("network_protocol", data.u16be());
  sink.bytes("protocol_address", data.bytes(data.u16be()));
  sink.bytes("manufacturer_identity", data.bytes(3));
  data.skip(1);
  const std::string_view product = read_text(data);
  const std::string_view revision = read_text(data);
  if (!data.ok()) return;
  sink.shown("product_description", product);
  sink.shown("revision_data", revision);
  tell(Fact::Vendor, part(product, 0), sink);
  tell(Fact::Model, part(product, 1), sink);
  tell(Fact::Serial, part(product, 2), sink);
  tell(Fact::Hardware, part(revision, 0), sink);
  tell(Fact::Firmware, part(revision, 1), sink);
  tell(Fact::Software, part(revision, 2), sink);
  read_user(data, sink);
}

void read_default_set(Reader& data, Sink& sink) {
  sink.number("default_flags", data.u8());
  data.skip(1);
  sink.number("number_ports", data.u16be());
  sink.number("priority1", data.u8());
  sink.number("clock_class", data.u8());
  sink.number("clock_accuracy", data.u8());
  sink.number("clock_variance", data.u16be());
  sink.number("priority2", data.u8());
  sink.number("own_clock", data.u64be());
  sink.number("own_domain", data.u8());
}

void read_parent_set(Reader& data, Sink& sink) {
  sink.number("parent_clock", data.u64be());
  sink.number("parent_port", data.u16be());
  sink.number("parent_stats", data.u8());
  data.skip(1);
  sink.number("observed_variance", data.u16be());
  sink.number("observed_phase_change", data.u32be());
  sink.number("grandmaster_priority1", data.u8());
  sink.number("grandmaster_class", data.u8());
  sink.number("grandmaster_accuracy", data.u8());
  sink.number("grandmaster_variance", data.u16be());
  sink.number("grandmaster_priority2", data.u8());
  sink.number("grandmaster", data.u64be());
}

}  // namespace

std::string_view management_name(std::uint16_t id) {
  return name_of(kIds, id);
}

Access management_access(std::uint8_t action, std::uint16_t id) {
  switch (action) {
    case kGet:
      return id == kDescription ? Access::Discovery : Access::ConfigRead;
    case kSet:
      return Access::ConfigWrite;
    case kCommand:
      return id == kInitialize || id == kResetStorage ? Access::Reset : Access::ConfigWrite;
    default:
      return Access::None;
  }
}

void read_management(std::uint16_t id, Reader data, Sink& sink) {
  // What asks has no data.
  if (data.done()) return;
  switch (id) {
    case kDescription:
      read_description(data, sink);
      break;
    case kUser:
      read_user(data, sink);
      break;
    case kDefaultSet:
      read_default_set(data, sink);
      break;
    case kCurrentSet:
      sink.number("steps_removed", data.u16be());
      sink.number("offset_from_master", data.u64be());
      sink.number("mean_path_delay", data.u64be());
      break;
    case kParentSet:
      read_parent_set(data, sink);
      break;
    case kPriority1:
      sink.number("priority1", data.u8());
      break;
    case kPriority2:
      sink.number("priority2", data.u8());
      break;
    case kDomain:
      sink.number("own_domain", data.u8());
      break;
    default:
      sink.bytes("management_data", data.rest());
      return;
  }
  if (!data.ok())
    sink.issue({Issue::Kind::Truncated, "management data ends within a field", id, 0});
}

}  // namespace dissect::ptp
