#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "advisories/advisory.h"
#include "base/result.h"

namespace advisories {

// The bytes of a file, wherever they are. Threads: one at a time.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::uint64_t size() const = 0;
  // Up to `bytes.size()` bytes at that place; fewer only at the end.
  virtual base::Result<std::size_t> read_at(std::span<std::uint8_t> bytes, std::uint64_t at) = 0;
};

enum class Format : std::uint8_t { DebianTracker, Osv };
std::string_view to_string(Format format);  // "debian-tracker", "osv"

struct Limits {
  std::size_t record = std::size_t{16} << 20U;     // bytes of one record
  std::uint64_t total = std::uint64_t{16} << 30U;  // bytes of all, unpacked
  std::size_t problems = 20;                       // that are told; the rest is counted
};

// What a bundle had.
struct Contents {
  Format format{};
  std::uint64_t records = 0;     // that were read
  std::uint64_t malformed = 0;   // that were not, each lost by itself
  std::uint64_t irrelevant = 0;  // of these that were read: for other systems, or nothing affected
  std::uint64_t withdrawn = 0;   // of these that were read
  std::uint64_t bytes = 0;       // unpacked
  std::vector<std::string> problems;  // "openssl CVE-2024-1: releases: missing"
};

// Called for each record that is about releases known here. Errors end the reading.
using AdvisorySink = std::function<base::Result<void>(const Advisory&)>;
// Called now and then with the bytes of the source that were read. False: stop (code Closed).
using Progress = std::function<bool(std::uint64_t)>;

// Reads a bundle in whatever form it is: the Debian tracker's JSON; OSV documents alone, as lines,
// as a list; either of these compressed with gzip; a zip archive of OSV documents (*.json).
// Memory: twice the largest record. Errors: Malformed, Truncated (the file as a whole), Unsupported
// (neither format, nothing in it), TooLarge (limits.total), Closed, and those of source and sink.
// Source: RFC 1952; PKWARE APPNOTE 6.3.10.
base::Result<Contents> read_bundle(Source& source, const Limits& limits, const AdvisorySink& sink,
                                   const Progress& progress);

}  // namespace advisories
