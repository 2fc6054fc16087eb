#include "hub/egress/feed.h"

#include <algorithm>

#include "base/log.h"
#include "journal/reader.h"

namespace hub::egress {
namespace {

// Records that are looked at in one go, whatever the filter takes of them.
constexpr std::size_t kRecordsAtOnce = 4096;
constexpr std::size_t kBytesAtOnce = std::size_t{4} << 20U;

}  // namespace

Feed::Feed(ingest::Ingest& ingest, Filter filter, Offset from)
    : ingest_(ingest), filter_(std::move(filter)), next_(from) {}

Feed::~Feed() = default;

Offset Feed::earliest(const ingest::Ingest& ingest) {
  return {std::max<std::uint64_t>(ingest.journal().first_sequence, 1), 0};
}

Offset Feed::latest(const ingest::Ingest& ingest) {
  return {ingest.committed() + 1, 0};
}

void Feed::seek(Offset from) {
  next_ = from;
  reader_.reset();
}

base::Result<Feed::Batch> Feed::read(std::size_t max_lines, std::size_t max_bytes) {
  Batch batch;
  batch.next = next_;
  // What is written and not yet committed is nobody's business.
  const std::uint64_t committed = ingest_.committed();
  if (next_.sequence > committed) return batch;
  if (!reader_) reader_ = ingest_.reader(next_.sequence);
  std::size_t bytes = 0;
  std::size_t scanned = 0;
  for (std::size_t records = 0; records < kRecordsAtOnce && scanned < kBytesAtOnce; ++records) {
    if (next_.sequence > committed) break;
    if (batch.lines.size() >= max_lines || bytes >= max_bytes) break;
    const auto record = TRY(reader_->next());
    if (!record || record->sequence > committed) {
      // The rest up to there is damaged or gone.
      batch.lost += committed + 1 - next_.sequence;
      seek({committed + 1, 0});
      break;
    }
    if (record->sequence > next_.sequence) {
      batch.lost += record->sequence - next_.sequence;
      next_ = {record->sequence, 0};
    }
    scanned += record->payload.size();
    const std::size_t before = batch.lines.size();
    const auto made = append_lines(record->sequence, record->payload, filter_, next_.index,
                                   decoder_, batch.lines);
    if (!made) {
      ++batch.lost;
      LOG_ERROR("egress.record")
          .field("sequence", record->sequence)
          .field("error", made.error().to_string());
    }
    for (std::size_t i = before; i < batch.lines.size(); ++i)
      bytes += batch.lines[i].text.size();
    next_ = {record->sequence + 1, 0};
  }
  batch.next = next_;
  batch.more = next_.sequence <= committed;
  // A file that is kept open keeps its place on the disk.
  if (!batch.more && reader_) reader_->release();
  return batch;
}

}  // namespace hub::egress
