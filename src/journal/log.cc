#include "journal/log.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "journal/table.h"
#include "os/file.h"

namespace journal {

using base::ByteVec;
using base::ByteView;
using base::Code;
using base::fail;
using base::Result;

namespace {

std::uint32_t random_salt() {
  std::array<std::uint8_t, 4> bytes{};
  base::random_bytes(bytes);
  return *base::Cursor(bytes).u32le();
}

// A full disk, quota or file size limit passes; the caller can make room.
base::Error as_full(base::Error error) {
  if (error.code == Code::Io && (error.at == ENOSPC || error.at == EDQUOT || error.at == EFBIG)) {
    error.code = Code::Full;
  }
  return error;
}

Result<std::uint64_t> file_size(const os::Fd& file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return base::fail_errno("fstat");
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> cut(const os::Fd& file, std::uint64_t size) {
  if (::ftruncate(file.get(), static_cast<off_t>(size)) != 0) return base::fail_errno("ftruncate");
  return {};
}

}  // namespace

struct Log::State {
  Options options;
  os::Fd folder_lock;
  std::shared_ptr<Table> table = std::make_shared<Table>();
  Recovery recovery;

  std::shared_ptr<os::Fd> active;  // the last segment of the table; none: the next group makes one
  bool header_written = false;     // of the active segment
  ByteVec group;                   // records appended since the last flush
  SegmentId group_segment;         // that they are encoded for
  std::uint64_t next = 1;
  std::size_t file_bytes = 0;

  std::map<std::uint64_t, std::shared_ptr<const os::Fd>> unsynced;  // closed segments, by first
  bool active_unsynced = false;
  bool folder_unsynced = false;

  Result<void> scan_folder();
  Result<void> scan_segment(SegmentId id, std::uint64_t before);
  void note_lost(std::uint64_t first, std::uint64_t after_last);
  Result<void> reopen_last();

