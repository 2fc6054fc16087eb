#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace advisories {

// How records lie in a JSON text.
enum class Shape : std::uint8_t {
  Tracker,    // {"package": {"CVE-...": RECORD, ...}, ...}: the Debian security tracker's
  Documents,  // RECORD, RECORD RECORD, or [RECORD, ...]: OSV's, alone, as lines, as a list
};
// By how a text begins. nullopt: more of it is needed (up to kShapePrefix bytes), or it is neither.
inline constexpr std::size_t kShapePrefix = 65536;
std::optional<Shape> shape_of(std::string_view prefix);

// Cuts a JSON text that comes in pieces into its records, without reading these: memory is that of
// the largest record. What is wrong within a record is for whoever reads it.
//
//   Splitter splitter(Shape::Documents, 1 << 20);
//   TRY(splitter.feed(piece, sink)); ... TRY(splitter.finish(sink));
class Splitter {
 public:
  struct Record {
    std::string_view package;  // of the tracker: the names that it stands under, as written
    std::string_view name;
    std::string_view json;  // followed by kPadding bytes that may be read
  };
  // What is given is valid for the call.
  using Sink = std::function<void(const Record&)>;
  static constexpr std::size_t kPadding = 64;

  // Records above `most` bytes are left out and counted.
  Splitter(Shape shape, std::size_t most) : shape_(shape), most_(most) {}

  // Errors: Malformed (brackets or names where there can be none; at: an offset into the text),
  // TooLarge (a name). Nothing more can be read then.
  base::Result<void> feed(std::string_view bytes, const Sink& sink);
  // The text is over. Errors: Truncated.
  base::Result<void> finish(const Sink& sink);

  std::uint64_t too_large() const { return too_large_; }
  // Documents that end within, at a line that can only begin the next one: read on with that.
  std::uint64_t broken() const { return broken_; }

 private:
  base::Result<void> outside(char c);
  void begin(char c);
  std::size_t inside(std::string_view bytes, const Sink& sink);
  std::size_t in_name(std::string_view bytes);
  void take(std::string_view bytes);
  void give(const Sink& sink);
  base::Result<void> wrong(const char* what) const;
  std::size_t record_depth() const { return shape_ == Shape::Tracker ? 2 : list_ ? 1 : 0; }

  const Shape shape_;
  const std::size_t most_;
  std::uint64_t offset_ = 0;
  std::uint64_t too_large_ = 0;
  std::uint64_t broken_ = 0;
  bool list_ = false;       // Documents within brackets
  std::size_t depth_ = 0;   // of what is open outside of records
  bool over_ = false;       // the outermost is closed
  bool naming_ = false;     // within a name
  bool named_ = false;      // a name was read, its value comes next
  bool escaped_ = false;    // the next character belongs to a backslash
  std::string names_[2];    // of the depths 1 and 2  NOLINT(modernize-avoid-c-arrays)
  bool recording_ = false;  // within a record
  bool text_ = false;       // within a text of it
  bool scalar_ = false;     // it is a number or a word, which ends where something else begins
  bool oversized_ = false;
  char last_ = 0;            // before the bytes that come
  std::size_t nesting_ = 0;  // brackets of it that are open
  std::string record_;
};

}  // namespace advisories
