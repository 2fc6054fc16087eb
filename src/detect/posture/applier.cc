#include "detect/posture/applier.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/posture/hub_checks.h"

namespace detect::posture {
namespace {

std::string fact_of(const Item& item, std::string_view name) {
  return std::string(item.facts.text_or(name, ""));
}

// Of a baseline and of packages, the worst of what is left; of others, what the catalogue says.
Severity severity_of(Kind kind, const std::vector<KeptItem>& items) {
  const Severity usual = recommendation(kind).severity;
  if (kind != Kind::Baseline && kind != Kind::KnownVulnerabilities) return usual;
  std::optional<Severity> worst;
  for (const KeptItem& kept : items) {
    if (kept.exception == 0)
      worst = std::max(worst.value_or(kept.item.severity), kept.item.severity);
  }
  return worst.value_or(usual);
}

State state_of(const Assessment& assessment) {
  if (assessment.item_count == 0) return State::Resolved;
  return assessment.item_count == assessment.accepted_count ? State::Dismissed : State::Active;
}

base::Result<std::vector<std::string>> texts(store::Statement& row) {
  std::vector<std::string> out;
  while (TRY(row.step()))
    out.push_back(row.string(0));
  return out;
}

}  // namespace

base::Result<Applier> Applier::begin(store::Sqlite& db, base::WallTime now, Counters& counters) {
  return Applier(db, now, counters, TRY(read_exceptions(db)));
}

const Exception* Applier::exception_for(const Assessment& assessment, std::string_view key) const {
  for (const Exception& exception : exceptions_) {
    if (exception.kind == assessment.kind && (!exception.expires || *exception.expires > now_) &&
        exception.covers(assessment.device_id, assessment.group, key))
      return &exception;
  }
  return nullptr;
}

// Where it has no group yet, it is in the one of devices that none is said of.
base::Result<void> Applier::know(const std::string& device_id, Assessment& assessment) {
  if (device_id.empty()) return {};
  auto group = TRY(find_group(*db_, device_id));
  if (!group) {
    TRY(put_tag(*db_, device_id, TagOf::Device, {}));
    group = TRY(find_group(*db_, device_id));
  }
  assessment.group = group.value_or("");
  return {};
}

base::Result<void> Applier::conclude(const Assessment* before, Assessment after,
                                     const std::vector<KeptItem>& old_items,
                                     std::vector<KeptItem> new_items) {
  std::string reason;
  after.accepted_count = 0;
  for (KeptItem& kept : new_items) {
    const Exception* exception = exception_for(after, kept.item.key);
    kept.exception = exception == nullptr ? 0 : exception->id;
    if (exception == nullptr) continue;
    ++after.accepted_count;
    reason = exception->reason;
  }
  after.item_count = static_cast<std::int64_t>(new_items.size());
  after.state = state_of(after);
  after.severity = severity_of(after.kind, new_items);
  const State was = before == nullptr ? State::Resolved : before->state;
  if (after.state != was || before == nullptr) after.changed = now_;
  if (was == State::Resolved && after.state != State::Resolved) {
    after.discovered = now_;
    after.resolved.reset();
  }
  if (was != State::Resolved && after.state == State::Resolved) after.resolved = now_;
  const bool other_items = TRY(replace_kept(*db_, after, old_items, new_items));
  TRY(put_assessment(*db_, after));
  if (after.state != was) counters_->changes.add();
  if (after.state == was && !(after.state == State::Active && other_items)) return {};
  made_rows_ = true;
  return add_row(*db_, after, new_items, after.state == State::Dismissed ? reason : "", now_);
}

base::Result<void> Applier::apply(const Judgement& judgement, Pieces pieces) {
  const Verdict& verdict = judgement.verdict;
  const auto before = TRY(find_assessment(*db_, verdict.kind, judgement.device_id));
  if (before && judgement.observed < before->observed) {
    counters_->stale.add();
    return {};
  }
  counters_->judged.add();
  Assessment after;
  if (before) after = *before;
  after.kind = verdict.kind;
  after.device_id = judgement.device_id;
  TRY(know(judgement.device_id, after));
  if (!before) after.first_evaluated = now_;
  after.evaluated = now_;
  after.observed = judgement.observed;
  const bool joins = before && pieces == Pieces::Join && judgement.observed == before->observed;
  std::vector<KeptItem> old_items;
  if (before && before->item_count > 0)
    old_items = TRY(read_kept(*db_, verdict.kind, judgement.device_id));
  std::vector<KeptItem> items;
  const auto known = [](const std::vector<KeptItem>& list, const std::string& key) {
    return std::ranges::find_if(list, [&](const KeptItem& kept) { return kept.item.key == key; });
  };
  for (const Item& item : verdict.items) {
    const auto old = known(old_items, item.key);
    items.push_back({item, old == old_items.end() ? now_ : old->since, 0});
  }
  bool kept_some = false;
  for (const KeptItem& old : old_items) {
    const bool stays =
        joins || verdict.partial ||
        std::ranges::find(verdict.undecided, old.item.key) != verdict.undecided.end();
    if (!stays || known(items, old.item.key) != items.end()) continue;
    items.push_back(old);
    kept_some = true;
  }
  after.credit = before && kept_some ? std::min(verdict.credit, before->credit) : verdict.credit;
  return conclude(before ? &*before : nullptr, std::move(after), old_items, std::move(items));
}

base::Result<void> Applier::apply_all(Kind kind, const std::map<std::string, Verdict>& unhealthy,
                                      std::string_view among, std::string_view among_value) {
  const std::string_view name = recommendation(kind).name;
  const std::string scope = among.empty()
                                ? std::string("SELECT device_id FROM posture_device WHERE ?2 = ''")
                                : std::string(among);
  std::vector<std::string> over;
  {
    auto row = TRY(db_->prepare(
        fmt::format("SELECT device_id FROM posture_assessment WHERE recommendation = ?1 AND "
                    "item_count > 0 AND device_id IN ({})",
                    scope)));
    row.bind_all(name, among_value);
    over = TRY(texts(row));
  }
  for (const std::string& device : over) {
    if (unhealthy.contains(device)) continue;
    TRY(apply({device, now_, Verdict{.kind = kind}}, Pieces::Replace));
  }
  for (const auto& [device, verdict] : unhealthy)
    TRY(apply({device, now_, verdict}, Pieces::Replace));
  auto rest = TRY(db_->prepare(fmt::format(
      "INSERT OR IGNORE INTO posture_assessment SELECT ?1, device_id, 1, {0}, {1}, {1}, {1}, {1}, "
      "0, 0, 1, 0, 0 FROM ({2})",
      static_cast<int>(recommendation(kind).severity), to_integer(now_), scope)));
  rest.bind_all(name, among_value);
  return rest.run();
}

base::Result<void> Applier::settings_changed(const std::string& device_id,
                                             std::string_view module_id, std::int64_t version,
                                             base::WallTime when) {
  for (const Kind kind : {Kind::TwinNotOptimal, Kind::TwinConflict}) {
    const auto before = TRY(find_assessment(*db_, kind, device_id));
    if (!before || before->item_count == 0) continue;
    const auto old_items = TRY(read_kept(*db_, kind, device_id));
    std::vector<KeptItem> items;
    for (const KeptItem& kept : old_items) {
      const auto told = base::parse_int(fact_of(kept.item, "DesiredVersion"));
      const bool older = told ? *told < version : kept.since < when;
      if (fact_of(kept.item, "ModuleId") != module_id || !older) items.push_back(kept);
    }
    if (items.size() == old_items.size()) continue;
    Assessment after = *before;
    after.evaluated = now_;
    after.credit = items.empty() ? 1 : 0;
    TRY(conclude(&*before, std::move(after), old_items, std::move(items)));
  }
  return {};
}

base::Result<void> Applier::gone(Kind kind, const std::string& device_id) {
  const auto before = TRY(find_assessment(*db_, kind, device_id));
  if (!before) return {};
  return apply({device_id, std::max(now_, before->observed), Verdict{.kind = kind}},
               Pieces::Replace);
}

base::Result<void> Applier::set_tag(const std::string& device_id, TagOf of,
                                    const std::string& group) {
  const auto before = TRY(find_group(*db_, device_id));
  TRY(put_tag(*db_, device_id, of, group));
  const auto after = TRY(find_group(*db_, device_id));
  const bool by_group = std::ranges::any_of(
      exceptions_, [](const Exception& exception) { return !exception.group.empty(); });
  if (!before || before == after || !by_group) return {};
  for (const Recommendation& each : catalogue())
    TRY(reconsider(each.kind, device_id));
  return {};
}

base::Result<void> Applier::set_settings(const std::string& device_id, const std::string& module_id,
                                         std::string_view digest) {
  if (digest.empty()) {
    return db_->run("DELETE FROM posture_setting WHERE device_id = ? AND module_id = ?", device_id,
                    module_id);
  }
  return db_->run("INSERT OR REPLACE INTO posture_setting VALUES(?, ?, ?)", device_id, module_id,
                  digest);
}

base::Result<void> Applier::judge_group(const std::string& group) {
  std::map<std::string, std::map<std::string, std::uint64_t>> counts;  // by module
  {
    auto row = TRY(db_->prepare(
        "SELECT s.module_id, s.digest, count(*) FROM posture_setting s JOIN posture_device d ON "
        "d.device_id = s.device_id WHERE d.security_group = ? GROUP BY 1, 2"));
    row.bind_all(group);
    while (TRY(row.step()))
      counts[row.string(0)][row.string(1)] = static_cast<std::uint64_t>(row.integer(2));
  }
  std::map<std::string, std::vector<ModuleSettings>> deviating;  // by device
  for (const auto& [module, digests] : counts) {
    const auto usual = majority(digests);
    if (!usual || digests.size() < 2) continue;
    auto row = TRY(db_->prepare(
        "SELECT s.device_id, s.digest FROM posture_setting s JOIN posture_device d ON d.device_id "
        "= s.device_id WHERE d.security_group = ? AND s.module_id = ? AND s.digest <> ?"));
    row.bind_all(group, module, *usual);
    while (TRY(row.step()))
      deviating[row.string(0)].push_back({module, group, row.string(1), *usual});
  }
  std::map<std::string, Verdict> unhealthy;
  for (const auto& [device, modules] : deviating)
    unhealthy.emplace(device, judge_settings_of_group(device, modules));
  return apply_all(Kind::GroupSettings, unhealthy,
                   "SELECT DISTINCT s.device_id AS device_id FROM posture_setting s JOIN "
                   "posture_device d ON d.device_id = s.device_id WHERE d.security_group = ?2",
                   group);
}

base::Result<void> Applier::forget(const std::string& device_id) {
  if (device_id.empty()) return {};
  for (const Recommendation& each : catalogue()) {
    const auto before = TRY(find_assessment(*db_, each.kind, device_id));
    if (before && before->state != State::Resolved) {
      Assessment last = *before;
      last.state = State::Resolved;
      last.resolved = last.changed = now_;
      last.item_count = last.accepted_count = 0;
      made_rows_ = true;
      TRY(add_row(*db_, last, {}, "The device was deleted.", now_));
    }
  }
  for (const std::string_view table :
       {"posture_item", "posture_assessment", "posture_setting", "posture_device"})
    TRY(db_->run(fmt::format("DELETE FROM {} WHERE device_id = ?", table), device_id));
  return {};
}

base::Result<void> Applier::refresh() {
  exceptions_ = TRY(read_exceptions(*db_));
  return {};
}

base::Result<void> Applier::reconsider(Kind kind, const std::string& device_id) {
  std::vector<std::string> devices;
  {
    auto row = TRY(db_->prepare(
        "SELECT device_id FROM posture_assessment WHERE recommendation = ?1 AND item_count > 0 AND "
        "(?2 = '' OR device_id = ?2)"));
    row.bind_all(recommendation(kind).name, device_id);
    devices = TRY(texts(row));
  }
  for (const std::string& device : devices) {
    const auto before = TRY(find_assessment(*db_, kind, device));
    if (!before) continue;
    const auto items = TRY(read_kept(*db_, kind, device));
    TRY(conclude(&*before, *before, items, items));
  }
  return {};
}

base::Result<void> Applier::expire() {
  std::vector<Exception> over;
  for (const Exception& exception : exceptions_) {
    if (exception.expires && *exception.expires <= now_) over.push_back(exception);
  }
  for (const Exception& exception : over) {
    TRY(db_->run("DELETE FROM posture_exception WHERE id = ?", exception.id));
    std::erase_if(exceptions_, [&](const Exception& other) { return other.id == exception.id; });
    TRY(reconsider(exception.kind, exception.device_id));
  }
  return {};
}

}  // namespace detect::posture
