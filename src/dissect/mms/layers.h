#pragma once

#include <optional>

#include "base/bytes.h"

namespace dissect::mms {

// The MMS message in a transport message: past session and presentation, and the association when
// one is opened. None when there is none.
std::optional<base::ByteView> unwrap(base::ByteView transport_data);

}  // namespace dissect::mms
