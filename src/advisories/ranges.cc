#include "advisories/ranges.h"

#include <algorithm>

#include "base/text.h"

namespace advisories {
namespace {

using base::Code;
using base::fail;
using Kind = RangeEvent::Kind;

constexpr std::string_view kFirst = "0";
constexpr std::string_view kForever = "*";

std::string_view word(End end) {
  switch (end) {
    case End::Fixed:
      return "<";
    case End::Last:
      return "<=";
    case End::Limit:
      return "<<";
    case End::None:
      break;
  }
  return "";
}

bool is_before(Ordering ordering, const RangeEvent& a, const RangeEvent& b) {
  const bool first = a.version == kFirst;
  const bool other = b.version == kFirst;
  if (first != other) return first;
  if (first) return false;
  return compare(ordering, a.version, b.version) < 0;
}

// An interval in a text: "", ">=A", "<B", ">=A <B".
Match match_interval(Ordering ordering, std::string_view text, std::string_view version) {
  Match out;
  for (std::string_view part : base::split(text, ' ')) {
    if (part.empty() || part == kForever) continue;
    const auto take = [&part](std::string_view mark) {
      const bool is = part.starts_with(mark);
      if (is) part.remove_prefix(mark.size());
      return is;
    };
    if (take("=")) return {.affected = compare(ordering, version, part) == 0};
    if (take(">=")) {
      if (compare(ordering, version, part) < 0) return {};
    } else if (take("<=")) {
      if (compare(ordering, version, part) > 0) return {};
    } else if (take("<<")) {
      if (compare(ordering, version, part) >= 0) return {};
    } else if (take("<")) {
      if (compare(ordering, version, part) >= 0) return {};
      out.fixed = part;
    }
  }
  out.affected = true;
  return out;
}

// Closes the interval that is open, if one is.
void close(std::vector<Interval>& out, bool& open, End end, const std::string& version) {
  if (!open) return;
  out.back().end = end;
  out.back().to = version;
  open = false;
}

// Nothing is said about that version and later ones.
void clip(Ordering ordering, const std::string& limit, std::vector<Interval>& intervals) {
  std::erase_if(intervals, [&](const Interval& interval) {
    return !interval.from.empty() && compare(ordering, interval.from, limit) >= 0;
  });
  for (Interval& interval : intervals) {
    const bool longer = interval.end == End::None || compare(ordering, interval.to, limit) > 0 ||
                        (interval.end == End::Last && compare(ordering, interval.to, limit) == 0);
    if (!longer) continue;
    interval.end = End::Limit;
    interval.to = limit;
  }
}

}  // namespace

std::string to_string(const Ranges& ranges) {
  std::string out;
  for (const Interval& interval : ranges.intervals) {
    if (!out.empty()) out += "; ";
    if (!interval.from.empty()) out += ">=" + interval.from;
    if (interval.end != End::None) {
      if (!interval.from.empty()) out += ' ';
      out += word(interval.end);
      out += interval.to;
    } else if (interval.from.empty()) {
      out += kForever;
    }
  }
  for (const std::string& version : ranges.versions) {
    if (!out.empty()) out += "; ";
    out += '=';
    out += version;
  }
  return out;
}

Match match(Ordering ordering, std::string_view ranges, std::string_view version) {
  Match out;
  while (!ranges.empty()) {
    const std::size_t end = std::min(ranges.find(';'), ranges.size());
    std::string_view one = base::trim(ranges.substr(0, end));
    ranges.remove_prefix(std::min(end + 1, ranges.size()));
    if (one.empty()) continue;
    const Match found = match_interval(ordering, one, version);
    if (!found.affected) continue;
    if (!found.fixed.empty()) return found;
    out.affected = true;  // another interval may tell the fix
  }
  return out;
}

base::Result<std::vector<Interval>> intervals_of(Ordering ordering,
                                                 std::vector<RangeEvent> events) {
  const std::string* limit = nullptr;
  bool no_limit = false;
  for (const RangeEvent& event : events) {
    if (event.kind == Kind::Limit && event.version == kForever) {
      no_limit = true;
      continue;
    }
    if (!is_version(event.version)) return fail(Code::Malformed, "version", -1, event.version);
    if (event.kind != Kind::Limit) continue;
    if (limit == nullptr || compare(ordering, *limit, event.version) < 0) limit = &event.version;
  }
  const std::string last = limit == nullptr || no_limit ? std::string() : *limit;
  std::erase_if(events, [](const RangeEvent& event) { return event.kind == Kind::Limit; });
  // At the same version what ends comes before what begins, but for the last that is affected.
  const auto place = [](Kind kind) {
    return kind == Kind::Fixed ? 0 : kind == Kind::Introduced ? 1 : 2;
  };
  std::ranges::stable_sort(events, [&](const RangeEvent& a, const RangeEvent& b) {
    if (is_before(ordering, a, b)) return true;
    if (is_before(ordering, b, a)) return false;
    return place(a.kind) < place(b.kind);
  });
  std::vector<Interval> out;
  bool open = false;
  bool any = false;
  for (const RangeEvent& event : events) {
    if (event.kind == Kind::Introduced) {
      any = true;
      if (open) continue;
      open = true;
      out.push_back({.from = event.version == kFirst ? std::string() : event.version});
    } else {
      close(out, open, event.kind == Kind::Fixed ? End::Fixed : End::Last, event.version);
    }
  }
  if (!any) return fail(Code::Malformed, "range", -1, "nothing says where it begins");
  if (!last.empty()) clip(ordering, last, out);
  if (out.size() > kMaxIntervals) return fail(Code::TooLarge, "range");
  return out;
}

}  // namespace advisories
