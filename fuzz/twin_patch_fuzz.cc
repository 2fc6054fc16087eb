// What devices and services send to change a twin: no input may break it, what is accepted keeps
// its limits, and replacing by what is there changes nothing.
#include "base/bytes.h"
#include "base/result.h"
#include "hub/twins/twin.h"
#include "wire/merge_patch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = base::as_text({data, size});
  // Two documents, one after the other upon the same section.
  const std::size_t half = text.find('\n');
  const hub::twins::Limits limits;
  hub::twins::Section section;
  for (const std::string_view part :
       {text.substr(0, half), half == text.npos ? std::string_view() : text.substr(half + 1)}) {
    const auto patch = hub::twins::read_patch(part, limits);
    if (!patch) continue;
    const std::int64_t before = section.version;
    const auto applied = hub::twins::apply_patch(section, hub::twins::Part::Desired, *patch,
                                                 base::WallTime(), limits);
    ASSERT(section.version == before + (applied ? 1 : 0));
    ASSERT(hub::twins::counted_bytes(section.properties) <= limits.property_bytes);
    ASSERT(base::json::parse(hub::twins::desired_patch(*patch, section.version)).has_value());
  }
  ASSERT(base::json::parse(section.metadata.to_json()).has_value());
  const std::string properties = section.properties.to_json();
  const auto same = base::json::parse(properties);
  ASSERT(same.has_value());
  const auto patch =
      hub::twins::replace(section, hub::twins::Part::Desired, *same, base::WallTime(), limits);
  ASSERT(patch.has_value() && wire::is_empty_object(*patch));
  return 0;
}
