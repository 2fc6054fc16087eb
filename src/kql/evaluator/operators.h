#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kql/ast/ast.h"
#include "kql/evaluator/cell.h"
#include "kql/evaluator/context.h"

// The operators between values.
namespace kql::evaluator {

Cell arithmetic(Context& context, ast::BinaryOp op, Cell left, Cell right);
Cell negate(Context& context, Cell value);

Cell compare(Context& context, ast::CompareOp op, Cell left, Cell right);
// Three-valued, over bools.
Cell both(const Cell& a, const Cell& b);
Cell either(const Cell& a, const Cell& b);
Cell opposite(const Cell& a);

bool text_match(Context& context, ast::TextOp op, bool case_sensitive, const std::string& text,
                const std::string& needle);
// value in (items): equality with any, null is no value.
bool is_one_of(Context& context, const Cell& value, std::span<const Cell> items,
               bool case_sensitive);

// A step into a dynamic value; the key is a string or a whole number.
Cell step_into(Context& context, const Cell& base, const Cell& key);

// Text in lower and in upper case, one character for one.
std::string lowered(std::string_view text);
std::string raised(std::string_view text);

// The characters of UTF-8 text, as numbers and back.
std::u32string characters(std::string_view text);
std::string utf8(std::u32string_view characters);

}  // namespace kql::evaluator
