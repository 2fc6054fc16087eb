#include "hub/identity/authorities.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "hub/identity/certificate_testing.h"
#include "hub/identity/registry.h"

namespace hub::identity {
namespace {

using base::Code;
using operations::Reason;

class AuthoritiesTest : public testing::Test {
 protected:
  AuthoritiesTest() : root_(make_test_authority("root")) {
    std::string pattern = testing::TempDir() + "authorities.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    open();
  }

  void open() {
    registry_.reset();
    registry_ =
        Registry::open({folder_ + "/state.db", "hub.example", [this] { return now_; }}, operations_)
            .value();
  }
  Authorities& authorities() { return registry_->authorities(); }

  static TestCertificate issue(const TestCertificate& by, const std::string& name) {
    TestCertificateWish wish;
    wish.name = name;
    return make_test_certificate(wish, &by);
  }

  Authority prove(const std::string& name, const TestCertificate& authority) {
    EXPECT_TRUE(authorities().put(name, authority.pem(), "").has_value());
    const std::string code = authorities().make_code(name, "").value().code;
    auto verified = authorities().verify(name, issue(authority, code).pem(), "");
    EXPECT_TRUE(verified.has_value()) << verified.error().to_string();
    return *verified;
  }

  std::expected<Grant, Refusal> log_in(const Name& name, const ClientCertificate& shown) {
    return registry_->prove({name, {}, &shown}, now_);
  }

