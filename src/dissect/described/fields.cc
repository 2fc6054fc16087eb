// Fields and checksums.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "dissect/described/compiler.h"

namespace dissect::described {

bool Compiler::little(Node& node) {
  static constexpr std::string_view kOrders[] = {"big", "little"};
  if (!node.has("byte_order")) return little_;
  return choose(node, "byte_order", node.text("byte_order"), kOrders) == 1;
}

ReadField Compiler::field(Node& node) {
  ReadField made;
  const std::string name = node.text("field");
  Slot::Kind kind = Slot::Kind::Number;
  type(node, made, kind);
  made.show = node.flag("show", true);
  const Enumeration* const names = names_of(node);
  if (names != nullptr && kind != Slot::Kind::Number)
    node.problem("enum", "only whole numbers have an enum");
  made.slot = declare(node, "field", name, kind, names);
  expectation(node, made);
  if (node.has("bits")) bits(node, made);
  return made;
}

void Compiler::type(Node& node, ReadField& into, Slot::Kind& kind) {
  const std::string name = node.text("type");
  into.little = little(node);
  if (name == "bytes" || name == "text") {
    into.type = name == "bytes" ? ReadField::Type::Bytes : ReadField::Type::Text;
    kind = name == "bytes" ? Slot::Kind::Bytes : Slot::Kind::Text;
    into.length = optional_expression(node, "length");
  } else if (name == "text_z") {
    into.type = ReadField::Type::TextZ;
    kind = Slot::Kind::Text;
  } else if (!name.empty() && !number_type(name, into)) {
    node.problem("type", fmt::format("\"{}\" is not a type: u8, u16 ... u64, i8 ... i64, f32, f64 "
                                     "(le or be behind it), bytes, text, text_z",
                                     name));
  } else if (into.type == ReadField::Type::Real) {
    kind = Slot::Kind::Real;
  }
}

// "u24", "i16le", "f32be".
bool Compiler::number_type(std::string_view name, ReadField& into) {
  if (name.ends_with("le") || name.ends_with("be")) {
    into.little = name.ends_with("le");
    name.remove_suffix(2);
  }
  if (name.size() < 2) return false;
  const auto width = base::parse_int(name.substr(1));
  if (!width || *width < 8 || *width > 64 || *width % 8 != 0) return false;
  into.width = static_cast<std::uint8_t>(*width / 8);
  switch (name[0]) {
    case 'u':
      into.type = ReadField::Type::Unsigned;
      return true;
    case 'i':
      into.type = ReadField::Type::Signed;
      return true;
    case 'f':
      into.type = ReadField::Type::Real;
      return *width == 32 || *width == 64;
    default:
      return false;
  }
}

// {"name": 7, "other": "0-3"}: numbers of bits, 0 the lowest.
void Compiler::bits(Node& node, ReadField& into) {
  const base::json::Value* const value = node.take("bits");
  const bool numeric =
      into.type == ReadField::Type::Unsigned || into.type == ReadField::Type::Signed;
  if (value->if_object() == nullptr || !numeric) {
    node.problem("bits", "\"bits\" is an object of names and bits, of a whole number");
    return;
  }
  Node inner(source_, *value, node.path_to("bits"));
  for (const base::json::Member& one : *value->if_object()) {
    const auto spans = inner.numbers(one.name, 0, 8 * into.width - 1);
    if (spans.size() != 1) {
      if (spans.size() > 1) inner.problem(one.name, "one bit, or one range of bits");
      continue;
    }
    Bits made;
    made.slot = declare(inner, one.name, one.name, Slot::Kind::Number, nullptr);
    made.shift = static_cast<std::uint8_t>(spans[0].from);
    const auto width = static_cast<unsigned int>(spans[0].to - spans[0].from + 1);
    made.mask = width == 64 ? UINT64_MAX : (std::uint64_t{1} << width) - 1;
    into.bits.push_back(made);
  }
}

void Compiler::expectation(Node& node, ReadField& into) {
  if (node.has("is")) {
    if (into.type == ReadField::Type::Text) {
      into.is_text = node.text("is");
    } else if (into.type == ReadField::Type::Unsigned || into.type == ReadField::Type::Signed) {
      for (const Node::Span& span : node.numbers("is", INT64_MIN, INT64_MAX))
        into.is.push_back({span.from, span.to});
    } else {
      node.take("is");
      node.problem("is", "only whole numbers and text can be compared");
    }
  }
  into.otherwise =
      node.text_or("otherwise", fmt::format("{} that cannot be", node.text_or("field", "a field")));
}

Check Compiler::checksum(Node& node) {
  Check made;
  made.slot = declare(node, "checksum", node.text("checksum"), Slot::Kind::Number, nullptr);
  const std::string algorithm = node.text("algorithm");
  const auto kind = checksum_named(algorithm);
  if (!kind && !algorithm.empty())
    node.problem("algorithm", fmt::format("is one of: {}", checksum_names()));
  made.kind = kind.value_or(Checksum::Sum8);
  made.little = little(node);
  made.at = optional_expression(node, "at");
  made.from = optional_expression(node, "from");
  made.to = optional_expression(node, "to");
  return made;
}

}  // namespace dissect::described
