#include "hub/link/places.h"

#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace hub::link {
namespace {

constexpr std::size_t kNetworkBytes = 8;

std::string key_of(std::string_view ip) {
  std::string text(ip);
  in6_addr address{};
  if (::inet_pton(AF_INET6, text.c_str(), &address) != 1) return text;
  const std::string bytes(reinterpret_cast<const char*>(address.s6_addr), sizeof address.s6_addr);
  // An IPv4 address that came through an IPv6 socket.
  if (IN6_IS_ADDR_V4MAPPED(&address)) return bytes;
  return bytes.substr(0, kNetworkBytes);
}

}  // namespace

std::shared_ptr<AddressPlaces> AddressPlaces::create(std::size_t max_of_address) {
  return std::shared_ptr<AddressPlaces>(new AddressPlaces(max_of_address));
}

AddressPlaces::Place AddressPlaces::take(std::string_view ip) {
  std::string key = key_of(ip);
  {
    const std::lock_guard lock(mutex_);
    std::size_t& count = counts_[key];
    if (count >= max_) return {};
    ++count;
  }
  return {shared_from_this(), std::move(key)};
}

AddressPlaces::Place::Place(std::shared_ptr<AddressPlaces> owner, std::string key)
    : owner_(std::move(owner)), key_(std::move(key)) {}

AddressPlaces::Place::~Place() {
  give_back();
}

AddressPlaces::Place& AddressPlaces::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    give_back();
    owner_ = std::exchange(other.owner_, nullptr);
    key_ = std::move(other.key_);
  }
  return *this;
}

void AddressPlaces::Place::give_back() {
  const auto owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  const std::lock_guard lock(owner->mutex_);
  const auto found = owner->counts_.find(key_);
  if (--found->second == 0) owner->counts_.erase(found);
}

}  // namespace hub::link
