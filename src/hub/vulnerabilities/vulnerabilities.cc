#include "hub/vulnerabilities/vulnerabilities.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "detect/posture/vulnerable_packages.h"

namespace hub::vulnerabilities {

using base::Result;
using detect::posture::Judgement;
using detect::posture::VulnerablePackage;

namespace {

constexpr std::size_t kBatch = 32;            // devices of one transaction
constexpr std::size_t kMaxWaiting = 100'000;  // beyond, nobody is waited for

detect::Severity severity_of(advisories::Severity severity) {
  switch (severity) {
    case advisories::Severity::Critical:
    case advisories::Severity::High:
      return detect::Severity::High;
    case advisories::Severity::Low:
    case advisories::Severity::Negligible:
      return detect::Severity::Low;
    case advisories::Severity::Medium:
    case advisories::Severity::Unknown:
      break;
  }
  return detect::Severity::Medium;
}

advisories::Ordering ordering_of_release(const std::string& release) {
  const auto parsed = advisories::parse_release(release);
  return parsed ? ordering_of(parsed->family) : advisories::Ordering::Dpkg;
}

// What has to be installed: flaws with a fix, by package.
std::vector<VulnerablePackage> to_install(const std::vector<Flaw>& flaws) {
  std::map<std::pair<std::string, std::string>, VulnerablePackage> packages;
  for (const Flaw& flaw : flaws) {
    if (flaw.fixed.empty() || flaw.severity == advisories::Severity::Negligible) continue;
    VulnerablePackage& package = packages[{flaw.package, flaw.installed}];
    const advisories::Ordering ordering = ordering_of_release(flaw.release);
    if (package.source.empty()) {
      package.source = flaw.package;
      package.installed = flaw.installed;
      package.manager = ordering == advisories::Ordering::Dpkg  ? "dpkg"
                        : ordering == advisories::Ordering::Apk ? "apk"
                                                                : "rpm";
      for (const std::string_view name : base::split(flaw.binaries, ' '))
        package.binaries.emplace_back(name);
    }
    if (package.fixed.empty() || compare(ordering, package.fixed, flaw.fixed) < 0)
      package.fixed = flaw.fixed;
    package.flaws.push_back(
        {flaw.name, std::string(to_string(flaw.severity)), severity_of(flaw.severity), flaw.fixed});
  }
  std::vector<VulnerablePackage> out;
  for (auto& [key, package] : packages)
    out.push_back(std::move(package));
  return out;
}

}  // namespace

Result<std::unique_ptr<Vulnerabilities>> Vulnerabilities::open(Options options,
                                                               detect::posture::Posture& posture) {
  std::unique_ptr<Vulnerabilities> out(new Vulnerabilities(std::move(options), posture));
  out->bundles_ = TRY(Bundles::open(out->options_.bundles));
  out->findings_ = TRY(Findings::open(out->options_.path));
  out->bundles_->on_change([self = out.get()] { self->wake(); });
  return out;
}

Vulnerabilities::~Vulnerabilities() {
  stop();
}

// --- what comes by the pipeline ---

void Vulnerabilities::on_event(const schema::Event& event, const detect::Origin& origin,
                               std::vector<detect::Finding>&) {
  if (event.name() != schema::EventName::SBoM) return;
  counters_.pictures.add();
  const base::WallTime observed = std::min(event.time.utc, origin.received);
  const std::string device(origin.device_id);
  const auto [place, is_new] = pending_.try_emplace(device);
  Picture& picture = place->second;
  if (!is_new && picture.observed > observed) return;
  if (is_new || picture.observed != observed) picture = {device, observed, origin.received, {}};
  picture.received = origin.received;
  const std::uint64_t before = picture.inventory.left_out();
  picture.inventory.add(std::get<std::vector<schema::SBoM>>(event.payload));
  counters_.left_out.add(picture.inventory.left_out() - before);
}

void Vulnerabilities::on_twin(const store::TwinRow& twin, const detect::Origin&,
                              std::vector<detect::Finding>&) {
  if (!twin.module_id.empty() || twin.operation != "deleted") return;
  deleted_.emplace_back(twin.device_id);
  pending_.erase(deleted_.back());
}

Result<void> Vulnerabilities::settle() {
  while (!deleted_.empty()) {
    TRY(findings_->forget(deleted_.back()));
    deleted_.pop_back();
  }
  if (pending_.empty()) return {};
  std::vector<Picture> pictures;
  for (const auto& [device, picture] : pending_)
    pictures.push_back(picture);
  auto changed = findings_->put(pictures);
  if (!changed) {
    counters_.failures.add();
    return std::unexpected(std::move(changed.error()));
  }
  pending_.clear();
  {
    const std::lock_guard lock(mutex_);
    const base::MonoTime due = base::mono_now() + options_.settle;
    for (std::string& device : *changed) {
      if (waiting_.size() < kMaxWaiting) waiting_[std::move(device)] = due;
    }
  }
  return {};
}

// --- the thread ---

void Vulnerabilities::start() {
  thread_ = std::thread([this] { run(); });
}

void Vulnerabilities::stop() {
  stopping_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
}

void Vulnerabilities::wake() {
  const std::lock_guard lock(mutex_);
  awake_ = true;
  woken_.notify_one();
}

void Vulnerabilities::run() {
  while (!stopping_) {
    const auto worked = work();
    if (!worked) {
      counters_.failures.add();
      LOG_WARNING("vulnerabilities.work").field("error", worked.error().to_string());
    }
    if (worked && *worked) continue;
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, options_.glance, [this] { return awake_; });
    awake_ = false;
  }
}

