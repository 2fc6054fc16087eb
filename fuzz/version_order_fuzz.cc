// The orderings of versions are total preorders, whatever the texts: three of them at once.
#include <algorithm>

#include "advisories/ranges.h"
#include "advisories/release.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace advisories;
  const std::string_view text = base::as_text({data, size});
  const std::size_t first = std::min(text.find('\n'), text.size());
  const std::size_t second =
      std::min(text.find('\n', std::min(first + 1, text.size())), text.size());
  const std::string_view a = text.substr(0, first);
  const std::string_view b =
      text.substr(std::min(first + 1, text.size()), second - std::min(first + 1, second));
  const std::string_view c = text.substr(std::min(second + 1, text.size()));
  for (const Ordering ordering : {Ordering::Dpkg, Ordering::Rpm, Ordering::Apk}) {
    const auto ab = compare(ordering, a, b);
    const auto bc = compare(ordering, b, c);
    const auto ac = compare(ordering, a, c);
    ASSERT(compare(ordering, a, a) == 0);
    ASSERT((compare(ordering, b, a) > 0) == (ab < 0) && (compare(ordering, b, a) < 0) == (ab > 0));
    if (ab <= 0 && bc <= 0) ASSERT(ac <= 0);
    if (ab >= 0 && bc >= 0) ASSERT(ac >= 0);
    if (ab == 0) ASSERT((ac < 0) == (bc < 0) && (ac > 0) == (bc > 0));
    (void)match(ordering, a, b);
  }
  (void)release_of_purl(a);
  (void)release_of_ecosystem(b);
  return 0;
}