  Result<void> start_segment();
  Result<void> write_group();
  void publish();
  void discard_group();
  void leave_active();
  Result<void> sync();
  void collect(SyncJob& job);
  Result<void> remove_first();
};

// --- Recovery ---

void Log::State::note_lost(std::uint64_t first, std::uint64_t after_last) {
  if (first >= after_last) return;
  recovery.lost_records += after_last - first;
  recovery.lost.push_back({first, after_last - 1});
}

Result<void> Log::State::scan_folder() {
  std::vector<SegmentId> ids;
  for (const std::string& name : TRY(os::list_dir(table->folder))) {
    if (const auto id = parse_segment_name(name)) {
      ids.push_back(*id);
    } else if (name != "lock") {
      ++recovery.other_files;
    }
  }
  // list_dir() sorts, and the names sort by sequence.
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool last = i + 1 == ids.size();
    TRY(scan_segment(ids[i], last ? UINT64_MAX : ids[i + 1].first_sequence));
  }
  if (!ids.empty()) next = table->segments.back().next;
  if (next < options.min_next_sequence) {
    if (!ids.empty()) note_lost(next, options.min_next_sequence);
    next = options.min_next_sequence;
  }
  table->next = next;
  return {};
}

// Finds the records of one segment that come before the sequence `before`, where the next segment
// begins: what a failed write left behind may reach beyond.
Result<void> Log::State::scan_segment(SegmentId id, std::uint64_t before) {
  const os::Fd file = TRY(os::open_file(segment_path(table->folder, id), O_RDONLY));
  const std::uint64_t size = TRY(file_size(file));
  FileSource source(file.get());
  ByteVec header(kSegmentHeaderBytes);
  header.resize(TRY(source.read_at(header, 0)));
  const HeaderState header_state = check_segment_header(header, id);
  if (header_state == HeaderState::NewerVersion) {
    return fail(Code::Unsupported, "journal file of a newer version", -1,
                segment_path(table->folder, id));
  }
  if (header_state == HeaderState::Damaged && size >= kSegmentHeaderBytes) {
    recovery.damaged_bytes += kSegmentHeaderBytes;
  }
  const std::uint64_t previous_next =
      table->segments.empty() ? id.first_sequence : table->segments.back().next;
  note_lost(previous_next, id.first_sequence);

  Segment segment{id, std::min<std::uint64_t>(size, kSegmentHeaderBytes), id.first_sequence};
  SegmentScanner scanner(source, id, size, options.max_record_bytes);
  std::uint64_t damaged = 0;
  for (;;) {
    const auto record = TRY(scanner.next());
    if (!record || record->sequence >= before) break;
    note_lost(segment.next, record->sequence);
    segment.next = record->sequence + 1;
    segment.end = scanner.intact_end();
    damaged = scanner.damaged_bytes();
    ++recovery.records;
  }
  recovery.damaged_bytes += damaged;
  if (before != UINT64_MAX && segment.next < before) recovery.damaged_bytes += size - segment.end;
  file_bytes += segment.end;
  table->segments.push_back(segment);
  return {};
}

// Cuts off what a crash left unfinished, and goes on in the last segment if it has room.
Result<void> Log::State::reopen_last() {
  if (table->segments.empty()) return {};
  Segment& last = table->segments.back();
  auto file =
      std::make_shared<os::Fd>(TRY(os::open_file(segment_path(table->folder, last.id), O_RDWR)));
  const std::uint64_t size = TRY(file_size(*file));
  if (last.end < kSegmentHeaderBytes) {
    file_bytes -= std::exchange(last.end, 0);
  }
  if (size > last.end) {
    recovery.torn_bytes += size - last.end;
    TRY(cut(*file, last.end));
    TRY(os::sync_data(file->get()));
  }
  if (last.end >= options.segment_bytes || last.next != next) return {};
  active = std::move(file);
  header_written = last.end > 0;
  group_segment = last.id;
  // What was flushed before the crash may never have reached the disk.
  active_unsynced = true;
  return {};
}

Result<std::unique_ptr<Log>> Log::open(const std::string& folder, Options options) {
  ASSERT(options.min_next_sequence >= 1 && options.max_record_bytes <= UINT32_MAX);
  TRY(os::make_dirs(folder));
  auto state = std::make_unique<State>();
  state->folder_lock = TRY(os::lock_file(folder + "/lock"));
  state->options = options;
  state->table->folder = folder;
  state->table->max_record_bytes = options.max_record_bytes;
  TRY(state->scan_folder());
  TRY(state->reopen_last());
  const Recovery& found = state->recovery;
  if (found.torn_bytes + found.damaged_bytes + found.lost_records > 0) {
    LOG_WARNING("journal.damaged")
        .field("folder", folder)
        .field("records", found.records)
        .field("lost_records", found.lost_records)
        .field("damaged_bytes", found.damaged_bytes)
        .field("torn_bytes", found.torn_bytes);
  }
  return std::unique_ptr<Log>(new Log(std::move(state)));
}

Log::Log(std::unique_ptr<State> state) : state_(std::move(state)) {}
Log::~Log() = default;

// --- Writing ---

Result<std::uint64_t> Log::append(ByteView payload) {
  State& s = *state_;
  if (payload.size() > s.options.max_record_bytes) {
    return fail(Code::TooLarge, "journal record", -1,
                std::to_string(payload.size()) + " bytes, at most " +
                    std::to_string(s.options.max_record_bytes));
  }
  if (size_bytes() + kRecordOverhead + payload.size() > s.options.max_bytes) {
    return fail(Code::Full, "journal");
  }
  if (s.group.empty()) {
    const bool full = !s.active || s.table->segments.back().end >= s.options.segment_bytes;
    // A segment of its own for this group: the salt is chosen now, the file is made by flush().
    if (full) s.group_segment = {s.next, random_salt()};
  }
  append_record(s.group_segment, s.next, payload, s.group);
  return s.next++;
}

// Makes the file of group_segment, for a group that does not go into the active one.
Result<void> Log::State::start_segment() {
  auto file = std::make_shared<os::Fd>(
      TRY(os::open_file(segment_path(table->folder, group_segment), O_RDWR | O_CREAT | O_EXCL)));
  if (active && active_unsynced) unsynced[table->segments.back().id.first_sequence] = active;
  active = std::move(file);
  header_written = false;
  active_unsynced = true;
  folder_unsynced = true;
  const std::lock_guard guard(table->mutex);
  table->segments.push_back({group_segment, 0, group_segment.first_sequence});
  return {};
}

Result<void> Log::State::write_group() {
  if (!active || table->segments.back().id != group_segment) TRY(start_segment());
  const std::uint64_t end = table->segments.back().end;
  const auto write = [&]() -> Result<void> {
    if (!header_written) {
      ByteVec header;
      append_segment_header(group_segment, header);
      TRY(os::write_all_at(active->get(), header, 0));
    }
    return os::write_all_at(active->get(), group,
                            std::max<std::uint64_t>(end, kSegmentHeaderBytes));
  };
  active_unsynced = true;
  auto written = write();
  // What stays behind of a failed write would stand in the way of the next.
  if (!written && !cut(*active, end)) leave_active();
  return written;
}

// Lets the next group begin in another file. A file without records is used again: two files may
// not begin with the same sequence.
void Log::State::leave_active() {
  if (table->segments.back().end > 0) active.reset();
}

// Shows a written group to the readers.
void Log::State::publish() {
  if (group.empty()) return;
  const std::lock_guard guard(table->mutex);
  Segment& segment = table->segments.back();
  const std::uint64_t end =
      std::max<std::uint64_t>(segment.end, kSegmentHeaderBytes) + group.size();
  file_bytes += end - segment.end;
  header_written = true;
  segment.end = end;
  segment.next = next;
  table->next = next;
  // Keeps room for groups like this one, and not for a burst of long ago.
  const std::size_t room = std::max<std::size_t>(4 * group.size(), 64U << 10U);
  group.clear();
  if (group.capacity() > room) group.shrink_to_fit();
}

void Log::State::discard_group() {
  if (!group.empty()) next = table->next;
  group.clear();
}

Result<void> Log::flush() {
  State& s = *state_;
  if (s.group.empty()) return {};
  if (auto written = s.write_group(); !written) {
    s.discard_group();
    return std::unexpected(as_full(std::move(written).error()));
  }
  s.publish();
  return {};
}

Result<void> Log::State::sync() {
  SyncJob job;
  collect(job);
  return job.run();
}

void Log::State::collect(SyncJob& job) {
  for (const auto& [first, file] : unsynced)
    job.add_file(file);
  if (active && active_unsynced) job.add_file(active);
  if (folder_unsynced) job.add_folder(table->folder);
  unsynced.clear();
  active_unsynced = folder_unsynced = false;
}

Result<void> Log::commit() {
  State& s = *state_;
  const bool has_group = !s.group.empty();
  if (has_group) {
    if (auto written = s.write_group(); !written) {
      s.discard_group();
      return std::unexpected(as_full(std::move(written).error()));
    }
  }
  if (auto synced = s.sync(); !synced) {
    // The kernel has forgotten what it could not write, so that a second try would prove nothing:
    // the group is given up, and the next one begins in another file.
    if (has_group && !cut(*s.active, s.table->segments.back().end)) {
      LOG_WARNING("journal.not_cut").field("folder", s.table->folder);
    }
    if (s.active) s.leave_active();
    s.discard_group();
    return std::unexpected(as_full(std::move(synced).error()));
  }
  s.publish();
  return {};
}

void Log::begin_sync(SyncJob& job) {
  state_->collect(job);
}

bool Log::needs_sync() const {
  return !state_->unsynced.empty() || (state_->active && state_->active_unsynced) ||
         state_->folder_unsynced;
}

// --- Removing ---

Result<void> Log::State::remove_first() {
  Segment first;
  {
    const std::lock_guard guard(table->mutex);
    first = table->segments.front();
    table->segments.pop_front();
  }
  file_bytes -= first.end;
  unsynced.erase(first.id.first_sequence);  // an open file would keep its place on the disk
  auto removed = os::remove_file(segment_path(table->folder, first.id));
  if (!removed && removed.error().code != Code::NotFound) return removed;
  return {};
}

Result<void> Log::trim(std::uint64_t up_to) {
  State& s = *state_;
  // The last segment stays: its name and its records remember the next sequence.
  while (s.table->segments.size() > 1 && s.table->segments.front().next - 1 <= up_to)
    TRY(s.remove_first());
  return {};
}

std::optional<Range> Log::oldest() const {
  const auto& segments = state_->table->segments;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t first = segments[i].id.first_sequence;
    const std::uint64_t after =
        i + 1 < segments.size() ? segments[i + 1].id.first_sequence : segments[i].next;
    if (after > first) return Range{first, after - 1};
  }
  return std::nullopt;
}

