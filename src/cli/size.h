#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Sizes and ages as people write them.
namespace cli {

// "12.3 GiB"; three digits at most.
std::string size_text(std::int64_t bytes);
// "20GiB", "1.5 TiB", "512MB", "100"; nullopt when it is no size, or beyond 2^62.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "90 d", "36 h", "5 s": in the largest unit that leaves nothing over.
std::string age_text(std::int64_t seconds);

}  // namespace cli
