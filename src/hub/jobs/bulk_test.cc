#include "hub/jobs/bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace hub::jobs {
namespace {

using base::Code;
using ::testing::HasSubstr;

base::json::Value json(std::string_view text) {
  auto value = base::json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? std::move(*value) : base::json::Value();
}

TEST(ImportModes, AreReadInAnyCase) {
  EXPECT_EQ(parse_import_mode("create"), ImportMode::Create);
  EXPECT_EQ(parse_import_mode("Delete"), ImportMode::Delete);
  EXPECT_EQ(parse_import_mode("UPDATEIFMATCHETAG"), ImportMode::UpdateIfMatch);
  EXPECT_EQ(parse_import_mode("createorupdate"), ImportMode::CreateOrUpdate);
  EXPECT_EQ(parse_import_mode("UpdateTwinIfMatchETag"), ImportMode::UpdateTwinIfMatch);
  EXPECT_EQ(parse_import_mode("erase"), std::nullopt);
  EXPECT_EQ(parse_import_mode(""), std::nullopt);
}

TEST(ReadDescription, TakesWhatClientsSend) {
  const auto read = read_description(json(
      R"({"deviceId":"d1","etag":"\"abc\"","status":"Disabled","statusReason":null,
          "connectionState":"Connected","capabilities":{"iotEdge":true},
          "authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":null},
          "x509Thumbprint":{"primaryThumbprint":null}}})"));
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(read->name, (identity::Name{"d1", ""}));
  EXPECT_EQ(read->etag, "abc");
  EXPECT_EQ(read->status, identity::Status::Disabled);
  EXPECT_EQ(read->status_reason, std::nullopt);
  EXPECT_EQ(read->iot_edge, true);
  EXPECT_EQ(read->proof.authentication, identity::Authentication::Sas);
  EXPECT_EQ(read->proof.keys.primary, "");

  // Clients older than the member go by the thumbprint.
  const std::string thumbprint(40, '0');
  const auto old = read_description(
      json(R"({"id":"d1","authentication":{"x509Thumbprint":{"primaryThumbprint":")" + thumbprint +
           R"("}}})"));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->proof.authentication, identity::Authentication::SelfSigned);
  EXPECT_EQ(old->proof.thumbprints.primary, thumbprint);
  const auto by_authority = read_description(
      json(R"({"deviceId":"d","authentication":{"type":"certificateAuthority"}})"));
  ASSERT_TRUE(by_authority);
  EXPECT_EQ(by_authority->proof.authentication, identity::Authentication::CertificateAuthority);
  EXPECT_TRUE(read_description(
      json(R"({"deviceId":"d","moduleId":"m","authentication":{"type":"none"}})")));
}

TEST(ReadDescription, RefusesTheRest) {
  for (const auto& [text, why] : std::vector<std::pair<const char*, const char*>>{
           {R"([])", "expected an object"},
           {R"({"deviceId":1})", "deviceId: expected text"},
           {R"({"deviceId":"d","status":"off"})", "status: expected enabled or disabled"},
           {R"({"deviceId":"d","authentication":"sas"})", "authentication: expected an object"},
           {R"({"deviceId":"d","authentication":{"type":"magic"}})", "authentication.type"},
           {R"({"deviceId":"d","authentication":{"type":"none"}})", "authentication.type"},
           {R"({"deviceId":"d","authentication":{"type":"selfSigned"}})", "primaryThumbprint"},
           {R"({"deviceId":"d","capabilities":{"iotEdge":1}})", "capabilities.iotEdge"},
           {R"({"deviceId":"d","authentication":{"symmetricKey":{"primaryKey":7}}})",
            "primaryKey: expected text"},
       }) {
    const auto read = read_description(json(text));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Code::Invalid);
    EXPECT_THAT(read.error().detail, HasSubstr(why)) << text;
  }
  EXPECT_FALSE(read_bulk_item(json("{}"), ImportMode::Create));
  EXPECT_FALSE(read_bulk_item(json(R"({"id":"d","importMode":"x"})"), ImportMode::Create));
  EXPECT_FALSE(read_bulk_item(json(R"({"id":"d","importMode":1})"), ImportMode::Create));
  EXPECT_FALSE(read_bulk_item(json(R"({"id":"d","tags":[]})"), ImportMode::Create));
  EXPECT_FALSE(
      read_bulk_item(json(R"({"id":"d","properties":{"desired":1}})"), ImportMode::Create));
}

class BulkTest : public ::testing::Test {
 protected:
  BulkTest() {
    std::string pattern = ::testing::TempDir() + "bulk.XXXXXX";
    const std::string path = std::string(::mkdtemp(pattern.data())) + "/state.db";
    registry_ = std::move(*identity::Registry::open({path, "hub.example"}, operations_));
    twins::Options options;
    options.path = path;
    twins_ = std::move(*twins::Twins::open(std::move(options), *registry_, operations_));
  }