Result<std::optional<Range>> Log::evict_oldest() {
  State& s = *state_;
  ASSERT(s.group.empty());
  const auto range = oldest();
  if (!range) return range;
  if (range->last + 1 == s.table->next &&
      s.table->segments.back().id.first_sequence == range->first) {
    // The sequence must outlive the file.
    s.group_segment = {s.next, random_salt()};
    if (auto made = s.start_segment(); !made) {
      return std::unexpected(as_full(std::move(made).error()));
    }
  }
  while (s.table->segments.front().id.first_sequence <= range->first)
    TRY(s.remove_first());
  return range;
}

// --- Questions ---

std::uint64_t Log::first_sequence() const {
  const auto& segments = state_->table->segments;
  return segments.empty() ? state_->next : segments.front().id.first_sequence;
}
std::uint64_t Log::next_sequence() const {
  return state_->next;
}
std::uint64_t Log::flushed_sequence() const {
  return state_->table->next;
}
std::size_t Log::size_bytes() const {
  return state_->file_bytes + state_->group.size();
}
std::size_t Log::buffered_bytes() const {
  return state_->group.size();
}
const Recovery& Log::recovery() const {
  return state_->recovery;
}
const Options& Log::options() const {
  return state_->options;
}

void Log::set_segment_bytes(std::size_t bytes) {
  state_->options.segment_bytes = bytes;
}
std::shared_ptr<const Table> Log::table() const {
  return state_->table;
}

}  // namespace journal
