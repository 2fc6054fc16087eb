#pragma once

#include <cstdio>
#include <string>

#include "sensor/engine/engine.h"
#include "sensor/read.h"
#include "sensor/stock.h"

namespace sensor {

// Writes those records that were asked for, and in the end what is known. Threads: one.
class Output final : public engine::Consumer {
 public:
  // `out` and `stock`, which hears the same records, outlive it.
  Output(What what, Shape shape, std::FILE* out, const Stock& stock);

  void take(const engine::Record& record) override;
  // What is known when all is read: devices, health.
  void end(const engine::Health& health);
  // Hands everything on. False: that failed, now or before.
  bool flush();

 private:
  template <class Content>
  void line(const Content& content);
  template <class Content>
  void line(const Content& content, std::uint64_t flow);

  What what_;
  Shape shape_;
  std::FILE* out_;
  std::string text_;
  const Stock& stock_;
  bool good_ = true;
};

// What workers must tell for that.
engine::WorkerSettings worker_settings(What what);
// The numbers as one object.
std::string health_json(const engine::Health& health);

}  // namespace sensor