  std::string folder_;
  base::WallTime now_{std::chrono::seconds(1'800'000'000)};
  operations::Operations operations_;
  std::unique_ptr<Registry> registry_;
  TestCertificate root_;
};

TEST_F(AuthoritiesTest, CountOnlyAfterAProofOfPossession) {
  const Authority uploaded = authorities().put("factory", root_.pem(), "").value();
  EXPECT_FALSE(uploaded.verified);
  EXPECT_EQ(uploaded.subject, "CN=root");
  EXPECT_EQ(uploaded.sha256, root_.sha256());
  const auto chain = as_shown(issue(root_, "d1")).chain;
  EXPECT_EQ(authorities().judge(chain, now_).reason, Reason::CertUntrusted);

  EXPECT_EQ(authorities().verify("factory", issue(root_, "x").pem(), "").error().code,
            Code::Invalid);
  const Authority asked = authorities().make_code("factory", "").value();
  EXPECT_EQ(asked.code.size(), 48U);
  EXPECT_NE(asked.etag, uploaded.etag);
  EXPECT_EQ(authorities().verify("factory", issue(root_, "x").pem(), "").error().code,
            Code::Denied);
  const TestCertificate impostor = make_test_authority("root");
  EXPECT_EQ(authorities().verify("factory", issue(impostor, asked.code).pem(), "").error().code,
            Code::Denied);
  EXPECT_EQ(authorities().judge(chain, now_).reason, Reason::CertUntrusted);

  const TestCertificate proof = issue(root_, asked.code);
  EXPECT_EQ(authorities().verify("factory", proof.pem(), uploaded.etag).error().code,
            Code::Conflict);
  const Authority verified = authorities().verify("factory", proof.pem(), asked.etag).value();
  EXPECT_TRUE(verified.verified);
  EXPECT_TRUE(verified.code.empty());
  EXPECT_EQ(authorities().judge(chain, now_).reason, Reason::None);
  EXPECT_EQ(authorities().verify("factory", proof.pem(), "").error().code, Code::Invalid);
  open();
  EXPECT_EQ(authorities().judge(chain, now_).reason, Reason::None);
  EXPECT_TRUE(authorities().trusts(root_.sha256()));
}

TEST_F(AuthoritiesTest, RefuseWhatCannotVouch) {
  TestCertificateWish old;
  old.name = "old";
  old.constraints = "critical,CA:TRUE";
  old.not_after = now_ - std::chrono::seconds(1);
  TestCertificateWish weak;
  weak.name = "weak";
  weak.constraints = "critical,CA:TRUE";
  weak.rsa_bits = 1024;
  prove("factory", root_);
  const std::tuple<std::string, std::string, Code> cases[] = {
      {"device", issue(root_, "d1").pem(), Code::Invalid},
      {"old", make_test_certificate(old).pem(), Code::Invalid},
      {"weak", make_test_certificate(weak).pem(), Code::Invalid},
      {"text", "no certificate", Code::Malformed},
      {"", make_test_authority("a").pem(), Code::Invalid},
      {"a/b", make_test_authority("a").pem(), Code::Invalid},
      {"factory", make_test_authority("a").pem(), Code::Exists},
      {"again", root_.pem(), Code::Exists},
  };
  for (const auto& [name, pem, code] : cases) {
    const auto taken = authorities().put(name, pem, "");
    ASSERT_FALSE(taken.has_value()) << name;
    EXPECT_EQ(taken.error().code, code) << name << ": " << taken.error().to_string();
  }
  EXPECT_EQ(authorities().list()->size(), 1U);
}

TEST_F(AuthoritiesTest, AReplacedOneHasToProveItselfAnew) {
  const Authority before = prove("factory", root_);
  const TestCertificate next = make_test_authority("next");
  EXPECT_EQ(authorities().put("factory", next.pem(), "stale").error().code, Code::Conflict);
  EXPECT_EQ(authorities().put("none", next.pem(), "*").error().code, Code::NotFound);
  const Authority after = authorities().put("factory", next.pem(), before.etag).value();
  EXPECT_FALSE(after.verified);
  EXPECT_FALSE(authorities().trusts(root_.sha256()));
  EXPECT_FALSE(authorities().trusts(next.sha256()));
}

TEST_F(AuthoritiesTest, LetDevicesAndModulesInByName) {
  prove("factory", root_);
  for (const Name& name : {Name{"d1", ""}, Name{"d1", "m1"}}) {
    NewIdentity wanted{name, Status::Enabled, {}, {}};
    wanted.authentication = Authentication::CertificateAuthority;
    const auto made = registry_->create(wanted, "test");
    ASSERT_TRUE(made.has_value()) << made.error().to_string();
    EXPECT_TRUE(made->keys.primary.empty());
  }
  open();
  EXPECT_EQ(registry_->get({"d1", ""})->authentication, Authentication::CertificateAuthority);
  const auto grant = log_in({"d1", ""}, as_shown(issue(root_, "d1")));
  ASSERT_TRUE(grant.has_value()) << grant.error().detail;
  EXPECT_EQ(grant->authority, root_.sha256());
  EXPECT_EQ(grant->auth.type, "x509");
  EXPECT_EQ(grant->expires_at, base::WallTime(std::chrono::seconds(1'900'000'000)));
  EXPECT_TRUE(log_in({"d1", "m1"}, as_shown(issue(root_, "d1/m1"))).has_value());

  for (const char* other : {"d1", "m1", "D1/m1", "d1/m1 ", ""}) {
    const auto refused = log_in({"d1", "m1"}, as_shown(issue(root_, other)));
    ASSERT_FALSE(refused.has_value()) << other;
    EXPECT_EQ(refused.error().reason, Reason::CertName) << other;
    EXPECT_EQ(refused.error().sub_code, 401003U);
  }
  const TestCertificate stranger = make_test_authority("stranger");
  EXPECT_EQ(log_in({"d1", ""}, as_shown(issue(stranger, "d1"))).error().reason,
            Reason::CertUntrusted);
  now_ = base::WallTime(std::chrono::seconds(1'900'000'000));
  EXPECT_EQ(log_in({"d1", ""}, as_shown(issue(root_, "d1"))).error().reason, Reason::CertExpired);
}

TEST_F(AuthoritiesTest, ARemovedOneCountsNoMore) {
  const Authority authority = prove("factory", root_);
  NewIdentity wanted{{"d1", ""}, Status::Enabled, {}, {}};
  wanted.authentication = Authentication::CertificateAuthority;
  ASSERT_TRUE(registry_->create(wanted, "test").has_value());
  const ClientCertificate shown = as_shown(issue(root_, "d1"));
  ASSERT_TRUE(log_in({"d1", ""}, shown).has_value());
  EXPECT_EQ(authorities().remove("factory", "stale").error().code, Code::Conflict);
  EXPECT_EQ(authorities().remove("other", "").error().code, Code::NotFound);
  ASSERT_TRUE(authorities().remove("factory", authority.etag).has_value());
  EXPECT_FALSE(authorities().trusts(root_.sha256()));
  EXPECT_EQ(log_in({"d1", ""}, shown).error().reason, Reason::CertUntrusted);
}

TEST_F(AuthoritiesTest, AnIdentityChangesHowItProvesItself) {
  ASSERT_TRUE(registry_->create({{"d1", ""}, Status::Enabled, {}, {}}, "test").has_value());
  Change change;
  change.authentication = Authentication::CertificateAuthority;
  auto changed = registry_->update({"d1", ""}, change, "test");
  ASSERT_TRUE(changed.has_value()) << changed.error().to_string();
  EXPECT_TRUE(changed->keys.primary.empty() && changed->keys.secondary.empty());
  change.authentication = Authentication::SelfSigned;
  EXPECT_EQ(registry_->update({"d1", ""}, change, "test").error().code, Code::Invalid);
  change.thumbprints = Thumbprints{std::string(40, 'A'), ""};
  changed = registry_->update({"d1", ""}, change, "test");
  ASSERT_TRUE(changed.has_value()) << changed.error().to_string();
  EXPECT_EQ(changed->thumbprints.primary, std::string(40, 'A'));
  change = {};
  change.authentication = Authentication::Sas;
  changed = registry_->update({"d1", ""}, change, "test");
  ASSERT_TRUE(changed.has_value()) << changed.error().to_string();
  EXPECT_FALSE(changed->keys.primary.empty() || changed->keys.secondary.empty());
  EXPECT_TRUE(changed->thumbprints.primary.empty());
}

}  // namespace
}  // namespace hub::identity
