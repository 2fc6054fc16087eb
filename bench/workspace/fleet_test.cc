#include "workspace/fleet.h"

#include <map>
#include <set>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "schema/decode.h"

namespace bench {
namespace {

constexpr FleetShape kSmall{.devices = 60, .days = 30};

// Calls back for each row, in order.
template <class Visit>
void for_each_row(const FleetShape& shape, const Visit& visit) {
  Fleet fleet(shape);
  store::Batch batch;
  for (bool more = true; more; batch.clear()) {
    more = fleet.fill(batch, 1000);
    for (const store::EventRow& row : batch.events)
      visit(row);
  }
}

// One hash over rows, so that any difference shows.
std::string digest_of(const FleetShape& shape, std::size_t rows) {
  std::string all;
  for_each_row(shape, [&](const store::EventRow& row) {
    if (rows == 0) return;
    --rows;
    all += std::to_string(row.time_generated) + std::to_string(row.time_stamp);
    all += row.device_id;
    all += row.event_id.to_string();
    all += row.name;
    all += row.details;
  });
  std::string hex;
  for (const std::uint8_t byte : base::sha256(base::as_bytes(all)))
    hex += "0123456789abcdef"[byte >> 4U], hex += "0123456789abcdef"[byte & 15U];
  return hex;
}

// Figures of different days can only be compared while the fleet stays as it is: whoever changes it
// on purpose writes the new hash here and measures again.
TEST(Fleet, IsTheSameEverywhere) {
  EXPECT_EQ(digest_of({.devices = 20, .days = 3}, 5000),
            "aa4f746c95ea61347147618f3a4c804791f6ffc1481b2bc03d15ed83c404ff6e");
}

TEST(Fleet, IsAnotherForAnotherSeed) {
  EXPECT_NE(digest_of({.devices = 3, .days = 1}, 100),
            digest_of({.devices = 3, .days = 1, .seed = 2}, 100));
}

TEST(Fleet, SendsWhatAHubWouldAccept) {
  std::set<std::string, std::less<>> names;
  for_each_row({.devices = 40, .days = 8}, [&](const store::EventRow& row) {
    names.emplace(row.name);
    // The item as it came: without the times that the hub puts in front.
    const auto utc = row.details.find("\"TimestampUTC\"");
    ASSERT_NE(utc, std::string_view::npos);
    const auto begin = row.details.find(',', utc) + 1;
    const std::string message =
        R"({"AgentVersion":"0.9.1","AgentId":")" + row.agent_id.to_string() +
        R"(","MessageSchemaVersion":"1.0","Events":[{"Id":")" + row.event_id.to_string() +
        std::string(row.details.substr(0, begin)).replace(0, 1, R"(",)") + R"("Category":")" +
        std::string(row.category) + R"(","Name":")" + std::string(row.name) + R"(","EventType":")" +
        std::string(row.type) + R"(","IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{)" +
        std::string(row.details.substr(begin)) + "]}]}";
    const auto verdict = schema::validate(message, schema::Mode::Strict);
    ASSERT_TRUE(verdict.valid()) << verdict.violations.front().pointer << " should be "
                                 << verdict.violations.front().expected << "\n"
                                 << message;
  });
  EXPECT_EQ(names.size(), 16U);
}

TEST(Fleet, IsReceivedInOrderAndSometimesLate) {
  kql::Ticks before = 0;
  std::uint64_t rows = 0;
  std::uint64_t late = 0;
  std::uint64_t out_of_order = 0;
  kql::Ticks newest = 0;
  for_each_row(kSmall, [&](const store::EventRow& row) {
    ASSERT_GE(row.time_generated, before);
    ASSERT_GE(row.time_generated, kSmall.begin());
    ASSERT_LT(row.time_generated, kSmall.end + kql::kTicksPerMinute);
    before = row.time_generated;
    ++rows;
    late += row.time_generated - row.time_stamp > 10 * kql::kTicksPerMinute ? 1 : 0;
    out_of_order += row.time_stamp < newest ? 1 : 0;
    newest = std::max(newest, row.time_stamp);
  });
  EXPECT_GT(rows, 250'000U);
  EXPECT_LT(rows, 350'000U);
  EXPECT_GT(late, rows / 1000);
  EXPECT_LT(late, rows / 20);
  EXPECT_GT(out_of_order, rows / 20);
}

TEST(Fleet, NeverRepeatsAnIdentity) {
  std::set<std::tuple<std::string, base::Guid, std::uint32_t>> seen;
  for_each_row({.devices = 10, .days = 30}, [&](const store::EventRow& row) {
    ASSERT_TRUE(seen.emplace(row.device_id, row.event_id, row.item).second);
  });
}

TEST(Fleet, HasTheMixThatIsStated) {
  std::map<std::string, double, std::less<>> shares;
  double rows = 0;
  for_each_row(kSmall, [&](const store::EventRow& row) {
    ++rows;
    ++shares[std::string(row.name)];
  });
  for (auto& [name, count] : shares)
    count = 100 * count / rows;
  EXPECT_NEAR(shares["ProcessCreate"], 28, 3);
  EXPECT_NEAR(shares["ProcessTerminate"], 22, 3);
  EXPECT_NEAR(shares["ConnectionCreate"], 14, 3);
  EXPECT_NEAR(shares["Heartbeat"], 14, 3);
  EXPECT_NEAR(shares["SBoM"], 5.6, 1);
  EXPECT_NEAR(shares["Login"], 3.5, 1.5);
}

TEST(Fleet, TellsItsDevicesBeforehand) {
  const Fleet fleet(kSmall);
  std::set<std::string> known;
  for (std::uint32_t device = 0; device < kSmall.devices; ++device)
    known.insert(fleet.device_id(device));
  EXPECT_EQ(known.size(), kSmall.devices);
  for_each_row({.devices = kSmall.devices, .days = 1}, [&](const store::EventRow& row) {
    ASSERT_TRUE(known.contains(std::string(row.device_id)));
  });
}

}  // namespace
}  // namespace bench
