#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kql/diagnostic.h"

namespace kql {

// A piece of the query text, in bytes: [begin, end).
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

constexpr Span join(Span first, Span last) {
  return {first.begin, last.end};
}

// Collects what is wrong with one query. The text is borrowed and must outlive the object.
// Stops collecting at a limit: whoever made a hundred errors reads the first twenty.
class Diagnostics {
 public:
  static constexpr std::size_t kMaxDiagnostics = 20;

  explicit Diagnostics(std::string_view query);

  void error(Span span, std::string message) { add(Severity::Error, span, std::move(message)); }
  void warning(Span span, std::string message) { add(Severity::Warning, span, std::move(message)); }

  bool has_errors() const { return errors_ != 0; }
  std::size_t errors() const { return errors_; }
  std::string_view query() const { return query_; }
  std::string_view text(Span span) const {
    return query_.substr(span.begin, span.end - span.begin);
  }

  // Sorted by place.
  std::vector<Diagnostic> take() &&;

 private:
  void add(Severity severity, Span span, std::string message);

  std::string_view query_;
  std::vector<std::size_t> line_starts_;
  std::vector<Diagnostic> found_;
  std::size_t errors_ = 0;
};

}  // namespace kql
