#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

// The query language of Azure IoT Hub over device and module twins and jobs:
//   SELECT [TOP n] * | columns FROM devices | devices.modules | devices.jobs
//   [WHERE condition] [GROUP BY expressions]
// docs/reference/twin-queries.md describes it. Nothing here touches storage: a query is asked about
// one document at a time. Threads: pure.
namespace iotql {

inline constexpr std::size_t kMaxQueryBytes = 16U << 10U;
inline constexpr int kMaxDepth = 64;            // of nested expressions
inline constexpr std::size_t kMaxColumns = 64;  // and expressions of GROUP BY
inline constexpr std::size_t kMaxGroups = 10'000;
inline constexpr std::size_t kMaxGroupKeyBytes = 1024;
inline constexpr std::size_t kMaxGroupBytes = 32U << 20U;  // of their keys and texts
inline constexpr std::size_t kMaxTextBytes = 64U << 10U;   // of a text that a function makes

// What is wrong with a query, and where: line and column count from 1, in bytes.
struct Problem {
  std::string message;
  std::size_t offset = 0;
  std::size_t length = 0;
  std::size_t line = 1;
  std::size_t column = 1;

  std::string to_string() const;  // "1:15: ..."
};

enum class From : std::uint8_t { Devices, Modules, Jobs };
std::string_view to_string(From from);

// One step of a path: a member's name, or (index >= 0) an item of an array.
struct Step {
  std::string name;
  std::int64_t index = -1;
  bool operator==(const Step&) const = default;
};

// What a query looks at. Its parts may be read only when they are asked for.
class Document {
 public:
  virtual ~Document() = default;

  struct Found {
    const base::json::Value* value = nullptr;  // nullptr: there is no such thing
    std::size_t steps = 1;                     // of the path, that lead to the value
  };
  // The start of a path. Names of the hub's own (deviceId, tags, properties.desired, ..) come as it
  // writes them, however the query did. The value lives until the document changes.
  virtual Found find(std::span<const Step> path) const = 0;
  // All of it, as one JSON object: what SELECT * gives.
  virtual void write(base::json::Writer& writer) const = 0;
};

// A document that is there already; the value must outlive it.
class ValueDocument final : public Document {
 public:
  explicit ValueDocument(const base::json::Value& value) : value_(value) {}
  Found find(std::span<const Step> path) const override;
  void write(base::json::Writer& writer) const override { value_.write(writer); }

 private:
  const base::json::Value& value_;
};

// Something that holds for each document that the condition accepts (the reverse is not said): what
// the path leads to is one of the values, or starts with the first. A store may use it to read
// less.
struct Restriction {
  enum class Kind : std::uint8_t { OneOf, StartsWith };
  Kind kind = Kind::OneOf;
  std::vector<Step> path;
  std::vector<base::json::Value> values;  // texts, numbers, booleans; texts with StartsWith
};

struct Parsed;

// A query that was understood. Cheap to copy.
class Query {
 public:
  static std::expected<Query, Problem> parse(std::string_view text);
  // What selects the targets of a configuration: a condition on device twins, a query's end from
  // FROM on (FROM devices.modules WHERE ..), or * for all devices. An empty one selects nothing.
  static std::expected<Query, Problem> parse_target(std::string_view condition);

  From from() const;
  std::optional<std::size_t> top() const;
  bool selects_all() const;  // SELECT *: rows are whole documents
  bool aggregates() const;   // rows are groups: see Groups

  bool matches(const Document& document) const;
  // Writes a row: the columns that are defined, as one object. Not of a query that aggregates.
  void write_row(const Document& document, base::json::Writer& writer) const;

  const std::vector<Restriction>& restrictions() const;
  // Does the condition look at something below that path of names?
  bool condition_uses(std::span<const std::string_view> path) const;

 private:
  friend class Groups;
  explicit Query(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}
  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace iotql
