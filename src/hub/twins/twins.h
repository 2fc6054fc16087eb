#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"
#include "hub/twins/twin.h"

namespace hub::twins {

class TwinOutbox;

struct Options {
  std::string path;  // the SQLite file, made when absent
  Limits limits;
  std::size_t max_queued = 4096;
  std::size_t max_queued_bytes = 16U << 20U;
  std::function<base::WallTime()> now = base::wall_now;
};

// Something a device asks of its twin.
struct DeviceRequest {
  identity::Name name;
  std::string generation_id;
  // A patch of the reported properties; nullopt: the device wants to read.
  std::optional<std::string> patch;
  // Of the operations record: protocol, ip, sdk_version, auth, request_id, ...
  operations::Record record;
};

// What it is answered: 200 and the twin, 204 and the version of the reported properties, or an
// error with a body as the SDKs read it.
struct DeviceAnswer {
  int status = 200;
  std::string body;
  std::optional<std::int64_t> version;
};

// What the service asks for.
struct Update {
  enum class Mode : std::uint8_t { Patch, Replace };
  Mode mode = Mode::Patch;
  std::optional<base::json::Value> tags;
  std::optional<base::json::Value> desired;
  std::string if_match;  // an etag; empty or "*": whatever it is now
};

// A change of desired properties, for the device if it is connected.
struct DesiredChange {
  identity::Name name;
  std::int64_t version = 0;
  std::string json;  // the patch, with its $version
};

// That a twin was changed, and by whom; for those who keep up with its content.
struct Change {
  identity::Name name;
  bool tags = false;
  bool desired = false;
  bool reported = false;
  std::string actor;  // of the service; empty: the device itself
};

// All twins, in SQLite: every identity has one. One thread of their own changes them; the changes
// that wait together are one transaction, and nobody is told of one before it is durable.
//
// Each request is recorded in `operations`, those of the service with their actor.
// `registry` and `operations` must outlive it. Threads: any.
class Twins {
 public:
  // Errors: Io, Corrupt, Full.
  static base::Result<std::unique_ptr<Twins>> open(Options options, identity::Registry& registry,
                                                   operations::Operations& operations);
  ~Twins();  // stops
  Twins(const Twins&) = delete;
  Twins& operator=(const Twins&) = delete;

  // Called once, on the twins' thread, for one device in the order of its requests; cheap.
  using Done = std::function<void(DeviceAnswer)>;
  // False: too many are waiting, and `done` will not be called.
  bool request(DeviceRequest request, Done done);

  // Errors: NotFound (the identity), those of the store.
  base::Result<Twin> get(const identity::Name& name);
  // Waits until it is durable. Errors: NotFound, Conflict (the etag), Invalid and TooLarge (of
  // check_patch, apply_patch), Unavailable (too many are waiting, or the end has come).
  base::Result<Twin> update(const identity::Name& name, const Update& update,
                            std::string_view actor);

  // The same without waiting: `done` is called once, on the twins' thread when it is durable, or on
  // the caller's with Unavailable. Cheap.
  using Updated = std::function<void(base::Result<Twin>)>;
  void update(const identity::Name& name, const Update& update, std::string_view actor,
              const Updated& done);

  // Called for each change of desired properties, on the twins' thread, before anybody is told of
  // it otherwise. Before serving only.
  void add_listener(std::function<void(const DesiredChange&)> listener);
  // Called for each change, on the twins' thread, when it is durable; cheap. Before serving only.
  void add_change_listener(std::function<void(const Change&)> listener);

  // The changes on their way into DeviceTwins. As long-lived as the twins.
  TwinOutbox& outbox() const;

  // Answers what waits, takes nothing more, ends the thread. Idempotent.
  void stop();

 private:
  struct State;
  explicit Twins(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::twins
