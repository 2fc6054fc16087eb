#include "uplink/spool.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "journal/cell.h"
#include "os/file.h"

namespace uplink {

using base::Result;
using journal::Range;

namespace {

constexpr std::array kLanes{Priority::High, Priority::Low};
constexpr std::array<std::string_view, kPriorities> kLaneNames{"high", "low"};
constexpr std::array<std::string_view, kOutcomes> kOutcomeNames{"acknowledged", "evicted", "lost",
                                                                "too_large"};

// What the cell remembers of a lane.
struct Account {
  std::uint64_t base = 0;    // sequences up to here belong to an account that was lost
  std::uint64_t next = 1;    // the log had given out all below
  std::uint64_t cursor = 0;  // settled up to here
  OutcomeCounts counts{};    // of base + 1 to cursor
  std::uint64_t refused = 0;
  std::uint64_t too_large = 0;  // that never had a sequence
};

std::uint64_t number(const base::json::Value* object, std::string_view name) {
  const auto* value = object == nullptr ? nullptr : object->find(name);
  const auto* whole = value == nullptr ? nullptr : value->if_int();
  return whole == nullptr || *whole < 0 ? 0 : static_cast<std::uint64_t>(*whole);
}

// nullopt: it contradicts itself.
std::optional<Account> read_account(const base::json::Value* lane) {
  Account account;
  account.base = number(lane, "base");
  account.next = std::max<std::uint64_t>(number(lane, "next"), 1);
  account.cursor = number(lane, "cursor");
  account.refused = number(lane, "refused");
  account.too_large = number(lane, "never_written");
  std::uint64_t settled = 0;
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    settled += account.counts[i] = number(lane, kOutcomeNames[i]);
  }
  if (account.cursor < account.base || settled != account.cursor - account.base)
    return std::nullopt;
  return account;
}

}  // namespace

struct Spool::State {
  struct Lane {
    std::unique_ptr<journal::Log> log;
    std::optional<journal::Reader> reader;
    Ledger ledger;
    Account account;  // base, refused, too_large are kept here; the rest is in log and ledger
    std::vector<std::string> waiting;  // for flush()
  };

  Options options;
  journal::Cell cell;
  std::array<Lane, kPriorities> lanes;
  bool dirty = false;  // the cell does not know everything
  bool syncing = false;
  SpoolStats totals;  // the counters that belong to no lane

  explicit State(journal::Cell the_cell) : cell(std::move(the_cell)) {}
  Lane& lane(Priority priority) { return lanes[static_cast<std::size_t>(priority)]; }

  Result<void> open_lane(Priority priority, const std::optional<Account>& remembered);
  void settle_missing(Lane& lane);
  std::size_t bytes() const;
  std::size_t segment_bytes() const;

  void flush_lane(Priority priority);
  bool write(Priority priority, std::span<const std::string> events, std::size_t need);
  bool make_room(Priority priority, std::size_t need);
  bool reclaim();
  bool evict_for(Priority priority);
  bool evict(Lane& lane);

  std::string encode_accounts() const;
  void write_cell();
  LaneStats lane_stats(const Lane& lane) const;
};

// --- Opening ---

std::size_t Spool::State::segment_bytes() const {
  return std::clamp<std::size_t>(options.max_bytes / 32, 1U << 10U, 1U << 20U);
}

Result<void> Spool::State::open_lane(Priority priority, const std::optional<Account>& remembered) {
  Lane& own = lane(priority);
  journal::Options log_options;
  log_options.segment_bytes = segment_bytes();
  log_options.max_bytes = SIZE_MAX;  // both lanes share one limit, which is kept here
  log_options.max_record_bytes = options.max_event_bytes;
  if (remembered)
    log_options.min_next_sequence = std::max(remembered->next, remembered->cursor + 1);
  const std::string folder =
      options.folder + "/" + std::string(kLaneNames[static_cast<std::size_t>(priority)]);
  own.log = TRY(journal::Log::open(folder, log_options));
  if (remembered) {
    own.account = *remembered;
  } else {
    own.account.base = own.account.cursor = own.log->first_sequence() - 1;
  }
  own.ledger = Ledger(own.account.cursor, own.account.counts);
  settle_missing(own);
  own.reader.emplace(*own.log, own.ledger.cursor() + 1);
  totals.torn_bytes += own.log->recovery().torn_bytes;
  totals.damaged_bytes += own.log->recovery().damaged_bytes;
  return {};
}

// What was given out, is not settled, and is not in the files.
void Spool::State::settle_missing(Lane& own) {
  const std::uint64_t first = own.log->first_sequence();
  if (first > own.ledger.cursor() + 1) own.ledger.settle(1, first - 1, Outcome::Lost);
  for (const Range& range : own.log->recovery().lost) {
    own.ledger.settle(range.first, range.last, Outcome::Lost);
  }
}

