#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sensor/flow/flow.h"

namespace sensor::flow {

// Flows by key, at most `capacity`. Each class is a list in order of the last packet, so that the
// oldest of any class is found at once: what times out, and what goes when there is no room.
// Places of flows are stable. The hash is keyed; nothing that can be seen depends on it.
// Threads: one.
class Table {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  explicit Table(std::uint32_t capacity);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  std::uint64_t hash(const Key& key) const;
  // kNone: there is none.
  std::uint32_t find(const Key& key, std::uint64_t hash) const;
  bool full() const { return used_ == capacity_; }
  std::uint32_t size() const { return used_; }
  // Only when it is not full and has no such flow.
  std::uint32_t add(const Key& key, std::uint64_t hash, Class in);
  void remove(std::uint32_t index);
  Flow& at(std::uint32_t index) { return chunks_[index / kChunk][index % kChunk]; }

  // It is the newest of that class now.
  void touch(std::uint32_t index, Class in);
  // The flow that has been silent longest; kNone: there is none of that class.
  std::uint32_t oldest(Class in) const { return lists_[static_cast<std::size_t>(in)].oldest; }
  // The one that was heard last; `older` leads to the others.
  std::uint32_t newest(Class in) const { return lists_[static_cast<std::size_t>(in)].newest; }
  // The one to go: oldest of the first class that has any.
  std::uint32_t dispensable() const;

 private:
  static constexpr std::uint32_t kChunk = 1024;
  struct List {
    std::uint32_t newest = kNone;
    std::uint32_t oldest = kNone;
  };
  struct Place {
    std::uint32_t index = kNone;
    std::uint32_t tag = 0;
  };

  void link(std::uint32_t index, Class in);
  void unlink(std::uint32_t index);

  std::uint32_t capacity_;
  std::uint32_t used_ = 0;
  std::uint64_t seed_[2];
  std::vector<Place> places_;  // a power of two, at most half full
  std::vector<std::unique_ptr<Flow[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::array<List, static_cast<std::size_t>(Class::End)> lists_;
};

}  // namespace sensor::flow
