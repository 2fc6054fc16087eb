#include "hub/identity/authorities.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/id.h"
#include "base/text.h"
#include "hub/identity/certificate.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;
using store::Statement;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE certificate_authority (
    name TEXT NOT NULL PRIMARY KEY,
    der BLOB NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    verified INTEGER NOT NULL,
    code TEXT NOT NULL,
    etag TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
  ) STRICT;
)sql"};

constexpr std::string_view kSelect =
    "SELECT name, der, sha256, verified, code, etag, created, updated FROM certificate_authority ";
constexpr std::size_t kMaxName = 64;
constexpr int kMinSecurityBits = 112;

std::int64_t to_ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime from_ticks(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

Result<void> check_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  };
  if (!name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, allowed)) return {};
  return fail(Code::Invalid, "certificate name", -1,
              "expected 1 to 64 of ASCII letters, digits and -._");
}

Result<void> check_authority(const CertificateFacts& facts, base::WallTime now) {
  if (!facts.authority) {
    return fail(Code::Invalid, "certificate", -1,
                "not an authority's: its basic constraints or its key usage do not let it sign");
  }
  if (facts.security_bits < kMinSecurityBits) {
    return fail(Code::Invalid, "certificate", -1,
                "its key is too weak: RSA needs 2048 bits, an elliptic curve 224");
  }
  if (now >= facts.certificate.not_after) {
    return fail(Code::Invalid, "certificate", -1,
                "it ended at " + base::format_rfc3339(facts.certificate.not_after, 0));
  }
  return {};
}

void set_facts(Authority& authority, CertificateFacts facts) {
  authority.subject = std::move(facts.subject);
  authority.sha1 = std::move(facts.certificate.sha1);
  authority.sha256 = std::move(facts.certificate.sha256);
  authority.not_before = facts.certificate.not_before;
  authority.not_after = facts.certificate.not_after;
}

Result<Authority> read_row(const Statement& row) {
  Authority authority;
  authority.name = row.string(0);
  const base::ByteView der = row.blob(1);
  authority.der.assign(der.begin(), der.end());
  set_facts(authority, TRY(read_facts(authority.der)));
  authority.verified = row.integer(3) != 0;
  authority.code = row.string(4);
  authority.etag = row.string(5);
  authority.created = from_ticks(row.integer(6));
  authority.updated = from_ticks(row.integer(7));
  return authority;
}

std::string make_random_code() {
  std::array<std::uint8_t, 24> bytes{};
  base::random_bytes(bytes);
  return base::hex_encode(bytes);
}

std::string make_etag() {
  return base::Guid::random().to_string();
}

}  // namespace

Result<std::unique_ptr<Authorities>> Authorities::open(const std::string& path,
                                                       std::function<base::WallTime()> now) {
  auto database = TRY(store::Sqlite::open(path));
  TRY(database.migrate("certificate_authority", kSteps));
  std::unique_ptr<Authorities> opened(new Authorities(std::move(database), std::move(now)));
  TRY(opened->reload());
  return opened;
}

// `column` is a literal of ours.
Result<Authority> Authorities::find(std::string_view column, std::string_view value) {
  std::string sql(kSelect);
  sql.append("WHERE ").append(column).append(" = ?");
  auto row = TRY(database_.prepare(sql));
  row.bind_all(value);
  if (!TRY(row.step())) return fail(Code::NotFound, "certificate", -1, std::string(value));
  return read_row(row);
}

Result<Authority> Authorities::find_to_change(std::string_view name, std::string_view if_match) {
  Authority authority = TRY(find("name", name));
  if (if_match.empty() || if_match == "*" || if_match == authority.etag) return authority;
  return fail(Code::Conflict, "etag", -1, "the certificate was changed in between");
}

Result<void> Authorities::store(const Authority& authority) {
  return database_.run(
      "INSERT OR REPLACE INTO certificate_authority VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      authority.name, base::ByteView(authority.der), authority.sha256, authority.verified,
      authority.code, authority.etag, to_ticks(authority.created), to_ticks(authority.updated));
}

