#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "dissect/evidence.h"
#include "dissect/message.h"
#include "sensor/inventory/edits.h"
#include "sensor/inventory/vendors.h"

namespace sensor::inventory {

// A value, who said so, how sure it is, and when it was first and last said.
struct Value {
  std::string text;
  std::string source;  // a protocol; "oui", "traffic"
  dissect::Confidence confidence = dissect::Confidence::Guess;
  base::WallTime first;
  base::WallTime last;
  bool stated = false;  // by a person, which beats all evidence; `source` is "manual"
};

// One thing that is known: what is believed first, then what else was said.
struct Field {
  dissect::Fact fact = dissect::Fact::Name;
  std::optional<std::uint16_t> rack;
  std::optional<std::uint16_t> slot;
  std::vector<Value> values;  // never empty
};

struct Device {
  // Stable: its hardware address, or "IP" or "IP@VLAN" when it has none here; of one that people
  // joined, that of the one that others were joined to.
  std::string id;
  std::vector<dissect::MacAddress> macs;
  std::vector<dissect::IpAddress> ips;
  std::vector<dissect::IpAddress> former_ips;  // that are another device's now
  std::set<std::uint16_t> vlans;
  bool local = false;  // on a network that is listened to; else behind a router
  bool router = false;
  bool scanner = false;             // asked many that did not answer
  bool programming_device = false;  // loaded programs, stopped, started, changed modes
  std::vector<Field> fields;        // in the order of Fact, rack, slot
  std::set<std::string> serves;     // protocols
  std::set<std::string> uses;
  Value type;     // "PLC", "HMI" ...; empty text: unclassified
  int level = 0;  // of the Purdue model, 1 to 4; 0: not known
  base::WallTime first;
  base::WallTime last;
  int heard_level = 0;               // where a person stated another
  std::string notes;                 // a person's
  std::vector<std::string> stated;   // fields that a person set
  std::vector<std::uint64_t> edits;  // that made it what it is, in order
  base::WallTime edited;             // when anything of that last changed; 0: never

  // The believed value; empty: none.
  std::string_view field(dissect::Fact fact) const;
};

// What was said of a device; `about` may lack any of its parts.
struct Told {
  base::WallTime time;
  dissect::End about;
  std::uint16_t vlan = 0;
  std::string_view protocol;
  dissect::Fact fact = dissect::Fact::Name;
  dissect::Confidence confidence = dissect::Confidence::Guess;
  std::string_view value;
  std::optional<std::uint16_t> rack;
  std::optional<std::uint16_t> slot;
};

// A conversation, as it ended.
struct Talk {
  base::WallTime first;
  base::WallTime last;
  dissect::End client;
  dissect::End server;
  std::uint16_t vlan = 0;
  std::string_view protocol;  // empty: not known
  bool industrial = false;
  bool answered = false;  // both sides were heard
};

// Merges evidence into devices. Keeps what was said, and decides anew which addresses are one
// device each time it is asked: a router is told from a device with several addresses by what comes
// later. Bounded: what has no room is counted. Given the same, in any order, it answers the same,
// but where two equally good values of one time differ. Threads: one.
class Inventory {
 public:
  static constexpr std::size_t kMaxNodes = 40'000;  // hardware and network addresses
  static constexpr std::size_t kMaxFields = 256;    // of each
  static constexpr std::size_t kMaxValues = 8;      // of each field
  static constexpr std::size_t kMaxPeers = 64;
  // More network addresses than this behind one hardware address are not one device.
  static constexpr std::size_t kMaxOwnAddresses = 4;
  // Asked in vain by one: it scans.
  static constexpr std::size_t kScanned = 25;

  // A packet from there. `hops`: as its header says, 0 for none.
  void seen(base::WallTime time, const dissect::End& from, std::uint16_t vlan, std::uint8_t hops);
  void told(const Told& told);
  void talked(const Talk& talk);
  // Somebody did that to somebody.
  void operated(base::WallTime time, const dissect::End& client, std::uint16_t vlan,
                dissect::Access access);

  // In the order of their ids.
  std::vector<Device> devices(const Vendors& vendors, const Edits& edits = {}) const;
  std::uint64_t left_out() const { return left_out_; }
  // Hardware and network addresses that are known.
  std::size_t nodes() const { return macs_.size() + ips_.size(); }

  // All that is known, to be kept; of two that are equal, the same bytes.
  void save(base::ByteWriter& out) const;
  // What save() wrote; all of it is checked, and within the bounds above. The cursor is behind it
  // then. Errors: Truncated, Malformed (neither: save() writes no such thing).
  static base::Result<Inventory> load(base::Cursor& in);
  // Where there is hardly any room left: addresses that were not seen since then go, as if they
  // had never been. How many.
  std::size_t make_room(base::WallTime unseen_since);

 private:
  friend class Reading;                                     // saved.cc
  friend class Writing;                                     // saved.cc
  friend class Arranging;                                   // devices.cc
  static constexpr std::size_t kFewNodes = kMaxNodes / 16;  // less room than that is hardly any
  using FieldKey = std::tuple<dissect::Fact, int, int>;     // rack and slot -1: none
  // An address, hardware or network.
  struct Node {
    base::WallTime first;
    base::WallTime last;
    std::map<FieldKey, std::vector<Value>> fields;
    std::set<std::string> serves;
    std::set<std::string> uses;
    std::set<dissect::IpAddress> unanswered;  // whom it asked in vain
    bool serves_industry = false;
    bool uses_industry = false;
    bool programs = false;
  };
  // A network address that was seen with a hardware address.
  struct Link {
    base::WallTime first;
    base::WallTime last;
    bool confirmed = false;  // both said so themselves: ARP, DHCP
    bool direct = false;     // a packet had passed no router
  };
  using IpKey = std::pair<std::uint16_t, dissect::IpAddress>;  // VLAN and address
  using MacKey = dissect::MacAddress;

  // Addresses of one device: the first is its id.
  struct Group {
    std::vector<Address> addresses;                          // none: it became part of another
    std::map<std::string, const Edit*, std::less<>> stated;  // by field
    std::vector<std::uint64_t> edits;
    base::WallTime edited;
  };

  Node* node(const dissect::End& end, std::uint16_t vlan, base::WallTime time);
  void link(const dissect::End& end, std::uint16_t vlan, base::WallTime time, bool confirmed,
            bool direct);
  static void touch(Node& node, base::WallTime time);
  static void add(Device& device, const Node& node);
  bool forwards(const std::map<IpKey, Link>& links) const;
  // Whose a network address is, of all hardware addresses that had it.
  std::map<IpKey, MacKey> owners() const;
  std::vector<Group> groups(const std::map<IpKey, MacKey>& owner) const;
  Device device(const Group& group, const std::map<IpKey, MacKey>& owner,
                const Vendors& vendors) const;
  static void describe(Device& device, Node& whole, const Group& group);
  static void classify(Device& device, const Node& whole);
  static void merge(Node& whole, const Node& part);

  std::map<MacKey, Node> macs_;
  std::map<IpKey, Node> ips_;
  std::map<MacKey, std::map<IpKey, Link>> links_;
  std::map<MacKey, std::set<std::uint16_t>> vlans_;
  std::uint64_t left_out_ = 0;
};

}  // namespace sensor::inventory
