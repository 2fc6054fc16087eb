#include "hub/egress/forwarder.h"

#include <algorithm>
#include <condition_variable>

#include <fmt/format.h>

#include "base/id.h"
#include "base/log.h"

namespace hub::egress {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kSaveEvery{1};
constexpr std::chrono::seconds kIdle{60};
constexpr std::chrono::seconds kReadAgain{1};

// So that hubs that lost the same server do not come back at the same moment.
nanoseconds with_jitter(nanoseconds length) {
  std::array<std::uint8_t, 2> random{};
  base::random_bytes(random);
  const auto part = static_cast<unsigned>(random[0]) * 256U + random[1];  // 0 to 65535
  return length / 2 + nanoseconds(length.count() / 2 / 65'536 * static_cast<std::int64_t>(part));
}

std::string destination_of(const ForwardSettings& settings) {
  if (settings.type == ForwardType::File) return settings.path;
  // A query may hold somebody's key.
  const std::string path = settings.url.target.substr(0, settings.url.target.find('?'));
  return fmt::format("https://{}:{}{}", settings.url.host, settings.url.port, path);
}

}  // namespace

Forwarder::Forwarder(ForwardSettings settings, std::unique_ptr<Target> target,
                     ingest::Ingest& ingest, CursorTable& cursors,
                     operations::Operations& operations, Offset from)
    : settings_(std::move(settings)),
      target_(std::move(target)),
      ingest_(ingest),
      cursors_(cursors),
      operations_(operations),
      feed_(ingest, settings_.filter, from),
      next_(from),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Forwarder::~Forwarder() {
  stop();
}

void Forwarder::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

// False: asked to stop.
bool Forwarder::pause(nanoseconds length, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  paused_.wait_for(lock, stop, length, [] { return false; });
  return !stop.stop_requested();
}

void Forwarder::save(const Offset& next, bool now) {
  {
    const std::lock_guard lock(mutex_);
    next_ = next;
  }
  if (next == saved_ || (!now && base::mono_now() - saved_at_ < kSaveEvery)) return;
  saved_at_ = base::mono_now();
  const auto saved = cursors_.save(settings_.name, next);
  if (saved) {
    saved_ = next;
  } else {
    // More comes twice after a crash, nothing is lost.
    LOG_WARNING("egress.cursor")
        .field("forward", settings_.name)
        .field("error", saved.error().to_string());
  }
}

// One record when it begins to fail and one when it ends; nullptr: it works.
void Forwarder::report(const std::string* problem) {
  {
    const std::lock_guard lock(mutex_);
    problem_ = problem == nullptr ? "" : *problem;
    if (problem == nullptr) last_delivery_ = base::wall_now();
    if (std::exchange(failing_, problem != nullptr) == (problem != nullptr)) return;
  }
  operations::Record record;
  record.time = base::wall_now();
  record.category = operations::Category::Routes;
  record.operation = problem != nullptr ? "forwardUnhealthy" : "forwardHealthy";
  record.actor = "forward:" + settings_.name;
  record.detail = problem != nullptr ? *problem : "lines are taken again";
  if (problem != nullptr) {
    record.status_code = 503;
    record.level = operations::Level::Error;
    LOG_WARNING("egress.forward").field("forward", settings_.name).field("error", *problem);
  } else {
    LOG_NOTICE("egress.forward").field("forward", settings_.name).field("error", "none");
  }
  operations_.record(std::move(record));
}

void Forwarder::report_lost(std::uint64_t count) {
  if (count == 0) return;
  counters_.lost.add(count);
  LOG_ERROR("egress.lost").field("forward", settings_.name).field("records", count);
  operations::Record record;
  record.time = base::wall_now();
  record.category = operations::Category::Routes;
  record.operation = "forwardDropped";
  record.status_code = 503;
  record.level = operations::Level::Error;
  record.actor = "forward:" + settings_.name;
  record.detail = fmt::format(
      "{} records left the journal before they could be forwarded; stream.keep says how long it "
      "keeps them",
      count);
  operations_.record(std::move(record));
}

// Tries until it is taken, for good or not; what is refused in one piece is tried in halves.
// False: asked to stop.
bool Forwarder::deliver(std::span<const Line> lines, const std::stop_token& stop) {
  Delivery delivery;
  delivery.forward = settings_.name;
  delivery.id = fmt::format("{}:{}-{}", settings_.name, lines.front().offset.to_string(),
                            lines.back().offset.to_string());
  delivery.lines = lines.size();
  std::string body;
  for (const Line& line : lines)
    body += line.text;
  delivery.body = body;
  nanoseconds wait = settings_.retry_min;
  while (true) {
    const Verdict verdict = target_->deliver(delivery, stop);
    if (verdict.kind == Verdict::Kind::Taken) {
      counters_.lines.add(lines.size());
      counters_.bytes.add(body.size());
      counters_.deliveries.add();
      report(nullptr);
      return true;
    }
    if (stop.stop_requested()) return false;
    if (verdict.kind == Verdict::Kind::Refused) {
      if (lines.size() > 1) {
        const std::size_t half = lines.size() / 2;
        return deliver(lines.first(half), stop) && deliver(lines.subspan(half), stop);
      }
      counters_.refused.add();
      LOG_WARNING("egress.refused")
          .field("forward", settings_.name)
          .field("offset", lines.front().offset.to_string())
          .field("error", verdict.why);
      return true;
    }
    counters_.failures.add();
    report(&verdict.why);
    const nanoseconds asked = verdict.wait.value_or(std::chrono::seconds(0));
    if (!pause(std::max(with_jitter(wait), asked), stop)) return false;
    wait = std::min<nanoseconds>(wait * 2, settings_.retry_max);
  }
}

bool Forwarder::forward(const Feed::Batch& batch, const std::stop_token& stop) {
  report_lost(batch.lost);
  if (batch.lines.empty()) {
    save(batch.next, false);
    return true;
  }
  if (!deliver(batch.lines, stop)) return false;
  save(batch.next, false);
  return true;
}

void Forwarder::run(const std::stop_token& stop) {
  Offset done = feed_.position();
  while (!stop.stop_requested()) {
    auto batch = feed_.read(settings_.batch_lines, settings_.batch_bytes);
    if (!batch) {
      const std::string problem = batch.error().to_string();
      counters_.failures.add();
      report(&problem);
      if (!pause(kReadAgain, stop)) break;
      continue;
    }
    if (!forward(*batch, stop)) break;
    done = batch->next;
    if (batch->more) continue;
    // What is not noted yet is noted before it sleeps for long.
    if (done != saved_ &&
        !ingest_.wait_committed(done.sequence - 1, stop, base::mono_now() + kSaveEvery)) {
      save(done, true);
    }
    while (!stop.stop_requested() &&
           !ingest_.wait_committed(done.sequence - 1, stop, base::mono_now() + kIdle)) {
    }
    // Company for what has come.
    pause(settings_.batch_delay, stop);
  }
  save(done, true);
}

ForwardState Forwarder::state() const {
  ForwardState state;
  state.name = settings_.name;
  state.type = settings_.type;
  state.destination = destination_of(settings_);
  state.lines = counters_.lines.value();
  state.bytes = counters_.bytes.value();
  state.deliveries = counters_.deliveries.value();
  state.failures = counters_.failures.value();
  state.refused = counters_.refused.value();
  state.lost = counters_.lost.value();
  const std::uint64_t committed = ingest_.committed();
  const std::lock_guard lock(mutex_);
  state.next = next_;
  state.behind = committed + 1 - std::min(committed + 1, next_.sequence);
  state.failing = failing_;
  state.problem = problem_;
  state.last_delivery = last_delivery_;
  return state;
}

}  // namespace hub::egress
