// A segment file of arbitrary bytes: what the journal finds in it after a crash.
#include <vector>

#include "base/hash.h"
#include "journal/segment.h"
#include "journal/segment_testing.h"

namespace {

constexpr journal::SegmentId kId{7, 0x5EED};
constexpr std::size_t kMaxRecordBytes = 1U << 16U;

struct Found {
  std::uint64_t sequence;
  std::uint64_t end;
  bool operator==(const Found&) const = default;
};

// Gives what looks like records the right checksum, so that more than the search is reached.
void repair(base::ByteVec& bytes) {
  std::size_t at = journal::kSegmentHeaderBytes;
  while (at + journal::kRecordHeaderBytes <= bytes.size()) {
    const std::size_t length = *base::Cursor(base::ByteView(bytes).subspan(at + 4)).u32le();
    if (length > bytes.size() - at - journal::kRecordHeaderBytes) return;
    const std::size_t size = journal::kRecordHeaderBytes + length;
    const std::uint32_t sum =
        base::crc32c(base::ByteView(bytes).subspan(at + 4, size - 4), kId.salt);
    for (unsigned i = 0; i < 4; ++i)
      bytes[at + i] = static_cast<std::uint8_t>(sum >> (8 * i));
    at += size;
  }
}

std::vector<Found> rest_of(journal::SegmentScanner& scanner) {
  std::vector<Found> found;
  while (const auto record = scanner.next().value()) {
    ASSERT(record->payload.size() <= kMaxRecordBytes);
    ASSERT(found.empty() || record->sequence > found.back().sequence);
    found.push_back({record->sequence, scanner.intact_end()});
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  journal::MemorySource source;
  source.bytes.assign(data + 2, data + size);
  if ((data[0] & 1U) != 0) repair(source.bytes);
  (void)journal::check_segment_header(source.bytes, kId);

  journal::SegmentScanner scanner(source, kId, source.bytes.size(), kMaxRecordBytes);
  const std::vector<Found> all = rest_of(scanner);
  ASSERT(scanner.intact_end() <= std::max(source.bytes.size(), journal::kSegmentHeaderBytes));
  ASSERT(scanner.damaged_bytes() <= source.bytes.size());
  if (all.empty()) return 0;

  // A reader that stops after any record and goes on when the file has grown finds the same.
  const std::size_t cut = data[1] % all.size();
  journal::SegmentScanner follower(source, kId, all[cut].end, kMaxRecordBytes);
  std::vector<Found> followed = rest_of(follower);
  follower.extend(source.bytes.size(), all[cut].sequence + 1);
  for (const Found& each : rest_of(follower))
    followed.push_back(each);
  ASSERT(followed == all);
  return 0;
}
