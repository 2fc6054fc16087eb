#include "hub/configurations/enforcement.h"

#include <algorithm>
#include <optional>

#include "wire/merge_patch.h"

namespace hub::configurations {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using queries::Fleet;
using queries::TwinDocument;

// A twin of the device, as far as it matters.
struct Enforcement::Seen {
  identity::Name name;
  std::string generation_id;
  std::string etag;
  Value desired{Value::Object{}};
  std::vector<const Configuration*> targets;  // that target it, in their order
};

// What is to become of a twin.
struct Enforcement::Plan {
  Leaves wanted;
  TwinState state;
  std::string actor = "configurations";
};

namespace {

const std::vector<Section>* sections_for(const Configuration& configuration,
                                         const std::string& module_id) {
  const auto found = configuration.content.modules.find(module_id);
  return found == configuration.content.modules.end() ? nullptr : &found->second;
}

bool has_content_for(const std::vector<const Configuration*>& targets,
                     const std::string& module_id) {
  return std::ranges::any_of(targets, [&](const Configuration* configuration) {
    return sections_for(*configuration, module_id) != nullptr;
  });
}

}  // namespace

Result<std::vector<Enforcement::Seen>> Enforcement::read(
    const std::string& device_id, const std::map<identity::Name, TwinState>& kept,
    const std::vector<Configuration>& configurations) {
  std::vector<Seen> all;
  TRY(parts_.queries.with_fleet([&](Fleet& fleet) {
    return fleet.scan_device(device_id, [&](const TwinDocument& twin) {
      Seen seen;
      seen.name = twin.name();
      seen.generation_id = twin.generation_id();
      const iotql::From kind = seen.name.is_module() ? iotql::From::Modules : iotql::From::Devices;
      for (const Configuration& configuration : configurations) {
        if (configuration.target->from() == kind && configuration.target->matches(twin))
          seen.targets.push_back(&configuration);
      }
      // The device's own twin comes first.
      const bool matters = !seen.targets.empty() || kept.contains(seen.name) ||
                           (seen.name.is_module() && !all.empty() &&
                            has_content_for(all.front().targets, seen.name.module_id));
      if (matters) {
        seen.desired = twin.section(twins::Part::Desired);
        const std::vector<iotql::Step> etag{{"etag"}};
        seen.etag = *twin.find(etag).value->if_string();
      }
      if (matters || !seen.name.is_module()) all.push_back(std::move(seen));
      return Fleet::Next::Go;
    });
  }));
  return all;
}

Result<Enforcement::Outcome> Enforcement::look_at(const std::string& device_id,
                                                  const Snapshot& configurations) {
  parts_.counters.looked_at.add();
  std::map<identity::Name, TwinState> kept;
  {
    const std::lock_guard lock(parts_.table_mutex);
    kept = TRY(parts_.table.twins_of(device_id));
  }
  const std::vector<Seen> all = TRY(read(device_id, kept, *configurations));
  for (const auto& [name, state] : kept) {
    if (std::ranges::find(all, name, &Seen::name) == all.end()) TRY(keep(name, state, {}));
  }
  Outcome outcome = Outcome::Settled;
  std::set<std::string> applied_to_modules;
  // Modules first: whether a device has its configuration depends on them.
  for (auto seen = all.rbegin(); seen != all.rend(); ++seen) {
    Plan plan;
    Wanted wanted;
    plan.state.generation_id = seen->generation_id;
    std::set<std::string> won;
    for (const Configuration& configuration : *configurations) {
      const bool targeted = std::ranges::find(seen->targets, &configuration) != seen->targets.end();
      const std::vector<Section>* sections = nullptr;
      if (targeted) {
        sections =
            seen->name.is_module() ? &configuration.content.module : &configuration.content.device;
      } else if (seen->name.is_module() && std::ranges::find(all.front().targets, &configuration) !=
                                               all.front().targets.end()) {
        sections = sections_for(configuration, seen->name.module_id);
      }
      if (sections == nullptr) continue;
      // Where there is nothing for the device itself, its modules decide.
      const bool for_modules_only =
          !seen->name.is_module() && sections->empty() && !configuration.content.modules.empty();
      const bool wins =
          for_modules_only ? applied_to_modules.contains(configuration.id) : wanted.add(*sections);
      if (wins) won.insert(configuration.id);
      if (wins && plan.actor == "configurations") plan.actor = "configuration:" + configuration.id;
      if (targeted)
        plan.state.targets[configuration.id] = wins ? Status::Applied : Status::Targeted;
    }
    plan.wanted = wanted.leaves();
    plan.state.owned = owned_by(plan.wanted);
    const auto before = kept.find(seen->name);
    const Outcome settled =
        TRY(settle(*seen, before == kept.end() ? TwinState{} : before->second, std::move(plan)));
    if (settled == Outcome::Again) outcome = Outcome::Again;
    if (seen->name.is_module() && settled == Outcome::Settled) applied_to_modules.merge(won);
  }
  return outcome;
}

Result<Enforcement::Outcome> Enforcement::settle(const Seen& seen, const TwinState& kept,
                                                 Plan plan) {
  // What was put into the twin of a deleted identity went with it.
  const std::set<Path> owned =
      kept.generation_id == seen.generation_id ? kept.owned : std::set<Path>{};
  const Value after = apply(seen.desired, owned, plan.wanted);
  const Value patch = wire::difference(seen.desired, after);
  if (wire::is_empty_object(patch)) {
    TRY(keep(seen.name, kept, plan.state));
    return Outcome::Settled;
  }
  // First it is noted what will be ours.
  TwinState intent = kept;
  intent.generation_id = seen.generation_id;
  intent.owned = owned;
  intent.owned.insert(plan.state.owned.begin(), plan.state.owned.end());
  TRY(keep(seen.name, kept, intent));
  if (!parts_.may_update()) return fail(Code::Closed, "configurations");
  twins::Update update;
  update.desired = patch;
  update.if_match = seen.etag;
  const auto updated = parts_.twins.update(seen.name, update, plan.actor);
  if (!updated &&
      (updated.error().code == Code::Conflict || updated.error().code == Code::NotFound ||
       updated.error().code == Code::Unavailable)) {
    parts_.counters.conflicts.add();
    return Outcome::Again;
  }
  record(seen.name, plan.actor, updated);
  if (updated) {
    parts_.counters.updated.add();
    TRY(keep(seen.name, intent, plan.state));
    return Outcome::Settled;
  }
  parts_.counters.failed.add();
  for (auto& [id, status] : plan.state.targets)
    status = Status::Targeted;
  plan.state.owned = intent.owned;
  TRY(keep(seen.name, intent, plan.state));
  return Outcome::Settled;
}

Result<void> Enforcement::keep(const identity::Name& name, const TwinState& kept,
                               const TwinState& state) {
  // The generation only says whose the paths are.
  const bool same_owner = kept.generation_id == state.generation_id || state.owned.empty();
  if (kept.targets == state.targets && kept.owned == state.owned && same_owner) return {};
  const std::lock_guard lock(parts_.table_mutex);
  return parts_.table.store_twin(name, state);
}

void Enforcement::record(const identity::Name& name, const std::string& actor,
                         const Result<twins::Twin>& result) {
  operations::Record record;
  record.time = parts_.options.now();
  record.category = operations::Category::Configurations;
  record.operation = "applyConfiguration";
  record.device_id = name.device_id;
  record.module_id = name.module_id;
  record.actor = actor;
  if (result) {
    record.detail = "desired version " + std::to_string(result->desired.version);
  } else {
    record.status_code = result.error().code == Code::TooLarge ? 413 : 400;
    record.level = operations::Level::Error;
    record.detail = result.error().to_string();
  }
  parts_.operations.record(std::move(record));
}

}  // namespace hub::configurations
