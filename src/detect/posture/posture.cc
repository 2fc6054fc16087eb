#include "detect/posture/posture.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "detect/posture/applier.h"
#include "detect/posture/core.h"
#include "detect/posture/hub_checks.h"
#include "kql/ticks.h"

namespace detect::posture {
namespace {

using base::json::Value;

// How often windows end, groups are compared, and memory is saved.
constexpr std::chrono::seconds kRound{60};
constexpr std::chrono::days kEdgeWeek{7};
constexpr std::size_t kMaxKnown =
    400'000;  // verdicts remembered so that they are not applied again
constexpr std::string_view kEdgeAgent = "$edgeAgent";
constexpr std::string_view kEdgePrefix = "edge/";

bool is_picture(const schema::Event& event) {
  switch (event.name()) {
    case schema::EventName::ListeningPorts:
    case schema::EventName::FirewallConfiguration:
    case schema::EventName::OSBaseline:
      return true;
    default:
      return false;
  }
}

// The same settings give the same text, whatever the order of their names.
Value sorted(const Value& value) {
  if (const Value::Array* array = value.if_array()) {
    Value::Array out;
    for (const Value& each : *array)
      out.push_back(sorted(each));
    return Value(std::move(out));
  }
  const Value::Object* object = value.if_object();
  if (object == nullptr) return value;
  Value::Object out;
  for (const base::json::Member& member : *object) {
    if (!member.name.starts_with('$')) out.push_back({member.name, sorted(member.value)});
  }
  std::ranges::stable_sort(out, {}, &base::json::Member::name);
  return Value(std::move(out));
}

std::string digest_of(const Value& desired) {
  const Value canonical = sorted(desired);
  if (canonical.if_object() == nullptr || canonical.if_object()->empty()) return {};
  return base::hex_encode(
      base::ByteView(base::sha256(base::as_bytes(canonical.to_json()))).first(16));
}

// As hub/queries/security_group.h has it; empty: the tags say none.
std::string group_of(std::string_view tags) {
  const auto parsed = base::json::parse(tags);
  return parsed ? std::string(base::trim(parsed->text_or("SecurityGroup", ""))) : std::string();
}

bool is_security_module(std::string_view module) {
  return module == "azureiotsecurity" || module == "DefenderIotMicroAgent";
}

bool has_changed(const store::TwinRow& twin, std::string_view part) {
  return twin.operation != "updated" || twin.parts.find(part) != std::string::npos;
}

std::string edge_text(base::WallTime since, const EdgeHub& hub) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_object();
  writer.field("since", to_integer(since));
  writer.key("heads");
  writer.begin_array();
  for (const std::string& head : hub.heads)
    writer.value(head);
  writer.end_array();
  writer.key("clients");
  writer.begin_object();
  for (const auto& [head, count] : hub.clients)
    writer.field(head, count);
  writer.end_object();
  writer.end_object();
  return out;
}

std::optional<EdgeSince> read_edge(std::string_view text) {
  const auto parsed = base::json::parse(text);
  const Value* since = parsed ? parsed->find("since") : nullptr;
  const Value* heads = parsed ? parsed->find("heads") : nullptr;
  const Value* clients = parsed ? parsed->find("clients") : nullptr;
  if (since == nullptr || since->if_int() == nullptr || heads == nullptr ||
      heads->if_array() == nullptr || clients == nullptr || clients->if_object() == nullptr)
    return std::nullopt;
  EdgeSince out;
  out.since = to_time(*since->if_int());
  for (const Value& head : *heads->if_array()) {
    if (head.if_string() != nullptr) out.hub.heads.push_back(*head.if_string());
  }
  for (const base::json::Member& member : *clients->if_object()) {
    if (member.value.if_int() != nullptr)
      out.hub.clients[member.name] = static_cast<std::uint64_t>(*member.value.if_int());
  }
  return out;
}

}  // namespace

// --- what comes by the pipeline ---

bool Posture::Core::is_known(const Judgement& judgement) {
  std::string key =
      fmt::format("{}\n{}", static_cast<int>(judgement.verdict.kind), judgement.device_id);
  std::string what;
  for (const Item& item : judgement.verdict.items)
    what += item.key + "\n";
  const std::uint64_t digest = base::table_hash(base::as_bytes(what));
  if (known.size() >= kMaxKnown) known.clear();
  const auto [place, is_new] = known.try_emplace(std::move(key), digest);
  return !is_new && std::exchange(place->second, digest) == digest;
}

