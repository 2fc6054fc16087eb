#include "uplink/split.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"

namespace uplink {

using base::json::Member;
using base::json::Value;

namespace {

constexpr std::size_t kShortest = 64;  // no text is cut below this; addresses and names are shorter
constexpr std::size_t kMarkBytes = 256;

Value* member(Value::Object& object, std::string_view name) {
  const auto found = std::find_if(object.begin(), object.end(),
                                  [&](const Member& each) { return each.name == name; });
  return found == object.end() ? nullptr : &found->value;
}

// The texts of one item that may be cut.
struct Text {
  std::string name;
  std::string* text = nullptr;
  std::size_t whole = 0;
};

void find_texts(Value::Object& object, std::vector<Text>& texts) {
  for (Member& each : object) {
    if (const std::string* text = each.value.if_string()) {
      auto* own = const_cast<std::string*>(text);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
      if (text->size() > kShortest) texts.push_back({each.name, own, text->size()});
    }
  }
}

// At most `size` bytes, not in the middle of a character.
void cut(std::string& text, std::size_t size) {
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
    --size;
  text.resize(size);
}

Value::Object* mutable_object(Value& value) {
  return const_cast<Value::Object*>(value.if_object());  // NOLINT(*-const-cast): value is not const
}

// Cuts the longest text again and again until the event fits.
bool shorten(Value& event, Value::Object& item, std::size_t max_bytes) {
  std::vector<Text> texts;
  find_texts(item, texts);
  if (Value* details = member(item, "ExtraDetails"); details != nullptr && details->if_object())
    find_texts(*mutable_object(*details), texts);
  std::size_t size = event.to_json().size();
  while (size + kMarkBytes > max_bytes && !texts.empty()) {
    const auto longest = std::max_element(
        texts.begin(), texts.end(),
        [](const Text& a, const Text& b) { return a.text->size() < b.text->size(); });
    if (longest->text->size() <= kShortest) break;
    const std::size_t excess = size + kMarkBytes - max_bytes;
    const std::size_t before = base::json::quoted(*longest->text).size();
    const std::size_t half = longest->text->size() / 2;
    cut(*longest->text,
        std::max(
            {kShortest, half, longest->text->size() - std::min(excess, longest->text->size())}));
    size -= before - base::json::quoted(*longest->text).size();
  }
  std::string names;
  std::size_t missing = 0;
  for (const Text& text : texts) {
    if (text.text->size() == text.whole) continue;
    missing += text.whole - text.text->size();
    if (names.size() < kMarkBytes / 2) names += (names.empty() ? "" : ",") + text.name;
  }
  if (missing == 0) return false;
  if (member(item, "ExtraDetails") == nullptr)
    item.push_back({"ExtraDetails", Value(Value::Object{})});
  Value* details = member(item, "ExtraDetails");
  if (details->if_object() == nullptr) return true;
  Value::Object& marked = *mutable_object(*details);
  marked.push_back({"Truncated", Value(names)});
  marked.push_back({"TruncatedBytes", Value(std::to_string(missing))});
  return true;
}

struct Division {
  Value::Object event;  // all but the payload's items
  std::string id;
  std::size_t max_bytes = 0;
  const std::function<void(std::string)>& take;
  Pieces pieces{};

  void give(std::span<const Value> items);
};

void Division::give(std::span<const Value> items) {
  Value::Object part = event;
  // Two parts with one id would be the same event to whoever compares ids; the same part is the
  // same event, however often it is made.
  if (pieces.count > 0) {
    *member(part, "Id") = Value(
        base::Guid::derived("event part", id + ":" + std::to_string(pieces.count)).to_string());
  }
  *member(part, "Payload") = Value(Value::Array(items.begin(), items.end()));
  Value whole(std::move(part));
  std::string json = whole.to_json();
  if (json.size() > max_bytes && items.size() > 1) {
    const std::size_t half = items.size() / 2;
    give(items.first(half));
    give(items.subspan(half));
    return;
  }
  if (json.size() > max_bytes && items.size() == 1) {
    Value* payload = member(*mutable_object(whole), "Payload");
    auto& own = const_cast<Value::Array&>(*payload->if_array());  // NOLINT(*-const-cast)
    if (own.front().if_object() != nullptr &&
        shorten(whole, *mutable_object(own.front()), max_bytes)) {
      ++pieces.truncated;
      json = whole.to_json();
    }
  }
  ++pieces.count;
  take(std::move(json));
}

}  // namespace

Pieces divide(std::string encoded, std::size_t max_bytes,
              const std::function<void(std::string)>& take) {
  if (encoded.size() <= max_bytes) {
    take(std::move(encoded));
    return {1, 0};
  }
  const auto event = base::json::parse(encoded);
  const Value* items = event ? event->find("Payload") : nullptr;
  if (items == nullptr || items->if_array() == nullptr || items->if_array()->empty() ||
      event->text_or("Id", "").empty()) {
    take(std::move(encoded));
    return {1, 0};
  }
  Division division{.event = *event->if_object(),
                    .id = std::string(event->text_or("Id", "")),
                    .max_bytes = max_bytes,
                    .take = take};
  division.give(*items->if_array());
  return division.pieces;
}

Pieces encode_in_parts(const schema::Event& event, std::size_t max_bytes,
                       const std::function<void(std::string)>& take) {
  std::string json;
  schema::encode_event(event, json);
  return divide(std::move(json), max_bytes, take);
}

}  // namespace uplink
