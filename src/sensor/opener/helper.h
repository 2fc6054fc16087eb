#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"

namespace sensor::opener {

// What a helper was started with.
struct HelperOptions {
  std::vector<std::string> only;  // the interfaces that may be asked for; empty: all
};

// From the arguments after the program's name. Errors: Invalid, with what is wrong.
base::Result<HelperOptions> read_helper_arguments(const std::vector<std::string_view>& words);

// The life of vedette-sensor-open: gives up all rights but CAP_NET_RAW, takes one request from the
// Unix socket that `socket` is, opens what it asks for if it may be, gives up the rest, answers.
// Returns the process's exit code; what could not be answered is on standard error. Changes the
// whole process: it is to end after that. Threads: none may be there.
int run_helper(int socket, const HelperOptions& options);

// The middle of it: the request is checked, and opened. `memory` as for check().
base::Result<std::vector<os::Fd>> serve_request(base::ByteView request,
                                                const HelperOptions& options, std::uint64_t memory);

}  // namespace sensor::opener