void Posture::Core::add(std::vector<Judgement> judgements, Pieces pieces) {
  for (Judgement& judgement : judgements) {
    tasks.emplace_back([judgement = std::move(judgement), pieces](Applier& applier) {
      return applier.apply(judgement, pieces);
    });
  }
}

void Posture::on_event(const schema::Event& event, const Origin& origin, std::vector<Finding>&) {
  std::vector<Judgement> judgements;
  core_->judge.on_event(event, origin, judgements);
  const bool picture = is_picture(event);
  if (event.name() == schema::EventName::MessageStatistics)
    std::erase_if(judgements, [this](const Judgement& each) { return core_->is_known(each); });
  core_->add(std::move(judgements), picture ? Pieces::Join : Pieces::Replace);
}

void Posture::on_operation(const store::OperationRow& operation, const Origin& origin,
                           std::vector<Finding>&) {
  std::vector<Judgement> judgements;
  core_->judge.on_operation(operation, origin, judgements);
  std::erase_if(judgements, [this](const Judgement& each) { return core_->is_known(each); });
  core_->add(std::move(judgements), Pieces::Replace);
}

void Posture::Core::forget(const std::string& device_id) {
  judge.forget(device_id);
  for (const Recommendation& each : catalogue())
    known.erase(fmt::format("{}\n{}", static_cast<int>(each.kind), device_id));
  if (edges.erase(device_id) != 0)
    changes.push_back({std::string(kEdgePrefix) + device_id, std::nullopt});
  all_groups = true;
  tasks.emplace_back([device_id](Applier& applier) { return applier.forget(device_id); });
}

void Posture::Core::edge_changed(const std::string& device_id, const Value& desired,
                                 base::WallTime now) {
  const EdgeDeployment deployment = read_deployment(desired);
  std::vector<Judgement> judgements;
  judgements.push_back({device_id, now, judge_edge_privileges(deployment.modules)});
  judgements.push_back({device_id, now, judge_edge_logging(deployment.modules)});
  judgements.push_back({device_id, now, judge_edge_registries(deployment.registries)});
  add(std::move(judgements), Pieces::Replace);
  const std::string key = std::string(kEdgePrefix) + device_id;
  if (!deployment.hub) {
    if (edges.erase(device_id) != 0) changes.push_back({key, std::nullopt});
    tasks.emplace_back(
        [device_id](Applier& applier) { return applier.gone(Kind::EdgeHubMemory, device_id); });
    return;
  }
  EdgeSince& edge = edges[device_id];
  const bool same =
      edge.hub.heads == deployment.hub->heads && edge.hub.clients == deployment.hub->clients;
  if (same && edge.since != base::WallTime{}) return;
  edge = {now, *deployment.hub};
  changes.push_back({key, edge_text(edge.since, edge.hub)});
  add({{device_id, now, Verdict{.kind = Kind::EdgeHubMemory}}}, Pieces::Replace);
}

void Posture::Core::module_changed(const store::TwinRow& twin, const Origin& origin) {
  const std::string& device = twin.device_id;
  const bool deleted = twin.operation == "deleted";
  Value desired;
  if (!deleted) {
    if (auto parsed = base::json::parse(twin.desired)) desired = std::move(*parsed);
  }
  const std::string digest = deleted ? std::string() : digest_of(desired);
  all_groups = true;
  tasks.emplace_back([device, module = twin.module_id, digest](Applier& applier) {
    return applier.set_settings(device, module, digest);
  });
  tasks.emplace_back([device, module = twin.module_id, version = twin.desired_version,
                      when = origin.received](Applier& applier) {
    return applier.settings_changed(device, module, version, when);
  });
  if (twin.module_id == kEdgeAgent) edge_changed(device, desired, origin.received);
}

