#include "dissect/described/compiler.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace dissect::described {

namespace {

constexpr std::string_view kTransports[] = {"tcp", "udp", "link", "ip"};
constexpr std::size_t kMostEntries = 4096;
constexpr std::size_t kMostEnd = 8;

bool name_of_protocol(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

template <class Number>
std::vector<Number> list_of(Node& node, std::string_view member) {
  std::vector<Number> all;
  for (const Node::Span& span : node.numbers(member, 0, UINT16_MAX)) {
    if (span.to - span.from >= 64) node.problem(member, "a range of at most 64 numbers");
    for (std::int64_t i = span.from; i <= span.to && i - span.from < 64; ++i)
      all.push_back(static_cast<Number>(i));
  }
  return all;
}

}  // namespace

std::size_t choose(const Node& node, std::string_view member, std::string_view text,
                   std::span<const std::string_view> names) {
  const auto found = std::ranges::find(names, text);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  if (!text.empty())
    node.problem(member, fmt::format("\"{}\" is not one of: {}", text, fmt::join(names, ", ")));
  return 0;
}

void Compiler::compile(const base::json::Value& description) {
  Node top(source_, description, {});
  header(top);
  transports(top);
  enumerations(top);
  named_blocks_ = top.take("blocks");
  framing(top);
  escape(top);
  program_.message = block(top, "message");
  probe(top);
  top.take("description");  // for people
  top.done();
  if (named_blocks_ == nullptr || named_blocks_->if_object() == nullptr) return;
  for (const base::json::Member& one : *named_blocks_->if_object()) {
    if (!used_.contains(one.name))
      source_.problem({"blocks", one.name}, fmt::format("nobody uses \"{}\"", one.name));
  }
}

void Compiler::header(Node& top) {
  program_.name = top.text("name");
  if (!program_.name.empty() && !name_of_protocol(program_.name))
    top.problem("name", "a name has up to 32 small letters, digits and hyphens");
  program_.title = top.text("title");
  program_.industrial = top.flag("industrial", true);
  static constexpr std::string_view kOrders[] = {"big", "little"};
  little_ = choose(top, "byte_order", top.text_or("byte_order", "big"), kOrders) == 1;
}

void Compiler::transports(Node& top) {
  const base::json::Value* const list = top.take("transports");
  if (list == nullptr || list->if_array() == nullptr || list->if_array()->empty()) {
    top.problem("transports", "\"transports\" has to be a list of: tcp, udp, link, ip");
  } else {
    for (const base::json::Value& one : *list->if_array()) {
      const std::string* const name = one.if_string();
      const auto transport = static_cast<Transport>(
          choose(top, "transports", name == nullptr ? "?" : *name, kTransports));
      if (std::ranges::find(program_.transports, transport) == program_.transports.end())
        program_.transports.push_back(transport);
    }
  }
  program_.ports = list_of<std::uint16_t>(top, "ports");
  program_.selectors = list_of<std::uint16_t>(top, "selectors");
  const bool selects = std::ranges::any_of(program_.transports, [](Transport one) {
    return one == Transport::Link || one == Transport::Ip;
  });
  if (selects && program_.selectors.empty())
    top.problem("link and ip need \"selectors\": EtherTypes, or numbers of IP protocols");
}

void Compiler::enumerations(Node& top) {
  const base::json::Value* const all = top.take("enums");
  if (all == nullptr) return;
  Node node(source_, *all, {"enums"});
  if (all->if_object() == nullptr) return;
  for (const base::json::Member& one : *all->if_object())
    enumeration(node, one.name, one.value);
}

// {"0x01": "read", "2": {"name": "write", "access": "write"}}
void Compiler::enumeration(Node& node, std::string_view name, const base::json::Value& value) {
  Enumeration& made = program_.enumerations[std::string(name)];
  if (value.if_object() == nullptr || value.if_object()->size() > kMostEntries) {
    node.problem(name, fmt::format("has to be an object of up to {} numbers", kMostEntries));
    return;
  }
  Node entries(source_, value, node.path_to(name));
  for (const base::json::Member& one : *value.if_object()) {
    Entry entry;
    const auto code = parse_number(one.name);
    if (!code) entries.problem(one.name, fmt::format("\"{}\" is not a number", one.name));
    entry.code = code.value_or(0);
    if (const std::string* const text = one.value.if_string(); text != nullptr) {
      entry.name = *text;
    } else {
      Node node_of(source_, one.value, entries.path_to(one.name));
      entry.name = node_of.text("name");
      entry.access = access_of(node_of, "access");
      node_of.done();
    }
    made.push_back(std::move(entry));
  }
  std::ranges::sort(made, {}, &Entry::code);
  const auto twice = std::ranges::adjacent_find(made, {}, &Entry::code);
  if (twice != made.end()) node.problem(name, fmt::format("{} is there twice", twice->code));
}

Access access_of(Node& node, std::string_view member) {
  const std::string name = node.text_or(member, "none");
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Access::Session); ++i) {
    if (access_name(static_cast<Access>(i)) == name) return static_cast<Access>(i);
  }
  std::vector<std::string_view> all;
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Access::Session); ++i)
    all.push_back(access_name(static_cast<Access>(i)));
  choose(node, member, name, all);
  return Access::None;
}

void Compiler::framing(Node& top) {
  Framing& made = program_.framing;
  const bool stream =
      std::ranges::find(program_.transports, Transport::Tcp) != program_.transports.end();
  const base::json::Value* const value = top.take("frame");
  if (value == nullptr) {
    if (stream) top.problem("over tcp, \"frame\" has to say where messages end");
    return;
  }
  Node node(source_, *value, {"frame"});
  made.most = static_cast<std::size_t>(node.number("most", kMostFrame, 1, kMostFrame));
  for (const Node::Span& span : node.numbers("begins_with", 0, 255))
    made.begin.push_back({span.from, span.to});
  if (node.has("ends_with")) {
    made.kind = Framing::Kind::End;
    made.end = list_of<std::uint8_t>(node, "ends_with");
    if (made.end.empty() || made.end.size() > kMostEnd)
      node.problem("ends_with", fmt::format("1 to {} bytes", kMostEnd));
  } else {
    made.kind = Framing::Kind::Size;
    // There is always something to carry out, so that `next` is of these bytes.
    made.read =
        node.has("read") ? block(node, "read") : block(base::json::Value::Array(), {"frame"});
    made.size = expression(node, "size");
  }
  node.done();
}

void Compiler::escape(Node& top) {
  const base::json::Value* const value = top.take("escape");
  if (value == nullptr) return;
  Node node(source_, *value, {"escape"});
  if (!node.has("sign")) node.problem("\"sign\" is missing");
  Escape made;
  made.sign = static_cast<std::uint8_t>(node.number("sign", 0, 0, 255));
  made.most = static_cast<std::uint8_t>(node.number("most", 255, 0, 255));
  made.add = static_cast<std::uint8_t>(node.number("add", 0, 0, 255));
  made.exclusive_or = static_cast<std::uint8_t>(node.number("xor", 0, 0, 255));
  node.done();
  program_.escape = made;
}

void Compiler::probe(Node& top) {
  const base::json::Value* const value = top.take("probe");
  if (value == nullptr) return;
  Node node(source_, *value, {"probe"});
  static constexpr std::string_view kMatches[] = {"likely", "yes"};
  const bool sure = choose(node, "match", node.text_or("match", "likely"), kMatches) == 1;
  program_.match = sure ? Match::Yes : Match::Likely;
  if (node.has("read")) program_.probe = block(node, "read");
  node.done();
}

}  // namespace dissect::described
