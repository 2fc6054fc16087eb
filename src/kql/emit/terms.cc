#include "kql/emit/terms.h"

#include <re2/re2.h>

namespace kql::emit {
namespace {

// Whether a term goes on at this byte. Beyond ASCII every character is taken for a letter.
bool is_term_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace

std::string term_pattern(ast::TextOp op, bool case_sensitive, std::span<const std::string> words) {
  std::string out = case_sensitive ? "" : "(?i)";
  bool first = true;
  for (const std::string& word : words) {
    if (!first) out += '|';
    first = false;
    if (op != ast::TextOp::HasSuffix && is_term_byte(word.front())) out += "(?:^|[^\\pL\\pN])";
    out += RE2::QuoteMeta(word);
    if (op != ast::TextOp::HasPrefix && is_term_byte(word.back())) out += "(?:$|[^\\pL\\pN])";
  }
  return out;
}

}  // namespace kql::emit
