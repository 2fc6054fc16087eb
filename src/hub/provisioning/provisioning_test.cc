#include "hub/provisioning/provisioning.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "hub/provisioning/x509.h"
#include "os/scratch_testing.h"
#include "os/tls_testing.h"
#include "wire/dps.h"
#include "wire/sas.h"

namespace hub::provisioning {
namespace {

using base::Code;
using base::json::Value;
using operations::Reason;

constexpr const char* kKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
constexpr const char* kOther = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

// A certificate of the device's own.
std::string self_signed(const char* name) {
  using namespace os::testing_detail;
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  const Cert made = make_certificate(key.get(), key.get(), nullptr, name, "critical,CA:FALSE",
                                     NID_basic_constraints, {});
  return to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, made.get()); });
}

identity::ClientCertificate shown(const std::string& pem) {
  const auto info = provisioning::read_certificate(pem);
  identity::ClientCertificate certificate;
  certificate.sha1 = info->sha1;
  certificate.sha256 = info->sha256;
  certificate.not_before = info->not_before;
  certificate.not_after = info->not_after;
  return certificate;
}

Value json(const std::string& text) {
  auto parsed = base::json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? std::move(*parsed) : Value();
}

class ProvisioningTest : public ::testing::Test {
 protected:
  ProvisioningTest() {
    options_.path = scratch_ / "state.db";
    options_.host_name = "hub.example";
    options_.mono_now = [this] { return now_; };
    registry_ = must(identity::Registry::open({options_.path, "hub.example"}, operations_));
    twins::Options twins;
    twins.path = options_.path;
    twins_ = must(twins::Twins::open(std::move(twins), *registry_, operations_));
    reopen();
  }

  template <class T>
  static T must(base::Result<T> result) {
    EXPECT_TRUE(result) << result.error().to_string();
    return std::move(*result);
  }

  void reopen() {
    service_.reset();
    service_ = must(Provisioning::open(options_, *registry_, *twins_, operations_));
  }

  std::string symmetric(const std::string& key, const std::string& more = "") const {
    return R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":")" + key +
           R"(","secondaryKey":")" + kOther + "\"}}" + more + "}";
  }
  Enrollment put(Kind kind, const std::string& id, const std::string& body,
                 const std::string& if_match = "") {
    auto put = service_->put(kind, id, json(body), if_match, "tester");
    EXPECT_TRUE(put) << put.error().to_string();
    return put ? put->enrollment : Enrollment();
  }
  std::string token(const std::string& id, const std::string& key,
                    std::chrono::seconds life = std::chrono::hours(1)) const {
    return must(wire::make_sas(wire::dps_resource(service_->id_scope(), id), key,
                               base::wall_now() + life, wire::kDpsPolicy));
  }
  std::expected<Grant, identity::Refusal> attest(const std::string& id, const std::string& sas) {
    return service_->attest({service_->id_scope(), id, sas, nullptr});
  }
  // Registers and asks until it is over.
  Value register_device(const std::string& id, const std::string& sas) {
    const auto grant = attest(id, sas);
    EXPECT_TRUE(grant) << grant.error().detail;
    return grant ? finish(*grant) : Value();
  }
  Value finish(const Grant& grant) {
    const Reply begun = service_->begin(grant, "{}", {});
    EXPECT_EQ(begun.status, 202) << begun.body;
    EXPECT_EQ(begun.retry_after, std::chrono::seconds(2));
    const std::string operation(json(begun.body).text_or("operationId", ""));
    EXPECT_FALSE(operation.empty());
    for (int turn = 0; turn < 10'000; ++turn) {
      now_ += std::chrono::seconds(2);
      const Reply reply = service_->poll(grant, operation, {});
      if (reply.status == 202) {
        std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      EXPECT_EQ(reply.status, 200) << reply.body;
      return *json(reply.body).find("registrationState");
    }
    ADD_FAILURE() << "it does not end";
    return {};
  }
  static std::string_view text(const Value& value, std::string_view name) {
    return value.text_or(name, "");
  }
  bool recorded(const std::string& operation, int status) const {
    const auto records = operations_.recent(1000);
    return std::ranges::any_of(records, [&](const operations::Record& record) {
      return record.operation == operation && record.status_code == status;
    });
  }

  os::ScratchDir scratch_;
  operations::Operations operations_;
  Options options_;
  base::MonoTime now_ = base::mono_now();
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<Provisioning> service_;
};

