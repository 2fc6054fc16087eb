// Bags made of arrays, the paths of a value, and texts put together by their likeness.

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "kql/natives/json_values.h"

namespace kql::natives {
namespace {

using base::json::Value;

// bag_zip([keys], [values]): null where there are fewer values; a key's last value counts.
Outcome bag_zip(Arguments arguments) {
  const auto keys = items_at(arguments, 0);
  const auto values = items_at(arguments, 1);
  if (!keys || !values) return {};
  Value::Object out;
  std::map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const std::string* key = (*keys)[i].if_string();
    if (key == nullptr) continue;
    Value value = i < values->size() ? (*values)[i] : Value();
    const auto [known, fresh] = places.emplace(*key, out.size());
    if (fresh) {
      out.push_back({*key, std::move(value)});
    } else {
      out[known->second].value = std::move(value);
    }
  }
  return Value(std::move(out)).to_json();
}

// In the order of their coming, each once.
struct Paths {
  std::vector<std::string> all;
  std::set<std::string> seen;
};

void append_paths(Paths& out, const Value& value, const std::string& path) {
  if (out.all.size() >= kMaxElements) return;
  const auto add = [&out](const std::string& text) {
    if (out.seen.insert(text).second) out.all.push_back(text);
  };
  if (const Value::Object* object = value.if_object()) {
    for (const base::json::Member& each : *object) {
      const std::string inner = fmt::format("{}['{}']", path, each.name);
      add(inner);
      append_paths(out, each.value, inner);
    }
  } else if (const Items* items = value.if_array()) {
    const std::string inner = path + "[0]";
    if (!items->empty()) add(inner);
    for (const Value& each : *items)
      append_paths(out, each, inner);
  }
}

// treepath(value): the paths into it, each once; all elements of an array are [0].
Outcome tree_path(Arguments arguments) {
  const auto value = json_at(arguments, 0);
  if (!value || (value->if_object() == nullptr && value->if_array() == nullptr)) return {};
  Paths paths;
  append_paths(paths, *value, "");
  const Items out(paths.all.begin(), paths.all.end());
  return to_json(out);
}

// --- reduce ---

struct Pieces {
  std::vector<std::string_view> words;
  std::vector<std::string_view> between;  // what follows each word
};

// Words, divided by the characters, or by all that is neither letter nor digit of ASCII.
Pieces pieces_of(std::string_view text, std::string_view characters) {
  const auto divides = [characters](char c) {
    if (!characters.empty()) return characters.find(c) != std::string_view::npos;
    return !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  };
  Pieces out;
  for (std::size_t at = 0; at < text.size() || out.words.empty();) {
    std::size_t end = at;
    while (end < text.size() && !divides(text[end]))
      ++end;
    std::size_t next = end;
    while (next < text.size() && divides(text[next]))
      ++next;
    out.words.push_back(text.substr(at, end - at));
    out.between.push_back(text.substr(end, next - end));
    at = next;
    if (at >= text.size()) break;
  }
  return out;
}

struct Group {
  std::size_t count = 0;
  std::string_view example;
};

// reduce([texts], threshold, characters): [pattern, example] for each text. Words that are frequent
// at their place stay, the others become '*'; texts of patterns that are rare are "others". Source:
// R. Vaarandi, A Data Clustering Algorithm for Mining Patterns From Event Logs, 2003.
Outcome reduce(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  const double threshold = real_at(arguments, 1).value_or(0.1);
  const auto characters = text_at(arguments, 2).value_or("");
  if (!items) return {};
  const double least = threshold * static_cast<double>(items->size());
  std::map<std::pair<std::size_t, std::string_view>, std::size_t> words;
  std::vector<Pieces> texts;
  for (const Value& each : *items) {
    const std::string* text = each.if_string();
    texts.push_back(pieces_of(text == nullptr ? "" : std::string_view(*text), characters));
    for (std::size_t i = 0; i < texts.back().words.size(); ++i)
      ++words[{i, texts.back().words[i]}];
  }
  std::map<std::string, Group> groups;
  std::vector<std::string> patterns;
  for (std::size_t row = 0; row < texts.size(); ++row) {
    std::string pattern;
    bool any = false;
    for (std::size_t i = 0; i < texts[row].words.size(); ++i) {
      const bool frequent = static_cast<double>(words[{i, texts[row].words[i]}]) > least;
      any = any || (frequent && !texts[row].words[i].empty());
      if (!frequent && pattern.ends_with('*')) continue;
      // Characters that the query named only divide; others are part of the pattern.
      if (i > 0 && characters.empty()) pattern += texts[row].between[i - 1];
      pattern += frequent ? texts[row].words[i] : "*";
    }
    if (!any) pattern.clear();
    if (any) {
      Group& group = groups[pattern];
      if (group.count++ == 0) group.example = *(*items)[row].if_string();
    }
    patterns.push_back(std::move(pattern));
  }
  Items out;
  for (const std::string& pattern : patterns) {
    const auto group = groups.find(pattern);
    if (group == groups.end() || static_cast<double>(group->second.count) <= least) {
      out.emplace_back(Items{std::string("others"), std::string()});
    } else {
      out.emplace_back(Items{pattern, std::string(group->second.example)});
    }
  }
  return to_json(out);
}

constexpr std::array kNatives{
    Native{"native_bag_zip", "TT:J", bag_zip},
    Native{"native_treepath", "T:J", tree_path},
    Native{"native_reduce", "TRT:J", reduce},
};

}  // namespace

std::span<const Native> bag_natives() {
  return kNatives;
}

}  // namespace kql::natives
