#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/snapshot/firewall/nft.h"
#include "agent/snapshot/firewall/operand.h"
#include "base/text.h"
#include "os/netlink.h"

namespace agent::snapshot::firewall::nft {

using base::ByteVec;
using base::ByteView;
using base::Cursor;

namespace {

constexpr std::size_t kMaxElementsShown = 64;
constexpr std::size_t kMaxBytesShown = 64;
constexpr std::uint16_t kMaxAttributes = 32;

// Attributes by type, the last of each.
class Attributes {
 public:
  explicit Attributes(ByteView bytes) {
    good_ = os::read_attributes(bytes, [this](const os::NetlinkAttribute& one) {
              if (one.type < kMaxAttributes) of_[one.type] = one.payload;
              return true;
            }).has_value();
  }
  bool good() const { return good_; }
  bool has(std::uint16_t type) const { return of_.contains(type); }
  ByteView bytes(std::uint16_t type) const {
    const auto found = of_.find(type);
    return found == of_.end() ? ByteView() : found->second;
  }
  std::uint32_t number(std::uint16_t type) const {
    Cursor cursor(bytes(type));
    return cursor.u32be().value_or(0);
  }
  std::uint64_t number64(std::uint16_t type) const {
    Cursor cursor(bytes(type));
    return cursor.u64be().value_or(0);
  }
  std::string text(std::uint16_t type) const { return c_text(bytes(type)); }
  ByteVec data(std::uint16_t type) const {
    const auto read = read_data(bytes(type));
    return read ? read->value : ByteVec();
  }
  const std::map<std::uint16_t, ByteView>& all() const { return of_; }

 private:
  std::map<std::uint16_t, ByteView> of_;
  bool good_ = false;
};

// Registers of 16 bytes (1 to 4) lie over those of 4 (8 to 23); 0 is the verdict's.
constexpr std::uint32_t kVerdict = 0;
std::uint32_t slot_of(std::uint32_t reg) {
  return reg >= 8 ? reg - 8 : reg == 0 ? 99 : (reg - 1) * 4;
}

constexpr std::array<std::string_view, 6> kComparisons = {"", "!= ", "< ", "<= ", "> ", ">= "};

class Interpreter {
 public:
  Interpreter(const Rule& rule, const Sets& sets) : rule_(rule), sets_(sets) {
    if (rule.family == 2) protocol_ = 4;
    if (rule.family == 10) protocol_ = 6;
  }

  DecodedRule run() {
    out_.facts.verdict = "continue";
    out_.facts.comment = rule_.comment;
    for (const Expression& expression : rule_.expressions)
      step(expression);
    return std::move(out_);
  }

 private:
  using Step = void (Interpreter::*)(const Attributes&);
  void step(const Expression& expression);
  void fallback(std::string_view name, const Attributes& attributes);

  void meta(const Attributes& a);
  void ct(const Attributes& a);
  void payload(const Attributes& a);
  void bitwise(const Attributes& a);
  void cmp(const Attributes& a);
  void range(const Attributes& a);
  void lookup(const Attributes& a);
  void immediate(const Attributes& a);
  void counter(const Attributes& a);
  void limit(const Attributes& a);
  void log(const Attributes& a);
  void reject(const Attributes& a);
  void nat(const Attributes& a);
  void masquerade(const Attributes& a);
  void redirect(const Attributes& a);
  void match(const Attributes& a);
  void target(const Attributes& a);
  void dynset(const Attributes& a);

  Operand& at(std::uint32_t reg) { return registers_[slot_of(reg)]; }
  std::string held(std::uint32_t reg);
  std::vector<Operand> key_at(std::uint32_t reg, std::size_t bytes);
  void say_match(const Operand& operand, std::string_view comparison, const std::string& value);
  void learn(const Operand& operand, const std::string& value);
  std::string* field(Field field);

