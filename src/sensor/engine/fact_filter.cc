#include "sensor/engine/fact_filter.h"

#include <concepts>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/hash.h"

namespace sensor::engine {

namespace {

// Fixed-size parts one after the other; texts with their length before them.
template <std::integral Number>
void add(std::string& to, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  to.append(bytes, sizeof bytes);
}

void add(std::string& to, std::string_view text) {
  add(to, text.size());
  to += text;
}

void add(std::string& to, const dissect::End& end) {
  to += base::as_text(end.mac.bytes);
  to += base::as_text(end.ip.bytes);
}

}  // namespace

bool FactFilter::passes(std::uint64_t fact, base::WallTime time, std::uint64_t& repeats) {
  repeats = 0;
  auto found = young_.find(fact);
  if (found == young_.end()) {
    if (young_.size() >= half_) {
      forgotten_ += old_.size();
      old_ = std::exchange(young_, {});
    }
    const auto before = old_.find(fact);
    if (before == old_.end()) {
      young_.emplace(fact, Told{time, 0});
      return true;
    }
    found = young_.emplace(fact, before->second).first;
    old_.erase(before);
  }
  Told& told = found->second;
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

std::uint64_t FactFilter::of(const dissect::Transaction& one, std::string& scratch) {
  scratch.assign("t");
  add(scratch, one.protocol);
  add(scratch, static_cast<std::uint8_t>(one.kind));
  add(scratch, one.client);
  add(scratch, one.server);
  add(scratch, one.server.port);
  add(scratch, one.vlan);
  add(scratch, one.operation.code);
  add(scratch, one.operation.name);
  add(scratch, one.sub_operation.code);
  add(scratch, one.sub_operation.name);
  add(scratch, static_cast<std::uint8_t>(one.access));
  add(scratch, one.unit ? std::uint64_t{*one.unit} : UINT64_MAX);
  add(scratch, static_cast<std::uint8_t>(one.status.outcome));
  add(scratch, one.status.code);
  add(scratch, static_cast<std::uint8_t>(one.answered.has_value()));
  for (const dissect::NamedObject& object : one.objects) {
    add(scratch, object.space);
    add(scratch, std::string_view(object.name));
    add(scratch, object.first);
    add(scratch, object.count);
  }
  return base::table_hash(base::as_bytes(scratch));
}

std::uint64_t FactFilter::of(const dissect::Evidence& evidence, const dissect::End& from,
                             const dissect::End& to, std::uint16_t vlan, std::string& scratch) {
  scratch.assign("e");
  add(scratch, from);
  add(scratch, to);
  add(scratch, vlan);
  add(scratch, static_cast<std::uint8_t>(evidence.about));
  add(scratch, static_cast<std::uint8_t>(evidence.fact));
  add(scratch, static_cast<std::uint8_t>(evidence.confidence));
  add(scratch, evidence.rack ? std::uint32_t{*evidence.rack} : UINT32_MAX);
  add(scratch, evidence.slot ? std::uint32_t{*evidence.slot} : UINT32_MAX);
  scratch += base::as_text(evidence.ip.bytes);
  scratch += base::as_text(evidence.mac.bytes);
  scratch += evidence.value;
  return base::table_hash(base::as_bytes(scratch));
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
