#include "hub/api/time_interval.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "base/text.h"

namespace hub::api {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxText = 128;
constexpr int kNanosecondsPerTick = 100;

using Bound = std::variant<kql::Ticks, std::chrono::nanoseconds>;

Result<Bound> parse_bound(std::string_view text) {
  if (text.starts_with('P')) return Bound(TRY(base::parse_duration(text)));
  // Digits first: kql reads the words of RFC 822, too, which nobody sends here.
  if (text.empty() || text.front() < '0' || text.front() > '9')
    return fail(Code::Malformed, "a time or a duration such as P1D is expected");
  const auto time = kql::parse_datetime(text);
  if (!time) return fail(Code::Malformed, "this is no time");
  return Bound(*time);
}

kql::Ticks moved(kql::Ticks time, std::chrono::nanoseconds by) {
  const kql::Ticks ticks = by.count() / kNanosecondsPerTick;
  return std::clamp<kql::Ticks>(time + ticks, 0, kql::kMaxDateTimeTicks);
}

}  // namespace

Result<kql::TimeRange> parse_time_interval(std::string_view text, base::WallTime now) {
  text = base::trim(text);
  if (text.size() > kMaxText) return fail(Code::Malformed, "it is too long");
  const std::size_t slash = text.find('/');
  const Bound first = TRY(parse_bound(text.substr(0, slash)));
  const auto* back = std::get_if<std::chrono::nanoseconds>(&first);
  kql::TimeRange range;
  if (slash == std::string_view::npos) {
    if (back == nullptr)
      return fail(Code::Malformed, "a duration is expected, or two ends with a / between");
    range.to = kql::to_ticks(now);
    range.from = moved(range.to, -*back);
    return range;
  }
  const Bound second = TRY(parse_bound(text.substr(slash + 1)));
  const auto* forth = std::get_if<std::chrono::nanoseconds>(&second);
  if (back != nullptr && forth != nullptr)
    return fail(Code::Malformed, "one of the two ends must be a time");
  if (back == nullptr) range.from = std::get<kql::Ticks>(first);
  if (forth == nullptr) range.to = std::get<kql::Ticks>(second);
  if (back != nullptr) range.from = moved(range.to, -*back);
  if (forth != nullptr) range.to = moved(range.from, *forth);
  if (range.to < range.from) return fail(Code::Invalid, "it ends before it starts");
  return range;
}

}  // namespace hub::api
