#include "agent/watches.h"

#include "agent/baseline/snapshot.h"
#include "agent/connections/connections.h"
#include "agent/files/files.h"
#include "agent/hardware/hardware.h"
#include "agent/logins/logins.h"
#include "agent/snapshot/snapshots.h"
#include "agent/system/system.h"
#include "agent/trail/connections.h"
#include "agent/trail/records.h"

namespace agent {

std::vector<std::unique_ptr<Watch>> open_watches(const WatchContext& context) {
  std::vector<std::unique_ptr<Watch>> watches;
  watches.push_back(connections::open(
      context,
      connections::tiers(context.audit == nullptr ? connections::Opener()
                                                  : trail::connections_of(*context.audit))));
  watches.push_back(hardware::open(context));
  watches.push_back(logins::open(context));
  watches.push_back(files::open(context));
  watches.push_back(trail::open_records(context));
  return watches;
}

std::vector<std::unique_ptr<Snapshot>> make_snapshots(const SnapshotContext& context) {
  std::vector<std::unique_ptr<Snapshot>> snapshots;
  snapshots.push_back(system::make());
  snapshots.push_back(hardware::make_snapshot());
  snapshot::add_all(snapshots);
  snapshots.push_back(baseline::make_snapshot(context.baseline, context.baseline_problem));
  return snapshots;
}

}  // namespace agent
