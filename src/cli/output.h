#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/settings.h"

namespace cli {

// Rows of text under headings, for people (table) and spreadsheets (csv).
struct Grid {
  std::vector<std::string> headings;
  std::vector<std::vector<std::string>> rows;  // each as long as headings
};

enum class Color : bool { No, Yes };

// Columns side by side, cut to nothing; control characters are shown as \xNN, so that what devices
// send cannot steer a terminal.
void print_table(std::ostream& out, const Grid& grid, Color color);
// RFC 4180, with a line of headings.
void print_csv(std::ostream& out, const Grid& grid);
// Indented by two.
void print_json(std::ostream& out, const base::json::Value& value);

// A value as the text of one cell: text itself, null empty, lists and objects as JSON.
std::string cell(const base::json::Value* value);
// The member at a path of names: "rule.title".
const base::json::Value* find_path(const base::json::Value& value, std::string_view path);

// The text with control characters (line ends too) shown as escapes.
std::string printable(std::string_view text);

// Which members of JSON objects make the columns: heading and path.
struct Field {
  const char* heading;
  const char* path;
};
Grid make_grid(const base::json::Value::Array& items, std::initializer_list<Field> fields);

// One object as "Heading:  value" lines; fields without a value are left out.
void print_record(std::ostream& out, const base::json::Value& object,
                  std::initializer_list<Field> fields);

}  // namespace cli
