#include "hub/identity/registry.h"

#include <thread>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/text.h"
#include "wire/connection_string.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace hub::identity {
namespace {

using base::Code;

base::WallTime at(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(seconds));
}

class RegistryTest : public testing::Test {
 protected:
  RegistryTest() {
    std::string pattern = testing::TempDir() + "registry.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    open();
  }

  void open() {
    registry_.reset();
    auto opened = Registry::open({folder_ + "/state.db", "hub.example", [this] { return now_; }},
                                 operations_);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    registry_ = std::move(*opened);
    registry_->add_listener(
        [this](const Name& name, Registry::Event event) { events_.emplace_back(name, event); });
  }

  Identity create(const Name& name) {
    auto created = registry_->create({name, Status::Enabled, {}, {}}, "test");
    EXPECT_TRUE(created.has_value()) << created.error().to_string();
    return std::move(*created);
  }

  std::string folder_;
  base::WallTime now_ = at(1'800'000'000);
  operations::Operations operations_;
  std::unique_ptr<Registry> registry_;
  std::vector<std::pair<Name, Registry::Event>> events_;
};

TEST_F(RegistryTest, KeepsWhatWasCreated) {
  const Identity device = create({"d1", ""});
  const Identity module = create({"d1", "azureiotsecurity"});
  EXPECT_NE(device.keys.primary, device.keys.secondary);
  EXPECT_EQ(base::base64_decode(device.keys.primary)->size(), 32U);
  open();
  const auto again = registry_->get({"d1", ""});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->keys.primary, device.keys.primary);
  EXPECT_EQ(again->keys.secondary, device.keys.secondary);
  EXPECT_EQ(again->generation_id, device.generation_id);
  EXPECT_EQ(again->etag, device.etag);
  EXPECT_EQ(again->created, now_);
  const auto modules = registry_->list_modules("d1");
  ASSERT_TRUE(modules.has_value());
  ASSERT_EQ(modules->size(), 1U);
  EXPECT_EQ((*modules)[0].keys.primary, module.keys.primary);
}

TEST_F(RegistryTest, AnIdentityHasKeysOrThumbprints) {
  NewIdentity wanted{{"x1", ""}, Status::Enabled, {}, {}, {std::string(40, 'a'), ""}};
  const auto made = registry_->create(wanted, "test");
  ASSERT_TRUE(made.has_value()) << made.error().to_string();
  EXPECT_TRUE(made->keys.primary.empty() && made->keys.secondary.empty());
  EXPECT_EQ(made->thumbprints.primary, std::string(40, 'A'));
  EXPECT_EQ(registry_->connection_string(*made), "HostName=hub.example;DeviceId=x1;x509=true");
  open();
  EXPECT_EQ(registry_->get({"x1", ""})->thumbprints.primary, std::string(40, 'A'));
  Change change;
  change.primary_key = "";
  EXPECT_EQ(registry_->update({"x1", ""}, change, "test").error().code, Code::Invalid);
  change = {};
  change.thumbprints = Thumbprints{"", std::string(64, '0')};
  EXPECT_EQ(registry_->update({"x1", ""}, change, "test").error().code, Code::Invalid);
  change.thumbprints = Thumbprints{};
  const auto by_key = registry_->update({"x1", ""}, change, "test");
  ASSERT_TRUE(by_key.has_value());
  EXPECT_EQ(base::base64_decode(by_key->keys.primary)->size(), 32U);
  wanted.name.device_id = "x2";
  wanted.thumbprints.primary = "short";
  EXPECT_EQ(registry_->create(wanted, "test").error().code, Code::Invalid);
}

TEST_F(RegistryTest, RefusesWhatCannotBe) {
  create({"d1", ""});
  const std::string short_key = base::base64_encode(base::as_bytes("short"));
  const std::pair<NewIdentity, Code> cases[] = {
      {{{"d1", ""}, Status::Enabled, "", {}}, Code::Exists},
      {{{"", ""}, Status::Enabled, "", {}}, Code::Invalid},
      {{{"a b", ""}, Status::Enabled, "", {}}, Code::Invalid},
      {{{"d1", "a/b"}, Status::Enabled, "", {}}, Code::Invalid},
      {{{"nobody", "m"}, Status::Enabled, "", {}}, Code::NotFound},
      {{{"d2", ""}, Status::Enabled, "", {"###", ""}}, Code::Invalid},
      {{{"d2", ""}, Status::Enabled, "", {short_key, ""}}, Code::Invalid},
      {{{"d2", ""}, Status::Enabled, std::string(129, 'r'), {}}, Code::Invalid},
  };
  for (const auto& [wanted, code] : cases) {
    const auto created = registry_->create(wanted, "test");
    ASSERT_FALSE(created.has_value()) << wanted.name.to_string();
    EXPECT_EQ(created.error().code, code) << created.error().to_string();
  }
  EXPECT_EQ(registry_->count_devices().value(), 1U);
}

