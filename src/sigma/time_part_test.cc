#include "sigma/time_part.h"

#include <gtest/gtest.h>

namespace sigma {
namespace {

TEST(TimePart, IsThatOfTheTimeAsWritten) {
  struct Case {
    const char* text;
    TimePart part;
    std::optional<double> value;
  };
  for (const Case& test :
       std::initializer_list<Case>{{"2026-03-01T23:59:58Z", TimePart::Minute, 59},
                                   {"2026-03-01T23:59:58.123456789Z", TimePart::Hour, 23},
                                   {"2026-03-01T23:59:58+05:30", TimePart::Hour, 23},
                                   {"2026-03-01T23:59:58-11:00", TimePart::Day, 1},
                                   {"2026-03-01 07:05:00", TimePart::Hour, 7},
                                   {"2026-03-01", TimePart::Month, 3},
                                   {"2026-03-01", TimePart::Hour, 0},
                                   {"2026-03-01", TimePart::Year, 2026},
                                   // The edges of ISO 8601's years.
                                   {"2026-01-01", TimePart::Week, 1},
                                   {"2027-01-01", TimePart::Week, 53},
                                   {"2024-12-30", TimePart::Week, 1},
                                   {"2024-12-29", TimePart::Week, 52},
                                   {"1969-12-31T23:30:00Z", TimePart::Hour, 23},
                                   {"1969-12-31T23:30:00Z", TimePart::Day, 31},
                                   {"2026-02-30", TimePart::Day, std::nullopt},
                                   {"yesterday", TimePart::Day, std::nullopt},
                                   {"", TimePart::Day, std::nullopt},
                                   {"2026-03-01T", TimePart::Day, std::nullopt},
                                   {"2026-03-01", TimePart::None, std::nullopt}}) {
    EXPECT_EQ(time_part(test.text, test.part), test.value) << test.text;
  }
}

}  // namespace
}  // namespace sigma
