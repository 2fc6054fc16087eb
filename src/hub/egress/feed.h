#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "hub/egress/line.h"
#include "hub/ingest/ingest.h"

namespace hub::egress {

// Reads the ingest's journal as lines, from any offset on that is still there. What was
// acknowledged to a device comes out, in the order of the journal: for each device the order in
// which it sent. A resent event comes again, with the same id.
//
// Reads files: not on a thread that serves connections. Threads: one at a time.
class Feed {
 public:
  // `ingest` must outlive it.
  Feed(ingest::Ingest& ingest, Filter filter, Offset from);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // The first offset that is still there, and the one that the next message will have.
  static Offset earliest(const ingest::Ingest& ingest);
  static Offset latest(const ingest::Ingest& ingest);

  struct Batch {
    std::vector<Line> lines;
    Offset next;             // where to go on after these
    std::uint64_t lost = 0;  // records between the last batch and these that are not there any more
    bool more = false;       // there may be more at once
  };
  // About as many lines and bytes as asked for; none when there is nothing new.
  // Errors: Io; may be tried again.
  base::Result<Batch> read(std::size_t max_lines, std::size_t max_bytes);
  // Where the next batch begins.
  Offset position() const { return next_; }
  // Reads again from there.
  void seek(Offset from);

 private:
  ingest::Ingest& ingest_;
  Filter filter_;
  Offset next_;
  schema::Decoder decoder_;
  std::unique_ptr<journal::Reader> reader_;
};

}  // namespace hub::egress
