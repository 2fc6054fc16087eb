// Ranges and addresses of the IP filter: the first line is a range, the rest an address.
#include "base/bytes.h"
#include "hub/identity/ip_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using hub::identity::Access;
  using hub::identity::IpFilter;
  const std::string_view text = base::as_text({data, size});
  const std::size_t line = std::min(text.find('\n'), text.size());
  const auto filter =
      IpFilter::create({{"r", Access::Allow, std::string(text.substr(0, line))}}, Access::Deny);
  if (!filter) return 0;
  const std::string_view address = text.substr(std::min(line + 1, text.size()));
  const auto decision = filter->decide(address);
  if ((decision.access == Access::Allow) != (decision.rule == "r")) __builtin_trap();
  // A range that is one address holds itself.
  const std::string_view range = filter->rules()[0].range;
  if (range.find('/') == std::string_view::npos && filter->decide(range).access != Access::Allow) {
    __builtin_trap();
  }
  return 0;
}
