// Enrollments over the API, in our words and in those of Azure's provisioning service.
#include "hub/provisioning/enrollment.h"

#include <gtest/gtest.h>

#include "hub/api/server_testing.h"
#include "wire/dps.h"

namespace hub::api {
namespace {

using base::json::Value;

constexpr const char* kKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
constexpr const char* kBody =
    R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":)"
    R"("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}}})";

class EnrollmentApi : public ServerTest {
 protected:
  void SetUp() override { start(); }
  static std::string text(const Value& value, std::string_view name) {
    return std::string(value.text_or(name, ""));
  }
  Headers with(Headers headers, const char* name, const std::string& value) {
    headers.emplace_back(name, value);
    return headers;
  }
};

TEST_F(EnrollmentApi, CreatesChangesAndDeletes) {
  const Reply made = send("PUT", "/api/v1/enrollments/sn-1", kBody, owner());
  ASSERT_EQ(made.status, 201U) << made.body;
  EXPECT_NE(made.body.find(kKey), std::string::npos);
  EXPECT_EQ(send("PUT", "/api/v1/enrollments/sn-1", kBody, owner()).code(), "Conflict");
  EXPECT_EQ(get("/api/v1/enrollments/sn-1", policy("service")).body.find(kKey), std::string::npos);
  EXPECT_EQ(get("/api/v1/enrollments/sn-1?keys=true", policy("service")).status, 403U);
  EXPECT_NE(get("/api/v1/enrollments/sn-1?keys=true", owner()).body.find(kKey), std::string::npos);
  const Headers match = with(owner(), "If-Match", text(made.json(), "etag"));
  const Reply off =
      send("PUT", "/api/v1/enrollments/sn-1", R"({"provisioningStatus":"disabled"})", match);
  EXPECT_EQ(off.status, 200U) << off.body;
  EXPECT_EQ(text(off.json(), "provisioningStatus"), "disabled");
  EXPECT_EQ(send("PUT", "/api/v1/enrollments/sn-1", kBody, match).code(), "PreconditionFailed");
  EXPECT_EQ(send("PUT", "/api/v1/enrollments/sn-2", R"({"atestation":1})", owner()).code(),
            "BadRequest");
  EXPECT_EQ(send("PUT", "/api/v1/enrollments/sn-2", kBody, policy("registryRead")).status, 403U);
  const Reply listed = get("/api/v1/enrollments?search=SN", owner());
  EXPECT_EQ(listed.json().find("items")->if_array()->size(), 1U);
  EXPECT_EQ(get("/api/v1/registrations/sn-1", owner()).code(), "NotFound");
  EXPECT_EQ(send("DELETE", "/api/v1/enrollments/sn-1", {}, owner()).status, 204U);
  EXPECT_EQ(get("/api/v1/enrollments/sn-1", owner()).code(), "NotFound");
  const Reply audit = get("/api/v1/audit", owner());
  EXPECT_NE(audit.body.find("enrollment.put"), std::string::npos);
  EXPECT_NE(audit.body.find("enrollment.delete"), std::string::npos);
  EXPECT_EQ(audit.body.find(kKey), std::string::npos);
}

TEST_F(EnrollmentApi, KeepsGroups) {
  ASSERT_EQ(send("PUT", "/api/v1/enrollment-groups/fleet", kBody, owner()).status, 201U);
  EXPECT_EQ(get("/api/v1/enrollment-groups", owner()).json().find("total")->if_int()[0], 1);
  EXPECT_EQ(get("/api/v1/enrollment-groups/fleet/registrations", owner()).status, 200U);
  EXPECT_EQ(get("/api/v1/enrollment-groups/none/registrations", owner()).code(), "NotFound");
  const Reply scope = get("/api/v1/provisioning", owner());
  EXPECT_EQ(text(scope.json(), "idScope"), provisioning_->id_scope());
  EXPECT_EQ(send("DELETE", "/api/v1/enrollment-groups/fleet", {}, owner()).status, 204U);
}

