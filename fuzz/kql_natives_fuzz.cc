// The functions that queries call in the database: texts of devices reach them.

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kql/natives/native.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 4096) return 0;
  const auto natives = kql::natives::all();
  const kql::natives::Native& native = natives[data[0] % natives.size()];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  // A zero byte ends an argument; numbers are their first bytes.
  std::vector<kql::natives::Argument> arguments;
  char kind = 'T';
  for (const char* at = native.signature; *at != ':' && arguments.size() < 16;) {
    if (*at != '*') kind = *at++;
    const bool repeats = *at == '*';
    const std::string_view text = rest.substr(0, rest.find('\0'));
    if (repeats && rest.empty()) break;
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
    std::int64_t number = 0;
    for (const char c : text.substr(0, 8))
      number = number * 37 + c - '0';
    if (text == "-") {
      arguments.emplace_back();
    } else if (kind == 'L') {
      arguments.emplace_back(number);
    } else if (kind == 'R') {
      arguments.emplace_back(static_cast<double>(number) / 8);
    } else if (kind == 'B') {
      arguments.emplace_back(number % 2 != 0);
    } else {
      arguments.emplace_back(text);
    }
    if (repeats && arguments.size() >= 8) break;
  }
  native.call(arguments);
  return 0;
}
