#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "advisories/release.h"
#include "schema/message.h"

namespace hub::vulnerabilities {

// A package that is installed, by the source it was built from.
struct SourcePackage {
  std::string name;
  std::string version;
  struct Binary {
    std::string name;
    std::string version;
    auto operator<=>(const Binary&) const = default;
  };
  std::vector<Binary> binaries;  // sorted
};

// What a picture of a device's software says about its packages. At most kMaxBinaries.
//
// Packages whose names or versions no distribution could have are left out and counted, as are
// those of other package managers than the release's.
class Inventory {
 public:
  static constexpr std::size_t kMaxBinaries = 65'536;

  // Adds what a picture, or a further piece of it, says. Threads: pure.
  void add(std::span<const schema::SBoM> items);

  // The same of what another piece of that picture said.
  void add(const Inventory& other);

  bool empty() const { return packages_.empty(); }
  // Of the system; nullopt: none that advisories are read for.
  const std::optional<advisories::Release>& release() const { return release_; }
  std::uint64_t left_out() const { return left_out_; }
  // By name and version.
  std::vector<SourcePackage> packages() const;

  // The same picture gives the same text; and back. Errors of damage: what is readable.
  std::string to_text() const;
  static Inventory parse(std::string_view text);

 private:
  void insert(std::string_view source, std::string_view version, SourcePackage::Binary binary);
  using Key = std::pair<std::string, std::string>;
  std::optional<advisories::Release> release_;
  std::map<Key, std::vector<SourcePackage::Binary>> packages_;
  std::size_t binaries_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace hub::vulnerabilities
