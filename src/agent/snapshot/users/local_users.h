#pragma once

#include <memory>
#include <string>

#include "agent/watch/snapshot.h"

namespace agent::snapshot::users {

// LocalUsers: the accounts in the files of the device itself, with groups, shell, password state
// and who may use sudo. Nothing is asked of a network; that other services know accounts is
// remarked. `root` is put in front of every path: another system's files, or a test's.
std::unique_ptr<Snapshot> make(const std::string& root = {});

}  // namespace agent::snapshot::users