Result<void> Authorities::reload() {
  std::vector<base::ByteVec> ders;
  std::vector<std::string> thumbprints;
  auto rows =
      TRY(database_.prepare("SELECT der, sha256 FROM certificate_authority WHERE verified <> 0"));
  while (TRY(rows.step())) {
    const base::ByteView der = rows.blob(0);
    ders.emplace_back(der.begin(), der.end());
    thumbprints.push_back(rows.string(1));
  }
  auto trusted = std::make_shared<const Trusted>(
      Trusted{TRY(TrustStore::create(ders)), std::move(thumbprints)});
  const std::lock_guard lock(trusted_mutex_);
  trusted_ = std::move(trusted);
  return {};
}

Result<Authority> Authorities::put(std::string_view name, std::string_view text,
                                   std::string_view if_match) {
  TRY(check_name(name));
  Authority authority;
  authority.name = name;
  authority.der = TRY(certificate_from_text(text));
  CertificateFacts facts = TRY(read_facts(authority.der));
  TRY(check_authority(facts, now_()));
  set_facts(authority, std::move(facts));
  authority.created = now_();

  const std::lock_guard lock(mutex_);
  const auto same = find("sha256", authority.sha256);
  if (same && same->name != name)
    return fail(Code::Exists, "certificate", -1, "it is known as " + same->name + " already");
  if (if_match.empty()) {
    if (find("name", name)) return fail(Code::Exists, "certificate", -1, std::string(name));
    auto count = TRY(database_.prepare("SELECT count(*) FROM certificate_authority"));
    TRY(count.step());
    if (count.integer(0) >= static_cast<std::int64_t>(kMax))
      return fail(Code::Full, "certificate", -1, "there are 100 already");
  } else {
    authority.created = TRY(find_to_change(name, if_match)).created;
  }
  authority.updated = now_();
  authority.etag = make_etag();
  TRY(store(authority));
  TRY(reload());
  return authority;
}

Result<std::vector<Authority>> Authorities::list() {
  const std::lock_guard lock(mutex_);
  auto rows = TRY(database_.prepare(std::string(kSelect) + "ORDER BY name"));
  std::vector<Authority> all;
  while (TRY(rows.step()))
    all.push_back(TRY(read_row(rows)));
  return all;
}

Result<Authority> Authorities::get(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return find("name", name);
}

Result<Authority> Authorities::make_code(std::string_view name, std::string_view if_match) {
  const std::lock_guard lock(mutex_);
  Authority authority = TRY(find_to_change(name, if_match));
  authority.code = make_random_code();
  authority.etag = make_etag();
  authority.updated = now_();
  TRY(store(authority));
  return authority;
}

Result<Authority> Authorities::verify(std::string_view name, std::string_view text,
                                      std::string_view if_match) {
  const base::ByteVec proof = TRY(certificate_from_text(text));
  const CertificateFacts facts = TRY(read_facts(proof));
  const std::lock_guard lock(mutex_);
  Authority authority = TRY(find_to_change(name, if_match));
  if (authority.code.empty())
    return fail(Code::Invalid, "verification", -1, "ask for a verification code first");
  if (facts.certificate.common_name != authority.code) {
    return fail(Code::Denied, "verification", -1,
                "the common name of the certificate is not the verification code");
  }
  if (!TRY(was_issued_by(proof, authority.der))) {
    return fail(Code::Denied, "verification", -1,
                "the certificate was not issued by the authority to be verified");
  }
  authority.verified = true;
  authority.code.clear();
  authority.etag = make_etag();
  authority.updated = now_();
  TRY(store(authority));
  TRY(reload());
  return authority;
}

Result<void> Authorities::remove(std::string_view name, std::string_view if_match) {
  const std::lock_guard lock(mutex_);
  TRY(find_to_change(name, if_match));
  TRY(database_.run("DELETE FROM certificate_authority WHERE name = ?", name));
  return reload();
}

ChainVerdict Authorities::judge(std::span<const base::ByteVec> chain, base::WallTime now) const {
  std::shared_ptr<const Trusted> trusted;
  {
    const std::lock_guard lock(trusted_mutex_);
    trusted = trusted_;
  }
  return trusted->store.judge(chain, now);
}

bool Authorities::trusts(std::string_view sha256) const {
  const std::lock_guard lock(trusted_mutex_);
  return std::ranges::find(trusted_->sha256, sha256) != trusted_->sha256.end();
}

}  // namespace hub::identity
