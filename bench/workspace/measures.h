#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// Of values in any order; 0 when there are none. `share` is from 0 to 1.
double quantile(std::vector<double> values, double share);

// Processor time so far, in seconds: of this process with all threads, of the calling thread.
double process_cpu_seconds();
double thread_cpu_seconds();

// Most memory that this process ever had resident, in bytes, since reset_peak().
std::size_t peak_resident_bytes();
void reset_peak();

// Of all files below a folder.
std::uint64_t bytes_below(const std::string& folder);

}  // namespace bench
