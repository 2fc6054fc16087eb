#include "kql/evaluator/shrink.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "kql/parse/parse.h"

namespace kql::evaluator {
namespace {

struct Edit {
  std::size_t begin;
  std::size_t end;
  std::string text;

  std::size_t gain() const { return end - begin - text.size(); }
};

void add(std::vector<Edit>& edits, std::size_t begin, std::size_t end, std::string text) {
  if (begin < end && text.size() < end - begin) edits.push_back({begin, end, std::move(text)});
}

// Each operator with the '|' before it.
void leave_out_operators(const ast::Pipeline& pipeline, std::string_view query,
                         std::vector<Edit>& edits) {
  for (const ast::Operator& op : pipeline.operators) {
    const std::size_t bar = query.substr(0, op.span.begin).rfind('|');
    if (bar != std::string_view::npos) add(edits, bar, op.span.end, "");
  }
}

void leave_out_rows(const ast::DataTable& table, std::vector<Edit>& edits) {
  const std::size_t width = table.columns.size();
  for (std::size_t i = 0; width > 0 && i + width <= table.values.size(); i += width) {
    const bool last = i + width == table.values.size();
    const std::size_t begin =
        last && i > 0 ? table.values[i - 1]->span.end : table.values[i]->span.begin;
    const std::size_t end =
        last ? table.values[i + width - 1]->span.end : table.values[i + width]->span.begin;
    add(edits, begin, end, "");
  }
}

std::vector<Edit> edits_of(const std::string& query) {
  Diagnostics diagnostics(query);
  const ast::Tree tree = parse::parse(diagnostics);
  std::vector<Edit> edits;
  std::vector<Span> spans;
  for (const ast::Expr& expr : tree.exprs) {
    spans.push_back(expr.span);
    if (const auto* pipe = std::get_if<ast::Pipeline>(&expr.form)) {
      leave_out_operators(*pipe, query, edits);
    }
    if (const auto* rows = std::get_if<ast::DataTable>(&expr.form)) leave_out_rows(*rows, edits);
  }
  constexpr std::array<std::string_view, 5> kSimple{"1", "true", "'x'", "dynamic(null)", "1h"};
  for (const Span& outer : spans) {
    for (const std::string_view simple : kSimple)
      add(edits, outer.begin, outer.end, std::string(simple));
    for (const Span& inner : spans) {
      if (inner.begin < outer.begin || inner.end > outer.end) continue;
      add(edits, outer.begin, outer.end, query.substr(inner.begin, inner.end - inner.begin));
    }
  }
  std::stable_sort(edits.begin(), edits.end(),
                   [](const Edit& a, const Edit& b) { return a.gain() > b.gain(); });
  return edits;
}

}  // namespace

std::string shrink(std::string query, const std::function<bool(const std::string&)>& fails,
                   std::size_t attempts) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (const Edit& edit : edits_of(query)) {
      if (attempts == 0) return query;
      --attempts;
      std::string candidate = query;
      candidate.replace(edit.begin, edit.end - edit.begin, edit.text);
      if (!fails(candidate)) continue;
      query = std::move(candidate);
      smaller = true;
      break;
    }
  }
  return query;
}

}  // namespace kql::evaluator
