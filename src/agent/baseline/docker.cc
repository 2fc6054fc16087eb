#include "agent/baseline/docker.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline::docker {

using base::Code;
using base::Result;
using base::json::Value;

namespace {

constexpr std::size_t kMaxObjects = 512;
constexpr int kMaxDepth = 16;

Result<std::vector<Value>> inspected(const Host& host, const std::string& list,
                                     const std::string& prefix, const std::string& suffix) {
  const Value all = TRY(get(host, list));
  std::vector<Value> out;
  if (all.if_array() == nullptr) return base::fail(Code::Malformed, "docker", -1, list);
  for (const Value& one : *all.if_array()) {
    if (out.size() >= kMaxObjects) return base::fail(Code::TooLarge, "docker", -1, list);
    const std::string id(one.text_or("Id", ""));
    // Ids are hexadecimal; nothing else goes into a request.
    if (id.empty() ||
        id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") != std::string::npos)
      return base::fail(Code::Malformed, "docker", -1, "an id");
    auto object = get(host, prefix + id + suffix);
    if (!object && object.error().code == Code::Unavailable) continue;  // gone in between
    out.push_back(TRY(std::move(object)));
  }
  return out;
}

void pretty(const std::string& name, const Value& value, int depth, std::vector<std::string>& out) {
  const std::string start = std::string(static_cast<std::size_t>(depth) * 4, ' ') + name;
  if (depth > kMaxDepth) return;
  if (const auto* const object = value.if_object(); object != nullptr && !object->empty()) {
    out.push_back(start + "{");
    for (const auto& each : *object)
      pretty(base::json::quoted(each.name) + ": ", each.value, depth + 1, out);
    out.push_back(std::string(static_cast<std::size_t>(depth) * 4, ' ') + "},");
  } else if (const auto* const array = value.if_array(); array != nullptr && !array->empty()) {
    out.push_back(start + "[");
    for (const Value& each : *array)
      pretty("", each, depth + 1, out);
    out.push_back(std::string(static_cast<std::size_t>(depth) * 4, ' ') + "],");
  } else {
    out.push_back(start + value.to_json() + ",");
  }
}

// As Go's templates print a value.
std::string go_text(const Value* value, int depth = 0) {
  if (value == nullptr) return "<no value>";
  if (value->is_null() || depth > kMaxDepth) return "<nil>";
  if (const auto* const text = value->if_string()) return *text;
  std::string out;
  if (const auto* const array = value->if_array()) {
    for (const Value& each : *array)
      out += (out.empty() ? "" : " ") + go_text(&each, depth + 1);
    return "[" + out + "]";
  }
  if (const auto* const object = value->if_object()) {
    std::vector<std::string> parts;
    for (const auto& each : *object)
      parts.push_back(each.name + ":" + go_text(&each.value, depth + 1));
    std::sort(parts.begin(), parts.end());
    return "map[" + joined(parts, " ") + "]";
  }
  return value->to_json();
}

// A template under way: what is in sight, and what is being read.
class Template {
 public:
  Template(std::string_view text, const Value& root) : text_(text), root_(root) {}

  Result<std::string> all() {
    std::string out = TRY(block(true, 0));
    if (!closing_.empty())
      return base::fail(Code::Malformed, "template", -1, closing_ + " without a start");
    return out;
  }

 private:
  // Up to the {{end}} or {{else}} that belongs to it; what is not wanted is read and thrown away.
  Result<std::string> block(bool wanted, int depth);
  Result<std::string> action(std::string_view words, bool wanted, int depth);
  Result<std::string> condition(std::string_view words, bool wanted, int depth);
  Result<std::string> loop(std::string_view words, bool wanted, int depth);
  const Value* value_of(std::string_view path) const;

  std::string_view text_;
  const Value& root_;
  std::size_t at_ = 0;
  std::string closing_;
  std::string variable_;
  const Value* variable_value_ = nullptr;
};

const Value* Template::value_of(std::string_view path) const {
  if (path == ".") return &root_;
  if (path.starts_with('$')) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    if (path.substr(0, dot) != variable_ || variable_value_ == nullptr) return nullptr;
    return dot == path.size() ? variable_value_ : member(*variable_value_, path.substr(dot + 1));
  }
  return path.starts_with('.') ? member(root_, path.substr(1)) : nullptr;
}

Result<std::string> Template::block(bool wanted, int depth) {
  if (depth > kMaxDepth) return base::fail(Code::TooLarge, "template");
  std::string out;
  closing_.clear();
  while (at_ < text_.size()) {
    const std::size_t start = std::min(text_.find("{{", at_), text_.size());
    if (wanted) out += text_.substr(at_, start - at_);
    at_ = start;
    if (at_ == text_.size()) break;
    const std::size_t end = text_.find("}}", at_);
    if (end == std::string_view::npos)
      return base::fail(Code::Malformed, "template", -1, "{{ without }}");
    const std::string_view words = base::trim(text_.substr(at_ + 2, end - at_ - 2));
    at_ = end + 2;
    if (words == "end" || words == "else") {
      closing_ = words;
      return out;
    }
    out += TRY(action(words, wanted, depth));
  }
  if (depth > 0) return base::fail(Code::Malformed, "template", -1, "no {{end}}");
  return out;
}

Result<std::string> Template::action(std::string_view words, bool wanted, int depth) {
  if (words.starts_with("if ")) return condition(words.substr(3), wanted, depth);
  if (words.starts_with("range ")) return loop(words.substr(6), wanted, depth);
  if (!wanted) return std::string();
  if (words.starts_with("json ")) {
    const Value* const value = value_of(base::trim(words.substr(5)));
    return value == nullptr ? "null" : value->to_json();
  }
  if (!words.starts_with('.') && !words.starts_with('$'))
    return base::fail(Code::Unsupported, "template", -1, std::string(words));
  return go_text(value_of(words));
}

Result<std::string> Template::condition(std::string_view words, bool wanted, int depth) {
  bool holds = false;
  const auto parts = quoted_words_of(words);
  if (parts.size() == 3 && (parts[0] == "eq" || parts[0] == "ne")) {
    holds = (go_text(value_of(parts[1])) == parts[2]) == (parts[0] == "eq");
  } else if (parts.size() == 1) {
    const Value* const value = value_of(parts[0]);
    const std::string text = go_text(value);
    holds = value != nullptr && !value->is_null() && text != "false" && text != "0" &&
            !text.empty() && text != "[]" && text != "map[]";
  } else {
    return base::fail(Code::Unsupported, "template", -1, std::string(words));
  }
  std::string out = TRY(block(wanted && holds, depth + 1));
  if (closing_ == "else") out += TRY(block(wanted && !holds, depth + 1));
  closing_.clear();
  return out;
}

Result<std::string> Template::loop(std::string_view words, bool wanted, int depth) {
  const std::size_t assign = words.find(":=");
  if (assign == std::string_view::npos)
    return base::fail(Code::Unsupported, "template", -1, "range without a variable");
  const std::string name(base::trim(words.substr(0, assign)));
  const Value* const list = value_of(base::trim(words.substr(assign + 2)));
  const std::size_t body = at_;
  const std::string outer = variable_;
  const Value* const outer_value = variable_value_;
  std::string out;
  variable_ = name;
  if (wanted && list != nullptr && list->if_array() != nullptr) {
    for (const Value& each : *list->if_array()) {
      at_ = body;
      variable_value_ = &each;
      out += TRY(block(true, depth + 1));
    }
  }
  // Once more for the place where it ends, in case the list is empty.
  at_ = body;
  variable_value_ = nullptr;
  TRY(block(false, depth + 1));
  variable_ = outer;
  variable_value_ = outer_value;
  closing_.clear();
  return out;
}

// 18.09.2 against 17.12.0, by as many parts as both have.
bool at_least(std::string_view has, std::string_view wants) {
  const auto a = base::split(has.substr(0, has.find_first_not_of("0123456789.")), '.');
  const auto b = base::split(wants, '.');
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const long long x = number_of(a[i]).value_or(0);
    const long long y = number_of(b[i]).value_or(0);
    if (x != y) return x > y;
  }
  return a.size() >= b.size();
}

}  // namespace