TEST_F(RegistryTest, ADeviceHasAtMostFiftyModules) {
  create({"d1", ""});
  for (int i = 0; i < 50; ++i)
    create({"d1", "m" + std::to_string(i)});
  EXPECT_EQ(registry_->create({{"d1", "one-more"}, Status::Enabled, "", {}}, "test").error().code,
            Code::Full);
}

TEST_F(RegistryTest, IdsAreOneForEachSpelling) {
  create({"d1", ""});
  create({"D1", ""});
  EXPECT_EQ(registry_->count_devices().value(), 2U);
}

TEST_F(RegistryTest, ListsInPages) {
  for (const char* id : {"pump-3", "pump-1", "valve-1", "Pump-2"})
    create({id, ""});
  create({"pump-1", "module"});
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const auto page = registry_->list_devices("PUMP", 2, cursor);
    ASSERT_TRUE(page.has_value()) << page.error().to_string();
    EXPECT_EQ(page->total, 3U);
    for (const Identity& item : page->items)
      seen.push_back(item.name.device_id);
    cursor = page->next_cursor;
  } while (!cursor.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"Pump-2", "pump-1", "pump-3"}));
  EXPECT_EQ(registry_->list_devices("", 10, "")->total, 4U);
  EXPECT_EQ(registry_->list_devices("", 10, "%").error().code, Code::Invalid);
  EXPECT_EQ(registry_->list_modules("nobody").error().code, Code::NotFound);
}

TEST_F(RegistryTest, SearchTakesNoWildcards) {
  create({"a%b", ""});
  create({"axb", ""});
  EXPECT_EQ(registry_->list_devices("a%b", 10, "")->total, 1U);
}

TEST_F(RegistryTest, ChangesOnlyWhatWasReadBefore) {
  const Identity device = create({"d1", ""});
  Change change;
  change.status = Status::Disabled;
  change.status_reason = "retired";
  change.primary_key = "";
  change.if_match = device.etag;
  const auto updated = registry_->update({"d1", ""}, change, "anna");
  ASSERT_TRUE(updated.has_value()) << updated.error().to_string();
  EXPECT_EQ(updated->status, Status::Disabled);
  EXPECT_NE(updated->keys.primary, device.keys.primary);
  EXPECT_EQ(updated->keys.secondary, device.keys.secondary);
  EXPECT_NE(updated->etag, device.etag);
  EXPECT_EQ(updated->generation_id, device.generation_id);

  EXPECT_EQ(registry_->update({"d1", ""}, change, "anna").error().code, Code::Conflict);
  change.if_match = "*";
  EXPECT_TRUE(registry_->update({"d1", ""}, change, "anna").has_value());
  EXPECT_EQ(registry_->update({"d2", ""}, change, "anna").error().code, Code::NotFound);
  change.secondary_key = "x";
  EXPECT_EQ(registry_->update({"d1", ""}, change, "anna").error().code, Code::Invalid);
}

TEST_F(RegistryTest, ADeletedDeviceTakesItsModulesAndComesBackAsAnother) {
  const Identity device = create({"d1", ""});
  create({"d1", "m1"});
  create({"d10", ""});
  EXPECT_EQ(registry_->remove({"d1", ""}, "another-etag", "anna").error().code, Code::Conflict);
  ASSERT_TRUE(registry_->remove({"d1", ""}, device.etag, "anna").has_value());
  EXPECT_EQ(registry_->get({"d1", ""}).error().code, Code::NotFound);
  EXPECT_EQ(registry_->get({"d1", "m1"}).error().code, Code::NotFound);
  EXPECT_TRUE(registry_->get({"d10", ""}).has_value());
  EXPECT_EQ(registry_->remove({"d1", ""}, "*", "anna").error().code, Code::NotFound);
  EXPECT_NE(create({"d1", ""}).generation_id, device.generation_id);
}

