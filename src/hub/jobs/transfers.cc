#include "hub/jobs/transfers.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/jobs/bulk.h"
#include "hub/jobs/line_reader.h"
#include "hub/jobs/transfer_table.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::json::Writer;
using identity::Name;

namespace {

constexpr std::size_t kPage = 500;            // devices that are read at a time
constexpr std::size_t kPiece = 64 * 1024;     // bytes that are written at a time
constexpr std::size_t kMaxLine = 256 * 1024;  // a twin has up to 72 KiB
constexpr std::uint64_t kReport = 100;        // lines between two looks at the table
constexpr unsigned kWhole = 100;              // percent
constexpr std::string_view kErrors = "importErrors.log";
constexpr std::chrono::hours kForget{1};
// After the store failed.
constexpr std::chrono::seconds kRetry{5};

// Lines for a blob that is made when the first one comes.
class BlobLines {
 public:
  BlobLines(Containers& containers, BlobPlace place)
      : containers_(containers), place_(std::move(place)) {}

  std::string& line() { return buffer_; }
  Result<void> end_line() {
    buffer_ += '\n';
    return buffer_.size() < kPiece ? Result<void>() : flush();
  }
  Result<void> open() {
    if (arriving_) return {};
    ContainerTarget target;
    target.container = place_.container;
    target.blob = place_.blob;
    arriving_ = TRY(containers_.receive(target));
    return {};
  }
  Result<void> commit() {
    if (!arriving_ && buffer_.empty()) return {};
    TRY(flush());
    return arriving_->commit();
  }

 private:
  Result<void> flush() {
    TRY(open());
    TRY(arriving_->write(base::as_bytes(buffer_)));
    buffer_.clear();
    return {};
  }

  Containers& containers_;
  BlobPlace place_;
  std::string buffer_;
  std::unique_ptr<ArrivingBlob> arriving_;
};

// How a transfer left its thread.
enum class Exit : std::uint8_t { Done, Cancelled, Stopping };

// Is it the hub's own fault, so that the next line would fare no better?
bool is_ours(std::string_view code) {
  return code == "ServerError" || code == "ServiceUnavailable";
}

}  // namespace

struct Transfers::State {
  State(TransferOptions given, identity::Registry& identities, twins::Twins& documents,
        Containers& blobs, operations::Operations& records, TransferTable rows)
      : options(std::move(given)),
        registry(identities),
        twins(documents),
        containers(blobs),
        operations(records),
        table(std::move(rows)) {}

  const TransferOptions options;
  identity::Registry& registry;
  twins::Twins& twins;
  Containers& containers;
  operations::Operations& operations;
  TransferCounters counters;

  mutable std::mutex table_mutex;
  mutable TransferTable table;  // guarded by table_mutex

  std::mutex mutex;  // guards `changed`
  std::condition_variable wake;
  bool changed = true;
  std::atomic<bool> stopping{false};
  std::thread thread;

  void run();
  Result<void> work();
  Result<void> perform(Transfer& transfer);
  Result<Exit> import_all(Transfer& transfer);
  Result<void> import_line(Transfer& transfer, std::string_view line, bool too_long,
                           std::uint64_t number, BlobLines& errors);
  Result<Exit> export_all(Transfer& transfer);
  Result<void> export_one(Transfer& transfer, const identity::Identity& identity, BlobLines& lines);
  Result<std::optional<Exit>> report(const Transfer& transfer);
  Result<void> end(Transfer& transfer, Status status, std::string failure);
  Result<BlobPlace> place(const BlobPlace& asked, std::string_view member) const;
  void notify();
  void record(const char* operation, const Transfer& transfer, std::string_view actor, int status,
              std::string detail);
};

void Transfers::State::record(const char* operation, const Transfer& transfer,
                              std::string_view actor, int status, std::string detail) {
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::JobsOperations;
  record.operation = operation;
  record.status_code = status;
  record.level = status < 400 ? operations::Level::Information : operations::Level::Error;
  record.request_id = transfer.id;
  record.actor = actor;
  record.detail = std::move(detail);
  operations.record(std::move(record));
}

void Transfers::State::notify() {
  {
    const std::lock_guard lock(mutex);
    changed = true;
  }
  wake.notify_one();
}

void Transfers::State::run() {
  // Signals are the main thread's.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "transfers");
  bool failed = false;
  while (!stopping) {
    {
      std::unique_lock lock(mutex);
      const auto ready = [this, &failed] { return stopping || (changed && !failed); };
      if (failed) {
        wake.wait_for(lock, kRetry, ready);
      } else {
        wake.wait_for(lock, kForget, ready);
      }
      changed = false;
    }
    const auto worked = work();
    failed = !worked;
    if (failed) {
      LOG_ERROR("transfers.store").field("error", worked.error().to_string());
    }
  }
}

Result<void> Transfers::State::work() {
  while (!stopping) {
    std::optional<Transfer> next;
    {
      const std::lock_guard lock(table_mutex);
      TRY(table.forget(options.now() - options.keep));
      next = TRY(table.next());
    }
    if (!next) return {};
    TRY(perform(*next));
  }
  return {};
}

