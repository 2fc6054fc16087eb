// The databases of package managers.
#include "agent/snapshot/packages/databases.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::snapshot::packages;
  const std::string_view text = base::as_text({data, size});
  (void)read_control(text, "dpkg");
  (void)read_apk(text);
  (void)read_rpm_header({data, size});
  (void)read_ndb({data, size});
  return 0;
}
