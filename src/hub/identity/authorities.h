#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/chain.h"
#include "store/sqlite.h"

namespace hub::identity {

// An uploaded certificate authority.
struct Authority {
  std::string name;  // chosen by who uploaded it
  base::ByteVec der;
  std::string subject;
  std::string sha1;
  std::string sha256;
  base::WallTime not_before;
  base::WallTime not_after;
  bool verified = false;  // who uploaded it has its key; only then it counts
  std::string code;       // to be signed as a proof of that; empty: none was asked for
  std::string etag;       // changes with every change
  base::WallTime created;
  base::WallTime updated;
};

// The certificate authorities whose word counts for devices, in SQLite, and those that proved that
// the uploader has their key, ready to judge by. Every change is durable when the call returns.
// Threads: any.
class Authorities {
 public:
  static constexpr std::size_t kMax = 100;  // Azure IoT Hub's limit is 25

  // Makes its tables where they are missing. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Authorities>> open(const std::string& path,
                                                         std::function<base::WallTime()> now);

  // Adds one, or replaces the one of that name; it is not verified then. `text` as
  // certificate_from_text() takes it. `if_match`: an etag; empty: there must be none of that name;
  // "*": replace whatever there is. Errors: Invalid (name; not an authority's; expired; a weak
  // key), Malformed, TooLarge, Exists (the name, or the certificate under another one), Conflict,
  // NotFound, Full (kMax).
  base::Result<Authority> put(std::string_view name, std::string_view text,
                              std::string_view if_match);
  base::Result<std::vector<Authority>> list();
  // Errors: NotFound.
  base::Result<Authority> get(std::string_view name);
  // A new code, to be signed. Errors: NotFound, Conflict.
  base::Result<Authority> make_code(std::string_view name, std::string_view if_match);
  // Proof of possession: a certificate that the authority issued, whose common name is the code.
  // The code is used up. Errors: NotFound, Conflict, Denied (another name or another issuer; the
  // detail says which), Invalid (no code was asked for), those of certificate_from_text().
  base::Result<Authority> verify(std::string_view name, std::string_view text,
                                 std::string_view if_match);
  // From now on nothing that it issued counts. Errors: NotFound, Conflict.
  base::Result<void> remove(std::string_view name, std::string_view if_match);

  // By those that are verified: see TrustStore::judge().
  ChainVerdict judge(std::span<const base::ByteVec> chain, base::WallTime now) const;
  // Is it (SHA-256) verified still? Cheap.
  bool trusts(std::string_view sha256) const;

 private:
  struct Trusted {
    TrustStore store;
    std::vector<std::string> sha256;
  };

  Authorities(store::Sqlite database, std::function<base::WallTime()> now)
      : database_(std::move(database)), now_(std::move(now)) {}
  base::Result<Authority> find(std::string_view column, std::string_view value);
  base::Result<Authority> find_to_change(std::string_view name, std::string_view if_match);
  base::Result<void> store(const Authority& authority);
  base::Result<void> reload();

  std::mutex mutex_;
  store::Sqlite database_;  // guarded by mutex_
  std::function<base::WallTime()> now_;
  mutable std::mutex trusted_mutex_;
  std::shared_ptr<const Trusted> trusted_;  // guarded by trusted_mutex_; what it points to is not
};

}  // namespace hub::identity
