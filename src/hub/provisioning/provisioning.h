#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/counter.h"
#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"
#include "hub/provisioning/attest.h"
#include "hub/provisioning/enrollment.h"
#include "hub/provisioning/enrollment_table.h"
#include "hub/provisioning/pace.h"
#include "hub/twins/twins.h"

// Devices that come without an identity, and leave with one.
namespace hub::provisioning {

struct Options {
  std::string path;       // the SQLite file, made when absent
  std::string host_name;  // the hub's: what devices are assigned to
  std::uint64_t max_enrollments = 1'000'000;
  std::uint64_t max_groups = 200;
  Rate registrations{1000, std::chrono::minutes(1)};  // of all devices
  Rate polls{5, std::chrono::seconds(10)};            // of each device
  std::chrono::seconds retry_after{2};                // what devices are told to wait
  std::size_t max_queued = 4096;                      // registrations that wait
  twins::Limits twin_limits;
  // Time as a parameter, for tests.
  std::function<base::WallTime()> wall_now = base::wall_now;
  std::function<base::MonoTime()> mono_now = base::mono_now;
};

// Since start; read by the API.
struct Counters {
  base::Counter attestations_refused;  // reasons: operations
  base::Counter registrations;         // begun
  base::Counter assigned;
  base::Counter failed;     // ended otherwise
  base::Counter throttled;  // answered 429
};

// What a device is answered.
struct Reply {
  int status = 200;
  std::string body;  // JSON
  std::optional<std::chrono::seconds> retry_after;
};

// The provisioning service: enrollments, in SQLite, and the registrations of devices.
//
// A registration is taken at once and worked off by a thread of its own, which makes or changes
// the device's identity; the device asks until it is done. What is durable is there after a
// restart; a registration that was on its way is not, and the device begins anew.
// Every request is recorded in `operations`; changes with their actor.
// `registry`, `twins` and `operations` must outlive it. Threads: any.
class Provisioning {
 public:
  // Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Provisioning>> open(Options options,
                                                          identity::Registry& registry,
                                                          twins::Twins& twins,
                                                          operations::Operations& operations);
  ~Provisioning();  // stops
  Provisioning(const Provisioning&) = delete;
  Provisioning& operator=(const Provisioning&) = delete;

  // What devices name beside their registration id.
  const std::string& id_scope() const;
  const Options& options() const;

  // --- devices ---
  // None of these waits on the disk for more than a read. `record` has what is known of the
  // connection: protocol, ip, sdk_version, request_id, ...

  // Reads only. Nothing is recorded.
  std::expected<Grant, identity::Refusal> attest(const Credentials& credentials) const;
  // Begins a registration, or answers with the one that is on its way.
  Reply begin(const Grant& grant, std::string_view body, operations::Record record);
  // How a registration stands.
  Reply poll(const Grant& grant, std::string_view operation_id, operations::Record record);
  // What became of the last registration.
  Reply look_up(const Grant& grant, operations::Record record);
  // Records the refusal, and says it in the words of the service.
  Reply refuse(const identity::Refusal& refusal, operations::Record record);

  // --- service ---

  struct Put {
    Enrollment enrollment;
    bool created = false;
  };
  // Creates with an empty `if_match`, else changes ("*": whatever it is now). Errors: Invalid (the
  // detail says what), Exists, NotFound, Conflict (the etag), Full.
  base::Result<Put> put(Kind kind, std::string_view id, const base::json::Value& body,
                        std::string_view if_match, std::string_view actor);
  // Errors: NotFound.
  base::Result<Enrollment> get(Kind kind, std::string_view id) const;
  // Pages by id, of enrollments and of registrations. Errors: Invalid (no cursor of this hub).
  base::Result<Page<Enrollment>> list(Kind kind, std::string_view search, std::size_t limit,
                                      std::string_view cursor) const;
  // Of the page that begins behind that id; of the first for an empty one.
  static std::string cursor_behind(std::string_view id);
  // Identities that were made stay. Errors: NotFound, Conflict.
  base::Result<void> remove(Kind kind, std::string_view id, std::string_view if_match,
                            std::string_view actor);
  // Errors: NotFound.
  base::Result<Registration> registration(std::string_view id) const;
  base::Result<Page<Registration>> registrations(Kind kind, std::string_view enrollment_id,
                                                 std::size_t limit, std::string_view cursor) const;
  // The identity stays. Errors: NotFound, Conflict.
  base::Result<void> remove_registration(std::string_view id, std::string_view if_match,
                                         std::string_view actor);
  struct Totals {
    std::uint64_t enrollments = 0;
    std::uint64_t groups = 0;
    std::uint64_t registrations = 0;
  };
  base::Result<Totals> totals() const;
  const Counters& counters() const;

  // Ends the registrations that wait as they are, takes nothing more, ends the thread. Idempotent.
  void stop();

 private:
  struct State;
  explicit Provisioning(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The id scope of the hub whose state is in that file. For who is not the hub. Errors: those of
// store::Sqlite.
base::Result<std::string> read_id_scope(const std::string& path);

}  // namespace hub::provisioning
