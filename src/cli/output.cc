#include "cli/output.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "base/text.h"

namespace cli {

using base::json::Value;

namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

// Columns on a terminal: one for each code point. Wide characters make a column ragged, no worse.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

std::string_view color_of(std::string_view text) {
  if (text == "High") return "\x1b[31m";
  if (text == "Medium") return "\x1b[33m";
  if (text == "Low") return "\x1b[36m";
  if (text == "Connected") return "\x1b[32m";
  return "";
}

void print_row(std::ostream& out, const std::vector<std::string>& cells,
               const std::vector<std::size_t>& widths, Color color, std::string_view style) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string_view paint = color == Color::No ? ""
                                   : style.empty()    ? color_of(cells[i])
                                                      : style;
    out << paint << cells[i] << (paint.empty() ? "" : kPlain);
    if (i + 1 < cells.size()) out << std::string(widths[i] - width(cells[i]) + 2, ' ');
  }
  out << '\n';
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;  // U+0080 to U+009F
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (c1) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
    } else {
      out += text[i];
    }
  }
  return out;
}

void print_table(std::ostream& out, const Grid& grid, Color color) {
  std::vector<std::size_t> widths;
  for (const std::string& heading : grid.headings)
    widths.push_back(width(heading));
  std::vector<std::vector<std::string>> rows;
  for (const auto& row : grid.rows) {
    rows.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      rows.back().push_back(printable(row[i]));
      widths[i] = std::max(widths[i], width(rows.back()[i]));
    }
  }
  print_row(out, grid.headings, widths, color, kBold);
  for (const auto& row : rows)
    print_row(out, row, widths, color, "");
}

void print_csv(std::ostream& out, const Grid& grid) {
  const auto print = [&out](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) out << ',';
      if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
        out << cells[i];
        continue;
      }
      out << '"';
      for (const char c : cells[i])
        out << (c == '"' ? "\"\"" : std::string(1, c));
      out << '"';
    }
    out << "\r\n";
  };
  print(grid.headings);
  for (const auto& row : grid.rows)
    print(row);
}

namespace {

void print_indented(std::ostream& out, const Value& value, std::size_t depth) {
  const std::string indent(2 * depth + 2, ' ');
  const std::string end(2 * depth, ' ');
  const char* separator = "\n";
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out << '{';
    for (const auto& member : *object) {
      out << separator << indent << base::json::quoted(member.name) << ": ";
      print_indented(out, member.value, depth + 1);
      separator = ",\n";
    }
    out << '\n' << end << '}';
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    out << '[';
    for (const Value& item : *array) {
      out << separator << indent;
      print_indented(out, item, depth + 1);
      separator = ",\n";
    }
    out << '\n' << end << ']';
  } else {
    out << value.to_json();
  }
}

}  // namespace

void print_json(std::ostream& out, const Value& value) {
  print_indented(out, value, 0);
  out << '\n';
}

std::string cell(const Value* value) {
  if (value == nullptr || value->is_null()) return "";
  if (const std::string* text = value->if_string()) return *text;
  return value->to_json();
}

const Value* find_path(const Value& value, std::string_view path) {
  const Value* at = &value;
  for (const std::string_view name : base::split(path, '.')) {
    at = at->find(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}

Grid make_grid(const Value::Array& items, std::initializer_list<Field> fields) {
  Grid grid;
  for (const Field& field : fields)
    grid.headings.emplace_back(field.heading);
  for (const Value& item : items) {
    grid.rows.emplace_back();
    for (const Field& field : fields)
      grid.rows.back().push_back(cell(find_path(item, field.path)));
  }
  return grid;
}

void print_record(std::ostream& out, const Value& object, std::initializer_list<Field> fields) {
  std::size_t widest = 0;
  for (const Field& field : fields)
    widest = std::max(widest, width(field.heading));
  for (const Field& field : fields) {
    const std::string text = printable(cell(find_path(object, field.path)));
    if (text.empty()) continue;
    out << field.heading << ':' << std::string(widest - width(field.heading) + 2, ' ') << text
        << '\n';
  }
}

}  // namespace cli
