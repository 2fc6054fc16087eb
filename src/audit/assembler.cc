#include "audit/assembler.h"

#include <algorithm>
#include <utility>

#include "audit/execve.h"
#include "audit/names.h"

namespace audit {

namespace {

// Records that user space sent stand alone, as do those of the kernel's integrity, netfilter and
// anomaly ranges when no system call is behind them; the kernel's own from 1300 to 1399 and the
// rest go on to an end or the timeout.
bool stands_alone(RecordType type) {
  constexpr RecordType kFirstUser = 1100;
  constexpr RecordType kFirstKernel = 1300;
  constexpr RecordType kFirstUserAgain = 2000;
  return (type >= kFirstUser && type < kFirstKernel) || type >= kFirstUserAgain;
}

}  // namespace

Assembler::Assembler(Options options, Emit emit) : options_(options), emit_(std::move(emit)) {}

void Assembler::add(RecordType type, const Head& head, base::MonoTime now) {
  auto known = by_serial_.find(head.serial);
  if (known == by_serial_.end()) {
    if (type == types::kEndOfEvent) return;  // of an event that was handed over
    if (stands_alone(type)) {
      emit_(Event{.serial = head.serial,
                  .time = head.time,
                  .records = {{type, std::string(head.body)}},
                  .omitted = {}});
      return;
    }
    if (events_.size() >= options_.max_open) emit_incomplete();
    events_.push_back(
        {.event = {.serial = head.serial, .time = head.time, .records = {}, .omitted = {}},
         .since = now});
    known = by_serial_.emplace(head.serial, std::prev(events_.end())).first;
  }
  if (type != types::kEndOfEvent) {
    append(*known->second, type, head.body);
    return;
  }
  Event event = std::move(known->second->event);
  events_.erase(known->second);
  by_serial_.erase(known);
  emit_(std::move(event));
}

void Assembler::append(Open& open, RecordType type, std::string_view body) {
  if (type == types::kExecve) {
    if (open.argv_bytes >= options_.argv_head) {
      append_late_argv(open, body);
      return;
    }
    open.argv_bytes += body.size();
  } else if (++open.other > options_.max_records) {
    ++open.event.omitted.records;
    return;
  }
  open.event.records.push_back({type, std::string(body)});
}

// Keeps the last ones: what a command line hides behind much else often stands at its end.
void Assembler::append_late_argv(Open& open, std::string_view body) {
  Event& event = open.event;
  if (open.argv_late == 0) event.omitted.before = event.records.size();
  event.records.push_back({types::kExecve, std::string(body)});
  if (++open.argv_late <= options_.argv_tail) return;
  const auto oldest = std::find_if(
      event.records.begin() + static_cast<std::ptrdiff_t>(event.omitted.before),
      event.records.end(), [](const Record& record) { return record.type == types::kExecve; });
  event.omitted.argv_bytes += argument_bytes(oldest->body);
  ++event.omitted.records;
  event.records.erase(oldest);
  --open.argv_late;
}

void Assembler::emit_incomplete() {
  Event event = std::move(events_.front().event);
  by_serial_.erase(event.serial);
  events_.pop_front();
  // A record that no system call is behind has no end to wait for.
  event.complete = event.find(types::kSyscall) == nullptr;
  if (!event.complete) ++incomplete_;
  emit_(std::move(event));
}

void Assembler::expire(base::MonoTime now) {
  while (!events_.empty() && events_.front().since + options_.timeout <= now)
    emit_incomplete();
}

void Assembler::flush() {
  while (!events_.empty())
    emit_incomplete();
}

}  // namespace audit