Result<void> Transfers::State::perform(Transfer& transfer) {
  const bool import = transfer.kind == TransferKind::Import;
  if (import && transfer.status == Status::Running) {
    return end(transfer, Status::Failed,
               "The hub ended when at least " + std::to_string(transfer.lines) +
                   " lines were done, which stay so.");
  }
  transfer.status = Status::Running;
  transfer.started = options.now();
  transfer.lines = 0;
  if (const auto over = TRY(report(transfer))) return {};
  record("start", transfer, transfer.actor, 200, std::string(to_string(transfer.kind)));
  const auto done = import ? import_all(transfer) : export_all(transfer);
  if (!done) {
    LOG_ERROR("transfers.failed")
        .field("job", transfer.id)
        .field("error", done.error().to_string());
    return end(transfer, Status::Failed,
               "After " + std::to_string(transfer.lines) + " lines: " + done.error().to_string());
  }
  switch (*done) {
    case Exit::Done:
      transfer.progress = kWhole;
      return end(transfer, Status::Completed, {});
    case Exit::Cancelled:
      return {};
    case Exit::Stopping:
      if (!import) return {};
      return end(transfer, Status::Failed,
                 "The hub was stopped when " + std::to_string(transfer.lines) +
                     " lines were done, which stay so.");
  }
  return {};
}

// Stores how far it is. A value: it is to leave.
Result<std::optional<Exit>> Transfers::State::report(const Transfer& transfer) {
  if (stopping) return Exit::Stopping;
  const std::lock_guard lock(table_mutex);
  if (!TRY(table.set(transfer))) return Exit::Cancelled;
  return std::nullopt;
}

Result<Exit> Transfers::State::import_all(Transfer& transfer) {
  const auto input = TRY(containers.read(transfer.input.container, transfer.input.blob));
  BlobLines errors(containers, {transfer.output.container, std::string(kErrors)});
  LineReader reader(input.file.get(), kMaxLine);
  std::string line;
  for (std::uint64_t number = 1;; ++number) {
    const auto next = TRY(reader.next(line));
    if (next == LineReader::Next::End) break;
    if (base::trim(line).empty()) continue;
    TRY(import_line(transfer, line, next == LineReader::Next::TooLong, number, errors));
    if (transfer.lines % kReport != 0 && !stopping) continue;
    transfer.progress = static_cast<unsigned>(
        std::min<std::uint64_t>(kWhole - 1, reader.at() * kWhole / (input.info.bytes + 1)));
    if (const auto leave = TRY(report(transfer))) {
      TRY(errors.commit());
      return *leave;
    }
  }
  TRY(errors.commit());
  return Exit::Done;
}

Result<void> Transfers::State::import_line(Transfer& transfer, std::string_view line, bool too_long,
                                           std::uint64_t number, BlobLines& errors) {
  const auto refuse = [&](const Name& name, std::string_view code, std::string_view text) {
    ++transfer.refused;
    ++transfer.lines;
    counters.import_refused.add();
    Writer writer(errors.line());
    write_refusal(writer, name, code, text, number);
    return errors.end_line();
  };
  if (too_long) return refuse({}, "RequestTooLarge", "the line is longer than 256 KiB");
  const auto json = base::json::parse(line);
  if (!json) return refuse({}, "ArgumentInvalid", "the line is no JSON");
  const auto item = read_bulk_item(*json, ImportMode::CreateOrUpdate);
  if (!item) {
    const Name named{std::string(json->text_or("id", json->text_or("deviceId", ""))),
                     std::string(json->text_or("moduleId", ""))};
    return refuse(named, "ArgumentInvalid", item.error().detail);
  }
  const auto applied = apply(*item, registry, twins, transfer.actor);
  if (!applied) {
    const std::string_view code = error_code(applied.error(), item->description.name);
    if (is_ours(code)) return applied;
    return refuse(item->description.name, code, applied.error().to_string());
  }
  ++transfer.lines;
  counters.imported.add();
  return {};
}

Result<void> Transfers::State::export_one(Transfer& transfer, const identity::Identity& identity,
                                          BlobLines& lines) {
  const auto twin = twins.get(identity.name);
  // Deleted meanwhile.
  if (!twin && twin.error().code == Code::NotFound) return {};
  if (!twin) return std::unexpected(twin.error());
  Writer writer(lines.line());
  write_export(writer, identity, *twin, transfer.exclude_keys ? Secrets::Hide : Secrets::Show);
  ++transfer.lines;
  counters.exported.add();
  return lines.end_line();
}

