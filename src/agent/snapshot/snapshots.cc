#include "agent/snapshot/snapshots.h"

#include "agent/snapshot/firewall/firewall.h"
#include "agent/snapshot/packages/sbom.h"
#include "agent/snapshot/ports/listening_ports.h"
#include "agent/snapshot/users/local_users.h"

namespace agent::snapshot {

void add_all(std::vector<std::unique_ptr<Snapshot>>& snapshots) {
  snapshots.push_back(ports::make());
  snapshots.push_back(users::make());
  snapshots.push_back(firewall::make());
  snapshots.push_back(packages::make());
}

}  // namespace agent::snapshot
