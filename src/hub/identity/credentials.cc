#include "hub/identity/credentials.h"

#include <algorithm>

#include "base/hash.h"
#include "base/id.h"
#include "base/text.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;
using store::Statement;

namespace {

constexpr std::array<std::string_view, 2> kSteps = {R"sql(
  CREATE TABLE credential_secret (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    secret BLOB NOT NULL
  ) STRICT;
  CREATE TABLE credential_use (
    hash TEXT NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (hash, device_id, module_id)
  ) WITHOUT ROWID, STRICT;
)sql",
                                                    R"sql(
  CREATE INDEX credential_use_identity ON credential_use (device_id, module_id);
)sql"};

constexpr std::size_t kHashBytes = 16;

std::int64_t to_ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}

CredentialKind kind_of(std::int64_t number) {
  return static_cast<CredentialKind>(std::clamp<std::int64_t>(number, 0, 2));
}

}  // namespace

std::string_view to_string(CredentialKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"key", "policy", "certificate"};
  return kNames[static_cast<std::size_t>(kind)];
}

Result<std::unique_ptr<Credentials>> Credentials::open(const std::string& path,
                                                       std::function<base::WallTime()> now) {
  auto database = TRY(store::Sqlite::open(path));
  TRY(database.migrate("credentials", kSteps));
  std::array<std::uint8_t, 32> key{};
  base::random_bytes(key);
  TRY(database.run("INSERT OR IGNORE INTO credential_secret VALUES (1, ?)", base::ByteView(key)));
  {
    auto row = TRY(database.prepare("SELECT secret FROM credential_secret"));
    if (!TRY(row.step()) || row.blob(0).size() != key.size())
      return fail(Code::Corrupt, "credential secret");
    std::ranges::copy(row.blob(0), key.begin());
  }
  return std::unique_ptr<Credentials>(new Credentials(std::move(database), std::move(now), key));
}

std::string Credentials::hash(CredentialKind kind, std::string_view secret) const {
  std::string text(to_string(kind));
  text.append(":").append(secret);
  const base::Sha256 digest = base::hmac_sha256(key_, base::as_bytes(text));
  return base::hex_encode(base::ByteView(digest).first(kHashBytes));
}

void Credentials::used(const Name& name, CredentialKind kind, std::string_view hash) {
  std::string key = name.to_string();
  key.append(" ").append(hash);
  const base::WallTime now = now_();
  const std::lock_guard lock(mutex_);
  if (pending_.size() >= kMaxPending && !pending_.contains(key)) return dropped_.add();
  pending_.insert_or_assign(std::move(key), std::pair(name, Use{kind, std::string(hash), now}));
}

Result<void> Credentials::flush() {
  Pending taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(pending_);
  }
  const std::lock_guard writer_lock(writer_mutex_);
  const auto store = [&]() -> Result<void> {
    auto transaction = TRY(store::Transaction::begin(database_));
    auto statement =
        TRY(database_.prepare("INSERT OR REPLACE INTO credential_use VALUES (?, ?, ?, ?, ?)"));
    for (const auto& [key, item] : taken) {
      const auto& [name, use] = item;
      statement.bind_all(use.hash, name.device_id, name.module_id, static_cast<int>(use.kind),
                         to_ticks(use.at));
      TRY(statement.run());
    }
    TRY(database_.run("DELETE FROM credential_use WHERE last_used < ?", to_ticks(now_() - kKept)));
    return transaction.commit();
  };
  if (taken.empty()) return {};
  auto stored = store();
  if (stored) return stored;
  const std::lock_guard lock(mutex_);
  // What was used meanwhile is newer.
  pending_.merge(taken);
  return stored;
}

Result<SharedCredential> Credentials::read_shared(const Statement& row) {
  SharedCredential shared;
  shared.hash = row.string(0);
  shared.kind = kind_of(row.integer(1));
  shared.count = static_cast<std::uint64_t>(row.integer(2));
  shared.last_used = base::WallTime(std::chrono::nanoseconds(row.integer(3)));
  auto names = TRY(database_.prepare(
      "SELECT u.device_id, u.module_id FROM credential_use u JOIN identity i ON i.device_id = "
      "u.device_id AND i.module_id = u.module_id WHERE u.hash = ? ORDER BY 1, 2 LIMIT ?"));
  names.bind_all(shared.hash, static_cast<std::int64_t>(kMaxIdentities));
  while (TRY(names.step()))
    shared.identities.push_back({names.string(0), names.string(1)});
  return shared;
}

