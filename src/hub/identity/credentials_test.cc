#include "hub/identity/credentials.h"

#include <set>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "hub/identity/certificate_testing.h"
#include "hub/identity/ip_filter.h"
#include "wire/sas.h"

namespace hub::identity {
namespace {

using base::Code;
using operations::Reason;

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() {
    std::string pattern = testing::TempDir() + "credentials.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    open();
  }

  void open() {
    registry_.reset();
    registry_ =
        Registry::open({folder_ + "/state.db", "hub.example", [this] { return now_; }}, operations_)
            .value();
  }

  Identity create(const std::string& id, const Keys& keys = {}) {
    return registry_->create({{id, ""}, Status::Enabled, {}, keys}, "test").value();
  }

  std::expected<Grant, Refusal> log_in(const std::string& id, const std::string& key,
                                       const char* policy = "", std::string_view ip = {}) {
    const std::string resource =
        *policy == 0 ? "hub.example/devices/" + id : std::string("hub.example");
    const std::string token =
        wire::make_sas(resource, key, now_ + std::chrono::hours(1), policy).value();
    Proof proof{{id, ""}, token, nullptr, ip};
    return registry_->prove(proof, now_);
  }

  std::string folder_;
  base::WallTime now_{std::chrono::seconds(1'800'000'000)};
  operations::Operations operations_;
  std::unique_ptr<Registry> registry_;
};

TEST_F(CredentialsTest, HashesAreKeyedAndKeep) {
  Credentials& credentials = registry_->credentials();
  const std::string hash = credentials.hash(CredentialKind::Key, "abc");
  EXPECT_EQ(hash.size(), 32U);
  EXPECT_NE(hash, credentials.hash(CredentialKind::Key, "abd"));
  EXPECT_NE(hash, credentials.hash(CredentialKind::Policy, "abc"));
  open();
  EXPECT_EQ(hash, registry_->credentials().hash(CredentialKind::Key, "abc"));
  folder_ += "/other";
  ASSERT_EQ(::system(("mkdir " + folder_).c_str()), 0);
  open();
  EXPECT_NE(hash, registry_->credentials().hash(CredentialKind::Key, "abc"));
}

TEST_F(CredentialsTest, AnIdentityKnowsWhetherItShares) {
  const Identity first = create("d1");
  create("d2", first.keys);
  const Identity alone = create("d3");
  ASSERT_TRUE(log_in("d1", first.keys.primary).has_value());
  ASSERT_TRUE(log_in("d3", alone.keys.primary).has_value());
  ASSERT_TRUE(registry_->flush());
  EXPECT_FALSE(*registry_->credentials().shares({"d1", ""})) << "d2 was not here yet";
  ASSERT_TRUE(log_in("d2", first.keys.primary).has_value());
  ASSERT_TRUE(registry_->flush());
  EXPECT_TRUE(*registry_->credentials().shares({"d1", ""}));
  EXPECT_TRUE(*registry_->credentials().shares({"d2", ""}));
  EXPECT_FALSE(*registry_->credentials().shares({"d3", ""}));
  now_ += Credentials::kKept + std::chrono::seconds(1);
  EXPECT_FALSE(*registry_->credentials().shares({"d1", ""})) << "long ago";
}

TEST_F(CredentialsTest, TellWhoSharesOne) {
  const Identity first = create("d1");
  const Identity second = create("d2");
  const Identity policy_user = create("d3");
  const std::string device_policy = registry_->policy("device")->keys.primary;
  ASSERT_TRUE(log_in("d1", first.keys.primary).has_value());
  ASSERT_TRUE(log_in("d2", second.keys.primary).has_value());
  ASSERT_TRUE(log_in("d3", policy_user.keys.secondary).has_value());
  EXPECT_TRUE(registry_->credentials().shared(10)->empty());

  const auto by_policy = log_in("d1", device_policy, "device");
  ASSERT_TRUE(by_policy.has_value()) << by_policy.error().detail;
  ASSERT_TRUE(log_in("d2", device_policy, "device").has_value());
  auto shared = registry_->credentials().shared(10).value();
  ASSERT_EQ(shared.size(), 1U);
  EXPECT_EQ(shared[0].kind, CredentialKind::Policy);
  EXPECT_EQ(shared[0].hash, by_policy->auth.credential);
  EXPECT_EQ(shared[0].count, 2U);
  EXPECT_EQ(shared[0].last_used, now_);
  ASSERT_EQ(shared[0].identities.size(), 2U);
  EXPECT_EQ(shared[0].identities[1].device_id, "d2");

  // Given to several, and used by nobody yet.
  create("copy", first.keys);
  shared = registry_->credentials().shared(10).value();
  ASSERT_EQ(shared.size(), 3U);
  std::set<std::string> hashes;
  for (const SharedCredential& item : shared)
    hashes.insert(item.hash);
  EXPECT_TRUE(
      hashes.contains(registry_->credentials().hash(CredentialKind::Key, first.keys.secondary)));
  EXPECT_EQ(registry_->credentials().shared(1)->size(), 1U);

  ASSERT_TRUE(registry_->remove({"copy", ""}, "", "test").has_value());
  EXPECT_EQ(registry_->credentials().shared(10)->size(), 1U);
  now_ += Credentials::kKept + std::chrono::hours(1);
  EXPECT_TRUE(registry_->credentials().shared(10)->empty());
}

TEST_F(CredentialsTest, ARefusedProofIsNoUse) {
  const Identity device = create("d1");
  create("d2");
  const auto refused = log_in("d2", device.keys.primary);
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().auth.credential.empty());
  ASSERT_TRUE(log_in("d1", device.keys.primary).has_value());
  EXPECT_TRUE(registry_->credentials().shared(10)->empty());
}

TEST_F(CredentialsTest, TheSameCertificateOfTwoDevices) {
  TestCertificateWish wish;
  wish.name = "any";
  const ClientCertificate shown = as_shown(make_test_certificate(wish));
  for (const char* id : {"x1", "x2"}) {
    NewIdentity wanted{{id, ""}, Status::Enabled, {}, {}, {shown.sha1, shown.sha256}};
    ASSERT_TRUE(registry_->create(wanted, "test").has_value());
    ASSERT_TRUE(registry_->prove({{id, ""}, {}, &shown}, now_).has_value());
  }
  const auto shared = registry_->credentials().shared(10).value();
  ASSERT_FALSE(shared.empty());
  EXPECT_TRUE(std::ranges::any_of(shared, [&](const SharedCredential& item) {
    return item.kind == CredentialKind::Certificate && item.count == 2 &&
           item.hash == registry_->credentials().hash(CredentialKind::Certificate, shown.sha256);
  }));
}

TEST_F(CredentialsTest, AddressesAreCheckedWithEveryLogin) {
  const Identity device = create("d1");
  const auto free = log_in("d1", device.keys.primary, "", "192.0.2.1");
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ(free->auth.accepting_ip_filter_rule, "");
  ASSERT_TRUE(registry_->ip_filter()
                  .set({{"plant", Access::Allow, "10.0.0.0/8"}}, Access::Deny, "")
                  .has_value());
  const auto plant = log_in("d1", device.keys.primary, "", "10.9.8.7");
  ASSERT_TRUE(plant.has_value());
  EXPECT_EQ(plant->auth.accepting_ip_filter_rule, "plant");
  const auto refused = log_in("d1", device.keys.primary, "", "192.0.2.1");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().reason, Reason::IpFilter);
  EXPECT_EQ(refused.error().status_code, 401);
  EXPECT_EQ(refused.error().name.device_id, "d1");
  EXPECT_TRUE(log_in("d1", device.keys.primary).has_value()) << "no address, no rule";
}

TEST_F(CredentialsTest, PoliciesComeAndGo) {
  const Policy made = registry_->create_policy({"plant-1", kDeviceConnect, {}}).value();
  EXPECT_EQ(
      registry_->connection_string(made),
      "HostName=hub.example;SharedAccessKeyName=plant-1;SharedAccessKey=" + made.keys.primary);
  create("d1");
  EXPECT_TRUE(log_in("d1", made.keys.secondary, "plant-1").has_value());
  EXPECT_EQ(registry_->create_policy({"plant-1", kDeviceConnect, {}}).error().code, Code::Exists);
  for (const Policy& wrong :
       {Policy{"", kDeviceConnect, {}}, Policy{"a b", kDeviceConnect, {}}, Policy{"a", 0, {}},
        Policy{"a", 64, {}}, Policy{"a", kRegistryWrite, {}},
        Policy{"a", kDeviceConnect, {"short", ""}}}) {
    EXPECT_EQ(registry_->create_policy(wrong).error().code, Code::Invalid) << wrong.name;
  }

  // Rotation: move everybody to the secondary key, then replace the primary one.
  PolicyChange change;
  change.primary_key = "";
  const Policy rotated = registry_->update_policy("plant-1", change).value();
  EXPECT_NE(rotated.keys.primary, made.keys.primary);
  EXPECT_EQ(rotated.keys.secondary, made.keys.secondary);
  EXPECT_TRUE(log_in("d1", made.keys.secondary, "plant-1").has_value());
  EXPECT_EQ(log_in("d1", made.keys.primary, "plant-1").error().reason, Reason::SasSignature);
  change = {};
  change.swap_keys = true;
  EXPECT_EQ(registry_->update_policy("plant-1", change)->keys.primary, made.keys.secondary);
  change = {};
  change.rights = kServiceConnect;
  EXPECT_EQ(registry_->update_policy("plant-1", change)->rights, kServiceConnect);
  EXPECT_EQ(log_in("d1", made.keys.secondary, "plant-1").error().reason, Reason::SasScope);
  change.rights = 0;
  EXPECT_EQ(registry_->update_policy("plant-1", change).error().code, Code::Invalid);
  EXPECT_EQ(registry_->update_policy("none", change).error().code, Code::NotFound);

  ASSERT_TRUE(registry_->remove_policy("plant-1").has_value());
  EXPECT_EQ(registry_->remove_policy("plant-1").error().code, Code::NotFound);
  EXPECT_EQ(log_in("d1", made.keys.secondary, "plant-1").error().reason, Reason::Unknown);
  ASSERT_TRUE(registry_->remove_policy("device").has_value());
  open();
  EXPECT_EQ(registry_->policy("device").error().code, Code::NotFound) << "is not made again";
  EXPECT_EQ(registry_->policies()->size(), 4U);
}

}  // namespace
}  // namespace hub::identity
