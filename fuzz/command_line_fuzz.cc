// What a process may choose: its argv, its short name in /proc/PID/stat, its control group.
#include "agent/collect/command_line.h"
#include "agent/collect/container.h"
#include "base/json.h"
#include "base/text.h"
#include "os/process.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  const std::size_t head = size == 0 ? 0 : data[0] % (size + 1);
  const auto line = agent::collect::read_command_line(
      text, head, size + 1000, {.text_json_bytes = 300, .array_json_bytes = 300, .raw_bytes = 50});
  ASSERT(base::is_utf8(line.text));
  ASSERT(agent::collect::json_size(line.text) <= 300);
  ASSERT(line.json.size() <= 330);
  ASSERT(base::json::parse(line.json));
  [[maybe_unused]] const auto stat = os::read_process_stat(text);
  const std::string group = os::cgroup_of_text(text);
  ASSERT(agent::collect::container_of_cgroup(group).id.size() <= group.size());
  return 0;
}
