// Files of wtmp and btmp.
#include "agent/logins/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::logins;
  for (const UtmpFile file : {UtmpFile::Wtmp, UtmpFile::Btmp}) {
    UtmpReader reader("utmp", file, [](const Observation&) {});
    [[maybe_unused]] const auto done = reader({data, size}, {});
    for (const UtmpLayout layout : {UtmpLayout::Times32, UtmpLayout::Times64}) {
      [[maybe_unused]] const auto one = read_utmp({data, size}, layout, file);
    }
  }
  return 0;
}
