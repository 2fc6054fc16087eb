// Imports and exports over Azure IoT Hub's REST API, and the containers that they use.
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kVersion = "?api-version=2021-04-12";

class TransferTest : public ServerTest {
 protected:
  // The address of a new container.
  std::string container() {
    const Reply made = send("POST", "/api/v1/containers", "", owner());
    EXPECT_EQ(made.status, 201U) << made.body;
    EXPECT_EQ(made.headers.at("cache-control"), "no-store");
    return std::string(made.json().text_or("uri", ""));
  }
  // The path of a blob in it, with the signature.
  static std::string blob(const std::string& uri, const std::string& name) {
    std::string path = uri.substr(uri.find("/job-containers"));
    return path.insert(path.find('?'), "/" + name);
  }
  Reply create(const std::string& type, const std::string& uri, const std::string& more = "") {
    return send("POST", "/jobs/create" + kVersion,
                R"({"type":")" + type + R"(","inputBlobContainerUri":")" + uri +
                    R"(","outputBlobContainerUri":")" + uri + "\"" + more + "}",
                policy("registryReadWrite"));
  }
  base::json::Value ended(const std::string& id) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      auto job = get("/jobs/" + id + kVersion, policy("registryRead")).json();
      const std::string status(job.text_or("status", ""));
      if ((status != "enqueued" && status != "running") || std::chrono::steady_clock::now() > limit)
        return job;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
};

TEST_F(TransferTest, ExportsAndImports) {
  start();
  must(registry_->create({{"d1", ""}, identity::Status::Enabled, "", {}}, "test"));
  const std::string key = registry_->get({"d1", ""})->keys.primary;
  const std::string uri = container();
  const Reply made = create("export", uri);
  ASSERT_EQ(made.status, 200U) << made.body;
  EXPECT_EQ(made.body.find("sig="), std::string::npos) << "links are secrets";
  const std::string id(made.json().text_or("jobId", ""));
  EXPECT_EQ(ended(id).text_or("status", ""), "completed");
  const Reply list = get(blob(uri, "devices.txt"));
  EXPECT_EQ(list.status, 200U);
  EXPECT_THAT(list.body, HasSubstr(key));
  EXPECT_EQ(list.headers.at("x-ms-blob-type"), "BlockBlob");
  EXPECT_EQ(list.headers.at("content-type"), "application/octet-stream");

  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test"));
  ASSERT_EQ(send("PUT", blob(uri, "in.txt"), list.body + "no json\n").status, 201U);
  const Reply again = create("import", uri, R"(,"inputBlobName":"in.txt")");
  ASSERT_EQ(again.status, 200U) << again.body;
  EXPECT_EQ(ended(std::string(again.json().text_or("jobId", ""))).text_or("status", ""),
            "completed");
  EXPECT_EQ(registry_->get({"d1", ""})->keys.primary, key);
  EXPECT_THAT(get(blob(uri, "importErrors.log")).body, HasSubstr(R"("line":2)"));
  EXPECT_EQ(get("/jobs" + kVersion, policy("registryRead")).json().if_array()->size(), 2U);
  EXPECT_EQ(send("DELETE", "/jobs/" + id + kVersion, "", owner()).status, 204U) << "has ended";
  const auto audit = get("/api/v1/audit", owner()).body;
  EXPECT_THAT(audit, HasSubstr(R"("action":"job.create","target":")" + id));
  EXPECT_THAT(audit, HasSubstr(R"("action":"container.create")"));
}

TEST_F(TransferTest, RefusesInTheWordsOfTheSdk) {
  start();
  const std::string uri = container();
  Reply reply = create("copy", uri);
  EXPECT_EQ(reply.status, 400U);
  EXPECT_THAT(std::string(reply.json().text_or("Message", "")),
              StartsWith("ErrorCode:ArgumentInvalid;type:"));
  reply = create("export", "https://account.blob.core.windows.net/container?sig=YQ%3D%3D");
  EXPECT_EQ(reply.status, 400U);
  EXPECT_THAT(reply.body, HasSubstr("ErrorCode:BlobContainerValidationError;"));
  EXPECT_EQ(operations_.recent(1).at(0).category, operations::Category::JobsOperations);
  EXPECT_EQ(operations_.recent(1).at(0).status_code, 400);
  reply = get("/jobs/none" + kVersion, owner());
  EXPECT_EQ(reply.status, 404U);
  EXPECT_THAT(reply.body, HasSubstr("ErrorCode:JobNotFound;"));
  EXPECT_EQ(send("DELETE", "/jobs/none" + kVersion, "", owner()).status, 404U);
  EXPECT_EQ(
      send("POST", "/jobs/create" + kVersion, R"({"type":"export"})", policy("service")).status,
      401U);
  EXPECT_EQ(get("/jobs" + kVersion, policy("device")).status, 401U);
}

TEST_F(TransferTest, ContainersAreForWhoHasTheirLink) {
  start();
  const std::string uri = container();
  const std::string path = blob(uri, "a");
  ASSERT_EQ(send("PUT", path, "0123456789").status, 201U);
  EXPECT_EQ(operations_.recent(1).at(0).operation, "putBlob");
  EXPECT_EQ(operations_.recent(1).at(0).bytes, 10U);
  const std::string bare = path.substr(0, path.find('?'));
  for (const char* method : {"GET", "PUT", "DELETE"}) {
    const Reply refused = send(method, bare, method == std::string("PUT") ? "x" : "", owner());
    EXPECT_EQ(refused.status, 403U) << method;
    EXPECT_EQ(refused.headers.at("x-ms-error-code"), "AuthenticationFailed") << method;
    EXPECT_EQ(operations_.recent(1).at(0).reason, operations::Reason::SasSignature) << method;
  }
  EXPECT_EQ(get(path).body, "0123456789");
  Reply part = get(path, {{"x-ms-range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206U);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.headers.at("content-range"), "bytes 2-4/10");
  part = get(path, {{"Range", "bytes=7-"}});
  EXPECT_EQ(part.body, "789");
  EXPECT_EQ(get(path, {{"Range", "bytes=8-100"}}).body, "89");
  EXPECT_EQ(get(path, {{"Range", "bytes=10-"}}).status, 416U);
  EXPECT_EQ(get(path, {{"Range", "bytes=-3"}}).status, 200U);
  EXPECT_EQ(get(blob(uri, "none")).headers.at("x-ms-error-code"), "BlobNotFound");
  EXPECT_EQ(get(blob(uri, "..%2Fa")).status, 400U);
  EXPECT_EQ(send("POST", path, "x").status, 405U);
  EXPECT_EQ(get("/job-containers/x/y/z").status, 404U);
  EXPECT_THAT(get(uri.substr(uri.find("/job-")) + "&restype=container&comp=list").body,
              HasSubstr("<Name>a</Name>"));
  EXPECT_EQ(send("DELETE", path).status, 202U);
  EXPECT_EQ(get(path).status, 404U);

  const auto items = get("/api/v1/containers", owner()).json();
  const std::string name(items.find("items")->if_array()->at(0).text_or("name", ""));
  EXPECT_EQ(get("/api/v1/containers", token(Role::Analyst)).status, 403U);
  EXPECT_EQ(send("DELETE", "/api/v1/containers/" + name, "", owner()).status, 204U);
  EXPECT_EQ(send("DELETE", "/api/v1/containers/" + name, "", owner()).status, 404U);
  EXPECT_EQ(send("PUT", path, "x").status, 404U);
}

}  // namespace
}  // namespace hub::api