void Posture::on_twin(const store::TwinRow& twin, const Origin& origin, std::vector<Finding>&) {
  if (twin.device_id.empty()) return;
  const bool is_module = !twin.module_id.empty();
  const bool deleted = twin.operation == "deleted";
  if (!is_module && deleted) return core_->forget(twin.device_id);
  if (is_module && has_changed(twin, "Desired")) core_->module_changed(twin, origin);
  if (!has_changed(twin, "Tags") || (is_module && !is_security_module(twin.module_id))) return;
  core_->all_groups = true;
  const TagOf of = is_module ? TagOf::SecurityModule : TagOf::Device;
  core_->tasks.emplace_back(
      [device = twin.device_id, of, group = deleted ? std::string() : group_of(twin.tags)](
          Applier& applier) { return applier.set_tag(device, of, group); });
}

void Posture::on_time(base::WallTime now, std::vector<Finding>&) {
  Core& core = *core_;
  if (now < core.round_at) return;
  core.round_at = now + kRound;
  core.save_due = true;
  core.judge.tidy(now);
  if (to_integer(now) >= core.next_expiry.load())
    core.tasks.emplace_back([](Applier& applier) { return applier.expire(); });
  if (std::exchange(core.all_groups, false)) {
    core.tasks.emplace_back([&core](Applier& applier) -> base::Result<void> {
      for (const std::string& group : TRY(core.groups()))
        TRY(applier.judge_group(group));
      return {};
    });
  }
  for (auto& [device, edge] : core.edges) {
    if (edge.told || now - edge.since < kEdgeWeek) continue;
    edge.told = true;
    EdgeHub hub = edge.hub;
    hub.observed_long_enough = true;
    core.add({{device, now, judge_edge_hub(hub)}}, Pieces::Replace);
  }
  if (core.tasks.empty()) return;
  const std::lock_guard lock(core.callback_mutex);
  if (core.grown) core.grown();
}

base::Result<void> Posture::Core::write(const std::function<base::Result<void>(Applier&)>& change,
                                        base::WallTime now, bool* made_rows) {
  auto transaction = TRY(store::Transaction::begin(writer));
  auto applier = TRY(Applier::begin(writer, now, counters));
  TRY(change(applier));
  TRY(transaction.commit());
  *made_rows = applier.made_rows();
  next_expiry = applier.next_expiry();
  return {};
}

base::Result<void> Posture::settle() {
  Core& core = *core_;
  if (core.tasks.empty()) return {};
  bool made_rows = false;
  const std::lock_guard lock(core.writer_mutex);
  auto written = core.write(
      [&core](Applier& applier) -> base::Result<void> {
        for (const auto& task : core.tasks)
          TRY(task(applier));
        return {};
      },
      core.options.now(), &made_rows);
  if (!written) {
    core.counters.failures.add();
    return written;
  }
  core.tasks.clear();
  return {};
}

void Posture::save(std::vector<MemoryChange>& changes) {
  if (std::exchange(core_->save_due, false)) core_->judge.save(changes);
  std::ranges::move(core_->changes, std::back_inserter(changes));
  core_->changes.clear();
}

bool Posture::restore(std::string_view key, std::string_view value) {
  if (!key.starts_with(kEdgePrefix)) return core_->judge.restore(key, value);
  auto edge = read_edge(value);
  if (!edge) return false;
  core_->edges[std::string(key.substr(kEdgePrefix.size()))] = std::move(*edge);
  return true;
}

// --- what the hub knows ---

base::Result<void> Posture::Core::change(const std::function<base::Result<void>(Applier&)>& apply) {
  bool made_rows = false;
  {
    const std::lock_guard lock(writer_mutex);
    auto written = write(apply, options.now(), &made_rows);
    if (!written) {
      counters.failures.add();
      return written;
    }
  }
  const std::lock_guard lock(callback_mutex);
  if (made_rows && grown) grown();
  return {};
}

base::Result<void> Posture::judge(std::span<const Judgement> judgements) {
  return core_->change([judgements](Applier& applier) -> base::Result<void> {
    for (const Judgement& judgement : judgements)
      TRY(applier.apply(judgement, Pieces::Replace));
    return {};
  });
}

base::Result<void> Posture::judge_devices(Kind kind,
                                          const std::map<std::string, Verdict>& unhealthy) {
  return core_->change(
      [kind, &unhealthy](Applier& applier) { return applier.apply_all(kind, unhealthy, {}, {}); });
}

