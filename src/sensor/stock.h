#pragma once

#include <initializer_list>
#include <vector>

#include "sensor/assets.h"
#include "sensor/engine/engine.h"
#include "sensor/inventory/inventory.h"

namespace sensor {

// What is known of devices, with what is needed to say it. Threads: one.
class Stock final : public engine::Consumer {
 public:
  void take(const engine::Record& record) override { note(inventory_, record); }
  // Reads who made network cards, which takes some hundredths of a second: for those who will ask
  // for devices, before they do.
  void know_vendors() { vendors_ = installed_vendors(); }
  std::vector<inventory::Device> devices() const { return inventory_.devices(vendors_, edits_); }
  inventory::Inventory& inventory() { return inventory_; }
  const inventory::Inventory& inventory() const { return inventory_; }
  // What people changed.
  inventory::Edits& edits() { return edits_; }
  const inventory::Edits& edits() const { return edits_; }

 private:
  inventory::Inventory inventory_;
  inventory::Edits edits_;
  inventory::Vendors vendors_;
};

// Who is told, one after the other; nobody for each null pointer. They outlive it.
class Audience final : public engine::Consumer {
 public:
  Audience(std::initializer_list<engine::Consumer*> listeners) {
    for (engine::Consumer* const one : listeners)
      if (one != nullptr) listeners_.push_back(one);
  }
  void take(const engine::Record& record) override {
    for (engine::Consumer* const one : listeners_)
      one->take(record);
  }

 private:
  std::vector<engine::Consumer*> listeners_;
};

}  // namespace sensor