Result<Exit> Transfers::State::export_all(Transfer& transfer) {
  BlobLines lines(containers, transfer.output);
  TRY(lines.open());  // an empty registry makes an empty list
  std::string cursor;
  std::uint64_t devices = 0;
  do {
    const identity::Page page = TRY(registry.list_devices("", kPage, cursor));
    for (const identity::Identity& device : page.items) {
      TRY(export_one(transfer, device, lines));
      const auto modules = registry.list_modules(device.name.device_id);
      if (!modules && modules.error().code != Code::NotFound)
        return std::unexpected(modules.error());
      if (!modules) continue;
      for (const identity::Identity& module : *modules)
        TRY(export_one(transfer, module, lines));
    }
    devices += page.items.size();
    cursor = page.next_cursor;
    transfer.progress = static_cast<unsigned>(std::min<std::uint64_t>(
        kWhole - 1, devices * kWhole / std::max<std::uint64_t>(page.total, 1)));
    if (const auto leave = TRY(report(transfer))) return *leave;
  } while (!cursor.empty());
  TRY(lines.commit());
  return Exit::Done;
}

Result<void> Transfers::State::end(Transfer& transfer, Status status, std::string failure) {
  transfer.status = status;
  transfer.ended = options.now();
  transfer.failure = std::move(failure);
  {
    const std::lock_guard lock(table_mutex);
    if (!TRY(table.set(transfer))) return {};  // cancelled at the last moment
  }
  const bool completed = status == Status::Completed;
  (completed ? counters.completed : counters.failed).add();
  record("end", transfer, transfer.actor, completed ? 200 : 400,
         completed ? std::to_string(transfer.lines) + " lines, " +
                         std::to_string(transfer.refused) + " refused"
                   : transfer.failure);
  return {};
}

// Of an address with a signature: which container, where it is ours.
Result<BlobPlace> Transfers::State::place(const BlobPlace& asked, std::string_view member) const {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::Denied, "container", -1, std::string(member) + ": " + std::string(why));
  };
  if (!is_blob_name(asked.blob))
    return refuse("the blob's name may have letters, digits, '.', '-' and '_'");
  auto target = read_container_target(asked.container);
  if (!target || !target->blob.empty())
    return refuse("expected the address of a container of this hub");
  const auto checked = containers.check(*target);
  if (!checked && checked.error().code == Code::NotFound)
    return refuse("there is no such container");
  if (!checked) return refuse("its signature is wrong, or has expired");
  return BlobPlace{std::move(target->container), asked.blob};
}

Transfers::Transfers(std::unique_ptr<State> state) : state_(std::move(state)) {}

Transfers::~Transfers() {
  stop();
}

Result<std::unique_ptr<Transfers>> Transfers::open(TransferOptions options,
                                                   identity::Registry& registry,
                                                   twins::Twins& twins, Containers& containers,
                                                   operations::Operations& operations) {
  auto database = TRY(store::Sqlite::open(options.path));
  TRY(TransferTable::migrate(database));
  auto state = std::make_unique<State>(std::move(options), registry, twins, containers, operations,
                                       TransferTable(std::move(database)));
  state->thread = std::thread([raw = state.get()] { raw->run(); });
  return std::unique_ptr<Transfers>(new Transfers(std::move(state)));
}

Result<Transfer> Transfers::create(Transfer transfer) {
  transfer.id = base::Guid::random().to_string();
  transfer.created = state_->options.now();
  if (transfer.kind == TransferKind::Import)
    transfer.input = TRY(state_->place(transfer.input, "inputBlobContainerUri"));
  transfer.output = TRY(state_->place(transfer.output, "outputBlobContainerUri"));
  {
    const std::lock_guard lock(state_->table_mutex);
    if (TRY(state_->table.count_unfinished()) >= state_->options.max_unfinished)
      return fail(Code::Full, "jobs", -1, "too many imports and exports wait or run");
    TRY(state_->table.insert(transfer));
  }
  state_->counters.created.add();
  state_->record("create", transfer, transfer.actor, 200, std::string(to_string(transfer.kind)));
  state_->notify();
  return Result<Transfer>(std::in_place, std::move(transfer));
}

Result<Transfer> Transfers::get(std::string_view id) const {
  const std::lock_guard lock(state_->table_mutex);
  return state_->table.find(id);
}

Result<std::vector<Transfer>> Transfers::list(std::size_t limit) const {
  const std::lock_guard lock(state_->table_mutex);
  return state_->table.list(limit);
}

Result<Transfer> Transfers::cancel(std::string_view id, std::string_view actor) {
  Transfer transfer;
  {
    const std::lock_guard lock(state_->table_mutex);
    transfer = TRY(state_->table.find(id));
    if (transfer.status != Status::Queued && transfer.status != Status::Running)
      return Result<Transfer>(std::in_place, std::move(transfer));
    transfer.status = Status::Cancelled;
    transfer.ended = state_->options.now();
    TRY(state_->table.set(transfer));
  }
  state_->counters.cancelled.add();
  state_->record("cancel", transfer, actor, 200, {});
  return Result<Transfer>(std::in_place, std::move(transfer));
}

const TransferCounters& Transfers::counters() const {
  return state_->counters;
}

void Transfers::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace hub::jobs
