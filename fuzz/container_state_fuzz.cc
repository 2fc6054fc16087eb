// What container runtimes keep on disk.
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/collect/container_state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::collect;
  const std::string text(data, data + size);
  [[maybe_unused]] const auto docker = image_of_docker(text);
  [[maybe_unused]] const auto bundle = image_of_bundle(text);
  [[maybe_unused]] const auto stored = stored_containers(text, 16);
  return 0;
}
