// Files of custom alerts: what is read can be written, and reads the same then.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "detect/custom/document.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using detect::custom::Definition;
  const auto read = detect::custom::read_document(base::as_text({data, size}));
  if (!read) return 0;
  for (const Definition& definition : *read) {
    const detect::custom::Rule rule("r", definition, base::WallTime());
    for (const std::string& value : definition.values)
      (void)rule.judge(value);
  }
  const auto again = detect::custom::read_document(detect::custom::write_document(*read));
  ASSERT(again && *again == *read);
  return 0;
}
