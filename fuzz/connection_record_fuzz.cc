// Records of the ring of connections.
#include "bpf/connection_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto connection = bpf::read_connection({data, size});
  if (connection) ASSERT(connection->comm.size() <= 16);
  return 0;
}
