#pragma once

#include <cstdint>
#include <string_view>

namespace kql::natives {

// xxHash64, as the language's hash() gives it. Source: xxHash's specification, XXH64. Threads:
// pure.
std::uint64_t xxhash64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace kql::natives