Result<bool> Vulnerabilities::work() {
  if (bundles_->work(stopping_)) return true;
  return judge_some();
}

// Whether all of its picture is there, as far as one can know.
bool Vulnerabilities::is_ready(const std::string& device_id) {
  const std::lock_guard lock(mutex_);
  const auto known = waiting_.find(device_id);
  if (known == waiting_.end()) return true;
  if (base::mono_now() < known->second) return false;
  waiting_.erase(known);
  return true;
}

Result<const std::vector<Flaw>*> Vulnerabilities::flaws_of(std::int64_t inventory,
                                                           const BundleSet& bundles,
                                                           const std::string& generation) {
  if (matched_inventory_ == inventory && matched_generation_ == generation) return &matched_;
  matched_inventory_ = 0;
  const Inventory installed = TRY(findings_->inventory(inventory));
  matched_ = TRY(match(installed, bundles));
  matched_covered_ = installed.release() && covers(bundles, *installed.release());
  matched_inventory_ = inventory;
  matched_generation_ = generation;
  return &matched_;
}

// The next devices that have to be looked at, of which there may be many: those after the last.
Result<bool> Vulnerabilities::judge_some() {
  const std::string generation = bundles_->generation();
  const auto bundles = bundles_->all();
  std::vector<Due> due = TRY(findings_->due(generation, place_, kBatch));
  if (due.empty()) {
    const bool again = place_.inventory != 0;
    place_ = {};
    if (!again) return false;
    due = TRY(findings_->due(generation, place_, kBatch));
  }
  if (due.empty()) return false;
  place_ = due.back();
  std::erase_if(due, [this](const Due& each) { return !is_ready(each.device_id); });
  std::vector<Judgement> judgements;
  for (Due& each : due) {
    if (stopping_) return false;
    const auto flaws = flaws_of(each.inventory, *bundles, generation);
    if (!flaws && flaws.error().code == base::Code::NotFound) continue;  // it has another now
    if (!flaws) return std::unexpected(flaws.error());
    const bool was_covered = std::exchange(each.covered, matched_covered_);
    const base::WallTime now = options_.now();
    const bool is_there = TRY(findings_->replace(each, **flaws, now));
    // Where no bundle is about its release there is nothing to say, but that it was so before.
    if (is_there && (each.covered || was_covered)) {
      judgements.push_back(
          {each.device_id, now, detect::posture::judge_vulnerabilities(to_install(**flaws))});
    }
  }
  if (due.empty()) return false;
  if (!judgements.empty()) TRY(posture_.judge(judgements));
  TRY(findings_->judged(due, generation, options_.now()));
  counters_.judged.add(due.size());
  return true;
}

}  // namespace hub::vulnerabilities