TEST_F(RegistryTest, DeletingAModuleLeavesItsDeviceAndNeighbours) {
  create({"d1", ""});
  create({"d1", "m1"});
  create({"d1", "m2"});
  ASSERT_TRUE(registry_->remove({"d1", "m1"}, "", "anna").has_value());
  EXPECT_TRUE(registry_->get({"d1", ""}).has_value());
  EXPECT_TRUE(registry_->get({"d1", "m2"}).has_value());
}

TEST_F(RegistryTest, CountsDevicesAndKnowsWhenTheirStatusWasSet) {
  const Identity device = create({"d1", ""});
  EXPECT_EQ(device.status_updated, device.created);
  create({"d1", "m1"});
  create({"d2", ""});
  const auto one = registry_->connected({"d1", ""}, "t", "::1");
  registry_->connected({"d1", "m1"}, "t", "::1");
  now_ += std::chrono::seconds(10);
  Change change;
  change.status = Status::Disabled;
  change.iot_edge = true;
  const auto disabled = registry_->update({"d2", ""}, change, "test");
  ASSERT_TRUE(disabled.has_value());
  EXPECT_EQ(disabled->status_updated, now_);
  EXPECT_TRUE(registry_->get({"d2", ""})->iot_edge);
  const auto set = now_;
  now_ += std::chrono::seconds(10);
  EXPECT_EQ(registry_->update({"d2", ""}, change, "test")->status_updated, set);
  auto counts = registry_->counts();
  ASSERT_TRUE(counts.has_value());
  EXPECT_EQ(counts->total, 2U);
  EXPECT_EQ(counts->disabled, 1U);
  EXPECT_EQ(counts->connected, 1U);
  registry_->disconnected({"d1", ""}, one);
  EXPECT_EQ(registry_->counts()->connected, 0U);
  EXPECT_EQ(registry_->connected_count(), 1U);
}

TEST_F(RegistryTest, FromACertificateToGivenKeys) {
  NewIdentity wanted;
  wanted.name = {"d1", ""};
  wanted.thumbprints.primary = std::string(40, 'A');
  ASSERT_TRUE(registry_->create(wanted, "test").has_value());
  Change change;
  change.thumbprints = Thumbprints{};
  change.primary_key = "MTIzNDU2Nzg5MDEyMzQ1Ng==";
  const auto changed = registry_->update({"d1", ""}, change, "test");
  ASSERT_TRUE(changed.has_value());
  EXPECT_EQ(changed->keys.primary, "MTIzNDU2Nzg5MDEyMzQ1Ng==");
  EXPECT_FALSE(changed->keys.secondary.empty());
  EXPECT_TRUE(changed->thumbprints.primary.empty());
}

TEST_F(RegistryTest, RecordsEveryChangeWithItsActor) {
  create({"d1", ""});
  EXPECT_FALSE(registry_->create({{"d1", ""}, Status::Enabled, "", {}}, "mallory").has_value());
  const auto recent = operations_.recent(2);
  ASSERT_EQ(recent.size(), 2U);
  EXPECT_EQ(recent[1].operation, "create");
  EXPECT_EQ(recent[1].actor, "test");
  EXPECT_EQ(recent[1].status_code, 200);
  EXPECT_EQ(recent[0].status_code, 409);
  EXPECT_EQ(recent[0].actor, "mallory");
  EXPECT_EQ(recent[0].level, operations::Level::Error);
  EXPECT_EQ(recent[0].category, operations::Category::DeviceIdentityOperations);
}

TEST_F(RegistryTest, TellsTheListeners) {
  create({"d1", ""});
  Change change;
  change.status = Status::Disabled;
  ASSERT_TRUE(registry_->update({"d1", ""}, change, "test").has_value());
  const std::uint64_t connection = registry_->connected({"d1", ""}, "test/1.0", "192.0.2.1");
  registry_->disconnected({"d1", ""}, connection);
  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test").has_value());
  using Event = Registry::Event;
  std::vector<Event> seen;
  for (const auto& [name, event] : events_)
    seen.push_back(event);
  EXPECT_EQ(seen, (std::vector<Event>{Event::Created, Event::Disabled, Event::Connected,
                                      Event::Disconnected, Event::Deleted}));
}

TEST_F(RegistryTest, AnEndThatCameTooLateChangesNothing) {
  create({"d1", ""});
  const std::uint64_t older = registry_->connected({"d1", ""}, "a", "192.0.2.1");
  const std::uint64_t newer = registry_->connected({"d1", ""}, "b", "192.0.2.2");
  EXPECT_EQ(registry_->connected_count(), 1U);
  registry_->disconnected({"d1", ""}, older);
  EXPECT_TRUE(registry_->activity({"d1", ""}).connected);
  EXPECT_EQ(registry_->activity({"d1", ""}).ip, "192.0.2.2");
  registry_->disconnected({"d1", ""}, newer);
  EXPECT_FALSE(registry_->activity({"d1", ""}).connected);
  EXPECT_EQ(registry_->connected_count(), 0U);
}

