#include "hub/identity/login.h"

#include <map>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/text.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace hub::identity {
namespace {

using operations::Reason;

constexpr const char* kHost = "hub.example";
constexpr const char* kPrimary = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
constexpr const char* kSecondary = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
constexpr const char* kOther = "b3RoZXJvdGhlcm90aGVyb3RoZXI=";

base::WallTime at(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(seconds));
}
const base::WallTime kNow = at(1'800'000'000);
const base::WallTime kLater = at(1'800'003'600);

class CheckLogin : public testing::Test {
 protected:
  CheckLogin() {
    add({"d1", ""}, Status::Enabled);
    add({"d1", "m1"}, Status::Enabled);
    add({"off", ""}, Status::Disabled);
    add({"off", "m1"}, Status::Enabled);
    add({"d10", ""}, Status::Enabled);
    policies_["device"] = {"device", kDeviceConnect, {kPrimary, kSecondary}};
    policies_["service"] = {"service", kServiceConnect, {kPrimary, kSecondary}};
  }

  void add(const Name& name, Status status) {
    Identity identity;
    identity.name = name;
    identity.status = status;
    identity.keys = {kPrimary, kSecondary};
    identity.generation_id = "g-" + name.to_string();
    identities_[name] = identity;
  }

  std::expected<Grant, Refusal> prove(const Name& name, const ClientCertificate* certificate,
                                      std::string_view token = {}) {
    return check_proof({name, token, certificate}, kHost, kNow, lookup());
  }

  Lookup lookup() {
    return {[this](const Name& name) -> base::Result<Identity> {
              const auto found = identities_.find(name);
              if (found == identities_.end()) return base::fail(base::Code::NotFound, "identity");
              return found->second;
            },
            [this](std::string_view name) -> base::Result<Policy> {
              const auto found = policies_.find(std::string(name));
              if (found == policies_.end()) return base::fail(base::Code::NotFound, "policy");
              return found->second;
            }};
  }

  std::expected<Grant, Refusal> check(const std::string& client_id, const std::string& username,
                                      const std::string& password) {
    return check_login({client_id, username, password}, kHost, kNow, lookup());
  }

  std::expected<Grant, Refusal> check(const Name& name, const std::string& password) {
    return check(name.to_string(),
                 wire::mqtt_username(kHost, {name.device_id, name.module_id}, "test/1.0"),
                 password);
  }

  static std::string token(const std::string& resource, const char* key,
                           base::WallTime expiry = kLater, const char* policy = "") {
    return wire::make_sas(resource, key, expiry, policy).value();
  }

  std::map<Name, Identity> identities_;
  std::map<std::string, Policy> policies_;
};

TEST_F(CheckLogin, TakesTheDevicesOwnKeys) {
  for (const char* key : {kPrimary, kSecondary}) {
    const auto grant = check({"d1", ""}, token("hub.example/devices/d1", key));
    ASSERT_TRUE(grant.has_value()) << grant.error().detail;
    EXPECT_EQ(grant->name.device_id, "d1");
    EXPECT_EQ(grant->generation_id, "g-d1");
    EXPECT_EQ(grant->expires_at, kLater);
    EXPECT_EQ(grant->client_type, "test/1.0");
    EXPECT_EQ(grant->auth.type, "sas");
    EXPECT_EQ(grant->auth.scope, "device");
  }
}

TEST_F(CheckLogin, TakesModulesAndParentsOfTheResource) {
  EXPECT_TRUE(
      check({"d1", "m1"}, token("hub.example/devices/d1/modules/m1", kPrimary)).has_value());
  EXPECT_TRUE(check({"d1", "m1"}, token("hub.example/devices/d1", kPrimary)).has_value());
  EXPECT_TRUE(check({"d1", ""}, token("HUB.example/devices/d1", kPrimary)).has_value());
}

TEST_F(CheckLogin, TakesAPolicyThatMayConnectDevices) {
  const auto grant = check({"d1", ""}, token("hub.example", kPrimary, kLater, "device"));
  ASSERT_TRUE(grant.has_value()) << grant.error().detail;
  EXPECT_EQ(grant->auth.scope, "hub");
  EXPECT_EQ(grant->auth.skn, "device");
}

TEST_F(CheckLogin, RefusesAndSaysWhyInTheRecord) {
  const std::string good = token("hub.example/devices/d1", kPrimary);
  struct Case {
    const char* what;
    std::expected<Grant, Refusal> verdict;
    Reason reason;
    std::uint32_t sub_code;
  };
  const std::string user = "hub.example/d1/?api-version=2021-04-12";
  const Case cases[] = {
      {"unknown device", check({"nobody", ""}, token("hub.example/devices/nobody", kPrimary)),
       Reason::Unknown, 404001},
      {"unknown module", check({"d1", "m9"}, token("hub.example/devices/d1/modules/m9", kPrimary)),
       Reason::Unknown, 404010},
      {"unknown policy", check({"d1", ""}, token("hub.example", kPrimary, kLater, "nope")),
       Reason::Unknown, 404001},
      {"wrong key", check({"d1", ""}, token("hub.example/devices/d1", kOther)),
       Reason::SasSignature, 401003},
      {"expired", check({"d1", ""}, token("hub.example/devices/d1", kPrimary, kNow)),
       Reason::SasExpired, 401003},
      {"expired, secondary", check({"d1", ""}, token("hub.example/devices/d1", kSecondary, kNow)),
       Reason::SasExpired, 401003},
      {"expired and wrong", check({"d1", ""}, token("hub.example/devices/d1", kOther, kNow)),
       Reason::SasSignature, 401003},
      {"another device", check({"d10", ""}, good), Reason::SasScope, 401003},
      {"another hub", check({"d1", ""}, token("other.example/devices/d1", kPrimary)),
       Reason::SasScope, 401003},
      {"a module's token for the device",
       check({"d1", ""}, token("hub.example/devices/d1/modules/m1", kPrimary)), Reason::SasScope,
       401003},
      {"a policy without the right",
       check({"d1", ""}, token("hub.example", kPrimary, kLater, "service")), Reason::SasScope,
       401003},
      {"the device's key under a policy's name",
       check({"d1", ""}, token("hub.example", kOther, kLater, "device")), Reason::SasSignature,
       401003},
      {"disabled", check({"off", ""}, token("hub.example/devices/off", kPrimary)), Reason::Disabled,
       401003},
      {"device of the module disabled",
       check({"off", "m1"}, token("hub.example/devices/off/modules/m1", kPrimary)),
       Reason::Disabled, 401003},
      {"disabled, wrong key", check({"off", ""}, token("hub.example/devices/off", kOther)),
       Reason::SasSignature, 401003},
      {"no token", check({"d1", ""}, "let me in"), Reason::SasMalformed, 401003},
      {"client id of another", check("d10", user, good), Reason::ClientId, 401003},
      {"user name of another hub", check("d1", "other.example/d1/?api-version=1", good),
       Reason::HostName, 401003},
      {"no user name", check("d1", "", good), Reason::ClientId, 401003},
      {"an id that can be none", check("d 1", "hub.example/d 1/?api-version=1", good),
       Reason::Unknown, 404001},
  };
  for (const Case& test : cases) {
    ASSERT_FALSE(test.verdict.has_value()) << test.what;
    EXPECT_EQ(test.verdict.error().reason, test.reason)
        << test.what << ": " << to_string(test.verdict.error().reason) << " "
        << test.verdict.error().detail;
    EXPECT_EQ(test.verdict.error().sub_code, test.sub_code) << test.what;
    EXPECT_EQ(test.verdict.error().detail.find(kPrimary), std::string::npos) << test.what;
  }
}

TEST_F(CheckLogin, WhatEndedJustNowIsAWarning) {
  const auto level = [&](base::WallTime end) {
    return check({"d1", ""}, token("hub.example/devices/d1", kPrimary, end)).error().level;
  };
  EXPECT_EQ(level(kNow), operations::Level::Warning);
  EXPECT_EQ(level(kNow - kClockTolerance + std::chrono::seconds(1)), operations::Level::Warning);
  EXPECT_EQ(level(kNow - kClockTolerance), operations::Level::Error);
  EXPECT_EQ(check({"d1", ""}, token("hub.example/devices/d1", kOther)).error().level,
            operations::Level::Error);
}

TEST_F(CheckLogin, CutsWhatNobodyHasCheckedYet) {
  const std::string longest(10'000, 'x');
  const auto verdict = check(longest, "hub.example/" + longest + "/?api-version=1", "x");
  ASSERT_FALSE(verdict.has_value());
  EXPECT_LE(verdict.error().name.device_id.size(), 128U);
  const auto other = check(longest, "hub.example/d1/?DeviceClientType=" + longest, "x");
  ASSERT_FALSE(other.has_value());
  EXPECT_LE(other.error().detail.size(), 400U);
  EXPECT_LE(other.error().client_type.size(), 128U);
}

ClientCertificate certificate() {
  return {std::string(40, 'A'), std::string(64, 'B'), at(1'799'000'000), at(1'801'000'000)};
}

TEST_F(CheckLogin, AcceptsTheCertificateOfEitherThumbprint) {
  const ClientCertificate shown = certificate();
  for (const Thumbprints& known :
       {Thumbprints{shown.sha1, ""}, {shown.sha256, ""}, {std::string(40, 'C'), shown.sha256}}) {
    identities_[{"d1", ""}].keys = {};
    identities_[{"d1", ""}].authentication = Authentication::SelfSigned;
    identities_[{"d1", ""}].thumbprints = known;
    const auto grant = prove({"d1", ""}, &shown);
    ASSERT_TRUE(grant.has_value()) << grant.error().detail;
    EXPECT_EQ(grant->auth.type, "x509");
    EXPECT_EQ(grant->auth.scope, "device");
    EXPECT_EQ(grant->expires_at, shown.not_after);
  }
}

TEST_F(CheckLogin, SaysWhatIsWrongWithACertificate) {
  const auto reason = [&](const ClientCertificate* shown, std::string_view token = {}) {
    const auto grant = prove({"d1", ""}, shown, token);
    return grant ? Reason::None : grant.error().reason;
  };
  ClientCertificate shown = certificate();
  EXPECT_EQ(reason(&shown), Reason::Thumbprint);  // it has keys
  identities_[{"d1", ""}].keys = {};
  identities_[{"d1", ""}].authentication = Authentication::SelfSigned;
  identities_[{"d1", ""}].thumbprints = {std::string(40, 'C'), ""};
  EXPECT_EQ(reason(&shown), Reason::Thumbprint);
  EXPECT_EQ(reason(nullptr), Reason::SasMalformed);
  identities_[{"d1", ""}].thumbprints = {shown.sha256, ""};
  EXPECT_EQ(reason(&shown), Reason::None);
  // An identity without keys is not one whose key is empty.
  const std::string resource = "hub.example%2Fdevices%2Fd1";
  const auto signature = base::hmac_sha256({}, base::as_bytes(resource + "\n1800003600"));
  const std::string token = "SharedAccessSignature sr=" + resource +
                            "&sig=" + base::percent_encode(base::base64_encode(signature)) +
                            "&se=1800003600";
  EXPECT_EQ(reason(nullptr, token), Reason::SasSignature);
  shown.not_after = kNow;
  EXPECT_EQ(reason(&shown), Reason::CertExpired);
  EXPECT_EQ(prove({"d1", ""}, &shown).error().level, operations::Level::Warning);
  shown.not_after = kNow - kClockTolerance;
  EXPECT_EQ(prove({"d1", ""}, &shown).error().level, operations::Level::Error);
  shown.not_after = kLater;
  shown.not_before = kLater;
  EXPECT_EQ(reason(&shown), Reason::CertNotYetValid);
  EXPECT_EQ(prove({"nobody", ""}, &shown).error().reason, Reason::Unknown);
  identities_[{"d1", ""}].status = Status::Disabled;
  shown.not_before = at(0);
  EXPECT_EQ(reason(&shown), Reason::Disabled);
}

TEST_F(CheckLogin, ATokenGoesBeforeACertificate) {
  const ClientCertificate shown = certificate();
  const auto token = wire::make_sas("hub.example/devices/d1", kPrimary, kLater).value();
  const auto grant = prove({"d1", ""}, &shown, token);
  ASSERT_TRUE(grant.has_value()) << grant.error().detail;
  EXPECT_EQ(grant->auth.type, "sas");
}

TEST(NormalThumbprint, TakesWhatPeopleWrite) {
  EXPECT_EQ(normal_thumbprint("aa:bb" + std::string(36, '0')).value(),
            "AABB" + std::string(36, '0'));
  EXPECT_EQ(normal_thumbprint(std::string(64, 'f')).value(), std::string(64, 'F'));
  for (const std::string& bad : {std::string(), std::string(39, '0'), std::string(40, 'g'),
                                 std::string(41, '0'), std::string(65, '0')}) {
    EXPECT_FALSE(normal_thumbprint(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace hub::identity