Result<Value> get(const Host& host, const std::string& path) {
  return base::json::parse(TRY(host.docker(path)));
}

Result<std::vector<Value>> containers(const Host& host) {
  return inspected(host, "/containers/json", "/containers/", "/json");
}

Result<std::vector<Value>> networks(const Host& host) {
  return inspected(host, "/networks", "/networks/", "");
}

Result<std::vector<std::string>> info_lines(const Host& host) {
  const Value info = TRY(get(host, "/info"));
  std::vector<std::string> lines;
  const auto add = [&](const char* title, const char* path) {
    lines.push_back(fmt::format("{}: {}", title, go_text(member(info, path))));
  };
  add("Containers", "Containers");
  add("Images", "Images");
  add("Server Version", "ServerVersion");
  add("Storage Driver", "Driver");
  add("Logging Driver", "LoggingDriver");
  add("Cgroup Driver", "CgroupDriver");
  add("Swarm", "Swarm.LocalNodeState");
  add("Kernel Version", "KernelVersion");
  add("Operating System", "OperatingSystem");
  add("Docker Root Dir", "DockerRootDir");
  add("Experimental", "ExperimentalBuild");
  add("Live Restore Enabled", "LiveRestoreEnabled");
  add("Security Options", "SecurityOptions");
  return lines;
}

Result<bool> version_at_least(const Host& host, std::string_view versions) {
  const Value answer = TRY(get(host, "/version"));
  const std::string has(answer.text_or("Version", ""));
  if (has.empty()) return base::fail(Code::Malformed, "docker", -1, "no version");
  const auto wants = base::split(versions, '/');
  const bool enterprise = has.find("-ee") != std::string::npos;
  return at_least(has, enterprise && wants.size() > 1 ? wants[1] : wants[0]);
}

Result<bool> in_swarm(const Host& host, bool wanted) {
  const Value info = TRY(get(host, "/info"));
  const Value* const state = member(info, "Swarm.LocalNodeState");
  const bool active =
      state != nullptr && state->if_string() != nullptr && *state->if_string() == "active";
  return active == wanted;
}

const Value* member(const Value& value, std::string_view path) {
  const Value* at = &value;
  for (const std::string_view name : base::split(path, '.')) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::vector<std::string> pretty_lines(const Value& value) {
  std::vector<std::string> lines;
  pretty("", value, 0, lines);
  return lines;
}

Result<std::string> render(std::string_view text, const Value& value) {
  return Template(text, value).all();
}

}  // namespace agent::baseline::docker