Result<std::unique_ptr<Spool>> Spool::open(const Options& options) {
  if (options.max_bytes < kMinBytes) {
    return base::fail(base::Code::Invalid, "spool", -1,
                      "max_bytes is " + std::to_string(options.max_bytes) + ", expected at least " +
                          std::to_string(kMinBytes));
  }
  TRY(os::make_dirs(options.folder));
  auto state = std::make_unique<State>(TRY(journal::Cell::open(options.folder + "/account")));
  state->options = options;
  std::array<std::optional<Account>, kPriorities> remembered;
  const std::string& value = state->cell.value();
  bool readable = !state->cell.was_damaged();
  if (readable && !value.empty()) {
    const auto json = base::json::parse(value);
    for (std::size_t i = 0; i < kPriorities; ++i) {
      if (json) remembered[i] = read_account(json->find(kLaneNames[i]));
      readable = readable && remembered[i].has_value();
    }
  }
  for (const Priority priority : kLanes) {
    TRY(state->open_lane(priority, remembered[static_cast<std::size_t>(priority)]));
  }
  if (!readable) {
    state->totals.account_lost = true;
    LOG_WARNING("spool.account_lost").field("folder", options.folder);
  }
  state->write_cell();
  return std::unique_ptr<Spool>(new Spool(std::move(state)));
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::~Spool() {
  flush();
}

// --- Collecting ---

void Spool::append(std::string event, Priority priority) {
  State::Lane& lane = state_->lane(priority);
  if (event.size() > state_->options.max_event_bytes) {
    ++lane.account.too_large;
    state_->dirty = true;
    LOG_WARNING("spool.event_too_large").field("bytes", event.size());
    return;
  }
  lane.waiting.push_back(std::move(event));
}

void Spool::flush() {
  for (const Priority priority : kLanes)
    state_->flush_lane(priority);
  if (state_->dirty) state_->write_cell();
}

// In parts of at most a file's size, so that eviction can make room for each.
void Spool::State::flush_lane(Priority priority) {
  Lane& own = lane(priority);
  std::size_t done = 0;
  while (done < own.waiting.size()) {
    std::size_t end = done;
    std::size_t need = 0;
    do {
      need += own.waiting[end++].size() + journal::Log::kRecordOverhead;
    } while (end < own.waiting.size() &&
             need + own.waiting[end].size() + journal::Log::kRecordOverhead <= segment_bytes());
    if (!write(priority, std::span(own.waiting).subspan(done, end - done), need)) {
      own.account.refused += end - done;
      dirty = true;
      LOG_WARNING("spool.refused").field("events", end - done);
    }
    done = end;
  }
  own.waiting.clear();
}

bool Spool::State::write(Priority priority, std::span<const std::string> events, std::size_t need) {
  Lane& own = lane(priority);
  if (!make_room(priority, need + journal::Log::kFileOverhead)) return false;
  for (int attempt = 1;; ++attempt) {
    for (const std::string& event : events) {
      const auto appended = own.log->append(base::as_bytes(event));
      ASSERT(appended);  // sizes were checked, and the log itself has no limit
    }
    const auto flushed = own.log->flush();
    if (flushed) {
      totals.bytes_written += need;
      return true;
    }
    ++totals.write_errors;
    LOG_WARNING("spool.write_failed").field("error", flushed.error().to_string());
    // A full disk: what is old may make place for what is new; but if it does not help at once,
    // then somebody else takes the place, and giving up more would be for nothing.
    if (flushed.error().code != base::Code::Full || attempt == 2) return false;
    if (!reclaim() && !evict_for(priority)) return false;
  }
}

std::size_t Spool::State::bytes() const {
  return lanes[0].log->size_bytes() + lanes[1].log->size_bytes();
}

bool Spool::State::make_room(Priority priority, std::size_t need) {
  while (bytes() + need > options.max_bytes) {
    if (!reclaim() && !evict_for(priority)) return false;
  }
  return true;
}

// Removes a file in which everything is settled, if there is one.
bool Spool::State::reclaim() {
  for (Lane& own : lanes) {
    const auto oldest = own.log->oldest();
    if (!oldest || oldest->last > own.ledger.cursor()) continue;
    // First the disk must know that they are settled, or a power failure would make them lost.
    write_cell();
    if (!cell.sync()) {
      ++totals.sync_errors;
      return false;
    }
    if (own.reader->position() <= oldest->last + 1) own.reader->release();
    const auto evicted = own.log->evict_oldest();
    if (evicted && *evicted) return true;
  }
  return false;
}

bool Spool::State::evict_for(Priority priority) {
  if (evict(lane(Priority::Low))) return true;
  return priority == Priority::High && evict(lane(Priority::High));
}

bool Spool::State::evict(Lane& own) {
  const auto oldest = own.log->oldest();
  if (!oldest) return false;
  // Into the account first: a process that is killed in between finds them evicted, not lost.
  const std::uint64_t count = own.ledger.settle(oldest->first, oldest->last, Outcome::Evicted);
  write_cell();
  LOG_WARNING("spool.evicted")
      .field("lane", &own == lanes.data() ? "high" : "low")
      .field("events", count);
  if (own.reader->position() <= oldest->last + 1) own.reader->release();
  const auto evicted = own.log->evict_oldest();
  return evicted && *evicted;
}

std::size_t Spool::max_bytes() const {
  return state_->options.max_bytes;
}

void Spool::set_max_bytes(std::size_t max_bytes) {
  ASSERT(max_bytes >= kMinBytes);
  State& s = *state_;
  s.options.max_bytes = max_bytes;
  for (State::Lane& own : s.lanes)
    own.log->set_segment_bytes(s.segment_bytes());
  s.make_room(Priority::High, 0);
}

// --- Reading ---

Result<std::optional<journal::Record>> Spool::read(Priority priority) {
  State::Lane& lane = state_->lane(priority);
  for (;;) {
    const std::uint64_t wanted = lane.reader->position();
    auto record = TRY(lane.reader->next());
    const std::uint64_t found = record ? record->sequence : lane.log->flushed_sequence();
    if (found > wanted && lane.ledger.settle(wanted, found - 1, Outcome::Lost) > 0)
      state_->write_cell();
    if (!record) lane.reader->seek(found);
    if (!record || !lane.ledger.settled(record->sequence)) return record;
  }
}

bool Spool::has_unread(Priority priority) const {
  const State::Lane& lane = state_->lane(priority);
  return lane.reader->position() < lane.log->flushed_sequence();
}

bool Spool::settled(Priority priority, std::uint64_t sequence) const {
  return state_->lane(priority).ledger.settled(sequence);
}

void Spool::settle(Priority priority, Range range, Outcome outcome) {
  if (state_->lane(priority).ledger.settle(range.first, range.last, outcome) > 0)
    state_->write_cell();
}

// --- The account ---

std::string Spool::State::encode_accounts() const {
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  for (std::size_t i = 0; i < kPriorities; ++i) {
    const Lane& own = lanes[i];
    json.key(kLaneNames[i]);
    json.begin_object();
    json.field("base", own.account.base);
    json.field("next", own.log->flushed_sequence());
    json.field("cursor", own.ledger.cursor());
    for (std::size_t outcome = 0; outcome < kOutcomes; ++outcome) {
      json.field(kOutcomeNames[outcome], own.ledger.counts_to_cursor()[outcome]);
    }
    json.field("refused", own.account.refused);
    json.field("never_written", own.account.too_large);
    json.end_object();
  }
  json.end_object();
  return text;
}

void Spool::State::write_cell() {
  const auto written = cell.write(encode_accounts());
  dirty = !written;
  totals.bytes_written += journal::Cell::kMaxValueBytes;
  if (!written) {
    ++totals.write_errors;
    LOG_WARNING("spool.account_not_written").field("error", written.error().to_string());
  }
}

Spool::Sync Spool::begin_sync() {
  State& s = *state_;
  ASSERT(!s.syncing);
  s.syncing = true;
  s.write_cell();
  Sync sync;
  for (std::size_t i = 0; i < kPriorities; ++i) {
    s.lanes[i].log->begin_sync(sync.job);
    sync.cursors[i] = s.lanes[i].ledger.cursor();
  }
  s.cell.begin_sync(sync.job);  // last: it speaks of what the logs hold
  return sync;
}

void Spool::end_sync(const Sync& sync, const Result<void>& result) {
  State& s = *state_;
  s.syncing = false;
  s.cell.end_sync(result.has_value());
  if (!result) {
    ++s.totals.sync_errors;
    LOG_WARNING("spool.sync_failed").field("error", result.error().to_string());
    return;
  }
  ++s.totals.syncs;
  for (std::size_t i = 0; i < kPriorities; ++i) {
    if (const auto trimmed = s.lanes[i].log->trim(sync.cursors[i]); !trimmed) {
      LOG_WARNING("spool.trim_failed").field("error", trimmed.error().to_string());
    }
  }
}

Result<void> Spool::sync() {
  const Sync sync = begin_sync();
  auto result = sync.job.run();
  end_sync(sync, result);
  return result;
}

bool Spool::needs_sync() const {
  const State& s = *state_;
  return s.dirty || !s.cell.synced() || s.lanes[0].log->needs_sync() ||
         s.lanes[1].log->needs_sync();
}

LaneStats Spool::State::lane_stats(const Lane& own) const {
  const OutcomeCounts counts = own.ledger.counts();
  const auto count = [&](Outcome outcome) { return counts[static_cast<std::size_t>(outcome)]; };
  const std::uint64_t given_out = own.log->flushed_sequence() - 1 - own.account.base;
  std::uint64_t settled = 0;
  for (const std::uint64_t each : counts)
    settled += each;
  LaneStats stats;
  stats.collected = given_out + own.account.refused + own.account.too_large;
  stats.acknowledged = count(Outcome::Acknowledged);
  stats.pending = given_out - settled;
  stats.evicted = count(Outcome::Evicted);
  stats.lost = count(Outcome::Lost);
  stats.too_large = count(Outcome::TooLarge) + own.account.too_large;
  stats.refused = own.account.refused;
  return stats;
}

SpoolStats Spool::stats() const {
  SpoolStats stats = state_->totals;
  stats.high = state_->lane_stats(state_->lanes[0]);
  stats.low = state_->lane_stats(state_->lanes[1]);
  stats.bytes = state_->bytes();
  return stats;
}

}  // namespace uplink
