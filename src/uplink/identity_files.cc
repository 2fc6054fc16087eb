#include "uplink/identity_files.h"

#include "base/hash.h"
#include "base/text.h"
#include "os/file.h"

namespace uplink {

using base::Result;

namespace {

constexpr std::size_t kMaxConnectionString = 4096;
constexpr std::size_t kMaxCertificate = 64U << 10U;

void wipe_text(std::string& text) {
  base::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

Result<std::string> read_named_secret(const char* key, const std::string& path, std::size_t limit) {
  auto text = os::read_secret(path, limit);
  if (text) return text;
  return std::unexpected(
      base::Error{text.error().code, key, text.error().at, path + " cannot be read"});
}

Result<void> read_certificate(Identity& identity, const char* name,
                              const std::string& certificate_file, const std::string& key_file) {
  std::string certificate = TRY(read_named_secret(name, certificate_file, kMaxCertificate));
  std::string key;
  if (!key_file.empty())
    key = TRY(read_named_secret("hub.private_key_file", key_file, kMaxCertificate));
  auto added = add_certificate(identity, certificate, key);
  wipe_text(certificate);
  wipe_text(key);
  if (!added) added.error().detail = certificate_file + ": " + added.error().detail;
  return added;
}

Result<Identity> read_identity(const IdentityFiles& files) {
  const std::string& path = files.connection_string_file;
  std::string text =
      TRY(read_named_secret("hub.connection_string_file", path, kMaxConnectionString));
  auto identity = parse_connection_string(base::trim(text));
  wipe_text(text);
  if (!identity) {
    identity.error().detail = path + ": " + identity.error().detail;
    return identity;
  }
  if (!files.certificate_file.empty()) {
    TRY(read_certificate(*identity, "hub.certificate_file", files.certificate_file,
                         files.private_key_file));
  }
  if (files.https_port != 0) identity->https_port = files.https_port;
  reach_through_device(*identity, files.module_id);
  identity->ca_file = files.ca_file;
  TRY(check_identity(*identity));
  return identity;
}

}  // namespace uplink