TEST_F(ProvisioningTest, KeepsItsScope) {
  const std::string scope = service_->id_scope();
  EXPECT_EQ(scope.size(), 11U);
  EXPECT_TRUE(scope.starts_with("0ne"));
  reopen();
  EXPECT_EQ(service_->id_scope(), scope);
  EXPECT_EQ(must(read_id_scope(options_.path)), scope);
}

TEST_F(ProvisioningTest, GivesAnEnrolledDeviceItsIdentityAndTwin) {
  put(Kind::Individual, "sn-1",
      symmetric(kKey, R"(,"deviceId":"machine","initialTwin":{"tags":{"site":"north"},)"
                      R"("properties":{"desired":{"rate":5,"$version":3}}})"));
  const Value state = register_device("sn-1", token("sn-1", kKey));
  EXPECT_EQ(text(state, "status"), "assigned");
  EXPECT_EQ(text(state, "assignedHub"), "hub.example");
  EXPECT_EQ(text(state, "deviceId"), "machine");
  EXPECT_EQ(text(state, "substatus"), "initialAssignment");
  const auto identity = must(registry_->get({"machine", {}}));
  EXPECT_EQ(identity.keys.primary, kKey);
  EXPECT_EQ(identity.keys.secondary, kOther);
  const auto twin = must(twins_->get({"machine", {}}));
  EXPECT_EQ(twin.tags.properties.to_json(), R"({"site":"north"})");
  EXPECT_EQ(twin.desired.properties.to_json(), R"({"rate":5})");
  EXPECT_TRUE(recorded("register", 200));
  EXPECT_TRUE(recorded("createEnrollment", 200));
  // What became of it outlives a restart.
  reopen();
  EXPECT_EQ(must(service_->registration("SN-1")).device_id, "machine");
}

TEST_F(ProvisioningTest, DerivesTheKeysOfAGroup) {
  put(Kind::Group, "fleet", symmetric(kKey));
  const std::string own = must(derive_key(kKey, "sn-7"));
  EXPECT_EQ(text(register_device("sn-7", token("sn-7", own)), "deviceId"), "sn-7");
  EXPECT_EQ(must(registry_->get({"sn-7", {}})).keys.primary, own);
  // The group's own key is no device's, nor is another device's.
  EXPECT_FALSE(attest("sn-8", token("sn-8", kKey)));
  EXPECT_FALSE(attest("sn-8", token("sn-8", own)));
  // By the secondary key, too.
  EXPECT_TRUE(attest("sn-8", token("sn-8", must(derive_key(kOther, "sn-8")))));
}

TEST_F(ProvisioningTest, RefusesWhoProvesNothing) {
  put(Kind::Individual, "sn-1", symmetric(kKey));
  const auto reason = [&](const std::string& id, const std::string& sas) {
    const auto grant = attest(id, sas);
    EXPECT_FALSE(grant) << sas;
    return grant ? Reason::None : grant.error().reason;
  };
  EXPECT_EQ(reason("sn-1", token("sn-1", must(derive_key(kKey, "x")))), Reason::SasSignature);
  EXPECT_EQ(reason("sn-1", token("sn-1", kKey, -std::chrono::seconds(1))), Reason::SasExpired);
  EXPECT_EQ(reason("sn-1", token("sn-10", kKey)), Reason::SasScope);
  EXPECT_EQ(reason("sn-1", ""), Reason::SasMalformed);
  EXPECT_EQ(
      reason("sn-1", must(wire::make_sas(wire::dps_resource(service_->id_scope(), "sn-1"), kKey,
                                         base::wall_now() + std::chrono::hours(1), "service"))),
      Reason::SasScope);
  EXPECT_EQ(reason("sn-2", token("sn-2", kKey)), Reason::Unknown);
  EXPECT_EQ(reason("sn 1", token("sn 1", kKey)), Reason::Unknown);
  const std::string sas = token("sn-1", kKey);
  const auto elsewhere = service_->attest({"0neFFFFFFFF", "sn-1", sas, nullptr});
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().status_code, 404);

  const auto refused = attest("sn-1", token("sn-1", kOther + std::string()));
  ASSERT_TRUE(refused);  // the secondary key is as good
  const auto wrong = attest("sn-1", token("sn-1", must(derive_key(kKey, "x"))));
  const Reply reply = service_->refuse(wrong.error(), {});
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(json(reply.body).find("errorCode")->if_int()[0], 401002);
  EXPECT_TRUE(recorded("register", 401));
}