TEST_F(EnrollmentApi, SpeaksAsTheServiceSdk) {
  constexpr const char* kVersion = "?api-version=2021-10-01";
  const auto at = [&](const std::string& path) { return path + kVersion; };
  const Reply made = send("PUT", at("/enrollments/sn-1"), kBody, owner());
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(send("PUT", at("/enrollments/sn-1"), kBody, owner()).status, 409U);
  // Back with all that was read.
  const Headers match = with(owner(), "If-Match", text(made.json(), "etag"));
  EXPECT_EQ(send("PUT", at("/enrollments/sn-1"), made.body, match).status, 200U);
  const Reply attestation = send("POST", at("/enrollments/sn-1/attestationmechanism"), {}, owner());
  EXPECT_NE(attestation.body.find(kKey), std::string::npos);
  EXPECT_EQ(get(at("/enrollments/sn-1"), owner()).body.find(kKey), std::string::npos);

  ASSERT_EQ(send("PUT", at("/enrollmentGroups/fleet"), kBody, owner()).status, 200U);
  EXPECT_EQ(send("POST", at("/enrollmentgroups/fleet/attestationmechanism"), {}, owner()).status,
            200U);
  const Reply missing = get(at("/enrollments/none"), owner());
  EXPECT_EQ(missing.status, 404U);
  EXPECT_EQ(missing.json().find("errorCode")->if_int()[0], 404001);
  EXPECT_EQ(get(at("/enrollments/none")).status, 401U);

  const Reply bulk =
      send("POST", at("/enrollments/"),
           R"({"mode":"create","enrollments":[{"registrationId":"b-1","attestation":)"
           R"({"type":"symmetricKey"}},{"registrationId":"sn-1","attestation":)"
           R"({"type":"symmetricKey"}}]})",
           owner());
  EXPECT_EQ(bulk.status, 200U) << bulk.body;
  EXPECT_FALSE(*bulk.json().find("isSuccessful")->if_bool());
  EXPECT_EQ(bulk.json().find("errors")->if_array()->size(), 1U);

  const std::string query = R"({"query":"SELECT * FROM enrollments"})";
  const Reply first =
      send("POST", at("/enrollments/query"), query, with(owner(), "x-ms-max-item-count", "1"));
  ASSERT_EQ(first.status, 200U) << first.body;
  EXPECT_EQ(first.json().if_array()->size(), 1U) << first.body;
  const Reply second =
      send("POST", at("/enrollments/query"), query,
           with(owner(), "x-ms-continuation", first.headers.at("x-ms-continuation")));
  ASSERT_EQ(second.status, 200U) << second.body;
  EXPECT_EQ(second.json().if_array()->size(), 1U);
  EXPECT_FALSE(second.headers.contains("x-ms-continuation"));
  EXPECT_EQ(send("POST", at("/enrollments/query"), R"({"query":"SELECT 1"})", owner()).status,
            400U);
  EXPECT_EQ(send("POST", at("/registrations/fleet/query"), query, owner()).status, 200U);
  EXPECT_EQ(get(at("/registrations/sn-1"), owner()).status, 404U);
  EXPECT_EQ(send("DELETE", at("/enrollments/sn-1"), {}, owner()).status, 204U);
}

