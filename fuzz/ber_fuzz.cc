// ASN.1 as every protocol that uses it reads it: all elements, all levels, all kinds of values.

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "dissect/ber/ber.h"

namespace {

namespace ber = dissect::ber;

void walk(base::ByteView bytes, int depth) {
  ber::Elements elements(bytes);
  while (elements.next()) {
    const ber::Element& here = elements.here();
    ASSERT(here.whole.size() >= 2 && here.value.size() < here.whole.size());
    if (here.constructed) {
      if (depth < ber::kMaxDepth) walk(here.value, depth + 1);
      continue;
    }
    static_cast<void>(ber::integer(here.value));
    static_cast<void>(ber::natural(here.value));
    static_cast<void>(ber::real(here.value));
    static_cast<void>(ber::oid(here.value));
    if (const auto bits = ber::bits(here.value); bits && bits->count > 0)
      static_cast<void>(bits->at(bits->count - 1));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  walk(bytes, 0);
  const ber::Size first = ber::size_of_first(bytes);
  ASSERT(first.kind != ber::Size::Kind::Known || first.bytes >= 2);
  return 0;
}
