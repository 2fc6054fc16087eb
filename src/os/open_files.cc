#include "os/open_files.h"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace os {

std::size_t allow_open_files(std::size_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<std::size_t>::max());
}

}  // namespace os
