// LocalConfiguration.json of another agent.
#include "agent/local/local_configuration.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  [[maybe_unused]] const auto read =
      agent::local::read_local_configuration(base::as_text({data, size}));
  return 0;
}
