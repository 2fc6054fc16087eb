#include "journal/reader.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>

#include "journal/table.h"

namespace journal {

using base::Result;

struct Reader::State {
  std::shared_ptr<const Table> table;
  std::uint64_t position = 1;

  // The segment being read.
  std::optional<SegmentId> id;
  std::uint64_t end = 0;   // as far as the scanner goes
  std::uint64_t next = 1;  // the sequence that begins there
  os::Fd file;
  std::optional<FileSource> source;
  std::optional<SegmentScanner> scanner;

  explicit State(std::shared_ptr<const Table> log_table) : table(std::move(log_table)) {}
  void leave_segment();
  Result<bool> advance();
  Result<bool> enter(const Segment& segment);
};

void Reader::State::leave_segment() {
  scanner.reset();
  source.reset();
  file.reset();
  id.reset();
}

// More of the current segment, or the next one that matters; false: there is nothing more yet.
Result<bool> Reader::State::advance() {
  Segment found;
  {
    const std::lock_guard guard(table->mutex);
    if (position >= table->next) return false;
    const auto wanted = [&](const Segment& segment) {
      if (id && segment.id == *id) return segment.end > end;
      return segment.next > position && (!id || segment.id.first_sequence > id->first_sequence);
    };
    const auto at = std::find_if(table->segments.begin(), table->segments.end(), wanted);
    if (at == table->segments.end()) return false;
    found = *at;
  }
  if (id && found.id == *id && scanner) {
    scanner->extend(found.end, next);
    end = found.end;
    next = found.next;
    return true;
  }
  return enter(found);
}

Result<bool> Reader::State::enter(const Segment& segment) {
  auto opened = os::open_file(segment_path(table->folder, segment.id), O_RDONLY);
  const bool removed = !opened && opened.error().code == base::Code::NotFound;
  if (!opened && !removed) return std::unexpected(std::move(opened).error());
  leave_segment();
  id = segment.id;
  end = segment.end;
  next = segment.next;
  if (removed) return true;  // trimmed or evicted since we looked
  file = std::move(*opened);
  source.emplace(file.get());
  scanner.emplace(*source, segment.id, segment.end, table->max_record_bytes);
  return true;
}

Reader::Reader(const Log& log, std::uint64_t from) : state_(std::make_unique<State>(log.table())) {
  state_->position = from;
}
Reader::~Reader() = default;
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;

Result<std::optional<Record>> Reader::next() {
  State& s = *state_;
  for (;;) {
    while (s.scanner) {
      auto record = TRY(s.scanner->next());
      if (!record) break;
      if (record->sequence < s.position) continue;
      s.position = record->sequence + 1;
      return record;
    }
    if (!TRY(s.advance())) return std::optional<Record>();
  }
}

void Reader::seek(std::uint64_t from) {
  if (from < state_->position) state_->leave_segment();
  state_->position = from;
}

void Reader::release() {
  state_->leave_segment();
}

std::uint64_t Reader::position() const {
  return state_->position;
}

}  // namespace journal
