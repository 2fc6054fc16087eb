#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/catalogue.h"
#include "kql/kql.h"
#include "kql/parameters.h"
#include "kql/plan/plan.h"
#include "kql/source.h"
#include "kql/ticks.h"

namespace kql::bind {

// The rows of `plan`, through the query around "{}": all texts. nullopt: no answer.
using Probed = std::vector<std::vector<std::string>>;
using Probe = std::function<std::optional<Probed>(const plan::Plan& plan, std::string_view around)>;

struct Visible;

struct Settings {
  Ticks now = 0;                             // what now() means
  std::optional<TimeRange> time_range = {};  // of the catalogue's tables
  // For operators whose columns depend on rows; empty: nobody to ask.
  Probe probe;
  // Values of the query's parameters, by name; nullptr: none.
  const Parameters* parameters = nullptr;
  // Only what is wrong is wanted: columns that nobody could be asked for are no error.
  bool lenient = false;
  // Gets what can be named where the text ends; see visible.h.
  Visible* visible = nullptr;
};

// For completion: the plugins of evaluate, the kinds of charts, and those behind kind= of an
// operator.
std::span<const std::string_view> plugin_names();
std::span<const std::string_view> chart_names();
std::vector<std::string_view> kinds_of(std::string_view operator_name);

// Gives every name and operator of the tree its meaning: tables of the catalogue, columns, types,
// overloads. nullopt after an error, which is in `diagnostics`; carries
// on after one as far as that makes sense, so that one run reports most of what is wrong.
std::optional<plan::Plan> bind(const ast::Tree& tree, const Catalogue& catalogue,
                               const Settings& settings, Diagnostics& diagnostics);

}  // namespace kql::bind
