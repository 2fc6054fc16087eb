#include "hub/identity/chain.h"

#include <gtest/gtest.h>

#include "hub/identity/certificate_testing.h"

namespace hub::identity {
namespace {

using operations::Reason;

const base::WallTime kNow{std::chrono::seconds(1'800'000'000)};

TestCertificateWish named(const char* name) {
  TestCertificateWish wish;
  wish.name = name;
  return wish;
}

class Chain : public testing::Test {
 protected:
  Chain()
      : root_(make_test_authority("root")),
        middle_(make_test_authority("middle", &root_)),
        stranger_(make_test_authority("stranger")) {}

  ChainVerdict judge(const TestCertificate& trusted, const TestCertificate& leaf,
                     std::initializer_list<const TestCertificate*> others = {}) {
    const std::vector<base::ByteVec> authorities{trusted.der};
    return TrustStore::create(authorities)->judge(as_shown(leaf, others).chain, kNow);
  }

  TestCertificate root_;
  TestCertificate middle_;
  TestCertificate stranger_;
};

TEST_F(Chain, IsGoodUpToTheUploadedAuthority) {
  const TestCertificate direct = make_test_certificate(named("d1"), &root_);
  const TestCertificate leaf = make_test_certificate(named("d1"), &middle_);
  const ChainVerdict verdict = judge(root_, direct);
  EXPECT_EQ(verdict.reason, Reason::None) << verdict.detail;
  EXPECT_EQ(verdict.authority, root_.sha256());
  EXPECT_EQ(verdict.valid_until, base::WallTime(std::chrono::seconds(1'900'000'000)));
  EXPECT_EQ(judge(root_, leaf, {&middle_}).reason, Reason::None);
  // In any order, and with what has no use.
  EXPECT_EQ(judge(root_, leaf, {&stranger_, &root_, &middle_}).reason, Reason::None);
  // The uploaded one need not be a root, and the root need not be shown.
  EXPECT_EQ(judge(middle_, leaf).reason, Reason::None);
  EXPECT_EQ(judge(middle_, leaf, {&root_, &middle_}).authority, middle_.sha256());
}

TEST_F(Chain, EndsWithTheFirstThatEnds) {
  TestCertificateWish wish = named("short");
  wish.constraints = "critical,CA:TRUE";
  wish.not_after = kNow + std::chrono::hours(1);
  const TestCertificate authority = make_test_certificate(wish, &root_);
  const TestCertificate leaf = make_test_certificate(named("d1"), &authority);
  EXPECT_EQ(judge(root_, leaf, {&authority}).valid_until, wish.not_after);
}

TEST_F(Chain, IsRefusedWithTheReason) {
  TestCertificateWish expired = named("d1");
  expired.not_after = kNow - std::chrono::seconds(1);
  TestCertificateWish future = named("d1");
  future.not_before = kNow + std::chrono::seconds(1);
  TestCertificateWish server = named("d1");
  server.extended_usage = "serverAuth";
  TestCertificateWish weak = named("d1");
  weak.rsa_bits = 1024;
  TestCertificateWish old = named("old");
  old.constraints = "critical,CA:TRUE";
  old.not_after = kNow - std::chrono::seconds(1);
  TestCertificateWish no_signing = named("no signing");
  no_signing.constraints = "critical,CA:TRUE";
  no_signing.key_usage = "critical,digitalSignature";
  TestCertificateWish half = named("half an authority");
  half.key_usage = "critical,keyCertSign";

  const TestCertificate leaf = make_test_certificate(named("d1"), &middle_);
  const TestCertificate no_ca = make_test_authority("no ca", &root_, "critical,CA:FALSE");
  const TestCertificate old_ca = make_test_certificate(old, &root_);
  const TestCertificate mute_ca = make_test_certificate(no_signing, &root_);
  const TestCertificate half_ca = make_test_certificate(half, &root_);
  const TestCertificate last = make_test_authority("last", &root_, "critical,CA:TRUE,pathlen:0");
  const TestCertificate beyond = make_test_authority("beyond", &last);
  TestCertificate forged = make_test_certificate(named("d1"), &root_);
  forged.der.back() ^= 1U;
  const TestCertificate namesake = make_test_authority("root");

  const auto issued = [](const TestCertificate& by) {
    return make_test_certificate(named("d1"), &by);
  };
  const struct {
    const char* what;
    ChainVerdict verdict;
    Reason reason;
  } cases[] = {
      {"self-signed", judge(root_, make_test_certificate(named("d1"))), Reason::CertUntrusted},
      {"a stranger's", judge(root_, issued(stranger_), {&stranger_}), Reason::CertUntrusted},
      {"an authority of the same name", judge(root_, issued(namesake)), Reason::CertUntrusted},
      {"a link is missing", judge(root_, leaf), Reason::CertUntrusted},
      {"a forged signature", judge(root_, forged), Reason::CertUntrusted},
      {"expired", judge(root_, make_test_certificate(expired, &root_)), Reason::CertExpired},
      {"not valid yet", judge(root_, make_test_certificate(future, &root_)),
       Reason::CertNotYetValid},
      {"an authority that expired", judge(root_, issued(old_ca), {&old_ca}), Reason::CertExpired},
      {"expired and a stranger's", judge(root_, make_test_certificate(expired, &stranger_)),
       Reason::CertUntrusted},
      {"for servers only", judge(root_, make_test_certificate(server, &root_)),
       Reason::CertInvalid},
      {"a weak key", judge(root_, make_test_certificate(weak, &root_)), Reason::CertInvalid},
      {"signed by a device", judge(root_, issued(no_ca), {&no_ca}), Reason::CertInvalid},
      {"signed by who may not", judge(root_, issued(mute_ca), {&mute_ca}), Reason::CertInvalid},
      {"signed by half an authority", judge(root_, issued(half_ca), {&half_ca}),
       Reason::CertInvalid},
      {"beyond the path length", judge(root_, issued(beyond), {&beyond, &last}),
       Reason::CertInvalid},
      {"the authority itself", judge(root_, root_), Reason::CertInvalid},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(operations::to_string(test.verdict.reason), operations::to_string(test.reason))
        << test.what << ": " << test.verdict.detail;
    EXPECT_TRUE(test.verdict.authority.empty()) << test.what;
    EXPECT_FALSE(test.verdict.detail.empty()) << test.what;
  }
}

TEST_F(Chain, HasALimit) {
  const std::vector<base::ByteVec> authorities{root_.der};
  const TrustStore store = std::move(*TrustStore::create(authorities));
  const TestCertificate leaf = make_test_certificate(named("d1"), &root_);
  std::vector<base::ByteVec> chain(kMaxChain, leaf.der);
  EXPECT_EQ(store.judge(chain, kNow).reason, Reason::None);
  chain.push_back(leaf.der);
  EXPECT_EQ(store.judge(chain, kNow).reason, Reason::CertInvalid);
  EXPECT_EQ(store.judge({}, kNow).reason, Reason::CertInvalid);
  std::vector<TestCertificate> path{root_};
  for (int i = 0; i < 7; ++i)
    path.push_back(make_test_authority("c" + std::to_string(i), &path.back()));
  chain = as_shown(make_test_certificate(named("d1"), &path.back())).chain;
  for (const TestCertificate& link : path)
    chain.push_back(link.der);
  EXPECT_NE(store.judge(chain, kNow).reason, Reason::None);
  EXPECT_EQ(TrustStore::create({})->judge(as_shown(leaf).chain, kNow).reason,
            Reason::CertUntrusted);
}

TEST(CertificateFromText, TakesPemAndBase64) {
  const TestCertificate made = make_test_authority("root");
  EXPECT_EQ(certificate_from_text(made.pem()).value(), made.der);
  EXPECT_EQ(certificate_from_text("Subject: root\n" + made.pem() + "bye\n").value(), made.der);
  std::string windows;
  for (const char c : made.pem())
    windows.append(c == '\n' ? "\r\n" : std::string(1, c));
  EXPECT_EQ(certificate_from_text(windows).value(), made.der);
  std::string body = made.pem();
  body.erase(0, body.find('\n') + 1);
  body.erase(body.find("-----END"));
  EXPECT_EQ(certificate_from_text(body).value(), made.der);
}

TEST(CertificateFromText, RefusesWhatIsNoneOrMany) {
  using base::Code;
  const std::string pem = make_test_authority("root").pem();
  const std::pair<std::string, Code> cases[] = {
      {"", Code::Malformed},
      {"hello", Code::Malformed},
      {"AAAA", Code::Malformed},
      {pem.substr(0, pem.size() / 2), Code::Malformed},
      {pem + pem, Code::Invalid},
      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", Code::Invalid},
      {std::string(kMaxCertificateText + 1, 'A'), Code::TooLarge},
  };
  for (const auto& [text, code] : cases) {
    const auto taken = certificate_from_text(text);
    ASSERT_FALSE(taken.has_value()) << text.substr(0, 40);
    EXPECT_EQ(taken.error().code, code) << text.substr(0, 40);
  }
}

TEST(ReadFacts, GivesNoNameWhereThereAreTwo) {
  TestCertificateWish wish = named("d1");
  wish.second_name = "d2";
  EXPECT_EQ(read_facts(make_test_certificate(wish).der)->certificate.common_name, "");
  const CertificateFacts facts = read_facts(make_test_certificate(named("d\xC3\xA9")).der).value();
  EXPECT_EQ(facts.certificate.common_name, "d\xC3\xA9");
  EXPECT_EQ(facts.subject, "CN=d\xC3\xA9");
  EXPECT_FALSE(facts.authority);
  EXPECT_EQ(facts.security_bits, 128);
  const std::string hidden("d1\0evil", 7);
  TestCertificateWish tricky = named("");
  tricky.name = hidden;
  EXPECT_EQ(read_facts(make_test_certificate(tricky).der)->certificate.common_name, hidden);
}

}  // namespace
}  // namespace hub::identity
