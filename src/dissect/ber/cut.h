#pragma once

#include <optional>

#include "base/bytes.h"
#include "dissect/ber/ber.h"

namespace dissect::ber {

// The first element of bytes that end before it does, because only the beginning of a message is
// kept: its value is what there is of it, and may be empty. An element that is all there is given
// as first() would. None when tag and length are not there or cannot be, and of those of indefinite
// length. Threads: pure. Source: ITU-T X.690 (02/2021), clause 8.1.
std::optional<Element> first_of_cut(base::ByteView bytes);

}  // namespace dissect::ber
