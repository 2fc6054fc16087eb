#include "kql/emit/terms.h"

#include <re2/re2.h>

namespace kql::emit {
namespace {

bool starts_with_term(const std::string& word) {
  static const RE2 kStart("^[\\pL\\pN]");
  return RE2::PartialMatch(word, kStart);
}

bool ends_with_term(const std::string& word) {
  static const RE2 kEnd("[\\pL\\pN]$");
  return RE2::PartialMatch(word, kEnd);
}

}  // namespace

std::string term_pattern(ast::TextOp op, bool case_sensitive, std::span<const std::string> words) {
  std::string out = case_sensitive ? "" : "(?i)";
  bool first = true;
  for (const std::string& word : words) {
    if (!first) out += '|';
    first = false;
    if (op != ast::TextOp::HasSuffix && starts_with_term(word)) out += "(?:^|[^\\pL\\pN])";
    out += RE2::QuoteMeta(word);
    if (op != ast::TextOp::HasPrefix && ends_with_term(word)) out += "(?:$|[^\\pL\\pN])";
  }
  return out;
}

}  // namespace kql::emit
