#pragma once

#include <span>
#include <string_view>

#include "dissect/protocol.h"

namespace dissect::all {

// Every protocol that is built in, in the order in which they are asked whether bytes are theirs:
// those that are sure of themselves first. Constant data.
std::span<const Protocol* const> protocols();

// The protocol of that name; null: none.
const Protocol* find(std::string_view name);

}  // namespace dissect::all