  const Rule& rule_;
  const Sets& sets_;
  DecodedRule out_;
  std::map<std::uint32_t, Operand> registers_;
  int protocol_ = 0;
  std::string transport_;
};

struct Known {
  std::string_view name;
  void (Interpreter::*step)(const Attributes&);
};

std::string* Interpreter::field(Field field) {
  RuleFacts& facts = out_.facts;
  switch (field) {
    case Field::Source:
      return &facts.source;
    case Field::Destination:
      return &facts.destination;
    case Field::SourcePort:
      return &facts.source_port;
    case Field::DestinationPort:
      return &facts.destination_port;
    case Field::Protocol:
      return &facts.protocol;
    case Field::In:
      return &facts.in_interface;
    case Field::Out:
      return &facts.out_interface;
    case Field::State:
      return &facts.state;
    case Field::None:
      return nullptr;
  }
  return nullptr;
}

// What a comparison for equality tells of the packet, for what later expressions load.
void Interpreter::learn(const Operand& operand, const std::string& value) {
  if (operand.field == Field::Protocol) transport_ = value == "ipv6-icmp" ? "icmpv6" : value;
  if (operand.name == "meta nfproto") protocol_ = value == "2" ? 4 : value == "10" ? 6 : 0;
  if (operand.kind == Kind::EtherType) protocol_ = value == "ip" ? 4 : value == "ip6" ? 6 : 0;
}

void Interpreter::say_match(const Operand& operand, std::string_view comparison,
                            const std::string& value) {
  std::string shown = value;
  if (operand.name == "meta nfproto")
    shown = value == "2" ? "ipv4" : value == "10" ? "ipv6" : value;
  if (comparison.empty()) learn(operand, value);
  out_.facts.say(fmt::format("{} {}{}", operand.name, comparison, shown));
  std::string* of_event = field(operand.field);
  if (of_event == nullptr) return;
  const std::string_view sign = base::trim(comparison);
  std::string plain = shown;
  std::erase(plain, '"');
  if (of_event->starts_with(">=") && sign == "<=" && of_event->find(' ') == std::string::npos) {
    *of_event = of_event->substr(2) + "-" + plain;
    return;
  }
  if (!of_event->empty()) *of_event += " & ";
  *of_event += fmt::format("{}{}", sign, plain);
}

void Interpreter::meta(const Attributes& a) {
  const Operand operand = meta_operand(a.number(2));
  if (a.has(1)) {
    at(a.number(1)) = operand;
    return;
  }
  Operand constant = at(a.number(3));
  constant.kind = Kind::Host;
  const std::string value =
      constant.constant.empty() ? constant.name : value_text(constant, constant.constant);
  out_.facts.say(fmt::format("{} set {}", operand.name, value));
}

void Interpreter::ct(const Attributes& a) {
  std::optional<std::uint8_t> direction;
  if (a.bytes(3).size() == 1) direction = a.bytes(3)[0];
  const Operand operand = ct_operand(a.number(2), direction);
  if (a.has(1)) {
    at(a.number(1)) = operand;
    return;
  }
  Operand constant = at(a.number(4));
  constant.kind = Kind::Host;
  out_.facts.say(fmt::format(
      "{} set {}", operand.name,
      constant.constant.empty() ? constant.name : value_text(constant, constant.constant)));
}

void Interpreter::payload(const Attributes& a) {
  const Operand operand =
      payload_operand(a.number(2), a.number(3), a.number(4), protocol_, transport_);
  if (a.has(1)) {
    at(a.number(1)) = operand;
    return;
  }
  out_.facts.say(fmt::format("{} set {}", operand.name, held(a.number(5))));
}

// Of masks, what was masked goes on; other ways of combining are shown by name.
void Interpreter::bitwise(const Attributes& a) {
  Operand operand = at(a.number(1));
  const ByteVec mask = a.data(4);
  const ByteVec flipped = a.data(5);
  const bool plain =
      a.number(6) == 0 && std::ranges::all_of(flipped, [](std::uint8_t byte) { return byte == 0; });
  if (plain && operand.mask.empty()) {
    operand.mask = mask;
  } else {
    operand.name = fmt::format("({} & 0x{} ^ 0x{})", operand.name, base::hex_encode(mask),
                               base::hex_encode(flipped));
    operand.field = Field::None;
  }
  at(a.number(2)) = std::move(operand);
}

void Interpreter::cmp(const Attributes& a) {
  Operand operand = at(a.number(1));
  const std::uint32_t op = std::min<std::uint32_t>(a.number(2), kComparisons.size() - 1);
  const ByteVec value = a.data(3);
  const bool zero = std::ranges::all_of(value, [](std::uint8_t byte) { return byte == 0; });
  const bool address = operand.kind == Kind::Address;
  if (!operand.mask.empty() && !address) {
    // "Any of these bits" is how a list of states or flags is asked for.
    const std::string bits = value_text(operand, operand.mask);
    if (zero && op <= 1) return say_match(operand, op == 1 ? "" : "!= ", bits);
    operand.name += " & " + bits;
    operand.mask.clear();
    if (op == 0) return say_match(operand, "== ", value_text(operand, value));
  }
  say_match(operand, kComparisons[op], value_text(operand, value));
}

void Interpreter::range(const Attributes& a) {
  const Operand& operand = at(a.number(1));
  say_match(operand, a.number(2) == 1 ? "!= " : "",
            value_text(operand, a.data(3)) + "-" + value_text(operand, a.data(4)));
}

std::string Interpreter::held(std::uint32_t reg) {
  const Operand& operand = at(reg);
  return operand.constant.empty() ? operand.name : value_text(operand, operand.constant);
}

// The registers one after another that make up a key of that size.
std::vector<Operand> Interpreter::key_at(std::uint32_t reg, std::size_t bytes) {
  std::vector<Operand> key;
  std::uint32_t slot = slot_of(reg);
  for (std::size_t taken = 0; taken < std::max<std::size_t>(bytes, 1) && key.size() < 16;) {
    const auto found = registers_.find(slot);
    if (found == registers_.end()) break;
    const std::size_t words = std::max<std::size_t>((found->second.bytes + 3) / 4, 1);
    key.push_back(found->second);
    taken += words * 4;
    slot += static_cast<std::uint32_t>(words);
  }
  if (key.empty()) key.push_back({"?", Kind::Big, Field::None, bytes, {}, {}});
  return key;
}

void Interpreter::lookup(const Attributes& a) {
  const std::string name = a.text(1);
  const auto found = sets_.find({rule_.family, rule_.table, name});
  const std::size_t bytes = found == sets_.end() ? 0 : found->second.set.key_bytes;
  const std::vector<Operand> key = key_at(a.number(2), bytes);
  const bool inverted = (a.number(5) & 1U) != 0;
  const bool anonymous = found != sets_.end() && found->second.set.anonymous();
  const std::string elements =
      found == sets_.end() ? "" : elements_text(found->second, key, kMaxElementsShown);
  const std::string shown = anonymous ? "{ " + elements + " }" : "@" + name;
  if (found != sets_.end() && !anonymous) out_.named_sets.emplace_back(name, elements);
  std::vector<std::string> names;
  for (const Operand& part : key)
    names.push_back(part.name);
  const std::string keys = fmt::format("{}", fmt::join(names, " . "));
  const std::string_view sign = inverted ? "!= " : "";
  if (a.has(3)) {
    const std::string text =
        fmt::format("{} {} {}", keys, a.number(3) == kVerdict ? "vmap" : "map", shown);
    if (a.number(3) == kVerdict) {
      out_.facts.verdict = "vmap";
      out_.facts.say(text);
    } else {
      Operand mapped;
      mapped.name = text;
      at(a.number(3)) = std::move(mapped);
    }
    return;
  }
  out_.facts.say(fmt::format("{} {}{}", keys, sign, shown));
  // Of a combined key the fields belong together: the list stands in the first one's.
  std::string plain = anonymous ? elements : shown;
  std::erase(plain, '"');
  for (const Operand& part : key) {
    std::string* of_event = field(part.field);
    if (of_event == nullptr) continue;
    const std::string value = key.size() == 1 ? plain : fmt::format("{} in {}", keys, shown);
    if (!of_event->empty()) *of_event += " & ";
    *of_event += fmt::format("{}{}", base::trim(sign), value);
  }
}

void Interpreter::immediate(const Attributes& a) {
  const auto data = read_data(a.bytes(2));
  if (!data) return fallback("immediate", a);
  if (data->verdict) return out_.facts.decide(verdict_text(*data->verdict, data->chain));
  Operand constant;
  constant.constant = data->value;
  if (data->value.size() == 4 || data->value.size() == 16) {
    constant.kind = Kind::Address;
    constant.bytes = data->value.size();
  }
  at(a.number(1)) = std::move(constant);
}

void Interpreter::counter(const Attributes& a) {
  out_.facts.bytes = a.number64(1);
  out_.facts.packets = a.number64(2);
  out_.facts.say("counter");
}

void Interpreter::limit(const Attributes& a) {
  const std::uint64_t unit = a.number64(2);
  const std::string per = unit == 1       ? "second"
                          : unit == 60    ? "minute"
                          : unit == 3600  ? "hour"
                          : unit == 86400 ? "day"
                                          : fmt::format("{} seconds", unit);
  out_.facts.say(fmt::format("limit rate {}{} {}/{} burst {}",
                             (a.number(5) & 1U) != 0 ? "over " : "", a.number64(1),
                             a.number(4) == 1 ? "bytes" : "packets", per, a.number(3)));
}

void Interpreter::log(const Attributes& a) {
  std::string text = "log";
  if (a.has(2)) text += fmt::format(" prefix \"{}\"", a.text(2));
  if (a.has(5)) text += fmt::format(" level {}", a.number(5));
  Cursor group(a.bytes(1));
  if (a.has(1)) text += fmt::format(" group {}", group.u16be().value_or(0));
  out_.facts.say(text);
}

void Interpreter::reject(const Attributes& a) {
  const std::uint32_t type = a.number(1);
  const unsigned code = a.bytes(2).empty() ? 0 : a.bytes(2)[0];
  if (type == 1) return out_.facts.decide("reject with tcp reset");
  out_.facts.decide(fmt::format("reject with {} {}", type == 2 ? "icmpx" : "icmp", code));
}

void Interpreter::nat(const Attributes& a) {
  const std::string kind = a.number(1) == 0 ? "snat" : "dnat";
  std::string to;
  if (a.has(3)) {
    to = held(a.number(3));
    if (a.has(4) && a.number(4) != a.number(3)) to += "-" + held(a.number(4));
  }
  if (a.has(5)) {
    Operand port = at(a.number(5));
    port.kind = Kind::Port;
    const ByteVec value(
        port.constant.begin(),
        port.constant.begin() + std::min<std::ptrdiff_t>(2, std::ssize(port.constant)));
    to += ":" + (value.empty() ? port.name : value_text(port, value));
  }
  out_.facts.say(fmt::format("{} to {}", kind, to));
  out_.facts.verdict = fmt::format("{} to {}", kind, to);
}

void Interpreter::masquerade(const Attributes&) {
  out_.facts.decide("masquerade");
}

void Interpreter::redirect(const Attributes& a) {
  std::string text = "redirect";
  if (a.has(1)) {
    Operand port = at(a.number(1));
    port.kind = Kind::Port;
    const ByteVec value(
        port.constant.begin(),
        port.constant.begin() + std::min<std::ptrdiff_t>(2, std::ssize(port.constant)));
    text += " to :" + (value.empty() ? port.name : value_text(port, value));
  }
  out_.facts.decide(text);
}

void Interpreter::match(const Attributes& a) {
  describe_match(a.text(1), static_cast<std::uint8_t>(a.number(2)), a.bytes(3), out_.facts);
}

void Interpreter::target(const Attributes& a) {
  describe_target(a.text(1), static_cast<std::uint8_t>(a.number(2)), a.bytes(3), out_.facts);
}

void Interpreter::dynset(const Attributes& a) {
  constexpr std::array<std::string_view, 3> kOperations = {"add", "update", "delete"};
  const std::uint32_t operation = std::min<std::uint32_t>(a.number(3), 2);
  out_.facts.say(
      fmt::format("{} @{} {{ {} }}", kOperations[operation], a.text(1), held(a.number(4))));
}

// The bytes of what has no decoder: it is there, whatever it means.
void Interpreter::fallback(std::string_view name, const Attributes& attributes) {
  std::string text = fmt::format("[{}", name);
  for (const auto& [type, bytes] : attributes.all()) {
    text += fmt::format(" {}={}", type,
                        base::hex_encode(bytes.first(std::min(bytes.size(), kMaxBytesShown))));
    // What it puts into a register is not what was there before.
    if (type == 1 && bytes.size() == 4) {
      Operand loaded;
      loaded.name = fmt::format("[{}]", name);
      at(attributes.number(1)) = std::move(loaded);
    }
  }
  out_.facts.say(text + "]");
}

void Interpreter::step(const Expression& expression) {
  constexpr std::array<Known, 18> kSteps = {{{"meta", &Interpreter::meta},
                                             {"ct", &Interpreter::ct},
                                             {"payload", &Interpreter::payload},
                                             {"bitwise", &Interpreter::bitwise},
                                             {"cmp", &Interpreter::cmp},
                                             {"range", &Interpreter::range},
                                             {"lookup", &Interpreter::lookup},
                                             {"immediate", &Interpreter::immediate},
                                             {"counter", &Interpreter::counter},
                                             {"limit", &Interpreter::limit},
                                             {"log", &Interpreter::log},
                                             {"reject", &Interpreter::reject},
                                             {"nat", &Interpreter::nat},
                                             {"masq", &Interpreter::masquerade},
                                             {"redir", &Interpreter::redirect},
                                             {"match", &Interpreter::match},
                                             {"target", &Interpreter::target},
                                             {"dynset", &Interpreter::dynset}}};
  const Attributes attributes(expression.data);
  const std::string_view name = expression.name;
  if (name == "notrack") return out_.facts.decide("notrack");
  const auto* known = std::ranges::find(kSteps, name, &Known::name);
  if (known == kSteps.end() || !attributes.good()) return fallback(name, attributes);
  (this->*known->step)(attributes);
}

}  // namespace

DecodedRule decode(const Rule& rule, const Sets& sets) {
  return Interpreter(rule, sets).run();
}

}  // namespace agent::snapshot::firewall::nft
