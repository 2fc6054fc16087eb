#include "kql/functions/function.h"

#include <algorithm>
#include <map>

#include "base/result.h"

namespace kql::functions {
namespace {

std::string_view take_until(std::string_view& rest, std::string_view stop) {
  const std::size_t end = std::min(rest.find(stop), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), end + stop.size()));
  return taken;
}

void read_type(std::string_view text, Type& type, Generic& generic) {
  if (text == "text") {
    generic = Generic::Text;
  } else if (text == "any") {
    generic = Generic::Any;
  } else if (text == "T") {
    generic = Generic::T;
  } else if (text == "N") {
    generic = Generic::N;
  } else if (text == "O") {
    generic = Generic::O;
  } else {
    const auto known = type_of_name(text);
    ASSERT(known.has_value());
    type = *known;
  }
}

Overload read(const Entry& entry) {
  Overload out;
  out.entry = &entry;
  std::string_view rest = entry.signature;
  ASSERT(rest.starts_with("("));
  rest.remove_prefix(1);
  std::string_view inside = take_until(rest, "): ");
  read_type(rest, out.result, out.result_generic);
  while (!inside.empty()) {
    std::string_view part = take_until(inside, ", ");
    Parameter parameter;
    parameter.name = take_until(part, ": ");
    if (part.starts_with("const ")) {
      parameter.constant = true;
      part.remove_prefix(6);
    }
    if (part.ends_with("...")) {
      out.variadic = true;
      part.remove_suffix(3);
    }
    read_type(part, parameter.type, parameter.generic);
    out.parameters.push_back(parameter);
  }
  return out;
}

// The table, by kind and name; read once.
class Table {
 public:
  Table() {
    for (const auto part : {conversions(), text_functions(), time_functions(), number_functions(),
                            dynamic_functions(), aggregates()}) {
      for (const Entry& entry : part) {
        auto& overloads = kinds_[static_cast<std::size_t>(entry.kind)][entry.name];
        overloads.push_back(read(entry));
      }
    }
    for (std::size_t kind = 0; kind < 3; ++kind) {
      for (const auto& [name, overloads] : kinds_[kind])
        names_[kind].push_back(name);
    }
  }

  std::span<const Overload> find(std::string_view name, Kind kind) const {
    const auto& map = kinds_[static_cast<std::size_t>(kind)];
    const auto found = map.find(name);
    if (found == map.end()) return {};
    return found->second;
  }
  const std::vector<std::string_view>& names(Kind kind) const {
    return names_[static_cast<std::size_t>(kind)];
  }

 private:
  std::map<std::string_view, std::vector<Overload>> kinds_[3];
  std::vector<std::string_view> names_[3];
};

const Table& table() {
  static const Table instance;
  return instance;
}

std::string_view conversion_name(Type to) {
  switch (to) {
    case Type::Bool:
      return "tobool";
    case Type::Int:
      return "toint";
    case Type::Long:
      return "tolong";
    case Type::Real:
      return "toreal";
    case Type::Decimal:
      return "todecimal";
    case Type::String:
      return "tostring";
    case Type::DateTime:
      return "todatetime";
    case Type::TimeSpan:
      return "totimespan";
    case Type::Guid:
      return "toguid";
    case Type::Dynamic:
      return "todynamic";
  }
  return "";
}

}  // namespace

std::span<const Overload> find(std::string_view name, Kind kind) {
  return table().find(name, kind);
}

const std::vector<std::string_view>& names(Kind kind) {
  return table().names(kind);
}

const Overload* conversion(Type from, Type to) {
  for (const Overload& overload : find(conversion_name(to), Kind::Scalar)) {
    const Parameter& parameter = overload.parameters.front();
    if (parameter.generic == Generic::None && parameter.type == from) return &overload;
  }
  return nullptr;
}

}  // namespace kql::functions