base::Result<void> Posture::outbox(std::uint64_t after, std::size_t limit,
                                   store::Batch& batch) const {
  const std::lock_guard lock(core_->reader_mutex);
  return read_rows(core_->reader, after, limit, batch);
}

base::Result<void> Posture::trim_outbox(std::uint64_t up_to) {
  const std::lock_guard lock(core_->writer_mutex);
  return core_->writer.run("DELETE FROM posture_outbox WHERE position <= ?",
                           static_cast<std::int64_t>(up_to));
}

base::Result<void> Posture::continue_outbox(std::uint64_t after) {
  const std::lock_guard lock(core_->writer_mutex);
  store::Sqlite& db = core_->writer;
  auto transaction = TRY(store::Transaction::begin(db));
  std::int64_t last = 0;
  {
    auto row = TRY(db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'posture_outbox'"));
    if (TRY(row.step())) last = row.integer(0);
  }
  if (last >= static_cast<std::int64_t>(after)) return {};
  TRY(db.run("DELETE FROM sqlite_sequence WHERE name = 'posture_outbox'"));
  TRY(db.run("INSERT INTO sqlite_sequence(name, seq) VALUES('posture_outbox', ?)",
             static_cast<std::int64_t>(after)));
  return transaction.commit();
}

void Posture::on_outbox(std::function<void()> callback) {
  const std::lock_guard lock(core_->callback_mutex);
  core_->grown = std::move(callback);
}

// --- exceptions ---

base::Result<Exception> Posture::add_exception(Exception exception) {
  exception.created = core_->options.now();
  const auto add = [&](Applier& applier) -> base::Result<void> {
    store::Sqlite& db = core_->writer;
    auto count = TRY(db.prepare("SELECT count(*) FROM posture_exception"));
    if (TRY(count.step()) && count.integer(0) >= static_cast<std::int64_t>(kMaxExceptions))
      return base::fail(base::Code::Full, "exceptions", -1, "there are too many");
    TRY(
        db.run("INSERT INTO posture_exception(recommendation, device_id, security_group, item, "
               "reason, actor, created, expires) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
               recommendation(exception.kind).name, exception.device_id, exception.group,
               exception.item, exception.reason, exception.actor, to_integer(exception.created),
               exception.expires ? to_integer(*exception.expires) : std::int64_t{0}));
    exception.id = db.last_insert_id();
    TRY(applier.refresh());
    return applier.reconsider(exception.kind, exception.device_id);
  };
  TRY(core_->change(add));
  return exception;
}

base::Result<Exception> Posture::remove_exception(std::int64_t id) {
  Exception removed;
  const auto remove = [&](Applier& applier) -> base::Result<void> {
    store::Sqlite& db = core_->writer;
    const auto all = TRY(read_exceptions(db));
    const auto found = std::ranges::find(all, id, &Exception::id);
    if (found == all.end()) return base::fail(base::Code::NotFound, "exception");
    removed = *found;
    TRY(db.run("DELETE FROM posture_exception WHERE id = ?", id));
    TRY(applier.refresh());
    return applier.reconsider(removed.kind, removed.device_id);
  };
  TRY(core_->change(remove));
  return removed;
}

// --- the rest ---

base::Result<std::vector<std::string>> Posture::Core::groups() {
  std::vector<std::string> out;
  auto row = TRY(writer.prepare("SELECT DISTINCT security_group FROM posture_device"));
  while (TRY(row.step()))
    out.push_back(row.string(0));
  return out;
}

base::Result<std::unique_ptr<Posture>> Posture::open(Options options) {
  auto writer = TRY(store::Sqlite::open(options.path));
  TRY(writer.migrate("posture", posture_migrations()));
  auto reader = TRY(store::Sqlite::open(options.path, store::SqliteMode::ReadOnly));
  const auto exceptions = TRY(read_exceptions(writer));
  auto core = std::make_unique<Core>(std::move(options), std::move(writer), std::move(reader));
  core->next_expiry = first_expiry(exceptions);
  return std::unique_ptr<Posture>(new Posture(std::move(core)));
}

Posture::Posture(std::unique_ptr<Core> core) : core_(std::move(core)) {}
Posture::~Posture() = default;

const Counters& Posture::counters() const {
  return core_->counters;
}
std::uint64_t Posture::dropped() const {
  return core_->judge.dropped().value();
}

}  // namespace detect::posture