// Keys and thumbprints that several identities were given, used or not.
Result<void> Credentials::add_given(std::vector<SharedCredential>& found, std::size_t limit) {
  struct Given {
    CredentialKind kind;
    std::string secret;
    std::uint64_t count;
  };
  std::vector<Given> given;
  auto rows = TRY(database_.prepare(
      "SELECT kind, secret, count(*) FROM ("
      "SELECT 0 AS kind, primary_key AS secret, device_id, module_id FROM identity UNION "
      "SELECT 0, secondary_key, device_id, module_id FROM identity UNION "
      "SELECT 2, primary_thumbprint, device_id, module_id FROM identity UNION "
      "SELECT 2, secondary_thumbprint, device_id, module_id FROM identity"
      ") WHERE secret <> '' GROUP BY kind, secret HAVING count(*) > 1 ORDER BY 3 DESC LIMIT ?"));
  rows.bind_all(static_cast<std::int64_t>(limit));
  while (TRY(rows.step())) {
    given.push_back(
        {kind_of(rows.integer(0)), rows.string(1), static_cast<std::uint64_t>(rows.integer(2))});
  }
  for (const Given& item : given) {
    SharedCredential shared;
    shared.kind = item.kind;
    shared.hash = hash(item.kind, item.secret);
    shared.count = item.count;
    const auto same = [&](const SharedCredential& other) { return other.hash == shared.hash; };
    const auto known = std::ranges::find_if(found, same);
    auto names = TRY(database_.prepare(
        "SELECT device_id, module_id FROM identity WHERE ? IN (primary_key, secondary_key, "
        "primary_thumbprint, secondary_thumbprint) ORDER BY 1, 2 LIMIT ?"));
    names.bind_all(item.secret, static_cast<std::int64_t>(kMaxIdentities));
    while (TRY(names.step()))
      shared.identities.push_back({names.string(0), names.string(1)});
    if (known == found.end()) {
      found.push_back(std::move(shared));
    } else if (shared.count >= known->count) {
      shared.last_used = known->last_used;
      *known = std::move(shared);
    }
  }
  return {};
}

Result<bool> Credentials::shares(const Name& name) {
  const std::lock_guard lock(writer_mutex_);
  auto row = TRY(database_.prepare(
      "SELECT EXISTS (SELECT 1 FROM credential_use mine JOIN credential_use theirs ON theirs.hash "
      "= "
      "mine.hash AND (theirs.device_id, theirs.module_id) <> (mine.device_id, mine.module_id) JOIN "
      "identity i ON i.device_id = theirs.device_id AND i.module_id = theirs.module_id WHERE "
      "mine.device_id = ?1 AND mine.module_id = ?2 AND mine.last_used >= ?3 AND theirs.last_used "
      ">= ?3)"));
  row.bind_all(name.device_id, name.module_id, to_ticks(now_() - kKept));
  return TRY(row.step()) && row.integer(0) != 0;
}

Result<std::vector<SharedCredential>> Credentials::shared(std::size_t limit) {
  TRY(flush());
  const std::lock_guard lock(writer_mutex_);
  std::vector<SharedCredential> found;
  auto rows = TRY(database_.prepare(
      "SELECT u.hash, min(u.kind), count(*), max(u.last_used) FROM credential_use u JOIN identity "
      "i ON i.device_id = u.device_id AND i.module_id = u.module_id WHERE u.last_used >= ? GROUP "
      "BY u.hash HAVING count(*) > 1 ORDER BY 3 DESC, 1 LIMIT ?"));
  rows.bind_all(to_ticks(now_() - kKept), static_cast<std::int64_t>(limit));
  while (TRY(rows.step()))
    found.push_back(TRY(read_shared(rows)));
  TRY(add_given(found, limit));
  std::ranges::stable_sort(found, std::greater{}, &SharedCredential::count);
  if (found.size() > limit) found.resize(limit);
  return found;
}

}  // namespace hub::identity
