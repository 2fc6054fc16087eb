#include "hub/configurations/configurations.h"

#include <algorithm>
#include <mutex>

#include "hub/configurations/configuration_table.h"
#include "hub/configurations/rounds.h"
#include "hub/twins/twin_table.h"
#include "wire/merge_patch.h"

namespace hub::configurations {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using operations::Level;

namespace {

int status_of(const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return 404;
    case Code::Exists:
      return 409;
    case Code::Conflict:
      return 412;
    case Code::TooLarge:
      return 413;
    case Code::Full:
      return 403;
    case Code::Invalid:
      return 400;
    default:
      return 500;
  }
}

}  // namespace

struct Configurations::State {
  State(Options given, twins::Twins& all_twins, queries::TwinQueries& twin_queries,
        operations::Operations& records, ConfigurationTable reading, ConfigurationTable writing)
      : options(std::move(given)),
        twins(all_twins),
        operations(records),
        reader(std::move(reading)),
        writer(std::move(writing)),
        rounds({options, twins, twin_queries, operations, writer, writer_mutex, counters}) {}

  const Options options;
  twins::Twins& twins;
  operations::Operations& operations;
  Counters counters;

  std::mutex reader_mutex;
  ConfigurationTable reader;  // guarded by reader_mutex
  std::mutex writer_mutex;
  ConfigurationTable writer;  // guarded by writer_mutex
  std::mutex change_mutex;    // one change of a configuration at a time
  Rounds rounds;

  Result<void> reload();
  Result<Shown> put(Configuration wanted, std::string_view if_match);
  Result<Shown> show(Configuration configuration);
  void record(std::string_view operation, std::string_view id, std::string_view actor,
              const base::Error* error);
};

// What is stored becomes what is enforced.
Result<void> Configurations::State::reload() {
  Snapshot loaded;
  {
    const std::lock_guard lock(writer_mutex);
    loaded = std::make_shared<const std::vector<Configuration>>(TRY(writer.all()));
  }
  rounds.enforce(std::move(loaded));
  return {};
}

Result<Shown> Configurations::State::show(Configuration configuration) {
  const std::lock_guard lock(reader_mutex);
  Results results = TRY(reader.results(configuration.id));
  // Of queries that are not the configuration's any more.
  std::erase_if(results.metrics,
                [&](const auto& metric) { return !configuration.metrics.contains(metric.first); });
  return Shown{std::move(configuration), std::move(results)};
}

Result<Shown> Configurations::State::put(Configuration wanted, std::string_view if_match) {
  const std::lock_guard changing(change_mutex);
  const Snapshot current = rounds.configurations();
  const auto found = std::ranges::find(*current, wanted.id, &Configuration::id);
  const bool exists = found != current->end();
  if (!exists && !if_match.empty()) return fail(Code::NotFound, "configuration", -1, wanted.id);
  if (exists && if_match.empty()) return fail(Code::Exists, "configuration", -1, wanted.id);
  if (exists && if_match != "*" && if_match != found->etag)
    return fail(Code::Conflict, "configuration", -1, "it was changed in between");
  if (!exists && current->size() >= options.max_configurations)
    return fail(Code::Full, "configuration", -1,
                "there are " + std::to_string(current->size()) + " already, the most there may be");
  wanted.updated = options.now();
  wanted.created = exists ? found->created : wanted.updated;
  wanted.etag = twins::new_etag();
  {
    const std::lock_guard lock(writer_mutex);
    TRY(writer.store(wanted));
  }
  TRY(reload());
  return show(std::move(wanted));
}

void Configurations::State::record(std::string_view operation, std::string_view id,
                                   std::string_view actor, const base::Error* error) {
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::Configurations;
  record.operation = operation;
  record.actor = actor;
  record.protocol = operations::Protocol::Https;
  record.detail = std::string(id.substr(0, kMaxIdBytes));
  if (error != nullptr) {
    record.status_code = status_of(*error);
    record.level = Level::Error;
    record.detail += ": " + error->to_string();
  }
  operations.record(std::move(record));
}

Configurations::Configurations(std::shared_ptr<State> state) : state_(std::move(state)) {}

Configurations::~Configurations() {
  stop();
}

