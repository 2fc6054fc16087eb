#pragma once

#include <chrono>
#include <string_view>

namespace os {

// Tells whoever manages services how this one is: "READY=1", "WATCHDOG=1", "STOPPING=1", several
// with newlines between them. Does nothing where nobody asked for it (NOTIFY_SOCKET). A manager
// that does not listen is its own problem. Threads: any, while the environment is not changed.
// Source: sd_notify(3).
void notify_service(std::string_view state);

// How often the manager wants to hear WATCHDOG=1, halved to be in time; zero: not at all.
std::chrono::microseconds watchdog_period();

}  // namespace os
