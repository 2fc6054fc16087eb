#include "hub/limits/settings.h"

#include <algorithm>

#include "base/result.h"

namespace hub::limits {

namespace {

constexpr std::array<std::string_view, kKinds> kNames = {
    "telemetry",    "connect",         "twin_read",    "twin_update", "method",
    "command_send", "command_receive", "upload",       "registry",    "query",
    "job",          "job_step",        "configuration"};

constexpr double per_minute(double count) {
  return count / 60;
}

// The larger of what every hub of the tier has and of what each unit adds.
struct Grant {
  double least = 0;
  double per_unit = 0;
};
using Grants = std::array<Grant, kKinds>;

// In the order of Kind. Methods: 160 KB, 480 KB and 24 MB a second in blocks of 4 KB.
constexpr Grants kS1 = {{{100, 12},
                         {100, 12},
                         {100, 0},
                         {50, 0},
                         {0, 40},
                         {0, per_minute(100)},
                         {0, per_minute(1000)},
                         {0, per_minute(100)},
                         {0, per_minute(100)},
                         {0, per_minute(20)},
                         {0, per_minute(100)},
                         {10, 0},
                         {0, per_minute(20)}}};
constexpr Grants kS2 = {{{0, 120},
                         {0, 120},
                         {100, 10},
                         {50, 5},
                         {0, 120},
                         {0, per_minute(100)},
                         {0, per_minute(1000)},
                         {0, per_minute(100)},
                         {0, per_minute(100)},
                         {0, per_minute(20)},
                         {0, per_minute(100)},
                         {10, 1},
                         {0, per_minute(20)}}};
constexpr Grants kS3 = {{{0, 6000},
                         {0, 6000},
                         {0, 500},
                         {0, 250},
                         {0, 6144},
                         {0, per_minute(5000)},
                         {0, per_minute(50'000)},
                         {0, per_minute(5000)},
                         {0, per_minute(5000)},
                         {0, per_minute(1000)},
                         {0, per_minute(5000)},
                         {0, 50},
                         {0, per_minute(20)}}};

// Of one identity. Telemetry: about a hundredth of what one processor core takes.
Rates fair_rates() {
  Rates rates{};
  const auto set = [&rates](Kind kind, double rate) {
    rates[static_cast<std::size_t>(kind)] = rate;
  };
  set(Kind::Telemetry, 1000);
  set(Kind::Connect, 5);
  set(Kind::TwinRead, 20);
  set(Kind::TwinUpdate, 20);
  set(Kind::CommandReceive, 10);
  set(Kind::Upload, 5);
  return rates;
}

Rates rates_of(const Grants& grants, unsigned units) {
  Rates rates{};
  std::ranges::transform(grants, rates.begin(), [units](const Grant& grant) {
    return std::max(grant.least, grant.per_unit * units);
  });
  return rates;
}

}  // namespace

std::string_view to_string(Kind kind) {
  const auto index = static_cast<std::size_t>(kind);
  ASSERT(index < kKinds);
  return kNames[index];
}

std::optional<Kind> parse_kind(std::string_view text) {
  const auto found = std::ranges::find(kNames, text);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Kind>(found - kNames.begin());
}

bool is_metered(Kind kind) {
  switch (kind) {
    case Kind::Telemetry:
    case Kind::TwinRead:
    case Kind::TwinUpdate:
    case Kind::Method:
    case Kind::CommandSend:
      return true;
    default:
      return false;
  }
}

std::optional<Tier> parse_tier(std::string_view text) {
  const auto found = std::ranges::find(kTiers, text);
  if (found == kTiers.end()) return std::nullopt;
  return static_cast<Tier>(found - kTiers.begin());
}

Settings settings_of(Tier tier, unsigned units) {
  Settings settings;
  switch (tier) {
    case Tier::None:
      break;
    case Tier::Fair:
      settings.identity = fair_rates();
      break;
    case Tier::Free:
      settings.hub = rates_of(kS1, 1);
      settings.meter_block = 512;
      settings.daily_units = 8'000;
      break;
    case Tier::S1:
      settings.hub = rates_of(kS1, units);
      settings.daily_units = std::uint64_t{400'000} * units;
      break;
    case Tier::S2:
      settings.hub = rates_of(kS2, units);
      settings.daily_units = std::uint64_t{6'000'000} * units;
      break;
    case Tier::S3:
      settings.hub = rates_of(kS3, units);
      settings.daily_units = std::uint64_t{300'000'000} * units;
      break;
  }
  return settings;
}

}  // namespace hub::limits
