#include <algorithm>

#include <gtest/gtest.h>

#include "detect/stream.h"

namespace detect {
namespace {

constexpr std::string_view kId = "3dad651f-f5ef-4d39-a724-e5f35dd5b710";

std::unique_ptr<Stream> stream_with(std::optional<RuleSetting> setting) {
  StreamOptions options;
  options.builtin = false;
  RuleInfo silent;
  silent.id = kId;
  silent.title = "Device silent";
  silent.severity = Severity::Low;
  options.detectors.push_back(std::move(silent));
  if (setting) options.settings.rules.emplace(kId, *setting);
  auto stream = Stream::load(options);
  EXPECT_TRUE(stream) << stream.error().to_string();
  return stream ? std::move(*stream) : nullptr;
}

Finding finding(std::string_view id, Effect effect = Effect::Raise) {
  Finding out;
  out.rule.id = id;
  out.rule.severity = Severity::Medium;
  out.effect = effect;
  return out;
}

TEST(StreamDetectors, AreListedWithTheRules) {
  const auto stream = stream_with(RuleSetting{false, Severity::High});
  const auto rules = stream->list();
  ASSERT_EQ(rules.size(), 1U);
  EXPECT_EQ(rules[0].kind, RuleKind::Detector);
  EXPECT_EQ(to_string(rules[0].kind), "detector");
  EXPECT_FALSE(rules[0].enabled);
  EXPECT_EQ(rules[0].info.severity, Severity::High);
  EXPECT_EQ(rules[0].own_severity, Severity::Low);
}

TEST(StreamDetectors, AreRaisedAsTheyAreSet) {
  Finding found = finding(kId);
  EXPECT_TRUE(stream_with(std::nullopt)->admits(found));
  EXPECT_EQ(found.rule.severity, Severity::Medium) << "a detector may know better";
  EXPECT_TRUE(stream_with(RuleSetting{true, Severity::High})->admits(found));
  EXPECT_EQ(found.rule.severity, Severity::High);
  const auto off = stream_with(RuleSetting{false, std::nullopt});
  EXPECT_FALSE(off->admits(found));
  // What is over is told, whatever is set.
  Finding over = finding(kId, Effect::Resolve);
  EXPECT_TRUE(off->admits(over));
  Finding other = finding("another");
  EXPECT_TRUE(off->admits(other));
}

TEST(StreamDetectors, StayWhenOtherSettingsAreApplied) {
  const auto stream = stream_with(std::nullopt);
  RuleSettings settings;
  settings.rules.emplace(kId, RuleSetting{false, std::nullopt});
  ASSERT_TRUE(stream->apply(settings));
  EXPECT_EQ(stream->list().size(), 1U);
  Finding found = finding(kId);
  EXPECT_FALSE(stream->admits(found));
}

}  // namespace
}  // namespace detect
