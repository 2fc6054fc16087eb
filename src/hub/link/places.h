#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace hub::link {

// How many places each address holds of what all of them share, for instance among the connections
// that have not logged in yet: a single address cannot take those of all others. Of IPv6, where a
// host has as many addresses as it likes, the first 64 bits count. Threads: any.
class AddressPlaces : public std::enable_shared_from_this<AddressPlaces> {
 public:
  // A place, given back at its end.
  class Place {
   public:
    Place() = default;
    Place(std::shared_ptr<AddressPlaces> owner, std::string key);
    ~Place();
    Place(Place&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Place& operator=(Place&& other) noexcept;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    explicit operator bool() const { return owner_ != nullptr; }

   private:
    void give_back();

    std::shared_ptr<AddressPlaces> owner_;
    std::string key_;
  };

  static std::shared_ptr<AddressPlaces> create(std::size_t max_of_address);

  // An empty one when the address has as many as it may. `ip` is an address in text.
  Place take(std::string_view ip);

 private:
  explicit AddressPlaces(std::size_t max_of_address) : max_(max_of_address) {}

  const std::size_t max_;
  std::mutex mutex_;
  std::map<std::string, std::size_t, std::less<>> counts_;  // guarded by mutex_; none are zero
};

}  // namespace hub::link
