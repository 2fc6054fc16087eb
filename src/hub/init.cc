#include <array>

#include <sys/stat.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "hub/api/accounts.h"
#include "hub/certificates.h"
#include "hub/data_dir.h"
#include "hub/hub.h"
#include "hub/identity/registry.h"
#include "hub/operations/audit.h"
#include "hub/operations/operations.h"
#include "hub/snapshot.h"
#include "os/file.h"
#include "wire/connection_string.h"

#ifndef VEDETTE_VERSION
#error "VEDETTE_VERSION comes from CMake"
#endif

namespace hub {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr const char* kAdmin = "admin";
constexpr const char* kServicePolicy = "iothubowner";

std::string config_text(const std::string& host_name) {
  return "# Settings of this hub; `vedette-hub check-config` says what is wrong with them.\n"
         "[hub]\n"
         "# The name that devices connect to. Their tokens and the certificate are made for it.\n"
         "host_name = \"" +
         host_name +
         "\"\n\n"
         "[listen]\n"
         "# Loopback only, until you change it: 0.0.0.0 or :: is every address of this machine.\n"
         "address = \"127.0.0.1\"\n"
         "mqtt_port = 8883\n"
         "amqp_port = 5671\n"
         "https_port = 8443\n";
}

// 120 random bits in letters that nobody confuses.
std::string make_password() {
  constexpr std::string_view kLetters =
      "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_=+.!@%";
  static_assert(kLetters.size() >= 62);
  std::array<std::uint8_t, 64> bytes{};
  base::random_bytes(bytes);
  std::string password;
  for (const std::uint8_t byte : bytes) {
    // Bytes that would favour some letters are skipped.
    if (byte >= 256 / kLetters.size() * kLetters.size()) continue;
    if (password.size() == 20) break;
    password.push_back(kLetters[byte % kLetters.size()]);
  }
  ASSERT(password.size() == 20);
  return password;
}

Result<void> write_key_pair(const std::string& folder, const KeyPair& pair, const char* certificate,
                            const char* key) {
  TRY(os::write_file_atomic(folder + "/" + key, pair.key, 0600));
  return os::write_file_atomic(folder + "/" + certificate, pair.certificate, 0644);
}

Result<void> set_administrator(const std::string& state_file, const std::string& password,
                               base::WallTime now) {
  const auto accounts = TRY(api::Accounts::open(state_file));
  const auto created = accounts->create_user(kAdmin, password, api::Role::Admin, now);
  if (created || created.error().code != Code::Exists) return created;
  return accounts->set_password(kAdmin, password);
}

Result<std::string> service_connection_string(const std::string& state_file,
                                              const std::string& host_name) {
  operations::Operations operations(0);
  const auto registry = TRY(identity::Registry::open({state_file, host_name}, operations));
  const identity::Policy policy = TRY(registry->policy(kServicePolicy));
  wire::ConnectionString connection;
  connection.host_name = host_name;
  connection.policy = policy.name;
  connection.key_base64 = policy.keys.primary;
  return wire::format_connection_string(connection);
}

}  // namespace

std::string_view version() {
  return VEDETTE_VERSION;
}

std::string InitResult::to_json() const {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_object();
  writer.field("dataDir", data_dir);
  writer.field("hostName", host_name);
  writer.field("configFile", config_file);
  writer.field("caCertificate", ca_certificate);
  writer.field("adminUser", admin_user);
  writer.field("adminPassword", admin_password);
  writer.field("serviceConnectionString", service_connection_string);
  writer.end_object();
  return out;
}

Result<os::Fd> lock_data_dir(const std::string& data_dir) {
  auto lock = os::lock_file(data_dir + "/lock");
  if (!lock && lock.error().code == Code::Conflict) {
    return fail(Code::Conflict, "data folder", -1,
                data_dir +
                    " is in use by another vedette-hub; stop that one, or name another folder with "
                    "--data-dir");
  }
  return lock;
}

Result<InitResult> init(const std::string& data_dir, const std::string& host_name,
                        base::WallTime now) {
  if (!is_host_name(host_name)) {
    return fail(Code::Invalid, "host name", -1,
                "expected a host name or an IP address, found '" + host_name + "'");
  }
  ::umask(077);
  TRY(os::make_dirs(data_dir, 0700));
  const os::Fd lock = TRY(lock_data_dir(data_dir));
  InitResult result;
  result.data_dir = data_dir;
  result.host_name = host_name;
  result.config_file = data_dir + "/" + kConfigFile;
  result.ca_certificate = data_dir + "/" + kCaCertificate;
  if (os::file_exists(result.config_file)) {
    return fail(
        Code::Exists, "data folder", -1,
        data_dir + " holds a hub already; name another folder with --data-dir, or remove it");
  }
  const KeyPair authority = TRY(make_authority("Vedette CA of " + host_name, now));
  TRY(write_key_pair(data_dir, authority, kCaCertificate, kCaKey));
  const KeyPair server = TRY(make_server_certificate(authority, host_name, now));
  TRY(write_key_pair(data_dir, server, kServerCertificate, kServerKey));

  const std::string state_file = data_dir + "/" + kStateFile;
  result.admin_user = kAdmin;
  result.admin_password = make_password();
  TRY(set_administrator(state_file, result.admin_password, now));
  const auto audit = TRY(operations::AuditLog::open(state_file));
  TRY(record_local(*audit, "hub.init", host_name, now));
  result.service_connection_string = TRY(service_connection_string(state_file, host_name));
  // Last: a folder with this file is a complete hub.
  TRY(os::write_file_atomic(result.config_file, config_text(host_name), 0600));
  return result;
}

}  // namespace hub