TEST_F(ProvisioningTest, TellsADisabledDeviceAndMakesNothing) {
  put(Kind::Group, "fleet", symmetric(kKey));
  // The individual enrollment says the last word, though the group would let it in.
  put(Kind::Individual, "sn-1", symmetric(kKey, R"(,"provisioningStatus":"disabled")"));
  EXPECT_FALSE(attest("sn-1", token("sn-1", must(derive_key(kKey, "sn-1")))));
  const auto grant = attest("sn-1", token("sn-1", kKey));
  ASSERT_TRUE(grant);
  const Reply reply = service_->begin(*grant, "", {});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(text(json(reply.body), "status"), "disabled");
  EXPECT_FALSE(registry_->get({"sn-1", {}}));
  EXPECT_TRUE(recorded("register", 403));
}

TEST_F(ProvisioningTest, ChangesNothingForWhoProvedSomethingElse) {
  const Enrollment before = put(Kind::Individual, "sn-1", symmetric(kKey));
  const auto grant = attest("sn-1", token("sn-1", kKey));
  ASSERT_TRUE(grant);
  put(Kind::Individual, "sn-1", symmetric(must(derive_key(kKey, "new"))), before.etag);
  const Value state = finish(*grant);
  EXPECT_EQ(text(state, "status"), "failed");
  EXPECT_EQ(*state.find("errorCode")->if_int(), 401002);
  EXPECT_FALSE(registry_->get({"sn-1", {}}));
}

TEST_F(ProvisioningTest, BringsAReturningDeviceUpToDate) {
  Enrollment group =
      put(Kind::Group, "fleet", symmetric(kKey, R"(,"initialTwin":{"tags":{"site":"north"}})"));
  register_device("sn-7", token("sn-7", must(derive_key(kKey, "sn-7"))));
  twins::Update update;
  update.tags = json(R"({"site":"south"})");
  must(twins_->update({"sn-7", {}}, update, "tester"));
  // Its key changes with the group's; its twin stays.
  const std::string key = must(derive_key(kOther, "fresh"));
  group = put(Kind::Group, "fleet", symmetric(key, R"(,"initialTwin":{"tags":{"site":"north"}})"),
              group.etag);
  const std::string own = must(derive_key(key, "sn-7"));
  EXPECT_EQ(text(register_device("sn-7", token("sn-7", own)), "status"), "assigned");
  EXPECT_EQ(must(registry_->get({"sn-7", {}})).keys.primary, own);
  EXPECT_EQ(must(twins_->get({"sn-7", {}})).tags.properties.to_json(), R"({"site":"south"})");
  // Set back where the policy says so.
  group = put(Kind::Group, "fleet",
              symmetric(key, R"(,"initialTwin":{"tags":{"site":"north"}},)"
                             R"("reprovisionPolicy":{"migrateDeviceData":false})"),
              group.etag);
  EXPECT_EQ(text(register_device("sn-7", token("sn-7", own)), "substatus"), "deviceDataReset");
  EXPECT_EQ(must(twins_->get({"sn-7", {}})).tags.properties.to_json(), R"({"site":"north"})");
  // Or left alone: not even a deleted identity is made again.
  put(Kind::Group, "fleet", symmetric(key, R"(,"reprovisionPolicy":{"updateHubAssignment":false})"),
      group.etag);
  ASSERT_TRUE(registry_->remove({"sn-7", {}}, "*", "tester"));
  EXPECT_EQ(text(register_device("sn-7", token("sn-7", own)), "status"), "assigned");
  EXPECT_FALSE(registry_->get({"sn-7", {}}));
}

