#include "hub/posture/watch.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/log.h"
#include "hub/identity/credentials.h"
#include "hub/identity/ip_filter.h"

namespace hub::posture {

using base::Result;
using detect::posture::AddressFilter;
using detect::posture::Judgement;
using detect::posture::Kind;
using detect::posture::SharedCredential;
using detect::posture::Verdict;

namespace {

constexpr std::size_t kMaxShared = 10'000;
constexpr std::size_t kPage = 1'000;
constexpr std::size_t kMaxAddresses = 200'000;
// An address that was seen longer ago says nothing about where devices are.
constexpr std::chrono::days kRecent{30};

AddressFilter filter_of(const identity::IpFilter& filter) {
  AddressFilter out;
  for (const identity::AddressRule& rule : filter.rules())
    out.rules.push_back({rule.name, rule.access == identity::Access::Allow, rule.range});
  out.default_allow = filter.otherwise() == identity::Access::Allow;
  return out;
}

// Modules have the credentials of their device's agent: only other devices count.
SharedCredential devices_of(const identity::SharedCredential& shared) {
  SharedCredential out;
  out.kind = identity::to_string(shared.kind);
  out.hash = shared.hash;
  std::set<std::string> devices;
  for (const identity::Name& name : shared.identities)
    devices.insert(name.device_id);
  out.devices.assign(devices.begin(), devices.end());
  out.count = devices.size();
  // Of more than are listed, each is taken for a device.
  if (shared.count > shared.identities.size() && out.count > 1)
    out.count += static_cast<std::size_t>(shared.count - shared.identities.size());
  return out;
}

}  // namespace

Watch::Watch(Options options, identity::Registry& registry, detect::posture::Posture& posture)
    : options_(std::move(options)), registry_(registry), posture_(posture) {}

Watch::~Watch() {
  stop();
}

void Watch::start() {
  thread_ = std::thread([this] { run(); });
}

void Watch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stopped_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Watch::attempt(const char* what, const Result<void>& result) {
  if (result) return;
  failures_.add();
  LOG_WARNING("posture.look").field("at", what).field("error", result.error().to_string());
}

void Watch::run() {
  auto due = base::mono_now();
  while (true) {
    if (base::mono_now() >= due) {
      due = base::mono_now() + options_.every;
      attempt("credentials", look_at_credentials());
      attempt("addresses", gather_addresses());
      filter_etag_ = "?";
    }
    if (registry_.ip_filter().current().etag != filter_etag_) attempt("filter", look_at_filter());
    std::unique_lock lock(mutex_);
    if (stopped_.wait_for(lock, options_.glance, [this] { return stopping_; })) return;
  }
}

Result<void> Watch::gather_addresses() {
  std::vector<std::string> addresses;
  std::string cursor;
  const base::WallTime since = options_.now() - kRecent;
  do {
    const auto page = TRY(registry_.list_activity({}, kPage, cursor));
    for (const auto& [name, activity] : page.items) {
      const auto last = std::max(activity.last_activity, activity.connection_changed);
      if (!activity.ip.empty() && last && *last >= since) addresses.push_back(activity.ip);
    }
    cursor = page.next_cursor;
  } while (!cursor.empty() && addresses.size() < kMaxAddresses);
  seen_ = detect::posture::networks_of(addresses);
  return {};
}

Result<void> Watch::look_at_filter() {
  const auto state = registry_.ip_filter().current();
  const AddressFilter filter = filter_of(*state.filter);
  const base::WallTime now = options_.now();
  const std::vector<Judgement> judgements = {
      {"", now, judge_filter_default(filter)},
      {"", now, judge_filter_ranges(filter)},
      {"", now, judge_filter_fit(filter, seen_)},
      {"", now, detect::posture::judge_diagnostics(options_.sinks)}};
  TRY(posture_.judge(judgements));
  filter_etag_ = state.etag;
  return {};
}

Result<void> Watch::look_at_credentials() {
  std::map<std::string, std::vector<SharedCredential>> by_device;
  for (const identity::SharedCredential& shared : TRY(registry_.credentials().shared(kMaxShared))) {
    const SharedCredential credential = devices_of(shared);
    if (credential.count < 2) continue;
    for (const std::string& device : credential.devices)
      by_device[device].push_back(credential);
  }
  std::map<std::string, Verdict> unhealthy;
  for (const auto& [device, credentials] : by_device)
    unhealthy.emplace(device, judge_credentials(device, credentials));
  return posture_.judge_devices(Kind::SharedCredentials, unhealthy);
}

}  // namespace hub::posture
