#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "hub/identity/registry.h"

namespace hub::identity {

// The last login of each identity, as far as it tells something about the next: whether that is
// the same client with a newer token, as the SDKs reconnect to renew it, and what the client's
// clock shows. In memory, bounded. Threads: any.
class SignIns {
 public:
  // A renewal comes so soon after the connection before.
  static constexpr std::chrono::seconds kRenewalGap{60};
  // The SDKs make tokens for that long, right before they connect with them.
  static constexpr std::chrono::seconds kUsualLife{3600};
  // A token that ends further from that than this says nothing about a clock.
  static constexpr std::chrono::minutes kMostSkew{20};
  static constexpr std::size_t kMax = 1U << 20U;

  // Is this login a renewal? The same credential, client and address with a token that ends later,
  // while the older connection stands or soon after its orderly end, and not before half of the
  // older token's time at login is over: a device that starts again and again does not renew.
  bool is_renewal(const Grant& grant, std::string_view ip, base::WallTime now) const;
  // It was let in. Says what the client's clock shows, where the token tells.
  std::optional<base::WallTime> began(const Grant& grant, std::string_view ip, base::WallTime now);
  // Orderly: the client said goodbye, its token expired, or a newer connection took its place.
  enum class Ending : std::uint8_t { Orderly, Broken };
  void ended(const Name& name, Ending ending, base::WallTime now);
  void forget(const Name& name);  // a device with its modules

 private:
  struct Last {
    std::string credential;
    std::string client_type;
    std::string ip;
    base::WallTime began;
    base::WallTime expires;
    std::optional<base::WallTime> ended;
    Ending ending = Ending::Broken;
  };
  Last& entry(const Name& name, base::WallTime now);

  mutable std::mutex mutex_;
  std::map<Name, Last> last_;  // guarded by mutex_
};

}  // namespace hub::identity
