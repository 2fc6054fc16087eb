#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/json.h"
#include "hub/api/accounts.h"
#include "hub/config.h"
#include "hub/data_dir.h"
#include "hub/hub.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "wire/connection_string.h"
#include "wire/sas.h"

namespace hub {
namespace {

using base::Code;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(Init, MakesAHubWhoseSecretsWork) {
  const os::ScratchDir folder;
  const std::string dir = folder / "a/hub";
  const base::WallTime now = base::wall_now();
  const auto made = init(dir, "hub.example", now);
  ASSERT_TRUE(made.has_value()) << made.error().to_string();

  os::Config::Sources sources;
  sources.file = made->config_file;
  sources.flags = {{"state.dir", dir}};
  const auto config = load_config(sources);
  ASSERT_TRUE(config.has_value()) << config.error().detail;
  EXPECT_EQ(config->host_name, "hub.example");

  const auto accounts = api::Accounts::open(dir + "/" + kStateFile).value();
  const auto admin = accounts->verify_password(made->admin_user, made->admin_password);
  ASSERT_TRUE(admin.has_value());
  EXPECT_EQ(admin->role, api::Role::Admin);

  const auto connection = wire::parse_connection_string(made->service_connection_string);
  ASSERT_TRUE(connection.has_value());
  EXPECT_TRUE(connection->is_service());
  operations::Operations operations;
  const auto registry =
      identity::Registry::open({dir + "/" + kStateFile, "hub.example"}, operations).value();
  const std::string token = wire::make_sas(connection->host_name, connection->key_base64,
                                           now + std::chrono::hours(1), connection->policy)
                                .value();
  const auto policy = registry->authenticate_service(token, now);
  ASSERT_TRUE(policy.has_value()) << policy.error().to_string();
  EXPECT_NE(policy->rights & identity::kRegistryWrite, 0U);
}

TEST(Init, KeepsSecretsToTheOwner) {
  const os::ScratchDir folder;
  const std::string dir = folder / "hub";
  ASSERT_TRUE(init(dir, "localhost", base::wall_now()).has_value());
  EXPECT_EQ(mode_of(dir), 0700U);
  for (const char* file : {kCaKey, kServerKey, kStateFile, kConfigFile}) {
    EXPECT_EQ(mode_of(dir + "/" + file) & 077U, 0U) << file;
  }
}

TEST(Init, NeverOverwritesAHub) {
  const os::ScratchDir folder;
  const std::string dir = folder / "hub";
  ASSERT_TRUE(init(dir, "localhost", base::wall_now()).has_value());
  const std::string before = os::read_file(dir + "/" + kCaCertificate).value();
  const auto again = init(dir, "localhost", base::wall_now());
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, Code::Exists);
  EXPECT_EQ(os::read_file(dir + "/" + kCaCertificate).value(), before);
}

TEST(Init, FinishesWhatWasInterrupted) {
  const os::ScratchDir folder;
  const std::string dir = folder / "hub";
  const auto first = init(dir, "localhost", base::wall_now());
  ASSERT_TRUE(first.has_value());
  // As if it had been killed before its last step.
  ASSERT_TRUE(os::remove_file(first->config_file).has_value());
  const auto second = init(dir, "localhost", base::wall_now());
  ASSERT_TRUE(second.has_value()) << second.error().to_string();
  const auto accounts = api::Accounts::open(dir + "/" + kStateFile).value();
  EXPECT_TRUE(accounts->verify_password(second->admin_user, second->admin_password).has_value());
  EXPECT_FALSE(accounts->verify_password(first->admin_user, first->admin_password).has_value());
}

TEST(Init, RefusesAFolderInUseAndANameThatIsNone) {
  const os::ScratchDir folder;
  const std::string dir = folder / "hub";
  EXPECT_EQ(init(dir, "no name", base::wall_now()).error().code, Code::Invalid);
  ASSERT_TRUE(os::make_dirs(dir).has_value());
  const auto lock = lock_data_dir(dir);
  ASSERT_TRUE(lock.has_value());
  const auto made = init(dir, "localhost", base::wall_now());
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Code::Conflict);
  EXPECT_NE(made.error().detail.find("in use"), std::string::npos);
}

TEST(InitResult, IsOneLineOfJson) {
  const os::ScratchDir folder;
  const auto made = init(folder / "hub", "localhost", base::wall_now());
  ASSERT_TRUE(made.has_value());
  const std::string text = made->to_json();
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto json = base::json::parse(text);
  ASSERT_TRUE(json.has_value());
  for (const char* member : {"dataDir", "hostName", "caCertificate", "adminUser", "adminPassword",
                             "serviceConnectionString"}) {
    EXPECT_FALSE(json->text_or(member, "").empty()) << member;
  }
  EXPECT_TRUE(os::file_exists(std::string(json->text_or("caCertificate", ""))));
}

}  // namespace
}  // namespace hub
