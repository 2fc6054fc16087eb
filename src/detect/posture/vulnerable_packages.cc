#include "detect/posture/vulnerable_packages.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace detect::posture {
namespace {

using base::json::Value;

constexpr std::size_t kMaxTold = 200;      // vulnerabilities of one package, the severe first
constexpr std::size_t kMaxBinaries = 100;  // in a command

// The newest that the distribution has, which is that version or a later one: archives do not keep
// the others.
std::vector<std::string> commands_for(const VulnerablePackage& package) {
  std::string names;
  const std::set<std::string> once(package.binaries.begin(), package.binaries.end());
  std::size_t count = 0;
  for (const std::string& name : once) {
    if (++count > kMaxBinaries) break;
    names += " " + shell_word(name);
  }
  if (package.manager == "dpkg")
    return {"sudo apt-get update", "sudo apt-get install --only-upgrade" + names};
  if (package.manager == "apk") return {"sudo apk update", "sudo apk add --upgrade" + names};
  if (package.manager == "rpm") return {"sudo dnf upgrade --refresh" + names};
  return {};
}

Value facts_of(const VulnerablePackage& package, std::vector<VulnerablePackage::Flaw> flaws) {
  Value::Object facts;
  facts.push_back({"SourcePackage", Value(package.source)});
  facts.push_back({"InstalledVersion", Value(package.installed)});
  facts.push_back({"FixedVersion", Value(package.fixed)});
  Value::Array binaries;
  for (const std::string& name : package.binaries)
    binaries.emplace_back(name);
  facts.push_back({"Packages", Value(std::move(binaries))});
  facts.push_back({"VulnerabilityCount", Value(static_cast<std::int64_t>(flaws.size()))});
  flaws.resize(std::min(flaws.size(), kMaxTold));
  Value::Array list;
  for (VulnerablePackage::Flaw& flaw : flaws) {
    Value::Object one;
    one.push_back({"Id", Value(std::move(flaw.name))});
    one.push_back({"Severity", Value(std::move(flaw.severity))});
    one.push_back({"FixedVersion", Value(std::move(flaw.fixed))});
    list.emplace_back(std::move(one));
  }
  facts.push_back({"Vulnerabilities", Value(std::move(list))});
  return Value(std::move(facts));
}

Item item_of(const VulnerablePackage& package) {
  std::vector<VulnerablePackage::Flaw> flaws = package.flaws;
  std::ranges::stable_sort(flaws, {}, &VulnerablePackage::Flaw::name);
  std::ranges::stable_sort(flaws, std::greater{}, &VulnerablePackage::Flaw::counts);
  Item item;
  item.key = package.source;
  item.severity = flaws.empty() ? Severity::Medium : flaws.front().counts;
  item.title = fmt::format("{} {}: {}{}, fixed in {}", package.source, package.installed,
                           flaws.empty() ? "" : flaws.front().name,
                           flaws.size() > 1 ? fmt::format(" and {} more", flaws.size() - 1) : "",
                           package.fixed);
  item.steps = {fmt::format("Install {} {} or newer, and restart what uses it.", package.source,
                            package.fixed)};
  item.commands = commands_for(package);
  item.facts = facts_of(package, std::move(flaws));
  return item;
}

}  // namespace

Verdict judge_vulnerabilities(std::span<const VulnerablePackage> packages) {
  Verdict verdict{.kind = Kind::KnownVulnerabilities};
  for (const VulnerablePackage& package : packages) {
    Item item = item_of(package);
    // Kernels are installed beside each other: the same source in several versions.
    const bool again = std::ranges::any_of(
        verdict.items, [&](const Item& other) { return other.key == package.source; });
    if (again) item.key += " " + package.installed;
    verdict.items.push_back(std::move(item));
  }
  if (!verdict.healthy()) verdict.credit = 0;
  return verdict;
}

}  // namespace detect::posture
