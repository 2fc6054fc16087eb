#include "agent/snapshot/firewall/firewall.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent/snapshot/firewall/legacy.h"
#include "agent/snapshot/firewall/nft.h"
#include "agent/snapshot/firewall/operand.h"
#include "agent/snapshot/firewall/rule.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/netlink.h"

namespace agent::snapshot::firewall {

using base::ByteView;
using base::Code;
using base::Result;
using os::NetlinkMessage;
using schema::set;

namespace {

constexpr std::size_t kMaxItems = 16384;
constexpr std::size_t kMaxText = 8192;  // of one value
constexpr int kAttempts = 3;

// Messages of nf_tables.
constexpr std::uint16_t kSubsystem = 10 << 8;
constexpr std::uint16_t kGetTable = kSubsystem | 1;
constexpr std::uint16_t kGetChain = kSubsystem | 4;
constexpr std::uint16_t kGetRule = kSubsystem | 7;
constexpr std::uint16_t kGetSet = kSubsystem | 10;
constexpr std::uint16_t kGetElements = kSubsystem | 13;
constexpr std::uint16_t kGetGeneration = kSubsystem | 16;
constexpr std::size_t kHeader = 4;  // nfgenmsg

base::ByteVec request(std::uint8_t family) {
  return {family, 0, 0, 0};
}

void put_text(base::ByteVec& out, std::uint16_t type, std::string_view text) {
  base::ByteWriter writer;
  writer.u16le(static_cast<std::uint16_t>(4 + text.size() + 1));
  writer.u16le(type);
  writer.text(text);
  writer.u8(0);
  while (writer.size() % 4 != 0)
    writer.u8(0);
  const ByteView bytes = writer.view();
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// The generation counts changes of the whole ruleset.
Result<std::uint32_t> generation() {
  std::uint32_t number = 0;
  const base::ByteVec question = request(0);
  TRY(os::ask_netlink(NETLINK_NETFILTER, kGetGeneration, question, [&](const NetlinkMessage& one) {
    if (one.payload.size() < kHeader) return;
    [[maybe_unused]] const auto read = os::read_attributes(
        one.payload.subspan(kHeader), [&](const os::NetlinkAttribute& attribute) {
          if (attribute.type == 1) number = base::Cursor(attribute.payload).u32be().value_or(0);
          return true;
        });
  }));
  return number;
}

Result<bool> read_once(nft::Ruleset& ruleset) {
  const std::uint32_t before = TRY(generation());
  bool steady = true;
  const auto dump = [&](std::uint16_t type, const base::ByteVec& question) -> Result<void> {
    const os::DumpState state =
        TRY(os::dump_netlink(NETLINK_NETFILTER, type, question, [&](const NetlinkMessage& one) {
          ruleset.add(one.type, one.payload);
        }));
    steady = steady && state == os::DumpState::Consistent;
    return {};
  };
  for (const std::uint16_t type : {kGetTable, kGetChain, kGetRule, kGetSet})
    TRY(dump(type, request(0)));
  for (const auto& [key, filled] : ruleset.sets) {
    base::ByteVec question = request(filled.set.family);
    put_text(question, 1, filled.set.table);
    put_text(question, 2, filled.set.name);
    TRY(dump(kGetElements, question));
  }
  return steady && TRY(generation()) == before;
}

// `steady` false: it changed while it was read, each time.
struct NftPicture {
  nft::Ruleset ruleset;
  bool steady = false;
};
Result<NftPicture> read_nft() {
  NftPicture picture;
  for (int attempt = 0; attempt < kAttempts && !picture.steady; ++attempt) {
    picture.ruleset = nft::Ruleset();
    const auto steady = read_once(picture.ruleset);
    // A set that went away between two questions is a change as well.
    if (!steady && steady.error().code == Code::NotFound && attempt + 1 < kAttempts) continue;
    picture.steady = TRY(Result<bool>(steady));
  }
  return picture;
}

std::string shown(std::string text) {
  if (text.size() <= kMaxText) return text;
  text.resize(kMaxText);
  return base::to_utf8(text) + "...";
}

schema::FirewallAction action_of(Action action) {
  switch (action) {
    case Action::Allow:
      return schema::FirewallAction::Allow;
    case Action::Deny:
      return schema::FirewallAction::Deny;
    case Action::Other:
      return schema::FirewallAction::Other;
  }
  return schema::FirewallAction::Other;
}

// "INPUT" of iptables and "input" of nftables are the same places.
std::optional<schema::Direction> direction_of(std::string_view hook) {
  const std::string name = base::to_lower(hook);
  if (name == "input" || name == "prerouting" || name == "ingress") return schema::Direction::In;
  if (name == "output" || name == "postrouting" || name == "egress") return schema::Direction::Out;
  return std::nullopt;
}

void put(std::optional<std::string>& field, const std::string& value) {
  if (!value.empty()) field = shown(value);
}

void put_extra(schema::ExtraDetails& extra, std::string_view name, const std::string& value) {
  if (!value.empty()) set(extra, name, shown(value));
}

schema::FirewallConfiguration item_of(const RuleFacts& facts) {
  schema::FirewallConfiguration item;
  item.enabled = true;
  item.action = action_of(facts.action);
  put(item.source_address, facts.source);
  put(item.destination_address, facts.destination);
  put(item.source_port, facts.source_port);
  put(item.destination_port, facts.destination_port);
  put(item.protocol, facts.protocol);
  auto& extra = item.extra_details;
  put_extra(extra, "Verdict", facts.verdict);
  put_extra(extra, "InInterface", facts.in_interface);
  put_extra(extra, "OutInterface", facts.out_interface);
  put_extra(extra, "State", facts.state);
  put_extra(extra, "Comment", facts.comment);
  put_extra(extra, "Rule", facts.text);
  if (facts.packets) set(extra, "Packets", std::to_string(*facts.packets));
  if (facts.bytes) set(extra, "Bytes", std::to_string(*facts.bytes));
  return item;
}

class Picture {
 public:
  void take() {
    take_nft();
    take_legacy(legacy::Family::V4);
    take_legacy(legacy::Family::V6);
    check_unread_tables();
  }
  std::vector<schema::FirewallConfiguration> items() { return std::move(items_); }
  bool any_read() const { return any_read_; }
  const std::string& reason() const { return reason_; }

 private:
  void add(schema::FirewallConfiguration item);
  void gap(const std::string& source, const std::string& why);
  void take_nft();
  void add_chain(const nft::Chain& chain, const nft::Ruleset& ruleset);
  void take_legacy(legacy::Family family);
  void take_table(legacy::Family family, const std::string& table);
  void check_unread_tables();

  std::vector<schema::FirewallConfiguration> items_;
  bool any_read_ = false;
  bool full_ = false;
  std::string reason_;
};

void Picture::add(schema::FirewallConfiguration item) {
  if (items_.size() < kMaxItems) {
    items_.push_back(std::move(item));
  } else if (!full_) {
    full_ = true;
    gap("all", "more rules than a picture takes");
  }
}

void Picture::gap(const std::string& source, const std::string& why) {
  reason_ += fmt::format("{}{}: {}", reason_.empty() ? "" : "; ", source, why);
  schema::FirewallConfiguration item;
  item.enabled = false;
  item.action = schema::FirewallAction::Other;
  set(item.extra_details, "Source", source);
  set(item.extra_details, "Unknown", why);
  items_.push_back(std::move(item));
}

void Picture::take_nft() {
  const auto picture = read_nft();
  if (!picture) {
    // A kernel without nf_tables has no rules of it.
    const Code code = picture.error().code;
    const bool absent =
        code == Code::Unsupported || (code == Code::Io && picture.error().at == EINVAL);
    if (absent) {
      any_read_ = true;
      return;
    }
    return gap("nftables",
               picture.error().to_string() + (code == Code::Denied ? "; needs CAP_NET_ADMIN" : ""));
  }
  any_read_ = true;
  for (const nft::Chain& chain : picture->ruleset.chains)
    add_chain(chain, picture->ruleset);
  if (picture->ruleset.unread != 0)
    gap("nftables", fmt::format("{} objects could not be decoded", picture->ruleset.unread));
  if (!picture->steady) gap("nftables", "the rules changed while they were read");
}

void Picture::add_chain(const nft::Chain& chain, const nft::Ruleset& ruleset) {
  const auto table = std::ranges::find_if(ruleset.tables, [&](const nft::Table& one) {
    return one.family == chain.family && one.name == chain.table;
  });
  const bool dormant = table != ruleset.tables.end() && table->dormant;
  const std::string hook = chain.hook ? nft::hook_name(chain.family, chain.hook->number) : "";
  const auto finish = [&](schema::FirewallConfiguration item, std::int64_t place) {
    item.priority = place;
    item.direction = direction_of(hook);
    item.chain_name = chain.name;
    item.enabled = !dormant;
    auto& extra = item.extra_details;
    set(extra, "Source", "nftables");
    set(extra, "Family", std::string(nft::family_name(chain.family)));
    set(extra, "Table", chain.table);
    put_extra(extra, "Hook", hook);
    put_extra(extra, "ChainType", chain.type);
    if (chain.hook) {
      set(extra, "HookPriority", std::to_string(chain.hook->priority));
      std::string devices;
      for (const std::string& device : chain.hook->devices)
        devices += (devices.empty() ? "" : ",") + device;
      put_extra(extra, "Devices", devices);
    }
    add(std::move(item));
  };
  std::int64_t place = 0;
  for (const nft::Rule& rule : ruleset.rules) {
    if (rule.family != chain.family || rule.table != chain.table || rule.chain != chain.name)
      continue;
    const nft::DecodedRule decoded = nft::decode(rule, ruleset.sets);
    schema::FirewallConfiguration item = item_of(decoded.facts);
    set(item.extra_details, "Handle", std::to_string(rule.handle));
    for (const auto& [name, elements] : decoded.named_sets)
      set(item.extra_details, "Set." + name, shown(elements));
    finish(std::move(item), ++place);
  }
  if (!chain.policy) return;
  RuleFacts policy;
  policy.decide(nft::verdict_text(static_cast<std::int32_t>(*chain.policy), {}));
  policy.text = "policy " + policy.verdict;
  schema::FirewallConfiguration item = item_of(policy);
  set(item.extra_details, "Policy", "true");
  finish(std::move(item), ++place);
}

// Which tables exist. Asking for one by name would make it, and its hooks with it.
void Picture::take_legacy(legacy::Family family) {
  const bool v4 = family == legacy::Family::V4;
  const std::string source = v4 ? "iptables-legacy" : "ip6tables-legacy";
  const auto names = os::read_file(
      v4 ? "/proc/self/net/ip_tables_names" : "/proc/self/net/ip6_tables_names", 65536);
  if (!names) {
    // Without the file the kernel has no such tables.
    if (names.error().code != Code::NotFound) gap(source, names.error().to_string());
    any_read_ = any_read_ || names.error().code == Code::NotFound;
    return;
  }
  any_read_ = true;
  for (const std::string_view name : base::split(*names, '\n')) {
    if (!name.empty()) take_table(family, std::string(name));
  }
}

Result<std::vector<legacy::Rule>> read_table(legacy::Family family, const std::string& table) {
  constexpr int kGetInfo = 64;
  constexpr int kGetEntries = 65;
  constexpr std::size_t kEntriesAt = 40;
  const bool v4 = family == legacy::Family::V4;
  const os::Fd socket(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return base::fail_errno("socket");
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  for (int attempt = 0;; ++attempt) {
    base::ByteVec raw(legacy::kInfoBytes);
    if (table.size() >= 32) return base::fail(Code::TooLarge, "table name");
    std::ranges::copy(table, raw.begin());
    socklen_t size = static_cast<socklen_t>(raw.size());
    if (::getsockopt(socket.get(), level, kGetInfo, raw.data(), &size) != 0)
      return base::fail_errno("IPT_SO_GET_INFO", table);
    const legacy::Info info = TRY(legacy::read_info(raw));
    base::ByteWriter ask;
    base::ByteVec name(raw.begin(), raw.begin() + 32);
    ask.bytes(name);
    ask.u32le(info.bytes);
    base::ByteVec blob = std::move(ask).take();
    blob.resize(kEntriesAt + info.bytes);
    size = static_cast<socklen_t>(blob.size());
    if (::getsockopt(socket.get(), level, kGetEntries, blob.data(), &size) == 0)
      return legacy::read_entries(family, info, ByteView(blob).subspan(kEntriesAt));
    // The table changed its size in between.
    if (errno != EAGAIN || attempt == kAttempts)
      return base::fail_errno("IPT_SO_GET_ENTRIES", table);
  }
}

void Picture::take_table(legacy::Family family, const std::string& table) {
  const std::string source = family == legacy::Family::V4 ? "iptables-legacy" : "ip6tables-legacy";
  const auto rules = read_table(family, table);
  if (!rules) return gap(source + " " + table, rules.error().to_string());
  std::map<std::string, std::int64_t> places;
  for (const legacy::Rule& rule : *rules) {
    schema::FirewallConfiguration item = item_of(rule.facts);
    item.priority = ++places[rule.chain];
    item.chain_name = rule.chain;
    auto& extra = item.extra_details;
    if (rule.hook) {
      const std::string hook = base::to_lower(legacy::chain_name(*rule.hook));
      item.direction = direction_of(hook);
      set(extra, "Hook", hook);
    }
    if (rule.policy) {
      set(extra, "Policy", "true");
      set(extra, "Rule", "policy " + rule.facts.verdict);
    }
    set(extra, "Source", source);
    set(extra, "Family", family == legacy::Family::V4 ? "ip" : "ip6");
    set(extra, "Table", table);
    add(std::move(item));
  }
}

// There are older tables yet, of which only the names are read here.
void Picture::check_unread_tables() {
  const auto names = os::read_file("/proc/self/net/arp_tables_names", 65536);
  if (!names || base::trim(*names).empty()) return;
  gap("arptables-legacy", "tables of it are in use and not read");
}

class FirewallSnapshot final : public Snapshot {
 public:
  schema::EventName event() const override { return schema::EventName::FirewallConfiguration; }
  SourceReport source() const override { return report_; }

  Result<schema::Payload> take() override {
    Picture picture;
    picture.take();
    report_.tier = picture.any_read() ? "netlink" : "none";
    report_.reason = picture.reason();
    return schema::Payload(picture.items());
  }

 private:
  SourceReport report_{
      .event = schema::EventName::FirewallConfiguration, .tier = "none", .reason = {}};
};

}  // namespace

std::unique_ptr<Snapshot> make() {
  return std::make_unique<FirewallSnapshot>();
}

}  // namespace agent::snapshot::firewall
