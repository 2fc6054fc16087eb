#include "dissect/dnp3/variation.h"

#include <algorithm>
#include <iterator>

namespace dissect::dnp3 {

namespace {

constexpr std::uint16_t size_of(char letter) {
  switch (letter) {
    case 'b':
    case 'd':
    case 'f':
    case 'g':
    case 'S':
    case 'u':
    case '8':
      return 1;
    case 'c':
    case 'a':
    case 'o':
    case 'k':
    case 's':
    case 'm':
    case 'n':
    case 'w':
      return 2;
    case 'C':
    case 'A':
    case 'r':
    case 'O':
    case 'p':
    case 'K':
    case 'q':
    case 'i':
    case 'W':
      return 4;
    case 't':
      return 6;
    case 'R':
    case 'P':
      return 8;
    case 'x':
      return 10;
    default:
      return 0;
  }
}

constexpr Variation v(unsigned int group, unsigned int variation, const char* layout) {
  Variation made{static_cast<std::uint16_t>(group << 8U | variation), layout, 0};
  for (const char* letter = layout; *letter != '\0'; ++letter)
    made.size = static_cast<std::uint16_t>(made.size + size_of(*letter));
  return made;
}

// In the order of their ids.
constexpr Variation kVariations[] = {
    v(1, 1, "1"),    v(1, 2, "b"),     v(2, 1, "b"),     v(2, 2, "bt"),     v(2, 3, "bs"),
    v(3, 1, "2"),    v(3, 2, "d"),     v(4, 1, "d"),     v(4, 2, "dt"),     v(4, 3, "ds"),
    v(10, 1, "1"),   v(10, 2, "b"),    v(11, 1, "b"),    v(11, 2, "bt"),    v(12, 1, "xS"),
    v(12, 2, "xS"),  v(12, 3, "1"),    v(13, 1, "g"),    v(13, 2, "gt"),    v(20, 1, "fC"),
    v(20, 2, "fc"),  v(20, 3, "fC"),   v(20, 4, "fc"),   v(20, 5, "C"),     v(20, 6, "c"),
    v(20, 7, "C"),   v(20, 8, "c"),    v(21, 1, "fC"),   v(21, 2, "fc"),    v(21, 3, "fC"),
    v(21, 4, "fc"),  v(21, 5, "fCt"),  v(21, 6, "fct"),  v(21, 7, "fCt"),   v(21, 8, "fct"),
    v(21, 9, "C"),   v(21, 10, "c"),   v(21, 11, "C"),   v(21, 12, "c"),    v(22, 1, "fC"),
    v(22, 2, "fc"),  v(22, 3, "fC"),   v(22, 4, "fc"),   v(22, 5, "fCt"),   v(22, 6, "fct"),
    v(22, 7, "fCt"), v(22, 8, "fct"),  v(23, 1, "fC"),   v(23, 2, "fc"),    v(23, 3, "fC"),
    v(23, 4, "fc"),  v(23, 5, "fCt"),  v(23, 6, "fct"),  v(23, 7, "fCt"),   v(23, 8, "fct"),
    v(30, 1, "fA"),  v(30, 2, "fa"),   v(30, 3, "A"),    v(30, 4, "a"),     v(30, 5, "fr"),
    v(30, 6, "fR"),  v(31, 1, "fA"),   v(31, 2, "fa"),   v(31, 3, "fAt"),   v(31, 4, "fat"),
    v(31, 5, "A"),   v(31, 6, "a"),    v(31, 7, "fr"),   v(31, 8, "fR"),    v(32, 1, "fA"),
    v(32, 2, "fa"),  v(32, 3, "fAt"),  v(32, 4, "fat"),  v(32, 5, "fr"),    v(32, 6, "fR"),
    v(32, 7, "frt"), v(32, 8, "fRt"),  v(33, 1, "fA"),   v(33, 2, "fa"),    v(33, 3, "fAt"),
    v(33, 4, "fat"), v(33, 5, "fr"),   v(33, 6, "fR"),   v(33, 7, "frt"),   v(33, 8, "fRt"),
    v(34, 1, "k"),   v(34, 2, "K"),    v(34, 3, "q"),    v(40, 1, "fO"),    v(40, 2, "fo"),
    v(40, 3, "fp"),  v(40, 4, "fP"),   v(41, 1, "OS"),   v(41, 2, "oS"),    v(41, 3, "pS"),
    v(41, 4, "PS"),  v(42, 1, "fO"),   v(42, 2, "fo"),   v(42, 3, "fOt"),   v(42, 4, "fot"),
    v(42, 5, "fp"),  v(42, 6, "fP"),   v(42, 7, "fpt"),  v(42, 8, "fPt"),   v(43, 1, "gO"),
    v(43, 2, "go"),  v(43, 3, "gOt"),  v(43, 4, "got"),  v(43, 5, "gp"),    v(43, 6, "gP"),
    v(43, 7, "gpt"), v(43, 8, "gPt"),  v(50, 1, "t"),    v(50, 2, "ti"),    v(50, 3, "t"),
    v(50, 4, "tiu"), v(51, 1, "t"),    v(51, 2, "t"),    v(52, 1, "m"),     v(52, 2, "n"),
    v(80, 1, "1"),   v(81, 1, "888"),  v(101, 1, "88"),  v(101, 2, "8888"), v(101, 3, "88888888"),
    v(102, 1, "8"),  v(121, 1, "fwW"), v(122, 1, "fwW"), v(122, 2, "fwWt")};
static_assert(std::ranges::is_sorted(kVariations, {}, &Variation::id));

}  // namespace

const Variation* find_variation(std::uint8_t group, std::uint8_t variation) {
  const auto id = static_cast<std::uint16_t>(group << 8 | variation);
  const auto* const found = std::ranges::lower_bound(kVariations, id, {}, &Variation::id);
  return found != std::end(kVariations) && found->id == id ? found : nullptr;
}

std::string_view group_name(std::uint8_t group) {
  struct Named {
    std::uint8_t group;
    std::string_view name;
  };
  static constexpr Named kNames[] = {
      {0, "device attribute"},
      {1, "binary input"},
      {2, "binary input event"},
      {3, "double-bit input"},
      {4, "double-bit input event"},
      {10, "binary output"},
      {11, "binary output event"},
      {12, "binary command"},
      {13, "binary command event"},
      {20, "counter"},
      {21, "frozen counter"},
      {22, "counter event"},
      {23, "frozen counter event"},
      {30, "analog input"},
      {31, "frozen analog input"},
      {32, "analog input event"},
      {33, "frozen analog input event"},
      {34, "analog deadband"},
      {40, "analog output status"},
      {41, "analog output"},
      {42, "analog output event"},
      {43, "analog command event"},
      {50, "time"},
      {51, "common time of occurrence"},
      {52, "time delay"},
      {60, "class"},
      {70, "file"},
      {80, "internal indication"},
      {81, "device storage"},
      {82, "device profile"},
      {83, "private registration"},
      {85, "data set prototype"},
      {86, "data set descriptor"},
      {87, "data set"},
      {88, "data set event"},
      {90, "application"},
      {91, "requested operation"},
      {101, "binary-coded decimal"},
      {102, "unsigned integer"},
      {110, "octet string"},
      {111, "octet string event"},
      {112, "virtual terminal output"},
      {113, "virtual terminal event"},
      {120, "authentication"},
      {121, "security statistic"},
      {122, "security statistic event"},
  };
  const auto* const found = std::ranges::lower_bound(kNames, group, {}, &Named::group);
  return found != std::end(kNames) && found->group == group ? found->name : std::string_view();
}

}  // namespace dissect::dnp3
