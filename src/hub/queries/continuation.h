#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace hub::queries {

// Where a query goes on: told to clients as a text that only this hub can make.
struct Continuation {
  std::string key;                    // of the last row that was given
  std::optional<std::uint32_t> left;  // rows that TOP still allows
};

// The text for a continuation of that query, authenticated with a secret of the hub.
std::string seal(const Continuation& continuation, std::string_view query, base::ByteView secret);
// Errors: Invalid (not made by this hub, or for another query).
base::Result<Continuation> unseal(std::string_view text, std::string_view query,
                                  base::ByteView secret);

}  // namespace hub::queries
