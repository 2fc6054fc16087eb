#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sensor {

enum class What : std::uint8_t {
  Transactions,
  Assets,
  Flows,
  Health,
  Fields,
  Evidence,
  Issues,
  Nothing,
};
// Errors: Invalid, with those that there are.
base::Result<What> parse_what(std::string_view name);

// How it is written: lines of JSON, columns for people, logs as Zeek's, Suricata's EVE.
enum class Shape : std::uint8_t { Json, Table, Zeek, Eve };
// "ndjson", "table", "zeek", "eve". Errors: Invalid.
base::Result<Shape> parse_shape(std::string_view name);
// Errors: Invalid, where that cannot be written so.
base::Result<void> check_shape(What what, Shape shape);

struct ReadOptions {
  std::vector<std::string> files;
  What what = What::Transactions;
  Shape shape = Shape::Json;
  unsigned int workers = 1;
  bool keep_duplicates = false;
  std::string edits;      // a file of what people changed of devices; empty: none
  std::string protocols;  // a folder of descriptions; empty: none
};

// Reads captures through the whole path, and writes what was asked for. What could not be read is
// said on standard error. Returns the process's exit code: 0; 1 when a file could not be read to
// its end, or the output not be written.
int read(const ReadOptions& options, std::FILE* out);

}  // namespace sensor
