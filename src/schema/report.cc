#include "schema/report.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace schema {

namespace {

constexpr std::size_t kMaxShownText = 80;
constexpr std::size_t kMaxShownKey = 200;

// At most `limit` bytes of the text, cut between characters, with an ellipsis when cut.
std::string shortened(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (text[limit] & 0xC0) == 0x80)
    --limit;
  return std::string(text.substr(0, limit)).append("…");
}

std::string describe(simdjson::dom::element element) {
  using Type = simdjson::dom::element_type;
  switch (element.type()) {
    case Type::STRING:
      return base::json::quoted(shortened(std::string_view(element), kMaxShownText));
    case Type::OBJECT:
      return "an object";
    case Type::ARRAY: {
      const std::size_t size = simdjson::dom::array(element).size();
      if (size == 0) return "an empty array";
      return size == 1 ? "an array of 1 item" : "an array of " + std::to_string(size) + " items";
    }
    case Type::NULL_VALUE:
      return "null";
    default:
      return simdjson::minify(element);
  }
}

void append_escaped(std::string& out, std::string_view key) {
  for (const char c : key) {
    if (c == '~') {
      out.append("~0");
    } else if (c == '/') {
      out.append("~1");
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace

std::string Path::pointer() const {
  std::vector<const Path*> steps;
  for (const Path* step = this; step->parent_ != nullptr; step = step->parent_)
    steps.push_back(step);
  std::string out;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    out.push_back('/');
    if ((*step)->is_index_) {
      out.append(std::to_string((*step)->index_));
    } else {
      append_escaped(out, shortened((*step)->key_, kMaxShownKey));
    }
  }
  return out;
}

void Report::violation(const Path& path, std::string expected, std::string found) {
  if (full()) return;
  violations_.push_back(Violation{path.pointer(), std::move(expected), std::move(found)});
}

void Report::violation(const Path& path, std::string expected, simdjson::dom::element found) {
  if (full()) return;
  violation(path, std::move(expected), describe(found));
}

void Report::missing(const Path& parent, std::string_view key, std::string_view expected) {
  violation(Path(parent, key), std::string(expected).append(", which is required"), "nothing");
}

void Report::unknown(const Path& parent, std::string_view key,
                     std::span<const std::string_view> names) {
  if (full()) return;
  const auto nearest = key.size() <= kMaxShownText ? base::nearest(key, names) : std::nullopt;
  violation(Path(parent, key),
            nearest ? "no other member; is " + std::string(*nearest) + " meant?"
                    : "no other member than " + one_of(names),
            "the member " + base::json::quoted(shortened(key, kMaxShownText)));
}

void Report::used(Leniency leniency, const Path& path) {
  if (leniencies_.size() < kMaxViolations)
    leniencies_.push_back(UsedLeniency{leniency, path.pointer()});
}

std::string one_of(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    out.append(out.empty() ? (names.size() > 1 ? "one of " : "") : ", ").append(name);
  }
  return out;
}

}  // namespace schema
