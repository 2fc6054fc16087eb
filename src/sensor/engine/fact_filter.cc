#include "sensor/engine/fact_filter.h"

#include <cstring>
#include <utility>

#include "base/hash.h"

namespace sensor::engine {

namespace {

constexpr std::size_t kFirstPlaces = 64;

std::uint64_t tag(char what) {
  return std::uint64_t{static_cast<std::uint8_t>(what)} << 56U;
}

// Two numbers of half a word.
std::uint64_t both(std::uint64_t high, std::uint64_t low) {
  return high << 32U | low;
}

template <class Number>
std::uint64_t optional(const std::optional<Number>& number) {
  return number ? std::uint64_t{*number} : UINT32_MAX + std::uint64_t{1};
}

}  // namespace

FactFilter::Generation::Place& FactFilter::Generation::place_of(std::uint64_t fact) {
  const std::size_t mask = places_.size() - 1;
  std::size_t at = fact & mask;
  while (places_[at].fact != 0 && places_[at].fact != fact)
    at = (at + 1) & mask;
  return places_[at];
}

FactFilter::Told* FactFilter::Generation::find(std::uint64_t fact) {
  if (places_.empty()) return nullptr;
  Place& place = place_of(fact);
  return place.fact == 0 ? nullptr : &place.told;
}

FactFilter::Told& FactFilter::Generation::add(std::uint64_t fact, const Told& told) {
  if ((used_ + 1) * 4 > places_.size() * 3) grow();
  Place& place = place_of(fact);
  place = {fact, told};
  ++used_;
  ++size_;
  return place.told;
}

void FactFilter::Generation::grow() {
  std::vector<Place> before(places_.empty() ? kFirstPlaces : places_.size() * 2);
  before.swap(places_);
  for (const Place& one : before) {
    if (one.fact != 0) place_of(one.fact) = one;
  }
}

bool FactFilter::passes(std::uint64_t fact, base::WallTime time, std::uint64_t& repeats) {
  repeats = 0;
  if (fact == 0) fact = 1;  // which marks places that are free
  Told* found = young_.find(fact);
  if (found == nullptr) {
    if (young_.size() >= half_) {
      forgotten_ += old_.size();
      old_ = std::exchange(young_, {});
    }
    Told* const before = old_.find(fact);
    if (before == nullptr) {
      young_.add(fact, {time, 0});
      return true;
    }
    // From now on it is found among the young, before anybody looks here.
    found = &young_.add(fact, *before);
    old_.leave();
  }
  Told& told = *found;
  // Also when time went back, as from one capture to the next.
  if (time - told.time < kAgain && told.time - time < kAgain) {
    ++told.repeats;
    ++held_back_;
    return false;
  }
  repeats = told.repeats;
  told = {time, 0};
  return true;
}

void FactFilter::Words::begin(std::size_t most) {
  if (words_.size() < most) words_.resize(most);
  count_ = 0;
}

void FactFilter::Words::put(const dissect::End& end) {
  std::uint64_t words[3] = {};
  std::memcpy(&words[0], end.ip.bytes.data(), 16);
  std::memcpy(&words[2], end.mac.bytes.data(), 6);
  for (const std::uint64_t word : words)
    put(word);
}

void FactFilter::Words::text(std::string_view text) {
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    put(word);
  }
  if (text.empty()) return;
  std::uint64_t last = 0;
  std::memcpy(&last, text.data(), text.size());
  put(last);
}

std::uint64_t FactFilter::Words::hash() const {
  const auto bytes = std::as_bytes(std::span(words_).first(count_));
  return base::table_hash({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::uint64_t FactFilter::of(const dissect::Transaction& one) {
  std::size_t most = 16 + Words::room(one.protocol) + Words::room(one.operation.name) +
                     Words::room(one.sub_operation.name);
  for (const dissect::NamedObject& object : one.objects)
    most += 4 + Words::room(object.space) + Words::room(object.name);
  words_.begin(most);
  words_.put(tag('t') | static_cast<std::uint64_t>(one.kind) << 48U |
             static_cast<std::uint64_t>(one.access) << 40U |
             static_cast<std::uint64_t>(one.status.outcome) << 33U |
             std::uint64_t{one.answered.has_value()} << 32U | std::uint64_t{one.vlan} << 16U |
             one.server.port);
  words_.put(both(one.operation.code, one.sub_operation.code));
  words_.put(one.status.code);
  words_.put(optional(one.unit));
  words_.put(one.client);
  words_.put(one.server);
  words_.put(both(one.protocol.size(), one.operation.name.size()));
  words_.put(both(one.sub_operation.name.size(), one.objects.size()));
  words_.text(one.protocol);
  words_.text(one.operation.name);
  words_.text(one.sub_operation.name);
  for (const dissect::NamedObject& object : one.objects) {
    words_.put(both(object.space.size(), object.name.size()));
    words_.put(object.first);
    words_.put(object.count);
    words_.text(object.space);
    words_.text(object.name);
  }
  return words_.hash();
}

std::uint64_t FactFilter::of(const dissect::Evidence& evidence, const dissect::End& from,
                             const dissect::End& to, std::uint16_t vlan) {
  words_.begin(16 + Words::room(evidence.value));
  words_.put(tag('e') | static_cast<std::uint64_t>(evidence.about) << 48U |
             static_cast<std::uint64_t>(evidence.fact) << 40U |
             static_cast<std::uint64_t>(evidence.confidence) << 32U | vlan);
  words_.put(from);
  words_.put(to);
  words_.put(optional(evidence.rack));
  words_.put(optional(evidence.slot));
  words_.put(dissect::End{evidence.mac, evidence.ip, 0});
  words_.put(evidence.value.size());
  words_.text(evidence.value);
  return words_.hash();
}

std::uint64_t FactFilter::of(const dissect::End& from, const dissect::End& to, std::uint16_t vlan) {
  std::uint8_t bytes[48] = {'s', static_cast<std::uint8_t>(vlan >> 8U),
                            static_cast<std::uint8_t>(vlan)};
  std::memcpy(bytes + 3, from.mac.bytes.data(), 6);
  std::memcpy(bytes + 9, to.mac.bytes.data(), 6);
  std::memcpy(bytes + 16, from.ip.bytes.data(), 16);
  std::memcpy(bytes + 32, to.ip.bytes.data(), 16);
  return base::table_hash(bytes);
}

}  // namespace sensor::engine
