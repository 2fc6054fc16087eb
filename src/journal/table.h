#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "journal/segment.h"
#include "os/file.h"

// What a log and its readers share. Private to this folder.
namespace journal {

struct Segment {
  SegmentId id;
  std::uint64_t end = 0;   // bytes that readers may see; always the end of a record
  std::uint64_t next = 1;  // the sequence after its last record
};

struct Table {
  std::string folder;
  std::size_t max_record_bytes = 0;

  mutable std::mutex mutex;
  std::deque<Segment> segments;  // guarded by mutex; ascending, the last one is written to
  std::uint64_t next = 1;        // guarded by mutex; below it, everything was flushed
};

inline std::string segment_path(const std::string& folder, SegmentId id) {
  return folder + "/" + segment_name(id);
}

// A segment file. Blocks that the disk cannot read any more are read as zeros, which no checksum
// accepts: the rest of the log stays readable.
class FileSource : public Source {
 public:
  explicit FileSource(int file) : file_(file) {}
  base::Result<std::size_t> read_at(std::span<std::uint8_t> bytes, std::uint64_t offset) override;

 private:
  int file_;  // the owner's
};

}  // namespace journal
