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

template <class Kept>
auto FactFilter::Generation<Kept>::place_of(std::uint64_t key) -> Place& {
  const std::size_t mask = places_.size() - 1;
  std::size_t at = key & mask;
  while (places_[at].key != 0 && places_[at].key != key)
    at = (at + 1) & mask;
  return places_[at];
}

template <class Kept>
Kept* FactFilter::Generation<Kept>::find(std::uint64_t key) {
  if (places_.empty()) return nullptr;
  Place& place = place_of(key);
  return place.key == 0 ? nullptr : &place.kept;
}

template <class Kept>
Kept& FactFilter::Generation<Kept>::add(std::uint64_t key, const Kept& kept) {
  if ((used_ + 1) * 4 > places_.size() * 3) grow();
  Place& place = place_of(key);
  place = {key, kept};
  ++used_;
  ++size_;
  return place.kept;
}

template <class Kept>
void FactFilter::Generation<Kept>::grow() {
  std::vector<Place> before(places_.empty() ? kFirstPlaces : places_.size() * 2);
  before.swap(places_);
  for (const Place& one : before) {
    if (one.key != 0) place_of(one.key) = one;
  }
}

template <class Kept>
Kept& FactFilter::Generations<Kept>::at(std::uint64_t key, const Kept& begin, bool& is_new) {
  is_new = false;
  if (key == 0) key = 1;  // which marks places that are free
  if (Kept* const found = young_.find(key); found != nullptr) return *found;
  if (young_.size() >= half_) {
    forgotten_ += old_.size();
    old_ = std::exchange(young_, {});
  }
  const Kept* const before = old_.find(key);
  is_new = before == nullptr;
  if (is_new) return young_.add(key, begin);
  // From now on it is found among the young, before anybody looks here.
  old_.leave();
  return young_.add(key, *before);
}

// Also when time went back, as from one capture to the next.
bool FactFilter::distant(base::WallTime a, base::WallTime b) {
  return a - b >= kAgain || b - a >= kAgain;
}

bool FactFilter::passes(std::uint64_t fact, base::WallTime time, std::uint64_t& repeats) {
  return passes(fact, time, false, repeats);
}

bool FactFilter::passes(std::uint64_t fact, base::WallTime time, bool changed,
                        std::uint64_t& repeats) {
  repeats = 0;
  bool is_new = false;
  Told& told = facts_.at(fact, {time, 0}, is_new);
  if (is_new) return true;
  if (!changed && !distant(time, told.time)) {
    ++told.repeats;
    ++held_back_;
    return false;
  }
  repeats = told.repeats;
  told = {time, 0};
  return true;
}

bool FactFilter::passes(const dissect::Evidence& evidence, const dissect::End& from,
                        const dissect::End& to, std::uint16_t vlan, std::string_view protocol,
                        base::WallTime time, std::uint64_t& repeats) {
  const std::uint64_t fact = of(evidence, from, to, vlan);
  begin('l', evidence, from, to, vlan, protocol);
  bool is_new = false;
  Latest& latest = latest_.at(words_.hash(), {fact, time, 0}, is_new);
  if (distant(time, latest.since)) {
    latest.since = time;
    latest.changes = 0;
  }
  const bool other = is_new || latest.fact != fact;
  const bool changed = other && (evidence.fact == dissect::Fact::Mode || latest.changes < kChanges);
  if (!passes(fact, time, changed, repeats)) return false;
  if (other && !is_new) ++latest.changes;
  latest.fact = fact;
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

void FactFilter::begin(char what, const dissect::Evidence& evidence, const dissect::End& from,
                       const dissect::End& to, std::uint16_t vlan, std::string_view text) {
  words_.begin(16 + Words::room(text));
  words_.put(tag(what) | static_cast<std::uint64_t>(evidence.about) << 48U |
             static_cast<std::uint64_t>(evidence.fact) << 40U |
             static_cast<std::uint64_t>(evidence.confidence) << 32U | vlan);
  words_.put(from);
  words_.put(to);
  words_.put(optional(evidence.rack));
  words_.put(optional(evidence.slot));
  words_.put(dissect::End{evidence.mac, evidence.ip, 0});
  words_.put(text.size());
  words_.text(text);
}

std::uint64_t FactFilter::of(const dissect::Evidence& evidence, const dissect::End& from,
                             const dissect::End& to, std::uint16_t vlan) {
  begin('e', evidence, from, to, vlan, evidence.value);
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
