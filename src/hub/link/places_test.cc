#include "hub/link/places.h"

#include <vector>

#include <gtest/gtest.h>

namespace hub::link {
namespace {

TEST(AddressPlaces, AnAddressHasItsShareAndNoMore) {
  const auto pending = AddressPlaces::create(2);
  std::vector<AddressPlaces::Place> places;
  places.push_back(pending->take("192.0.2.1"));
  places.push_back(pending->take("192.0.2.1"));
  EXPECT_TRUE(places[0] && places[1]);
  EXPECT_FALSE(pending->take("192.0.2.1"));
  EXPECT_TRUE(pending->take("192.0.2.2")) << "others have theirs";
  places.pop_back();
  EXPECT_TRUE(pending->take("192.0.2.1")) << "a place that was given back";
  places[0] = AddressPlaces::Place();
  const auto first = pending->take("192.0.2.1");
  const auto second = pending->take("192.0.2.1");
  EXPECT_TRUE(first && second);
}

TEST(AddressPlaces, AnIpv6NetworkIsOneAddress) {
  const auto pending = AddressPlaces::create(1);
  const auto place = pending->take("2001:db8::1");
  EXPECT_TRUE(place);
  EXPECT_FALSE(pending->take("2001:db8::ffff:2"));
  EXPECT_TRUE(pending->take("2001:db8:0:1::1"));
  const auto mapped = pending->take("::ffff:192.0.2.1");
  EXPECT_TRUE(mapped);
  EXPECT_FALSE(pending->take("::ffff:192.0.2.1"));
  EXPECT_TRUE(pending->take("::ffff:192.0.2.2"));
}

TEST(AddressPlaces, PlacesMayOutliveIt) {
  auto pending = AddressPlaces::create(1);
  const auto place = pending->take("192.0.2.1");
  pending.reset();
  EXPECT_TRUE(place);
}

}  // namespace
}  // namespace hub::link
