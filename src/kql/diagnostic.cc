#include "kql/diagnostic.h"

#include <algorithm>

#include <fmt/format.h>

namespace kql {

std::string render(const Diagnostic& diagnostic, std::string_view query) {
  const std::size_t offset = std::min(diagnostic.offset, query.size());
  const std::size_t before = offset == 0 ? std::string_view::npos : query.rfind('\n', offset - 1);
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  const std::size_t end = std::min(query.find('\n', begin), query.size());
  const std::string_view text = query.substr(begin, end - begin);
  const std::size_t carets =
      std::clamp<std::size_t>(diagnostic.length, 1, std::max<std::size_t>(1, end - offset));
  // Tabs stay, so that the carets stand below what they mean.
  std::string indent;
  for (const char c : query.substr(begin, offset - begin)) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) indent += c == '\t' ? '\t' : ' ';
  }
  return fmt::format("{}:{}: {}: {}\n{}\n{}{}\n", diagnostic.line, diagnostic.column,
                     diagnostic.severity == Severity::Error ? "error" : "warning",
                     diagnostic.message, text, indent, std::string(carets, '^'));
}

}  // namespace kql
