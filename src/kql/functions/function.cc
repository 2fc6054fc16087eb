#include "kql/functions/function.h"

#include <algorithm>
#include <array>
#include <functional>
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

// Conversions that only the binder asks for; no query can call them.
bool is_hidden(std::string_view name) {
  return name.starts_with('$');
}

// Older and longer names: the same overloads once more.
struct Alias {
  std::string_view name;
  std::string_view of;
  Kind kind = Kind::Scalar;
};
constexpr std::array kAliases{
    Alias{"array_iif", "array_iff"},
    Alias{"array_strcat", "strcat_array"},
    Alias{"arraylength", "array_length"},
    Alias{"base64_decodestring", "base64_decode_tostring"},
    Alias{"base64_encodestring", "base64_encode_tostring"},
    Alias{"datepart", "datetime_part"},
    Alias{"extractall", "extract_all"},
    Alias{"floor", "bin"},
    Alias{"getmonth", "monthofyear"},
    Alias{"make_string", "unicode_codepoints_to_string"},
    Alias{"merge_tdigest", "tdigest_merge"},
    Alias{"notempty", "isnotempty"},
    Alias{"notnull", "isnotnull"},
    Alias{"parse_json", "todynamic"},
    Alias{"parsejson", "todynamic"},
    Alias{"parseurl", "parse_url"},
    Alias{"parseurlquery", "parse_urlquery"},
    Alias{"to_utf8", "unicode_codepoints_from_string"},
    Alias{"toboolean", "tobool"},
    Alias{"todouble", "toreal"},
    Alias{"toobject", "todynamic"},
    Alias{"totime", "totimespan"},
    Alias{"url_encode_component", "url_encode"},
    Alias{"weekofyear", "week_of_year"},
    Alias{"merge_tdigest", "tdigest_merge", Kind::Aggregate},
};

// The table, by kind and name; read once.
class Table {
 public:
  Table() {
    for (const auto part : {conversions(), text_functions(), time_functions(), number_functions(),
                            dynamic_functions(), network_functions(), encoding_functions(),
                            series_functions(), aggregates()}) {
      for (const Entry& entry : part) {
        auto& overloads = kinds_[static_cast<std::size_t>(entry.kind)][entry.name];
        overloads.push_back(read(entry));
      }
    }
    for (const Alias& alias : kAliases) {
      auto& map = kinds_[static_cast<std::size_t>(alias.kind)];
      ASSERT(map.contains(alias.of));
      map[alias.name] = map[alias.of];
    }
    for (std::size_t kind = 0; kind < 3; ++kind) {
      for (const auto& [name, overloads] : kinds_[kind]) {
        if (!is_hidden(name)) names_[kind].push_back(name);
      }
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
  if (is_hidden(name)) return {};
  return table().find(name, kind);
}

const std::vector<std::string_view>& names(Kind kind) {
  return table().names(kind);
}

std::span<const std::string_view> special_names() {
  static constexpr auto kNames = std::to_array<std::string_view>({
      "ago",
      "bag_pack",
      "bag_pack_columns",
      "bin_auto",
      "case",
      "column_if_exists",
      "column_ifexists",
      "columnifexists",
      "estimate_data_size",
      "extract_json",
      "extractjson",
      "format_datetime",
      "hash_many",
      "iff",
      "iif",
      "ingestion_time",
      "iscolumnexists",
      "materialize",
      "next",
      "now",
      "pack",
      "pack_all",
      "pack_array",
      "pack_dictionary",
      "prev",
      "row_cumsum",
      "row_number",
      "row_rank_dense",
      "row_rank_min",
      "row_window_session",
      "series_decompose",
      "series_decompose_anomalies",
      "series_decompose_forecast",
      "series_fft",
      "series_fit_2lines",
      "series_fit_line",
      "series_fit_poly",
      "series_ifft",
      "series_periods_detect",
      "series_periods_validate",
      "series_stats",
      "toscalar",
  });
  return kNames;
}

bool is_conversion(const Overload& overload) {
  const std::span<const Entry> entries = conversions();
  const std::less<> before;
  return !before(overload.entry, entries.data()) &&
         before(overload.entry, entries.data() + entries.size());
}

const Overload* conversion(Type from, Type to) {
  const bool hidden = to == Type::Dynamic && from != Type::String;
  const std::string_view name = hidden ? "$todynamic" : conversion_name(to);
  for (const Overload& overload : table().find(name, Kind::Scalar)) {
    const Parameter& parameter = overload.parameters.front();
    if (parameter.generic == Generic::None && parameter.type == from) return &overload;
  }
  return nullptr;
}

}  // namespace kql::functions