TEST_F(ProvisioningTest, LetsNoGroupTakeADeviceThatIsNotItsOwn) {
  must(registry_->create({{"admin-pc", {}}, identity::Status::Enabled, "", {}}, "tester"));
  const std::string keys = must(registry_->get({"admin-pc", {}})).keys.primary;
  put(Kind::Group, "fleet", symmetric(kKey));
  const std::string sas = token("admin-pc", must(derive_key(kKey, "admin-pc")));
  for (int i = 0; i < 2; ++i) {  // nor by trying again
    const Value state = register_device("admin-pc", sas);
    EXPECT_EQ(text(state, "status"), "failed");
    EXPECT_EQ(*state.find("errorCode")->if_int(), 409201);
  }
  EXPECT_EQ(must(registry_->get({"admin-pc", {}})).keys.primary, keys);
  EXPECT_TRUE(recorded("register", 409));

  // Nor one that another group made.
  const std::string own = must(derive_key(kKey, "sn-1"));
  register_device("sn-1", token("sn-1", own));
  const std::string foreign = must(derive_key(kKey, "foreign"));
  put(Kind::Group, "second", symmetric(foreign));
  for (int i = 0; i < 2; ++i) {
    const Value state = register_device("sn-1", token("sn-1", must(derive_key(foreign, "sn-1"))));
    EXPECT_EQ(text(state, "status"), "failed");
  }
  EXPECT_EQ(must(registry_->get({"sn-1", {}})).keys.primary, own);
  // And the first one still may.
  EXPECT_EQ(text(register_device("sn-1", token("sn-1", own)), "status"), "assigned");
  // An individual enrollment names its device, and may take it.
  put(Kind::Individual, "chosen", symmetric(kKey, R"(,"deviceId":"admin-pc")"));
  EXPECT_EQ(text(register_device("chosen", token("chosen", kKey)), "status"), "assigned");
  EXPECT_EQ(must(registry_->get({"admin-pc", {}})).keys.primary, kKey);
}

TEST_F(ProvisioningTest, KnowsADeviceByItsCertificate) {
  const std::string pem = self_signed("sn-1");
  Value::Object primary{{"certificate", Value(pem)}};
  Value::Object body{
      {"attestation",
       Value(Value::Object{
           {"type", Value(std::string("x509"))},
           {"x509", Value(Value::Object{{"clientCertificates",
                                         Value(Value::Object{{"primary", Value(primary)}})}})}})}};
  ASSERT_TRUE(service_->put(Kind::Individual, "sn-1", Value(body), "", "tester"));
  // For another registration id it is none.
  const auto other = service_->put(Kind::Individual, "sn-2", Value(body), "", "tester");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::Invalid);

  const identity::ClientCertificate own = shown(pem);
  const auto grant = service_->attest({service_->id_scope(), "sn-1", "", &own});
  ASSERT_TRUE(grant) << grant.error().detail;
  EXPECT_EQ(text(finish(*grant), "status"), "assigned");
  EXPECT_EQ(must(registry_->get({"sn-1", {}})).thumbprints.primary, own.sha256);

  const identity::ClientCertificate forged = shown(self_signed("sn-1"));
  const auto refused = service_->attest({service_->id_scope(), "sn-1", "", &forged});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::Thumbprint);
  EXPECT_FALSE(attest("sn-1", token("sn-1", kKey)));
}

TEST_F(ProvisioningTest, SlowsDownWhoAsksTooMuch) {
  put(Kind::Individual, "sn-1", symmetric(kKey));
  options_.registrations = {3, std::chrono::minutes(1)};
  reopen();
  const auto grant = attest("sn-1", token("sn-1", kKey));
  ASSERT_TRUE(grant);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(service_->begin(*grant, "", {}).status, 202);
  const Reply reply = service_->begin(*grant, "", {});
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.retry_after, std::chrono::seconds(2));
  for (int i = 0; i < 5; ++i)
    EXPECT_NE(service_->poll(*grant, "none", {}).status, 429);
  EXPECT_EQ(service_->poll(*grant, "none", {}).status, 429);
  EXPECT_EQ(service_->counters().throttled.value(), 2U);
  EXPECT_TRUE(recorded("registrationStatus", 404));
  EXPECT_TRUE(recorded("registrationStatus", 429));
}

