#pragma once

#include <functional>
#include <string>
#include <thread>

namespace os {

// Starts a thread that takes no signals, which are the main thread's. Debuggers and top(1) show the
// first 15 bytes of its name.
std::thread start_thread(std::string name, std::function<void()> run);

}  // namespace os
