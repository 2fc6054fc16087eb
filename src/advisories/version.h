#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace advisories {

// How a distribution orders the versions of its packages.
enum class Ordering : std::uint8_t { Dpkg, Rpm, Apk };

// Total preorders over any text whatever, so that lists can be sorted by them; texts that are no
// versions are compared as far as they can be read. Threads: pure.
//
// Dpkg: [epoch:]upstream[-revision]; an absent part is 0. Source: Debian Policy 5.6.12.
// Rpm:  [epoch:]version[-release]; '~' is before the end, '^' after it. Source: rpm-version(7).
// Apk:  digits(.digits)*[letter](_suffix[digits])*[~hash][-rdigits]. Source: apk-package(5).
std::weak_ordering compare(Ordering ordering, std::string_view a, std::string_view b);

// Whether it can stand for a version in an advisory: 1 to 256 printable ASCII characters, none of
// them white space or one of <>=;*"\ which ranges are written with.
inline constexpr std::size_t kMaxVersion = 256;
bool is_version(std::string_view text);

}  // namespace advisories
