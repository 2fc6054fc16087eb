#pragma once

#include <vector>

#include "hub/api/server.h"
#include "hub/ingest/ingest.h"
#include "hub/listen/listener.h"
#include "store/events.h"

namespace hub {

// The numbers of the hub's parts, for /metrics and /status. Threads: any.
void append_metrics(const listen::Listener& listener, std::vector<api::Metric>& out);
void append_metrics(const ingest::Ingest& ingest, std::vector<api::Metric>& out);
void append_metrics(const store::EventStore& events, std::vector<api::Metric>& out);

}  // namespace hub
