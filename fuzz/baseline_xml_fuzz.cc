// Custom checks of the baseline: no file may break the reader, the expressions or the judging.
#include "agent/baseline/custom.h"
#include "agent/baseline/system_host.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::baseline;
  const auto baseline = read_custom(base::as_text({data, size}));
  if (!baseline) return 0;
  // An empty folder as the system: nothing of this machine is read.
  static const auto host = SystemHost::open("/proc/self/fdinfo");
  if (!host) return 0;
  Facts facts(**host);
  for (const Audit& audit : baseline->audits)
    static_cast<void>(judge_audit(audit, facts));
  return 0;
}
