#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace base::json {

// Writes JSON into a string that the caller owns, with commas placed for it.
//
//   Writer w(out);
//   w.begin_object(); w.field("id", 7); w.key("tags"); w.begin_array(); w.value("x");
//   w.end_array(); w.end_object();
//
// Text is written as UTF-8; bytes that are not become U+FFFD, so that output is always valid JSON.
// Threads: pure.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);

  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(bool flag);
  void value(std::int64_t number);
  void value(std::uint64_t number);
  void value(int number) { value(static_cast<std::int64_t>(number)); }
  void value(unsigned number) { value(static_cast<std::uint64_t>(number)); }
  // Shortest text that reads back as the same number; NaN and infinities become null.
  void value(double number);
  void null();
  // A complete JSON text made elsewhere; not checked.
  void raw(std::string_view json);

  template <class T>
  void field(std::string_view name, const T& content) {
    key(name);
    value(content);
  }

 private:
  void separate();
  void open(char bracket);
  void close(char bracket);

  std::string& out_;
  bool need_comma_ = false;
};

// `text` as a JSON string, with its quotes.
std::string quoted(std::string_view text);
// The same, appended to `out`.
void append_quoted(std::string& out, std::string_view text);

struct Member;

// A parsed JSON value. Objects keep their order; a repeated key keeps both members and find()
// answers the last. Whole numbers are int64 where they fit.
class Value {
 public:
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;

  Value() = default;
  template <class T>
  explicit(false) Value(T content)
      : content_(std::move(content)) {}  // NOLINT(google-explicit-constructor)

  bool is_null() const { return std::holds_alternative<std::monostate>(content_); }
  const bool* if_bool() const { return std::get_if<bool>(&content_); }
  const std::int64_t* if_int() const { return std::get_if<std::int64_t>(&content_); }
  const double* if_double() const { return std::get_if<double>(&content_); }
  const std::string* if_string() const { return std::get_if<std::string>(&content_); }
  const Array* if_array() const { return std::get_if<Array>(&content_); }
  const Object* if_object() const { return std::get_if<Object>(&content_); }

  // The member of that name, nullptr when this is no object or has none.
  const Value* find(std::string_view name) const;
  // The member's text, or `otherwise` when it is absent or no string.
  std::string_view text_or(std::string_view name, std::string_view otherwise) const;

  std::string to_json() const;
  void write(Writer& writer) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> content_;
};

struct Member {
  std::string name;
  Value value;
};

// Parses one JSON text (RFC 8259). Nesting up to 64 levels.
// Errors: Malformed (the detail says what is wrong), TooLarge (nesting).
Result<Value> parse(std::string_view text);

}  // namespace base::json