TEST_F(EnrollmentApi, AnswersQueriesOfTheProvisioningService) {
  for (int i = 0; i < 7; ++i) {
    const std::string body = i % 2 == 0 ? kBody
                                        : R"({"attestation":{"type":"symmetricKey"},)"
                                          R"("provisioningStatus":"disabled"})";
    ASSERT_EQ(send("PUT", "/api/v1/enrollments/q-" + std::to_string(i), body, owner()).status,
              201U);
  }
  const std::string at = "/enrollments/query?api-version=2021-10-01";
  // All pages of so many rows: the ids, or the whole rows.
  const auto ask = [&](const std::string& query, int rows) {
    std::vector<std::string> found;
    std::string next;
    do {
      Headers headers = with(owner(), "x-ms-max-item-count", std::to_string(rows));
      if (!next.empty()) headers = with(headers, "x-ms-continuation", next);
      const Reply reply = send("POST", at, R"({"query":")" + query + R"("})", headers);
      EXPECT_EQ(reply.status, 200U) << query << reply.body;
      if (reply.status != 200) break;
      const auto json = reply.json();
      EXPECT_LE(json.if_array()->size(), static_cast<std::size_t>(rows));
      for (const auto& row : *json.if_array()) {
        const std::string id(row.text_or("registrationId", ""));
        found.push_back(id.empty() ? row.to_json() : id);
      }
      const auto header = reply.headers.find("x-ms-continuation");
      next = header == reply.headers.end() ? "" : header->second;
    } while (!next.empty());
    return found;
  };
  using Ids = std::vector<std::string>;
  const std::string off = "SELECT * FROM enrollments WHERE provisioningStatus = 'disabled'";
  EXPECT_EQ(ask(off, 2), (Ids{"q-1", "q-3", "q-5"}));
  EXPECT_EQ(ask(off, 100), (Ids{"q-1", "q-3", "q-5"}));
  EXPECT_EQ(ask("SELECT TOP 3 * FROM enrollments", 2), (Ids{"q-0", "q-1", "q-2"}));
  EXPECT_EQ(
      ask("select registrationId from Enrollments where STARTSWITH(registrationId, 'q-6')", 5),
      (Ids{"q-6"}));
  EXPECT_EQ(ask("SELECT provisioningStatus, COUNT() AS n FROM enrollments "
                "GROUP BY provisioningStatus",
                1),
            (Ids{R"({"provisioningStatus":"disabled","n":3})",
                 R"({"provisioningStatus":"enabled","n":4})"}));
  for (const char* wrong : {"SELECT", "SELECT * FROM", "SELECT * FROM enrollments WHERE",
                            "SELECT 'FROM x' WHERE", "DROP TABLE enrollment"}) {
    const Reply reply = send("POST", at, R"({"query":")" + std::string(wrong) + R"("})", owner());
    EXPECT_EQ(reply.status, 400U) << wrong;
  }
  const Headers forged = with(owner(), "x-ms-continuation", "nonsense");
  EXPECT_EQ(send("POST", at, R"({"query":"SELECT * FROM enrollments"})", forged).status, 400U);
}

TEST_F(EnrollmentApi, ServesDevicesWithoutAPolicy) {
  ASSERT_EQ(send("PUT", "/api/v1/enrollments/sn-1", kBody, owner()).status, 201U);
  const std::string& scope = provisioning_->id_scope();
  const std::string base = "/" + scope + "/registrations/sn-1";
  const auto sas = wire::make_sas(wire::dps_resource(scope, "sn-1"), kKey,
                                  base::wall_now() + std::chrono::hours(1), wire::kDpsPolicy);
  const Headers device{{"Authorization", *sas}};
  constexpr const char* kVersion = "?api-version=2019-03-31";
  EXPECT_EQ(send("PUT", base + "/register" + kVersion, "{}").status, 401U);
  const Reply begun = send("PUT", base + "/register" + kVersion, "{}", device);
  ASSERT_EQ(begun.status, 202U) << begun.body;
  EXPECT_EQ(begun.headers.at("retry-after"), "2");
  provisioning_->stop();  // which ends what is worked on
  const std::string operation = base + "/operations/" + text(begun.json(), "operationId");
  EXPECT_LE(get(operation + kVersion, device).status, 202U);
  EXPECT_EQ(get(operation + kVersion).status, 401U);
  EXPECT_EQ(get(base + "/operations/none" + kVersion, device).status, 404U);
  EXPECT_EQ(send("PUT", base + "/register" + kVersion, "{}", device).status, 503U);
}

}  // namespace
}  // namespace hub::api
