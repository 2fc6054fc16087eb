#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace agent::baseline {

// Reads XML piece by piece: elements, attributes, text, CDATA; the five entities of its own and
// characters by number. UTF-8 only. A document type is refused, so nothing can be defined, fetched
// or multiplied. Comments and instructions are passed over.
//
// Errors: Malformed, with the line in its detail; Unsupported (document type, another encoding);
// TooLarge (a limit below). After an error there is no more to read. The text is borrowed.
// Threads: pure. Source: XML 1.0, fifth edition.
class XmlReader {
 public:
  static constexpr std::size_t kMaxBytes = 4U << 20U;
  static constexpr std::size_t kMaxDepth = 32;
  static constexpr std::size_t kMaxAttributes = 64;

  enum class Kind : std::uint8_t { Start, End, Text, Done };
  struct Piece {
    Kind kind = Kind::Done;
    std::string name;  // of Start and End
    std::vector<std::pair<std::string, std::string>> attributes;
    std::string text;
    std::size_t line = 0;

    // Empty when there is none.
    std::string_view attribute(std::string_view name) const;
  };

  explicit XmlReader(std::string_view text);
  // An empty element comes as Start and End. The outermost element's End is followed by Done.
  base::Result<Piece> next();

 private:
  base::Result<Piece> markup();
  base::Result<Piece> start_tag();
  base::Result<Piece> end_tag();
  base::Result<void> attribute(Piece& piece);
  base::Result<void> skip_past(std::string_view end, const char* what);
  base::Result<void> instruction();
  base::Result<std::string> decoded(std::string_view raw);
  std::string_view name();
  void skip_space();
  bool at(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  std::size_t line() const;
  std::unexpected<base::Error> malformed(const char* what) const;

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::string> open_;
  bool ended_ = false;        // the outermost element is closed
  bool pending_end_ = false;  // of an empty element
};

}  // namespace agent::baseline
