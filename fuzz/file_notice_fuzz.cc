// What fanotify and inotify write.
#include "agent/files/notice.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto ignore = [](const agent::files::Notice&) {};
  [[maybe_unused]] const auto fanotify = agent::files::read_fanotify({data, size}, ignore);
  [[maybe_unused]] const auto inotify = agent::files::read_inotify({data, size}, ignore);
  return 0;
}
