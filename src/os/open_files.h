#pragma once

#include <cstddef>

namespace os {

// Lets the process have `wanted` descriptors open at once, as far as the system's hard limit goes:
// the usual soft limit is that of programs that use select(). Never lowers it. How many it may have
// now. Threads: any, one at a time.
std::size_t allow_open_files(std::size_t wanted);

}  // namespace os