TEST_F(RegistryTest, ActivitySurvivesARestart) {
  create({"d1", ""});
  EXPECT_FALSE(registry_->activity({"d1", ""}).last_activity.has_value());
  std::uint64_t connection = registry_->connected({"d1", ""}, "test/1.0", "192.0.2.1");
  now_ = at(1'800'000'010);
  registry_->active({"d1", ""}, 3, 2);
  registry_->disconnected({"d1", ""}, connection);
  ASSERT_TRUE(registry_->flush().has_value());
  open();
  Activity activity = registry_->activity({"d1", ""});
  EXPECT_FALSE(activity.connected);
  EXPECT_EQ(activity.last_security_message, at(1'800'000'010));
  EXPECT_EQ(activity.messages, 3U);
  EXPECT_EQ(activity.client_type, "test/1.0");

  connection = registry_->connected({"d1", ""}, "test/1.1", "192.0.2.1");
  registry_->active({"d1", ""}, 1, 0);
  EXPECT_EQ(registry_->activity({"d1", ""}).messages, 4U);
  ASSERT_TRUE(registry_->flush().has_value());
  EXPECT_EQ(registry_->activity({"d1", ""}).messages, 4U);
  EXPECT_TRUE(registry_->activity({"d1", ""}).connected);
}

TEST_F(RegistryTest, SizesAndClocksSurviveARestart) {
  create({"d1", ""});
  // Over HTTPS nobody is connected.
  registry_->active({"d1", ""}, 10, 8, 2);
  registry_->observe_clock({"d1", ""}, now_ + std::chrono::seconds(90), now_);
  registry_->observe_clock({"d1", ""}, now_ - std::chrono::hours(1), now_);
  ASSERT_TRUE(registry_->flush().has_value());
  open();
  const Activity activity = registry_->activity({"d1", ""});
  EXPECT_EQ(activity.messages, 10U);
  EXPECT_EQ(activity.security_sizes.sum(now_).messages, 8U);
  EXPECT_EQ(activity.security_sizes.sum(now_).small, 2U);
  EXPECT_EQ(activity.clock_ahead, std::chrono::seconds(90)) << "an old event says nothing";
  EXPECT_EQ(activity.clock_observed, now_);
  // A day later the old sample does not count.
  const base::WallTime next = now_ + std::chrono::hours(25);
  registry_->observe_clock({"d1", ""}, next - std::chrono::seconds(5), next);
  EXPECT_EQ(registry_->activity({"d1", ""}).clock_ahead, -std::chrono::seconds(5));
}

TEST_F(RegistryTest, FindsWhomToLookAfter) {
  for (const char* id : {"fine", "late", "never", "small"})
    create({id, ""});
  create({"late", "m"});
  registry_->active({"late", ""}, 1, 1, 0);
  now_ += std::chrono::hours(80);
  registry_->active({"fine", ""}, 100, 100, 9);
  registry_->active({"small", ""}, 100, 100, 10);
  registry_->observe_clock({"small", ""}, now_ - std::chrono::minutes(2), now_);
  const auto names = [this](const ActivityFilter& filter) {
    std::vector<std::string> out;
    const auto page = registry_->list_activity(filter, 100, "");
    EXPECT_TRUE(page) << page.error().to_string();
    if (!page) return out;
    EXPECT_TRUE(page->next_cursor.empty());
    for (const auto& [name, activity] : page->items)
      out.push_back(name.to_string());
    return out;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({}), (Names{"fine", "late", "late/m", "never", "small"}));
  ActivityFilter silent;
  silent.no_message_since = now_ - std::chrono::hours(72);
  EXPECT_EQ(names(silent), (Names{"late", "late/m", "never"}));
  ActivityFilter small;
  small.small_percent = 10;
  EXPECT_EQ(names(small), (Names{"small"}));
  ActivityFilter clock;
  clock.clock_off_by = std::chrono::minutes(2);
  EXPECT_EQ(names(clock), (Names{"small"}));
  clock.clock_off_by = std::chrono::minutes(3);
  EXPECT_TRUE(names(clock).empty());
  now_ += std::chrono::hours(25);
  EXPECT_TRUE(names(small).empty()) << "of the last day only";
}

TEST_F(RegistryTest, ActivityComesInPages) {
  for (const char* id : {"a", "b"}) {
    create({id, ""});
    create({id, "m"});
  }
  std::vector<std::string> names;
  std::string cursor;
  for (int page = 0; page < 10; ++page) {
    const auto found = registry_->list_activity({}, 1, cursor);
    ASSERT_TRUE(found);
    for (const auto& [name, activity] : found->items)
      names.push_back(name.to_string());
    cursor = found->next_cursor;
    if (cursor.empty()) break;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "a/m", "b", "b/m"}));
  EXPECT_EQ(registry_->list_activity({}, 1, "!").error().code, Code::Invalid);
}

TEST_F(RegistryTest, ActivityOfADeletedIdentityIsForgotten) {
  create({"d1", ""});
  registry_->connected({"d1", ""}, "test/1.0", "192.0.2.1");
  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test").has_value());
  EXPECT_EQ(registry_->connected_count(), 0U);
  ASSERT_TRUE(registry_->flush().has_value());
  create({"d1", ""});
  EXPECT_FALSE(registry_->activity({"d1", ""}).last_activity.has_value());
}

TEST_F(RegistryTest, HasThePoliciesOfAnIotHubAndKeepsTheirKeys) {
  const auto owner = registry_->policy("iothubowner");
  ASSERT_TRUE(owner.has_value());
  EXPECT_EQ(owner->rights, kRegistryRead | kRegistryWrite | kServiceConnect | kDeviceConnect);
  EXPECT_EQ(registry_->policy("service")->rights, kServiceConnect);
  EXPECT_EQ(registry_->policies()->size(), 5U);
  open();
  EXPECT_EQ(registry_->policy("iothubowner")->keys.primary, owner->keys.primary);
}

TEST_F(RegistryTest, AuthenticatesTheService) {
  const Policy policy = registry_->policy("registryRead").value();
  const auto token = [&](const char* resource, const std::string& key, const char* name) {
    return wire::make_sas(resource, key, at(1'800'000'100), name).value();
  };
  const auto good = registry_->authenticate_service(
      token("hub.example", policy.keys.secondary, "registryRead"), now_);
  ASSERT_TRUE(good.has_value()) << good.error().to_string();
  EXPECT_EQ(good->rights, kRegistryRead);
  const auto refused = [&](const std::string& text, base::WallTime now) {
    return registry_->authenticate_service(text, now).error().code;
  };
  EXPECT_EQ(refused(token("other.example", policy.keys.primary, "registryRead"), now_),
            Code::Denied);
  EXPECT_EQ(refused(token("hub.example", policy.keys.primary, "service"), now_), Code::Denied);
  EXPECT_EQ(refused(token("hub.example", policy.keys.primary, "nope"), now_), Code::NotFound);
  EXPECT_EQ(refused(token("hub.example", policy.keys.primary, "registryRead"), at(1'900'000'000)),
            Code::Expired);
  EXPECT_EQ(refused("Bearer x", now_), Code::Malformed);
}

TEST_F(RegistryTest, AuthenticatesWithTheConnectionStringThatItGives) {
  const Identity module = (create({"d1", ""}), create({"d1", "m1"}));
  const auto connection =
      wire::parse_connection_string(registry_->connection_string(module, 18883));
  ASSERT_TRUE(connection.has_value());
  EXPECT_EQ(connection->port, 18883);
  const std::string token =
      wire::make_sas("hub.example/devices/d1/modules/m1", connection->key_base64, at(1'800'000'100))
          .value();
  const std::string username = wire::mqtt_username(connection->host_name, {"d1", "m1"}, "t");
  const auto grant = registry_->authenticate({"d1/m1", username, token}, now_);
  ASSERT_TRUE(grant.has_value()) << grant.error().detail;
  EXPECT_EQ(grant->generation_id, module.generation_id);
}

TEST_F(RegistryTest, ManyThreadsMayAskWhileOneChanges) {
  create({"d1", ""});
  std::atomic<bool> done = false;
  std::atomic<int> failures = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        if (!registry_->get({"d1", ""}) || !registry_->list_devices("", 10, "")) ++failures;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    Change change;
    change.status = i % 2 == 0 ? Status::Disabled : Status::Enabled;
    if (!registry_->update({"d1", ""}, change, "test")) ++failures;
  }
  done = true;
  readers.clear();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace hub::identity
