// Bundles of advisories in all their forms, and what their ranges say about versions.
#include <algorithm>
#include <cstring>

#include "advisories/bundle.h"
#include "base/bytes.h"

namespace {

class Bytes final : public advisories::Source {
 public:
  explicit Bytes(base::ByteView bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  base::Result<std::size_t> read_at(std::span<std::uint8_t> into, std::uint64_t at) override {
    if (at >= bytes_.size()) return std::size_t{0};
    const base::ByteView rest = bytes_.subspan(static_cast<std::size_t>(at));
    const std::size_t count = std::min(rest.size(), into.size());
    std::memcpy(into.data(), rest.data(), count);
    return count;
  }

 private:
  base::ByteView bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace advisories;
  Bytes source({data, size});
  const Limits limits{.record = 1U << 16U, .total = 1U << 20U, .problems = 4};
  (void)read_bundle(
      source, limits,
      [](const Advisory& advisory) -> base::Result<void> {
        for (const Affected& each : advisory.affected) {
          const auto ordering = ordering_of(each.release.family);
          const std::string ranges = to_string(each.ranges);
          // The first version of an interval is within it, unless it ends there at once.
          for (const Interval& interval : each.ranges.intervals) {
            const bool some =
                interval.end == End::None ||
                (!interval.from.empty() && compare(ordering, interval.from, interval.to) < 0);
            if (some && !interval.from.empty())
              ASSERT(match(ordering, ranges, interval.from).affected);
          }
          ASSERT(parse_release(to_string(each.release)) == each.release);
          ASSERT(is_package_name(each.package));
        }
        return {};
      },
      [](std::uint64_t) { return true; });
  return 0;
}
