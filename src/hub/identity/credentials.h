#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "store/sqlite.h"

namespace hub::identity {

// What an identity proves itself by.
enum class CredentialKind : std::uint8_t { Key, Policy, Certificate };
std::string_view to_string(CredentialKind kind);  // key, policy, certificate

// A credential by which several identities connected, or which several were given.
struct SharedCredential {
  std::string hash;
  CredentialKind kind = CredentialKind::Key;
  std::vector<Name> identities;  // at most kMaxIdentities of them
  std::uint64_t count = 0;       // of all
  base::WallTime last_used;      // the epoch: by none yet
};

// Who uses which credential, told apart by a keyed hash: equal exactly when the credentials are,
// and of no use to who reads it. The key is made once and never leaves state.db. Threads: any.
class Credentials {
 public:
  static constexpr std::chrono::days kKept{30};  // after its last use
  static constexpr std::size_t kMaxIdentities = 100;
  static constexpr std::size_t kMaxPending = 200'000;  // uses that are not stored yet

  // Makes its tables where they are missing. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Credentials>> open(const std::string& path,
                                                         std::function<base::WallTime()> now);

  // 32 hex digits. `secret`: the key in base64; of a certificate its SHA-256.
  std::string hash(CredentialKind kind, std::string_view secret) const;
  // An identity logged in by it. Does not wait for the disk: see flush().
  void used(const Name& name, CredentialKind kind, std::string_view hash);
  // Stores what was used since the last call, forgets what is too old.
  base::Result<void> flush();
  // Those of several identities that still exist: used within kKept, or given to several. Those
  // with the most identities first.
  base::Result<std::vector<SharedCredential>> shared(std::size_t limit);

  // Whether others that still exist were let in by a credential of this identity within kKept. As
  // of the last flush().
  base::Result<bool> shares(const Name& name);

  const base::Counter& dropped() const { return dropped_; }  // uses lost: kMaxPending

 private:
  struct Use {
    CredentialKind kind = CredentialKind::Key;
    std::string hash;
    base::WallTime at;
  };
  using Pending = std::unordered_map<std::string, std::pair<Name, Use>>;

  Credentials(store::Sqlite database, std::function<base::WallTime()> now,
              std::array<std::uint8_t, 32> key)
      : database_(std::move(database)), now_(std::move(now)), key_(key) {}
  base::Result<void> add_given(std::vector<SharedCredential>& found, std::size_t limit);
  base::Result<SharedCredential> read_shared(const store::Statement& row);

  std::mutex writer_mutex_;
  store::Sqlite database_;  // guarded by writer_mutex_
  std::function<base::WallTime()> now_;
  const std::array<std::uint8_t, 32> key_;
  base::Counter dropped_;
  std::mutex mutex_;
  Pending pending_;  // guarded by mutex_
};

}  // namespace hub::identity
