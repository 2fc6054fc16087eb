#include "sigma/library.h"

#include <algorithm>

#include "base/id.h"
#include "sigma/fields.h"

namespace sigma {
namespace {

// Like the rule's id, whatever the case of its letters.
std::string canonical(std::string_view id_or_name) {
  const auto guid = base::Guid::parse(id_or_name);
  return guid ? guid->to_string() : std::string(id_or_name);
}

std::optional<std::string> unknown_entity(const Rule& rule) {
  const auto sources = sources_of(rule.log_source);
  if (sources.empty()) return std::nullopt;
  for (const std::string& field : rule.vedette.entity) {
    const bool known = std::ranges::any_of(
        sources, [&](Source source) { return FieldReader::find(source, field).has_value(); });
    if (!known) return field;
  }
  return std::nullopt;
}

template <class InFile>
void replace(std::vector<InFile>& all, InFile one) {
  std::erase_if(all, [&](const InFile& old) { return old.what.id == one.what.id; });
  all.push_back(std::move(one));
}

}  // namespace

void Library::forget() {
  std::vector<Correlation> all;
  for (const Correlation* correlation : correlator.correlations())
    all.push_back(*correlation);
  // They could all be linked once: nothing is left out now.
  static_cast<void>(correlator.link(std::move(all), rules));
}

LibraryBuilder::LibraryBuilder(Placeholders placeholders, Correlator::Options options)
    : placeholders_(std::move(placeholders)), library_(options) {}

void LibraryBuilder::add_problem(FileProblem problem) {
  library_.problems.push_back(std::move(problem));
}

void LibraryBuilder::add(const std::string& file, std::string_view text) {
  ParsedRules parsed = parse(text, placeholders_);
  for (Problem& problem : parsed.problems)
    add_problem({file, std::move(problem)});
  for (Rule& rule : parsed.rules)
    add_rule(file, std::move(rule));
  for (Filter& filter : parsed.filters)
    replace(filters_, {file, std::move(filter)});
  for (Correlation& correlation : parsed.correlations)
    replace(correlations_, {file, std::move(correlation)});
}

void LibraryBuilder::add_rule(const std::string& file, Rule rule) {
  Refused refused{rule.id, rule.name, {}};
  const std::string id = rule.id;
  const auto unknown = unknown_entity(rule);
  if (unknown) {
    Problem problem{rule.line, rule.column,
                    "'" + rule.title +
                        "': expected fields of the event in 'vedette.entity', found '" + *unknown +
                        "'"};
    refused.reason = problem.message;
    refused_.push_back(std::move(refused));
    return add_problem({file, std::move(problem), false, id, rule.title});
  }
  const std::string title = rule.title;
  auto added = library_.rules.add(std::move(rule));
  if (!added) {
    Refusal& refusal = added.error();
    refused.reason = refusal.problem.message;
    refused.no_events = refusal.kind == Refusal::Kind::NoEvents;
    add_problem({file, std::move(refusal.problem), refused.no_events, id, title});
    refused_.push_back(std::move(refused));
    return;
  }
  std::erase_if(rule_files_, [&](const auto& old) { return old.first == id; });
  rule_files_.emplace_back(id, file);
}

// Filters go by ids and names, so that they find a rule again that was replaced.
void LibraryBuilder::leave_out() {
  for (const auto& [file, filter] : filters_) {
    library_.filters.emplace_back(file, filter);
    for (Problem& problem : library_.rules.leave_out(filter)) {
      const bool no_events = std::ranges::any_of(refused_, [&](const Refused& refused) {
        return refused.no_events && problem.message.find(refused.id) != std::string::npos;
      });
      add_problem({file, std::move(problem), no_events, filter.id, filter.title});
    }
  }
}

// A rule that was refused says itself why.
FileProblem LibraryBuilder::explain(const Unlinked& unlinked, const std::string& file) const {
  FileProblem problem{file, unlinked.problem};
  const std::string missing = canonical(unlinked.missing);
  for (const Refused& refused : refused_) {
    if (missing.empty() || (refused.id != missing && refused.name != missing)) continue;
    problem.problem.message = "rule '" + unlinked.missing + "' is not in force: " + refused.reason;
    problem.no_events = refused.no_events;
  }
  return problem;
}

void LibraryBuilder::link() {
  std::vector<Correlation> correlations;
  for (const auto& one : correlations_)
    correlations.push_back(one.what);
  const auto all = library_.correlator.link(std::move(correlations), library_.rules);
  std::vector<std::pair<const Correlation*, FileProblem>> out;
  for (const Unlinked& unlinked : all) {
    const auto source = std::ranges::find_if(
        correlations_, [&](const auto& one) { return one.what.id == unlinked.id; });
    out.emplace_back(&source->what, explain(unlinked, source->file));
  }
  // Where nothing is wrong with what is missing, nothing is wrong with who needs it.
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::string missing = canonical(all[i].missing);
      const bool harmless = std::ranges::any_of(out, [&](const auto& other) {
        return other.second.no_events && !missing.empty() &&
               (other.first->id == missing || other.first->name == missing);
      });
      if (!harmless || out[i].second.no_events) continue;
      out[i].second.no_events = true;
      more = true;
    }
  }
  for (auto& [correlation, problem] : out) {
    problem.id = correlation->id;
    problem.title = correlation->title;
    add_problem(std::move(problem));
  }
}

// By the specification, what builds a correlation in its own file is no rule of its own. Elsewhere
// it stays one: nobody's alert goes silent because somebody else builds upon it.
void LibraryBuilder::find_silent() {
  const auto files_of = [this](std::string_view mention) {
    std::vector<std::pair<std::string, std::string>> out;  // id and file
    const std::string wanted = canonical(mention);
    if (const Rule* rule = library_.rules.find(mention)) {
      const auto file =
          std::ranges::find_if(rule_files_, [&](const auto& one) { return one.first == rule->id; });
      if (file != rule_files_.end()) out.push_back(*file);
    }
    for (const auto& [file, correlation] : correlations_) {
      if (correlation.id == wanted || correlation.name == wanted)
        out.emplace_back(correlation.id, file);
    }
    return out;
  };
  std::set<std::string, std::less<>> spoken;
  for (const Correlation* correlation : library_.correlator.correlations()) {
    const auto own = std::ranges::find_if(
        correlations_, [&](const auto& one) { return one.what.id == correlation->id; });
    for (const Mention& mention : correlation->rules) {
      for (const auto& [id, file] : files_of(mention.text)) {
        if (file == own->file) (correlation->generate ? spoken : library_.silent).insert(id);
      }
    }
  }
  for (const std::string& id : spoken)
    library_.silent.erase(id);
}

Library LibraryBuilder::build() && {
  leave_out();
  library_.rules.build();
  link();
  find_silent();
  for (const auto& [id, file] : rule_files_)
    library_.files.insert_or_assign(id, file);
  for (const Correlation* correlation : library_.correlator.correlations()) {
    const auto source = std::ranges::find_if(
        correlations_, [&](const auto& one) { return one.what.id == correlation->id; });
    library_.files.insert_or_assign(correlation->id, source->file);
  }
  return std::move(library_);
}

}  // namespace sigma
