#include "base/json.h"

#include <cmath>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/text.h"

namespace base::json {

void Writer::separate() {
  if (need_comma_) out_.push_back(',');
  need_comma_ = true;
}

void Writer::open(char bracket) {
  separate();
  out_.push_back(bracket);
  need_comma_ = false;
}

void Writer::close(char bracket) {
  out_.push_back(bracket);
  need_comma_ = true;
}

namespace {

void append_escape(std::string& out, char c) {
  switch (c) {
    case '"':
      out.append("\\\"");
      break;
    case '\\':
      out.append("\\\\");
      break;
    case '\n':
      out.append("\\n");
      break;
    case '\r':
      out.append("\\r");
      break;
    case '\t':
      out.append("\\t");
      break;
    default:
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
  }
}

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  if (!is_utf8(text)) return append_quoted(out, to_utf8(text));
  out.push_back('"');
  // Runs of characters that stand for themselves are copied at once.
  std::size_t run = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!needs_escape(text[at])) continue;
    out.append(text, run, at - run);
    append_escape(out, text[at]);
    run = at + 1;
  }
  out.append(text, run);
  out.push_back('"');
}

void Writer::key(std::string_view name) {
  separate();
  append_quoted(out_, name);
  out_.push_back(':');
  need_comma_ = false;
}

void Writer::value(std::string_view text) {
  separate();
  append_quoted(out_, text);
}

void Writer::value(bool flag) {
  raw(flag ? "true" : "false");
}
void Writer::value(std::int64_t number) {
  raw(fmt::to_string(number));
}
void Writer::value(std::uint64_t number) {
  raw(fmt::to_string(number));
}

void Writer::value(double number) {
  if (!std::isfinite(number)) return null();
  raw(fmt::to_string(number));
}

void Writer::null() {
  raw("null");
}

void Writer::raw(std::string_view json) {
  separate();
  out_.append(json);
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

const Value* Value::find(std::string_view name) const {
  const Object* object = if_object();
  if (object == nullptr) return nullptr;
  for (auto member = object->rbegin(); member != object->rend(); ++member) {
    if (member->name == name) return &member->value;
  }
  return nullptr;
}

std::string_view Value::text_or(std::string_view name, std::string_view otherwise) const {
  const Value* member = find(name);
  const std::string* text = member == nullptr ? nullptr : member->if_string();
  return text == nullptr ? otherwise : std::string_view(*text);
}

void Value::write(Writer& writer) const {
  if (const Object* object = if_object()) {
    writer.begin_object();
    for (const Member& member : *object) {
      writer.key(member.name);
      member.value.write(writer);
    }
    writer.end_object();
  } else if (const Array* array = if_array()) {
    writer.begin_array();
    for (const Value& item : *array)
      item.write(writer);
    writer.end_array();
  } else if (const std::string* text = if_string()) {
    writer.value(*text);
  } else if (const std::int64_t* number = if_int()) {
    writer.value(*number);
  } else if (const double* real = if_double()) {
    writer.value(*real);
  } else if (const bool* flag = if_bool()) {
    writer.value(*flag);
  } else {
    writer.null();
  }
}

std::string Value::to_json() const {
  std::string out;
  Writer writer(out);
  write(writer);
  return out;
}

namespace {

constexpr int kMaxDepth = 64;

Result<Value> convert(simdjson::dom::element element, int depth) {
  if (depth > kMaxDepth) return fail(Code::TooLarge, "JSON is nested deeper than 64 levels");
  switch (element.type()) {
    case simdjson::dom::element_type::OBJECT: {
      Value::Object object;
      for (const auto [key, value] : simdjson::dom::object(element)) {
        object.push_back(Member{std::string(key), TRY(convert(value, depth + 1))});
      }
      return Value(std::move(object));
    }
    case simdjson::dom::element_type::ARRAY: {
      Value::Array array;
      for (const simdjson::dom::element value : simdjson::dom::array(element)) {
        array.push_back(TRY(convert(value, depth + 1)));
      }
      return Value(std::move(array));
    }
    case simdjson::dom::element_type::STRING:
      return Value(std::string(std::string_view(element)));
    case simdjson::dom::element_type::INT64:
      return Value(std::int64_t(element));
    case simdjson::dom::element_type::UINT64:
      return Value(static_cast<double>(std::uint64_t(element)));
    case simdjson::dom::element_type::DOUBLE:
      return Value(double(element));
    case simdjson::dom::element_type::BOOL:
      return Value(bool(element));
    case simdjson::dom::element_type::NULL_VALUE:
      return Value();
  }
  return Value();
}

}  // namespace

Result<Value> parse(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const auto error = parser.parse(simdjson::padded_string(text)).get(root);
  if (error == simdjson::DEPTH_ERROR) return fail(Code::TooLarge, "JSON is nested too deeply");
  if (error) return fail(Code::Malformed, "not JSON", -1, simdjson::error_message(error));
  return convert(root, 0);
}

}  // namespace base::json
