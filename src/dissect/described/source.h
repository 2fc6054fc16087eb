#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace dissect::described {

// What leads from the whole of a JSON text to one of its values: members' names and elements'
// numbers.
using Path = std::vector<std::string>;

// The line (from 1) on which the value at `path` begins, or the nearest there is above it. The
// text is valid JSON.
std::size_t line_of(std::string_view json, const Path& path);

// A description while it is being read: its text, and what was found to be wrong with it.
class Source {
 public:
  static constexpr std::size_t kMostProblems = 20;

  Source(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  void problem(const Path& path, std::string_view what);
  bool good() const { return problems_.empty(); }
  // Code Invalid, with a line for each problem: "FILE:LINE: what".
  base::Error error() const;

 private:
  std::string_view text_;
  std::string file_;
  std::vector<std::string> problems_;
};

// An object of the description, which wants all of its members to be asked for. What is wrong
// becomes a problem of the source, and the caller goes on with a default.
class Node {
 public:
  Node(Source& source, const base::json::Value& value, Path path);

  const Path& path() const { return path_; }
  Path path_to(std::string_view member) const;
  void problem(std::string_view what) const { source_.problem(path_, what); }
  void problem(std::string_view member, std::string_view what) const {
    source_.problem(path_to(member), what);
  }
  Source& source() const { return source_; }

  bool has(std::string_view member) const { return value_.find(member) != nullptr; }
  // Null: not there. Asked for from now on.
  const base::json::Value* take(std::string_view member);
  // A member that has to be there.
  std::string text(std::string_view member);
  std::string text_or(std::string_view member, std::string_view otherwise);
  bool flag(std::string_view member, bool otherwise);
  std::int64_t number(std::string_view member, std::int64_t otherwise, std::int64_t least,
                      std::int64_t most);
  // A number or a list of them, of ranges "1-5" too; empty: there is none.
  struct Span {
    std::int64_t from = 0;
    std::int64_t to = 0;
  };
  std::vector<Span> numbers(std::string_view member, std::int64_t least, std::int64_t most);
  // The members that nobody asked for are problems.
  void done();

 private:
  Source& source_;
  const base::json::Value& value_;
  Path path_;
  std::vector<std::string_view> asked_;
};

// 7, "7", "0x1f"; none: it is no number.
std::optional<std::int64_t> number_of(const base::json::Value& value);
std::optional<std::int64_t> parse_number(std::string_view text);
// "0x10-0x1f", "7".
std::optional<Node::Span> span_of(std::string_view text);

}  // namespace dissect::described
