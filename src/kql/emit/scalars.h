#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kql/plan/plan.h"

namespace kql::emit {

std::string column_name(plan::ColumnId id);

// Expressions as SQL. A table within one (x in (T)) goes through `table`.
class Scalars {
 public:
  using TableEmitter = std::function<std::string(const plan::Node&)>;
  explicit Scalars(TableEmitter table) : table_(std::move(table)) {}

  // The value. Strings never come out as NULL.
  std::string value(const plan::Expr& expr) const;
  // The same where NULL and false mean the same: a filter. Simpler, so that DuckDB can use it.
  std::string condition(const plan::Expr& expr) const;
  // An overload's SQL with the arguments filled in.
  std::string fill(const functions::Overload& overload,
                   const std::vector<const plan::Expr*>& arguments, std::string_view order) const;

 private:
  std::string form(const plan::Expr& expr, const plan::Constant& form) const;
  std::string form(const plan::Expr& expr, const plan::ColumnRef& form) const;
  std::string form(const plan::Expr& expr, const plan::Apply& form) const;
  std::string form(const plan::Expr& expr, const plan::Arithmetic& form) const;
  std::string form(const plan::Expr& expr, const plan::Logic& form) const;
  std::string form(const plan::Expr& expr, const plan::Compare& form) const;
  std::string form(const plan::Expr& expr, const plan::Between& form) const;
  std::string form(const plan::Expr& expr, const plan::TextMatch& form) const;
  std::string form(const plan::Expr& expr, const plan::TextMatchArray& form) const;
  std::string form(const plan::Expr& expr, const plan::InList& form) const;
  std::string form(const plan::Expr& expr, const plan::InArray& form) const;
  std::string form(const plan::Expr& expr, const plan::InTable& form) const;
  std::string form(const plan::Expr& expr, const plan::Choose& form) const;
  std::string form(const plan::Expr& expr, const plan::JsonPath& form) const;
  std::string form(const plan::Expr& expr, const plan::Pack& form) const;
  std::string form(const plan::Expr& expr, const plan::PackArray& form) const;
  std::string form(const plan::Expr& expr, const plan::ScalarRef& form) const;

  std::string compared(const plan::Expr& side, const plan::Expr& other) const;
  std::string list(const std::vector<const plan::Expr*>& values) const;
  std::string needle_match(const plan::TextMatch& form, const plan::Expr& needle) const;
  std::string text_path(const plan::JsonPath& path) const;
  std::string in_items(const plan::InList& form) const;
  std::string ordered(const plan::Compare& form, bool filters) const;

  TableEmitter table_;
};

}  // namespace kql::emit