Result<std::unique_ptr<Configurations>> Configurations::open(Options options,
                                                             identity::Registry& registry,
                                                             twins::Twins& twins,
                                                             queries::TwinQueries& queries,
                                                             operations::Operations& operations) {
  auto writing = TRY(store::Sqlite::open(options.path));
  TRY(ConfigurationTable::migrate(writing));
  auto reading = TRY(store::Sqlite::open(options.path, store::SqliteMode::ReadOnly));
  auto state = std::make_shared<State>(std::move(options), twins, queries, operations,
                                       ConfigurationTable(std::move(reading)),
                                       ConfigurationTable(std::move(writing)));
  TRY(state->reload());
  // Those may outlive the configurations.
  const std::weak_ptr<State> weak = state;
  registry.add_listener([weak](const identity::Name& name, identity::Registry::Event event) {
    using enum identity::Registry::Event;
    const auto alive = weak.lock();
    if (alive && event != Connected && event != Disconnected) alive->rounds.mark(name.device_id);
  });
  twins.add_change_listener([weak](const twins::Change& change) {
    if (const auto alive = weak.lock()) alive->rounds.changed(change);
  });
  queries.set_configurations([weak](const identity::Name& name) {
    Value::Object all;
    if (const auto alive = weak.lock()) {
      const std::lock_guard lock(alive->reader_mutex);
      if (const auto targets = alive->reader.targets_of(name)) {
        for (const auto& [id, status] : *targets) {
          const std::string text = status == Status::Applied ? "Applied" : "Targeted";
          all.push_back({id, Value(Value::Object{{"status", Value(text)}})});
        }
      }
    }
    return Value(std::move(all));
  });
  return std::unique_ptr<Configurations>(new Configurations(std::move(state)));
}

void Configurations::start() {
  state_->rounds.start();
}

void Configurations::stop() {
  state_->rounds.stop();
}

Result<Shown> Configurations::get(std::string_view id) const {
  const Snapshot current = state_->rounds.configurations();
  const auto found = std::ranges::find(*current, id, &Configuration::id);
  if (found == current->end())
    return fail(Code::NotFound, "configuration", -1, std::string(id.substr(0, kMaxIdBytes)));
  return state_->show(*found);
}

Result<std::vector<Shown>> Configurations::list(std::size_t limit, std::string_view after) const {
  const Snapshot current = state_->rounds.configurations();
  std::vector<const Configuration*> ordered;
  for (const Configuration& configuration : *current) {
    if (configuration.id > after) ordered.push_back(&configuration);
  }
  std::ranges::sort(ordered, {}, &Configuration::id);
  ordered.resize(std::min(ordered.size(), limit));
  std::vector<Shown> all;
  for (const Configuration* configuration : ordered)
    all.push_back(TRY(state_->show(*configuration)));
  return all;
}

Result<Shown> Configurations::put(std::string_view id, const Value& body, std::string_view if_match,
                                  std::string_view actor) {
  auto read = read_configuration(id, body);
  auto shown = read ? state_->put(std::move(*read), if_match)
                    : Result<Shown>(std::unexpected(std::move(read.error())));
  state_->record(if_match.empty() ? "createConfiguration" : "updateConfiguration", id, actor,
                 shown ? nullptr : &shown.error());
  return shown;
}

Result<void> Configurations::remove(std::string_view id, std::string_view if_match,
                                    std::string_view actor) {
  const auto removed = [&]() -> Result<void> {
    const std::lock_guard changing(state_->change_mutex);
    const Shown shown = TRY(get(id));
    if (!if_match.empty() && if_match != "*" && if_match != shown.configuration.etag)
      return fail(Code::Conflict, "configuration", -1, "it was changed in between");
    {
      const std::lock_guard lock(state_->writer_mutex);
      TRY(state_->writer.erase(id));
    }
    return state_->reload();
  }();
  state_->record("deleteConfiguration", id, actor, removed ? nullptr : &removed.error());
  return removed;
}

Result<void> Configurations::apply_once(std::string_view device_id, const Value& content_json,
                                        std::string_view actor) {
  const auto applied = [&]() -> Result<void> {
    const Content content = TRY(read_content(content_json));
    if (!content.module.empty())
      return fail(Code::Invalid, "content", -1,
                  "moduleContent says of no module: modulesContent does");
    std::vector<std::pair<twins::Twin, const std::vector<Section>*>> all;
    const std::string device(device_id);
    all.emplace_back(TRY(state_->twins.get({device, {}})), &content.device);
    for (const auto& [module_id, sections] : content.modules)
      all.emplace_back(TRY(state_->twins.get({device, module_id})), &sections);
    for (const auto& [twin, sections] : all) {
      Wanted wanted;
      wanted.add(*sections);
      const Value& desired = twin.desired.properties;
      twins::Update update;
      update.desired = wire::difference(desired, apply(desired, {}, wanted.leaves()));
      if (!wire::is_empty_object(*update.desired))
        TRY(state_->twins.update(twin.name, update, actor));
    }
    return {};
  }();
  state_->record("applyConfigurationContent", device_id, actor,
                 applied ? nullptr : &applied.error());
  return applied;
}

bool Configurations::wait_settled(std::chrono::milliseconds timeout) {
  return state_->rounds.wait_settled(timeout);
}

const Counters& Configurations::counters() const {
  return state_->counters;
}

}  // namespace hub::configurations
