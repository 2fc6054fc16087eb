#include "hub/link/service.h"

#include <mutex>

namespace hub::link {

using identity::Registry;
using operations::Reason;

struct Service::Watch {
  std::mutex mutex;
  Service* service = nullptr;  // guarded by mutex
};

Service::Service(Options given, identity::Registry& identities, twins::Twins& documents,
                 commands::Messages& commands, commands::Methods& calls,
                 operations::Operations& records, Sink& destination)
    : options(std::move(given)),
      registry(identities),
      twins(documents),
      messages(commands),
      methods(calls),
      operations(records),
      sink(destination),
      limits(options.limits),
      watch_(std::make_shared<Watch>()) {
  watch_->service = this;
  registry.add_listener([watch = watch_](const identity::Name& name, Registry::Event event) {
    if (event != Registry::Event::Disabled && event != Registry::Event::Deleted) return;
    const std::lock_guard lock(watch->mutex);
    if (watch->service == nullptr) return;
    watch->service->revoke(name,
                           event == Registry::Event::Deleted ? Reason::Deleted : Reason::Disabled);
  });
  twins.add_listener([watch = watch_](const twins::DesiredChange& change) {
    const std::lock_guard lock(watch->mutex);
    if (watch->service == nullptr) return;
    watch->service->sessions.deliver(change.name,
                                     TwinDesired{change.version, change.json, change.name});
  });
  messages.add_listener([watch = watch_](const identity::Name& name) {
    const std::lock_guard lock(watch->mutex);
    if (watch->service == nullptr) return;
    watch->service->sessions.deliver(name, CommandsWaiting{name});
  });
}

Service::~Service() {
  const std::lock_guard lock(watch_->mutex);
  watch_->service = nullptr;
}

void Service::revoke(const identity::Name& name, Reason reason) {
  revocations.fetch_add(1);
  sessions.cut(name, reason);
}

}  // namespace hub::link
