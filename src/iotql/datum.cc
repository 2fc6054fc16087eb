#include "iotql/datum.h"

#include <cmath>

namespace iotql {

using base::json::Member;
using base::json::Value;

namespace {

int sign(bool less, bool equal) {
  return less ? -1 : (equal ? 0 : 1);
}

bool same_value(const Value& a, const Value& b) {
  const auto* object = a.if_object();
  const auto* other = b.if_object();
  if (object != nullptr && other != nullptr) {
    if (object->size() != other->size()) return false;
    for (const Member& member : *object) {
      const Value* found = b.find(member.name);
      if (found == nullptr || !same_value(member.value, *found)) return false;
    }
    return true;
  }
  const auto* list = a.if_array();
  const auto* second = b.if_array();
  if (list != nullptr && second != nullptr) {
    if (list->size() != second->size()) return false;
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (!same_value((*list)[i], (*second)[i])) return false;
    }
    return true;
  }
  if (object != nullptr || other != nullptr || list != nullptr || second != nullptr) return false;
  return same(Datum(&a), Datum(&b));
}

int rank(const Datum& datum) {
  if (datum.is_null()) return 0;
  if (datum.flag()) return 1;
  return datum.number() ? 2 : 3;
}

}  // namespace

Datum::Datum(double number) {
  if (std::isfinite(number)) content_ = number;
}

Datum::Datum(const Value* value) {
  if (value == nullptr) return;
  if (value->is_null()) content_ = Null{};
  if (const bool* flag = value->if_bool()) content_ = *flag;
  if (const std::int64_t* whole = value->if_int()) content_ = *whole;
  if (const double* real = value->if_double()) content_ = *real;
  if (const std::string* text = value->if_string()) content_ = std::string_view(*text);
  if (value->if_array() != nullptr || value->if_object() != nullptr) content_ = value;
}

bool Datum::is_true() const {
  const bool* flag = std::get_if<bool>(&content_);
  return flag != nullptr && *flag;
}

std::optional<bool> Datum::flag() const {
  const bool* flag = std::get_if<bool>(&content_);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

std::optional<std::string_view> Datum::text() const {
  if (const auto* view = std::get_if<std::string_view>(&content_)) return *view;
  if (const auto* own = std::get_if<std::string>(&content_)) return *own;
  return std::nullopt;
}

std::optional<double> Datum::number() const {
  if (const auto* real = std::get_if<double>(&content_)) return *real;
  if (const auto* exact = whole()) return static_cast<double>(*exact);
  return std::nullopt;
}

const Value* Datum::node() const {
  if (const auto* borrowed = std::get_if<const Value*>(&content_)) return *borrowed;
  return std::get_if<Value>(&content_);
}

const Value::Array* Datum::array() const {
  const Value* value = node();
  return value == nullptr ? nullptr : value->if_array();
}

void Datum::write(base::json::Writer& writer) const {
  if (const Value* value = node()) return value->write(writer);
  if (const auto flag_value = flag()) return writer.value(*flag_value);
  if (const auto* exact = whole()) return writer.value(*exact);
  if (const auto real = number()) return writer.value(*real);
  if (const auto content = text()) return writer.value(*content);
  writer.null();
}

Value Datum::to_value() const {
  if (const Value* value = node()) return *value;
  if (const auto flag_value = flag()) return Value(*flag_value);
  if (const auto* exact = whole()) return Value(*exact);
  if (const auto real = number()) return Value(*real);
  if (const auto content = text()) return Value(std::string(*content));
  return {};
}

bool same(const Datum& a, const Datum& b) {
  if (const Value* value = a.node()) return b.node() != nullptr && same_value(*value, *b.node());
  if (a.is_null() && b.is_null()) return true;
  const auto compared = order(a, b);
  return compared && *compared == 0;
}

std::optional<int> order(const Datum& a, const Datum& b) {
  if (const auto left = a.text(), right = b.text(); left && right) return left->compare(*right);
  if (const auto left = a.flag(), right = b.flag(); left && right)
    return sign(!*left && *right, *left == *right);
  if (a.whole() != nullptr && b.whole() != nullptr)
    return sign(*a.whole() < *b.whole(), *a.whole() == *b.whole());
  if (const auto left = a.number(), right = b.number(); left && right)
    return sign(*left < *right, *left == *right);
  return std::nullopt;
}

int order_any(const Datum& a, const Datum& b) {
  const int left = rank(a);
  const int right = rank(b);
  if (left != right) return left - right;
  return order(a, b).value_or(0);
}

}  // namespace iotql
