#include "kql/source.h"

#include <algorithm>

namespace kql {

Diagnostics::Diagnostics(std::string_view query) : query_(query) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < query.size(); ++i) {
    if (query[i] == '\n') line_starts_.push_back(i + 1);
  }
}

void Diagnostics::add(Severity severity, Span span, std::string message) {
  if (severity == Severity::Error) ++errors_;
  if (found_.size() >= kMaxDiagnostics) return;
  const std::size_t offset = std::min<std::size_t>(span.begin, query_.size());
  const auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1;
  const auto is_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto begin = query_.begin();
  const auto column = std::count_if(begin + static_cast<std::ptrdiff_t>(*line),
                                    begin + static_cast<std::ptrdiff_t>(offset), is_character);
  // The same place and words twice would only be noise: a shared subexpression is bound twice.
  for (const Diagnostic& known : found_) {
    if (known.offset == offset && known.message == message) return;
  }
  // Kept in the order of the text; of the same place, in the order of discovery.
  const auto place = std::upper_bound(
      found_.begin(), found_.end(), offset,
      [](std::size_t value, const Diagnostic& each) { return value < each.offset; });
  found_.insert(place, {.severity = severity,
                        .offset = offset,
                        .length = std::max<std::size_t>(
                                      std::min<std::size_t>(span.end, query_.size()), offset) -
                                  offset,
                        .line = static_cast<int>(line - line_starts_.begin()) + 1,
                        .column = static_cast<int>(column) + 1,
                        .message = std::move(message)});
}

std::vector<Diagnostic> Diagnostics::take() && {
  return std::move(found_);
}

}  // namespace kql
