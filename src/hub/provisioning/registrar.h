#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/operations/operations.h"
#include "hub/provisioning/attest.h"
#include "hub/provisioning/enrollment_table.h"
#include "hub/twins/twins.h"

namespace hub::provisioning {

// Works registrations off, in the order in which they came, on a thread of its own: it waits on the
// disk, so that nobody else has to. One device has at most one on its way. Threads: any.
class Registrar {
 public:
  // `registry` and `twins` must outlive it.
  static Registrar create(EnrollmentTable table, identity::Registry& registry, twins::Twins& twins,
                          std::size_t max_queued, std::function<base::WallTime()> now);
  ~Registrar();
  Registrar(Registrar&&) noexcept;
  Registrar& operator=(Registrar&&) = delete;
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  // Called for each that ended, on the thread, after what became of it is durable and told by
  // find() or by the table. The record is the one of submit(), with its duration.
  using Finished = std::function<void(operations::Record, const Grant&, const Registration&)>;
  // Once.
  void start(Finished finished);

  struct Submitted {
    std::string operation_id;
    bool fresh = true;  // false: one of that device is on its way already, and this is it
  };
  // nullopt: too many are waiting, or the end has come.
  std::optional<Submitted> submit(const Grant& grant, const operations::Record& record);

  struct Standing {
    bool pending = false;
    // It ended, and could not be stored.
    std::optional<Registration> lost;
  };
  // Nothing of both: what became of it, if anything did, is in the table.
  Standing find(std::string_view registration_id, std::string_view operation_id) const;

  // Ends the one that is worked on, forgets the others, ends the thread. Idempotent.
  void stop();

 private:
  struct State;
  explicit Registrar(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::provisioning
