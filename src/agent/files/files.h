#pragma once

#include <memory>

#include "agent/watch/watch.h"

namespace agent::files {

// FileEvent: changes of the files and folders of the setting fileEventPaths, which may come and go,
// be links, or have other file systems mounted over them. From fanotify, with the process; else
// from inotify, without. docs/reference/agent-extra-details.md lists the ExtraDetails.
std::unique_ptr<Watch> open(const WatchContext& context);

}  // namespace agent::files
