#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kql/ticks.h"

namespace bench {

// One question, in KQL and as somebody who knows DuckDB well would write it for the stored tables.
struct Question {
  std::string name;
  std::string kql;
  std::string duckdb;
  bool one_device = false;   // it names a device
  bool approximate = false;  // the two may count a little differently
};

// From NAME.kql and NAME.duckdb.sql of `folder`, by name. Where there is no NAME.kql it is looked
// for in `published`, which may be empty; what is found nowhere is left out.
std::vector<Question> read_questions(const std::string& folder, const std::string& published);

// The text for one device: {device}, {hub} and {now} (ticks), and what published queries write in
// their place.
std::string for_device(std::string text, std::string_view device, kql::Ticks now);

// The hub that the benchmark's rows come from.
inline constexpr std::string_view kHubName = "bench-hub";
inline constexpr std::string_view kResourceId = "/hubs/bench-hub";

}  // namespace bench