TEST_F(ProvisioningTest, KeepsEnrollmentsByTheirEtags) {
  const Enrollment first = put(Kind::Group, "Fleet", symmetric(kKey));
  const auto code = [](const auto& result) { return result ? Code::Closed : result.error().code; };
  const Value body = json(symmetric(kKey));
  EXPECT_EQ(code(service_->put(Kind::Group, "fleet", body, "", "t")), Code::Exists);
  EXPECT_EQ(code(service_->put(Kind::Group, "fleet", body, "no", "t")), Code::Conflict);
  EXPECT_EQ(code(service_->put(Kind::Group, "other", body, "*", "t")), Code::NotFound);
  EXPECT_EQ(code(service_->remove(Kind::Group, "fleet", "no", "t")), Code::Conflict);
  // Keys stay where a change does not name them.
  const Enrollment second =
      put(Kind::Group, "fleet", R"({"provisioningStatus":"disabled"})", first.etag);
  EXPECT_EQ(second.id, "Fleet");
  EXPECT_EQ(second.keys.primary, kKey);
  EXPECT_NE(second.etag, first.etag);
  EXPECT_TRUE(service_->remove(Kind::Group, "fleet", second.etag, "t"));
  EXPECT_EQ(code(service_->get(Kind::Group, "fleet")), Code::NotFound);
  EXPECT_FALSE(attest("sn-1", token("sn-1", must(derive_key(kKey, "sn-1")))));
}

TEST_F(ProvisioningTest, ListsOnPages) {
  for (const char* id : {"a1", "a2", "b1", "A3"})
    put(Kind::Individual, id, symmetric(kKey));
  const auto first = must(service_->list(Kind::Individual, "a", 2, ""));
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.total, 3U);
  const auto second = must(service_->list(Kind::Individual, "a", 2, first.next_cursor));
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].id, "A3");
  EXPECT_TRUE(second.next_cursor.empty());
  EXPECT_FALSE(service_->list(Kind::Individual, "", 2, "%"));
  EXPECT_EQ(must(service_->totals()).enrollments, 4U);
}

TEST_F(ProvisioningTest, RefusesEnrollmentsThatSayNothingUseful) {
  for (const char* body : {
           R"({})",
           R"({"attestation":{"type":"tpm"}})",
           R"({"attestation":"symmetricKey"})",
           R"({"attestation":{"type":"x509"}})",
           R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"short"}}})",
           R"({"attestation":{"type":"symmetricKey"},"provisioningStatus":"on"})",
           R"({"attestation":{"type":"symmetricKey"},"registrationId":"other"})",
           R"({"attestation":{"type":"symmetricKey"},"deviceId":"a b"})",
           R"({"attestation":{"type":"symmetricKey"},"iotHubHostName":"elsewhere"})",
           R"({"attestation":{"type":"symmetricKey"},"iotHubs":["elsewhere"]})",
           R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"custom"})",
           R"({"attestation":{"type":"symmetricKey"},"capabilities":{"iotEdge":true}})",
           R"({"attestation":{"type":"symmetricKey"},"initialTwin":{"tags":{"a.b":1}}})",
           R"({"attestation":{"type":"symmetricKey"},"initialTwin":[]})",
           R"({"attestation":{"type":"symmetricKey"},"reprovisionPolicy":{"migrateDeviceData":1}})",
       }) {
    const auto put = service_->put(Kind::Individual, "sn-1", json(body), "", "t");
    ASSERT_FALSE(put) << body;
    EXPECT_EQ(put.error().code, Code::Invalid) << body;
    EXPECT_FALSE(put.error().detail.empty()) << body;
  }
  EXPECT_FALSE(service_->put(Kind::Individual, "-x", json(symmetric(kKey)), "", "t"));
}

}  // namespace
}  // namespace hub::provisioning
