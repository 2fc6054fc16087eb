#include "base/text.h"
#include "kql/bind/bind.h"
#include "kql/emit/emit.h"
#include "kql/kql.h"
#include "kql/parse/parse.h"

namespace kql {
namespace {

// What the lexer need not think about: length, encoding, zero bytes.
bool acceptable(std::string_view query, Diagnostics& diagnostics) {
  if (query.size() > kMaxQueryBytes) {
    diagnostics.error({0, 0}, "the query is longer than 64 KiB");
    return false;
  }
  const auto zero = query.find('\0');
  if (zero != std::string_view::npos) {
    const auto at = static_cast<std::uint32_t>(zero);
    diagnostics.error({at, at + 1}, "a zero byte in the query");
    return false;
  }
  if (!base::is_utf8(query)) {
    diagnostics.error({0, 0}, "the query is not valid UTF-8");
    return false;
  }
  return true;
}

std::optional<plan::Plan> understand(std::string_view query, const Catalogue& catalogue,
                                     const bind::Settings& settings, Diagnostics& diagnostics) {
  if (!acceptable(query, diagnostics)) return std::nullopt;
  const ast::Tree tree = parse::parse(diagnostics);
  return bind::bind(tree, catalogue, settings, diagnostics);
}

bind::Probe probe_of(const Options& options) {
  if (!options.probe) return {};
  return [&options](const plan::Plan& plan, std::string_view around) {
    std::string sql(around);
    sql.replace(sql.find("{}"), 2, emit::emit(plan, 0));
    return options.probe(sql);
  };
}

}  // namespace

std::expected<Compiled, std::vector<Diagnostic>> compile(std::string_view query,
                                                         const Catalogue& catalogue,
                                                         const Options& options) {
  Diagnostics diagnostics(query);
  const auto plan = understand(query, catalogue,
                               {.now = to_ticks(options.now),
                                .time_range = options.time_range,
                                .probe = probe_of(options),
                                .parameters = &options.parameters},
                               diagnostics);
  if (!plan) return std::unexpected(std::move(diagnostics).take());
  Compiled out;
  out.sql = emit::emit(*plan, options.row_limit);
  for (const plan::NamedColumn& column : plan->columns)
    out.columns.push_back({column.name, column.type});
  if (plan->render) {
    Render render{plan->render->kind.text, {}};
    for (const ast::Property& property : plan->render->properties) {
      render.properties.emplace_back(property.name.text, property.value.text);
    }
    out.render = std::move(render);
  }
  out.warnings = std::move(diagnostics).take();
  return out;
}

std::vector<Diagnostic> validate(std::string_view query, const Catalogue& catalogue) {
  Diagnostics diagnostics(query);
  understand(query, catalogue,
             {.now = to_ticks({}), .time_range = {}, .probe = {}, .lenient = true}, diagnostics);
  return std::move(diagnostics).take();
}

std::vector<DeclaredParameter> declared_parameters(std::string_view query) {
  std::vector<DeclaredParameter> out;
  Diagnostics diagnostics(query);
  if (!acceptable(query, diagnostics)) return out;
  const ast::Tree tree = parse::parse(diagnostics);
  for (const ast::Parameter& each : tree.query->parameters) {
    if (each.name.text.empty() || each.tabular) continue;
    out.push_back({each.name.text, each.type, each.otherwise == nullptr});
  }
  return out;
}

std::string_view duckdb_prelude() {
  return emit::prelude();
}

}  // namespace kql
