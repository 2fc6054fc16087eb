// Desired properties from a hub: the whole twin, then the same bytes as a patch upon it.
#include "agent/settings/twin.h"
#include "base/bytes.h"
#include "base/result.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using agent::settings::Twin;
  Twin twin{agent::settings::Settings()};
  const std::string_view text = base::as_text({data, size});
  [[maybe_unused]] const auto whole = twin.take(Twin::Change::Whole, 1, text);
  [[maybe_unused]] const auto patch = twin.take(Twin::Change::Patch, 2, text);
  Twin again{agent::settings::Settings()};
  ASSERT(again.restore(twin.saved()));
  ASSERT(again.settings() == twin.settings());
  [[maybe_unused]] const auto restored = again.restore(text);
  [[maybe_unused]] const std::string reported = again.reported().to_json();
  return 0;
}
