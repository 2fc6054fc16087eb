#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "journal/reader.h"

// The grammar of one segment file; docs/reference/journal-format.md.
namespace journal {

inline constexpr std::size_t kSegmentHeaderBytes = Log::kFileOverhead;
inline constexpr std::size_t kRecordHeaderBytes = Log::kRecordOverhead;
// Bytes that are checksummed in vain, for each segment, while looking for the next intact record
// after damage. What a hostile payload can cost is limited by it.
inline constexpr std::uint64_t kMaxSearchBytes = 64U << 20U;

// What a segment's name says: the sequence of its first record, and the number that its checksums
// start from. The salt keeps bytes that were written for another file, or chosen by somebody whose
// payload we store, from being taken for records.
struct SegmentId {
  std::uint64_t first_sequence = 1;
  std::uint32_t salt = 0;
  bool operator==(const SegmentId&) const = default;
};

std::string segment_name(SegmentId id);
std::optional<SegmentId> parse_segment_name(std::string_view name);

// The name is the authority; the header repeats it and adds the version.
enum class HeaderState : std::uint8_t { Intact, Damaged, NewerVersion };
void append_segment_header(SegmentId id, base::ByteVec& out);
HeaderState check_segment_header(base::ByteView bytes, SegmentId id);

void append_record(SegmentId id, std::uint64_t sequence, base::ByteView payload,
                   base::ByteVec& out);

// Where a segment's bytes come from.
class Source {
 public:
  virtual ~Source() = default;
  // Reads up to bytes.size() at `offset`; fewer only at the end.
  virtual base::Result<std::size_t> read_at(std::span<std::uint8_t> bytes,
                                            std::uint64_t offset) = 0;
};

// Finds the intact records of a segment, in order of sequence. Holds one record and a window.
class SegmentScanner {
 public:
  // Reads bytes [kSegmentHeaderBytes, end) of `source`, which must outlive the scanner. Records of
  // more than `max_record_bytes` are damage.
  SegmentScanner(Source& source, SegmentId id, std::uint64_t end, std::size_t max_record_bytes);

  // The next intact record, nullopt at the end. Damage in between is skipped. Errors: Io.
  base::Result<std::optional<Record>> next();

  // The file has grown: the bytes up to `end` are there, and `next_sequence` is the first sequence
  // that begins at the old end.
  void extend(std::uint64_t end, std::uint64_t next_sequence);

  // After the last intact record; what lies between it and the end is damage or a torn write.
  std::uint64_t intact_end() const { return intact_end_; }
  // The sequence after the last intact record.
  std::uint64_t expected() const { return expected_; }
  // Bytes skipped between intact records.
  std::uint64_t damaged_bytes() const { return damaged_bytes_; }

 private:
  enum class Check : std::uint8_t { Intact, Bad, End };
  base::Result<Check> check_at(std::uint64_t offset, std::uint64_t highest_sequence);
  base::Result<std::optional<Record>> search();
  std::optional<Record> take(std::uint64_t offset);
  // At least `count` bytes from `offset`, fewer at the end.
  base::Result<base::ByteView> window(std::uint64_t offset, std::size_t count);

  Source& source_;
  SegmentId id_;
  std::uint64_t end_;
  std::size_t max_record_bytes_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
  std::uint64_t intact_end_ = kSegmentHeaderBytes;
  std::uint64_t expected_;
  std::uint64_t damaged_bytes_ = 0;
  std::uint64_t searched_bytes_ = 0;
  std::uint64_t search_left_ = kMaxSearchBytes;
  base::ByteVec buffer_;
  std::uint64_t buffer_offset_ = 0;
};

}  // namespace journal
