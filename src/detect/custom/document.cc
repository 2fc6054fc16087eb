#include "detect/custom/document.h"

#include <map>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "base/text.h"

namespace detect::custom {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

constexpr std::string_view kRoot = "customAlerts";
constexpr int kMaxDepth = 8;
// Aliases repeat what is written once.
constexpr std::size_t kMaxNodes = 200'000;

std::unexpected<base::Error> wrong(const YAML::Mark& mark, const std::string& message) {
  const std::string place = mark.is_null() ? "" : fmt::format("line {}: ", mark.line + 1);
  return fail(Code::Invalid, "custom alerts", -1, place + message);
}

Value scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  // In quotes it is a text.
  if (node.Tag() == "!") return Value(text);
  if (const auto number = base::parse_int(text)) return Value(*number);
  if (text == "true" || text == "false") return Value(text == "true");
  if (text == "null" || text == "~" || text.empty()) return Value();
  return Value(text);
}

Result<Value> value_of(const YAML::Node& node, int depth, std::size_t& left) {
  if (depth > kMaxDepth || left-- == 0) {
    left = 0;
    return fail(Code::TooLarge, "custom alerts", -1, "too much, or nested too deeply");
  }
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return scalar(node);
    case YAML::NodeType::Sequence: {
      Value::Array out;
      for (const YAML::Node& each : node)
        out.push_back(TRY(value_of(each, depth + 1, left)));
      return Value(std::move(out));
    }
    case YAML::NodeType::Map: {
      Value::Object out;
      for (const auto& each : node) {
        if (!each.first.IsScalar()) return wrong(each.first.Mark(), "expected a name");
        auto value = TRY(value_of(each.second, depth + 1, left));
        out.push_back({each.first.Scalar(), std::move(value)});
      }
      return Value(std::move(out));
    }
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      break;
  }
  return Value();
}

// What a list holds are texts, also where they look like something else: users may be numbers.
void make_texts(Value& object) {
  if (object.if_object() == nullptr) return;
  Value::Object out = *object.if_object();
  for (base::json::Member& member : out) {
    if (member.name != "allow" && member.name != "deny") continue;
    if (member.value.if_array() == nullptr) continue;
    Value::Array texts;
    for (const Value& each : *member.value.if_array()) {
      const bool plain = each.if_int() != nullptr || each.if_bool() != nullptr;
      texts.push_back(plain ? Value(each.to_json()) : each);
    }
    member.value = Value(std::move(texts));
  }
  object = Value(std::move(out));
}

Result<std::vector<Definition>> read_root(const YAML::Node& root) {
  if (!root.IsMap()) return wrong(root.Mark(), fmt::format("expected '{}'", kRoot));
  for (const auto& each : root) {
    if (!each.first.IsScalar() || each.first.Scalar() != kRoot)
      return wrong(each.first.Mark(), fmt::format("expected '{}' alone", kRoot));
  }
  const YAML::Node list = root[std::string(kRoot)];
  if (list.IsNull()) return std::vector<Definition>();
  if (!list.IsSequence()) return wrong(list.Mark(), fmt::format("{}: expected a list", kRoot));
  if (list.size() > kMaxDefinitions)
    return fail(Code::TooLarge, "custom alerts", -1, fmt::format("at most {}", kMaxDefinitions));
  std::vector<Definition> out;
  std::map<std::string, int> lines;
  std::size_t left = kMaxNodes;
  for (const YAML::Node& each : list) {
    Value object = TRY(value_of(each, 0, left));
    make_texts(object);
    auto definition = read_definition(object);
    if (!definition) return wrong(each.Mark(), definition.error().detail);
    const auto [known, fresh] = lines.emplace(id_of(*definition), each.Mark().line + 1);
    if (!fresh) {
      return wrong(each.Mark(),
                   fmt::format("{} is there already, in line {}, for this group and "
                               "{}",
                               definition->info().name, known->second,
                               definition->info().kind == Kind::Range ? "window" : "kind of list"));
    }
    out.push_back(std::move(*definition));
  }
  return out;
}

}  // namespace

Result<std::vector<Definition>> read_document(std::string_view text) {
  if (text.size() > kMaxDocument)
    return fail(Code::TooLarge, "custom alerts", -1, fmt::format("at most {} bytes", kMaxDocument));
  if (!base::is_utf8(text)) return fail(Code::Invalid, "custom alerts", -1, "expected UTF-8");
  // The library throws.
  try {
    return read_root(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    return wrong(error.mark, error.msg);
  }
}

std::string write_document(std::span<const Definition> definitions) {
  std::string out(kRoot);
  out += definitions.empty() ? ": []\n" : ":\n";
  for (const Definition& definition : definitions) {
    std::string json;
    base::json::Writer writer(json);
    writer.begin_object();
    write_members(writer, definition);
    writer.end_object();
    const auto value = base::json::parse(json);
    ASSERT(value && value->if_object() != nullptr);
    std::string_view lead = "  - ";
    for (const base::json::Member& member : *value->if_object()) {
      if (member.name == "description" && definition.description.empty()) continue;
      out += lead;
      out += member.name + ": " + member.value.to_json() + "\n";
      lead = "    ";
    }
  }
  return out;
}

}  // namespace detect::custom