  // "ok", or the word for what went wrong.
  std::string run(const std::string& item) {
    const auto read = read_bulk_item(json(item), ImportMode::CreateOrUpdate);
    if (!read) return read.error().detail;
    const auto applied = apply(*read, *registry_, *twins_, "test");
    return applied ? "ok" : std::string(error_code(applied.error(), read->description.name));
  }
  std::string etag(const std::string& device) { return registry_->get({device, ""})->etag; }

  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
};

TEST_F(BulkTest, EachModeDoesItsOwn) {
  EXPECT_EQ(run(R"({"id":"d1","importMode":"create","tags":{"a":1},
                    "properties":{"desired":{"b":2,"$version":7}}})"),
            "ok");
  EXPECT_EQ(twins_->get({"d1", ""})->tags.properties.to_json(), R"({"a":1})");
  EXPECT_EQ(twins_->get({"d1", ""})->desired.properties.to_json(), R"({"b":2})");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"create"})"), "DeviceAlreadyExists");
  EXPECT_EQ(run(R"({"id":"d2","importMode":"update"})"), "DeviceNotFound");
  EXPECT_EQ(run(R"({"id":"d2","moduleId":"m","importMode":"create"})"), "DeviceNotFound");
  EXPECT_EQ(run(R"({"id":"d1","moduleId":"m","importMode":"update"})"), "ModuleNotFound");
  EXPECT_EQ(run(R"({"id":"d1","moduleId":"m","importMode":"create"})"), "ok");
  EXPECT_EQ(run(R"({"id":"d1","moduleId":"m","importMode":"create"})"),
            "ModuleAlreadyExistsOnDevice");
  EXPECT_EQ(run(R"({"id":"d2"})"), "ok") << "created";
  EXPECT_EQ(run(R"({"id":"d2","status":"disabled"})"), "ok") << "and updated";
  EXPECT_EQ(registry_->get({"d2", ""})->status, identity::Status::Disabled);

  EXPECT_EQ(run(R"({"id":"d1","importMode":"updateIfMatchETag"})"), "PreconditionFailed");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"updateIfMatchETag","eTag":"old"})"),
            "PreconditionFailed");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"updateIfMatchETag","eTag":")" + etag("d1") + "\"}"),
            "ok");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"updateTwin","tags":{"c":3}})"), "ok");
  EXPECT_EQ(twins_->get({"d1", ""})->tags.properties.to_json(), R"({"a":1,"c":3})");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"updateTwinIfMatchETag","twinETag":"x","tags":{}})"),
            "PreconditionFailed");
  EXPECT_EQ(run(R"({"id":"none","importMode":"updateTwin"})"), "DeviceNotFound");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"deleteIfMatchETag","etag":"x"})"),
            "PreconditionFailed");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"DELETE"})"), "ok");
  EXPECT_EQ(run(R"({"id":"d1","importMode":"delete"})"), "DeviceNotFound");
  EXPECT_EQ(run(R"({"id":"a/../b","importMode":"create"})"), "ArgumentInvalid");
  EXPECT_EQ(run(R"({"id":"d3","importMode":"create","tags":{"a.b":1}})"), "ArgumentInvalid");
  EXPECT_TRUE(registry_->get({"d3", ""})) << "the identity itself was taken";
}

TEST_F(BulkTest, WhatIsExportedCanBeImported) {
  run(R"({"id":"d1","status":"disabled","statusReason":"lent","tags":{"a":1},
          "capabilities":{"iotEdge":true},"properties":{"desired":{"b":{"c":[1,2]}}}})");
  const auto before = registry_->get({"d1", ""});
  std::string line;
  base::json::Writer writer(line);
  write_export(writer, *before, *twins_->get({"d1", ""}), Secrets::Show);
  ASSERT_TRUE(registry_->remove({"d1", ""}, "", "test"));
  ASSERT_EQ(run(line), "ok") << line;
  const auto after = registry_->get({"d1", ""});
  EXPECT_EQ(after->keys.primary, before->keys.primary);
  EXPECT_EQ(after->keys.secondary, before->keys.secondary);
  EXPECT_EQ(after->status, identity::Status::Disabled);
  EXPECT_EQ(after->status_reason, "lent");
  EXPECT_TRUE(after->iot_edge);
  EXPECT_EQ(twins_->get({"d1", ""})->desired.properties.to_json(), R"({"b":{"c":[1,2]}})");

  std::string hidden;
  base::json::Writer hiding(hidden);
  write_export(hiding, *after, *twins_->get({"d1", ""}), Secrets::Hide);
  EXPECT_EQ(hidden.find(after->keys.primary), std::string::npos);
}

}  // namespace
}  // namespace hub::jobs
