#include "hub/vulnerabilities/inventory.h"

#include <algorithm>

#include "advisories/advisory.h"
#include "base/text.h"

namespace hub::vulnerabilities {
namespace {

std::string_view manager_of(advisories::Ordering ordering) {
  switch (ordering) {
    case advisories::Ordering::Dpkg:
      return "dpkg";
    case advisories::Ordering::Rpm:
      return "rpm";
    case advisories::Ordering::Apk:
      break;
  }
  return "apk";
}

}  // namespace

void Inventory::add(std::span<const schema::SBoM> items) {
  for (const schema::SBoM& item : items) {
    if (!release_) release_ = advisories::release_of_purl(item.purl);
    if (item.package_name == "*") continue;  // what the agent could not read
    const std::string_view source =
        item.source_package ? std::string_view(*item.source_package) : item.package_name;
    const std::string_view version =
        item.source_version ? std::string_view(*item.source_version) : item.version;
    const bool usable = advisories::is_package_name(source) && advisories::is_version(version) &&
                        advisories::is_package_name(item.package_name) &&
                        advisories::is_version(item.version) && binaries_ < kMaxBinaries &&
                        release_ &&
                        item.package_manager == manager_of(ordering_of(release_->family));
    if (!usable) {
      ++left_out_;
      continue;
    }
    insert(source, version, {item.package_name, item.version});
  }
}

void Inventory::insert(std::string_view source, std::string_view version,
                       SourcePackage::Binary binary) {
  auto& binaries = packages_[{std::string(source), std::string(version)}];
  const auto place = std::ranges::lower_bound(binaries, binary);
  if (place != binaries.end() && *place == binary) return;  // for another architecture
  binaries.insert(place, std::move(binary));
  ++binaries_;
}

void Inventory::add(const Inventory& other) {
  if (!release_) release_ = other.release_;
  left_out_ += other.left_out_;
  for (const auto& [key, binaries] : other.packages_) {
    for (const SourcePackage::Binary& binary : binaries) {
      if (binaries_ < kMaxBinaries) {
        insert(key.first, key.second, binary);
      } else {
        ++left_out_;
      }
    }
  }
}

std::vector<SourcePackage> Inventory::packages() const {
  std::vector<SourcePackage> out;
  out.reserve(packages_.size());
  for (const auto& [key, binaries] : packages_)
    out.push_back({key.first, key.second, binaries});
  return out;
}

// A line for the release, then one for each source: its name and version, then each binary's, of
// which the version is empty where it is the same. None of them has blanks in it.
std::string Inventory::to_text() const {
  std::string out;
  if (release_) out = to_string(*release_);
  for (const auto& [key, binaries] : packages_) {
    out += '\n' + key.first + ' ' + key.second;
    for (const SourcePackage::Binary& binary : binaries) {
      out += ' ' + binary.name;
      if (binary.version != key.second) out += '=' + binary.version;
    }
  }
  return out;
}

Inventory Inventory::parse(std::string_view text) {
  Inventory out;
  bool first = true;
  for (const std::string_view line : base::split(text, '\n')) {
    if (std::exchange(first, false)) {
      out.release_ = advisories::parse_release(line);
      continue;
    }
    const std::vector<std::string_view> words = base::split(line, ' ');
    if (words.size() < 3) continue;
    for (const std::string_view word : std::span(words).subspan(2)) {
      const std::size_t equals = word.find('=');
      const std::string_view version =
          equals == std::string_view::npos ? words[1] : word.substr(equals + 1);
      out.insert(words[0], words[1], {std::string(word.substr(0, equals)), std::string(version)});
    }
  }
  return out;
}

}  // namespace hub::vulnerabilities
