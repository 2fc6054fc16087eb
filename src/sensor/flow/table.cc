#include "sensor/flow/table.h"

#include <bit>
#include <cstring>

#include "base/id.h"
#include "base/result.h"

namespace sensor::flow {

using namespace std::chrono_literals;

base::WallTime::duration patience(Class which) {
  switch (which) {
    case Class::HalfOpen:
      return 30s;
    case Class::Closed:
      return 10s;
    case Class::Unanswered:
      return 60s;
    case Class::Datagram:
      return 5min;
    case Class::Stream:
      return 1h;
    case Class::Industrial:
    case Class::End:
      return 2h;
  }
  return 0s;
}

namespace {

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

Table::Table(std::uint32_t capacity)
    : capacity_(capacity), places_(std::bit_ceil(std::size_t{capacity} * 2)) {
  std::uint8_t random[16];
  base::random_bytes(random);
  std::memcpy(seed_, random, sizeof random);
  seed_[0] |= 1U;
  seed_[1] |= 1U;
}

Table::~Table() = default;

std::uint64_t Table::hash(const Key& key) const {
  static_assert(sizeof(Key) == 44 && std::has_unique_object_representations_v<Key>);
  std::uint64_t words[6] = {};
  std::memcpy(words, &key, sizeof key);
  std::uint64_t mixed = seed_[1];
  for (std::size_t i = 0; i < 6; i += 2)
    mixed = fold(words[i] ^ seed_[0] ^ mixed, words[i + 1] ^ seed_[1] ^ std::rotl(mixed, 23));
  return fold(mixed ^ seed_[0], seed_[1]);
}

std::uint32_t Table::find(const Key& key, std::uint64_t hash) const {
  const std::size_t mask = places_.size() - 1;
  const auto tag = static_cast<std::uint32_t>(hash >> 32U);
  for (std::size_t at = hash & mask; places_[at].index != kNone; at = (at + 1) & mask) {
    if (places_[at].tag != tag) continue;
    const std::uint32_t index = places_[at].index;
    if (chunks_[index / kChunk][index % kChunk].key == key) return index;
  }
  return kNone;
}

std::uint32_t Table::add(const Key& key, std::uint64_t hash, Class in) {
  ASSERT(!full());
  if (free_.empty()) {
    const auto first = static_cast<std::uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<Flow[]>(kChunk));
    for (std::uint32_t i = kChunk; i > 0; --i)
      free_.push_back(first + i - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  ++used_;
  Flow& flow = at(index);  // as new: remove() sees to it
  flow.key = key;
  flow.hash = hash;
  const std::size_t mask = places_.size() - 1;
  std::size_t place = hash & mask;
  while (places_[place].index != kNone)
    place = (place + 1) & mask;
  places_[place] = {index, static_cast<std::uint32_t>(hash >> 32U)};
  link(index, in);
  return index;
}

void Table::remove(std::uint32_t index) {
  unlink(index);
  Flow& flow = at(index);
  const std::size_t mask = places_.size() - 1;
  std::size_t hole = flow.hash & mask;
  while (places_[hole].index != index)
    hole = (hole + 1) & mask;
  // What follows moves up where it may, so that no place has to be marked as once used.
  for (std::size_t next = (hole + 1) & mask; places_[next].index != kNone;
       next = (next + 1) & mask) {
    const std::size_t home = at(places_[next].index).hash & mask;
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    places_[hole] = places_[next];
    hole = next;
  }
  places_[hole] = {};
  flow = Flow{};
  free_.push_back(index);
  --used_;
}

void Table::link(std::uint32_t index, Class in) {
  List& list = lists_[static_cast<std::size_t>(in)];
  Flow& flow = at(index);
  flow.in = in;
  flow.newer = kNone;
  flow.older = list.newest;
  if (list.newest != kNone) at(list.newest).newer = index;
  list.newest = index;
  if (list.oldest == kNone) list.oldest = index;
}

void Table::unlink(std::uint32_t index) {
  Flow& flow = at(index);
  List& list = lists_[static_cast<std::size_t>(flow.in)];
  if (flow.newer == kNone) {
    list.newest = flow.older;
  } else {
    at(flow.newer).older = flow.older;
  }
  if (flow.older == kNone) {
    list.oldest = flow.newer;
  } else {
    at(flow.older).newer = flow.newer;
  }
}

void Table::touch(std::uint32_t index, Class in) {
  if (at(index).in == in && lists_[static_cast<std::size_t>(in)].newest == index) return;
  unlink(index);
  link(index, in);
}

std::uint32_t Table::dispensable() const {
  for (const List& list : lists_) {
    if (list.oldest != kNone) return list.oldest;
  }
  return kNone;
}

}  // namespace sensor::flow
