// Records of the BPF ring buffer.
#include "bpf/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = bpf::read_record({data, size});
  if (!record) return 0;
  if (const auto* exec = std::get_if<bpf::Exec>(&*record)) {
    ASSERT(exec->argv_head <= exec->argv.size());
    ASSERT(bpf::path_of_names(exec->exe).size() <= exec->exe.size() + 1);
    ASSERT(bpf::path_of_names(exec->cwd).starts_with('/'));
  }
  return 0;
}
