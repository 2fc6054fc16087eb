#include "hub/uploads/uploads.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/uploads/uploads_state.h"
#include "os/file.h"

namespace hub::uploads {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;
using operations::Record;

namespace {

constexpr std::string_view kStorageVersion = "2021-08-06";
constexpr std::size_t kMaxDescription = 512;

std::uint64_t size_of_folder(const std::string& folder) {
  std::uint64_t bytes = 0;
  const auto names = os::list_dir(folder);
  if (!names) return 0;
  for (const std::string& name : *names) {
    struct stat found{};
    if (::stat((folder + "/" + name).c_str(), &found) == 0)
      bytes += static_cast<std::uint64_t>(found.st_size);
  }
  return bytes;
}

int status_of(const Result<void>& result) {
  if (result) return 200;
  switch (result.error().code) {
    case Code::NotFound:
      return 404;
    case Code::Invalid:
    case Code::Malformed:
      return 400;
    case Code::Conflict:
      return 409;
    case Code::Unavailable:
      return 403;
    case Code::TooLarge:
      return 413;
    case Code::Denied:
    case Code::Expired:
      return 403;
    case Code::Full:
      return 507;
    default:
      return 500;
  }
}

}  // namespace

std::string_view to_string(Stage stage) {
  switch (stage) {
    case Stage::Open:
      return "open";
    case Stage::Completed:
      return "completed";
    case Stage::Failed:
      return "failed";
    case Stage::Expired:
      return "expired";
  }
  return "open";
}

std::string notification_json(const Upload& upload, std::string_view host_name, WallTime enqueued) {
  const std::string blob = upload.device_id + "/" + upload.name;
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("deviceId", upload.device_id);
  writer.field("blobUri",
               "https://" + std::string(host_name) + "/" + std::string(kContainer) + "/" + blob);
  writer.field("blobName", blob);
  writer.field("lastUpdatedTime", base::format_rfc3339(upload.finished.value_or(enqueued)));
  writer.field("blobSizeInBytes", upload.bytes);
  writer.field("enqueuedTimeUtc", base::format_rfc3339(enqueued));
  writer.end_object();
  return json;
}

std::string Uploads::State::sign(std::string_view blob, std::string_view id,
                                 std::string_view expiry) const {
  std::string text(blob);
  text.append("\n").append(id).append("\n").append(expiry);
  const base::Sha256 signature = base::hmac_sha256(secret, base::as_bytes(text));
  return std::string(base::as_text(signature));
}

Result<void> Uploads::State::check_link(const BlobRequest& request) const {
  // Signature first: nothing that was not signed means anything.
  const std::string expected = sign(request.blob, request.upload_id, request.expiry);
  if (!base::equal_constant_time(base::as_bytes(expected), base::as_bytes(request.signature)))
    return fail(Code::Denied, "upload link", -1, "AuthenticationFailed");
  const auto expiry = base::parse_rfc3339(request.expiry);
  if (!expiry || expiry->utc <= options.now())
    return fail(Code::Expired, "upload link", -1, "AuthenticationFailed");
  const std::lock_guard lock(mutex);
  const Upload upload = TRY(find(request.upload_id));
  if (upload.stage != Stage::Open) return fail(Code::NotFound, "upload", -1, "ResourceNotFound");
  return {};
}

Result<void> Uploads::State::scan_folder() {
  for (const std::string& id : TRY(os::list_dir(options.folder))) {
    auto upload = find(id);
    if (!upload && upload.error().code != Code::NotFound) return std::unexpected(upload.error());
    // What a crash left behind.
    const auto names = os::list_dir(folder_of(id));
    for (const std::string& name : names ? *names : std::vector<std::string>()) {
      if (!upload || name.starts_with("part.")) (void)os::remove_file(folder_of(id) + "/" + name);
    }
    if (!upload) {
      (void)::rmdir(folder_of(id).c_str());
      continue;
    }
    sizes[id] = size_of_folder(folder_of(id));
    total += sizes[id];
  }
  return {};
}

Result<void> Uploads::State::reserve(std::string_view id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex);
  std::uint64_t& size = sizes[std::string(id)];
  // Twice the limit, so that a content can be replaced by another.
  if (bytes > options.max_file_bytes || size > 2 * options.max_file_bytes - bytes)
    return fail(Code::TooLarge, "upload", -1, "RequestBodyTooLarge");
  if (bytes > options.max_total_bytes || total > options.max_total_bytes - bytes)
    return fail(Code::Full, "uploads", -1, "ServerBusy");
  size += bytes;
  total += bytes;
  return {};
}

void Uploads::State::add_unchecked(std::string_view id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex);
  sizes[std::string(id)] += bytes;
  total += bytes;
}

void Uploads::State::give_back(std::string_view id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex);
  const auto found = sizes.find(id);
  if (found == sizes.end()) return;
  const std::uint64_t given = std::min(bytes, found->second);
  found->second -= given;
  total -= std::min(given, total);
}

// With the mutex held.
void Uploads::State::remove_files(std::string_view id) {
  const std::string folder = folder_of(id);
  const auto names = os::list_dir(folder);
  for (const std::string& name : names ? *names : std::vector<std::string>())
    (void)os::remove_file(folder + "/" + name);
  (void)::rmdir(folder.c_str());
  const auto found = sizes.find(id);
  if (found == sizes.end()) return;
  total -= std::min(found->second, total);
  sizes.erase(found);
}

void Uploads::State::record(Record record, const char* operation, const Upload& upload,
                            const Result<void>& result) {
  record.time = options.now();
  record.category = operations::Category::FileUploadOperations;
  record.operation = operation;
  record.status_code = status_of(result);
  record.level = result ? operations::Level::Information : operations::Level::Error;
  if (record.device_id.empty()) record.device_id = upload.device_id;
  if (record.generation_id.empty()) record.generation_id = upload.generation_id;
  record.request_id = upload.id.empty() ? record.request_id : upload.id;
  record.bytes = upload.bytes;
  if (upload.finished) {
    record.duration =
        std::chrono::duration_cast<std::chrono::milliseconds>(*upload.finished - upload.begun);
  }
  if (!result) {
    record.detail = result.error().to_string();
    if (result.error().code == Code::TooLarge) record.reason = operations::Reason::Oversize;
    if (result.error().code == Code::Unavailable || result.error().code == Code::Full)
      record.reason = operations::Reason::Limit;
  } else if (upload.stage == Stage::Failed || upload.stage == Stage::Expired) {
    record.level = operations::Level::Warning;
    record.detail = upload.description;
  }
  operations.record(std::move(record));
}

Uploads::Uploads(std::shared_ptr<State> state) : state_(std::move(state)) {}
Uploads::~Uploads() = default;

Result<std::unique_ptr<Uploads>> Uploads::open(Options options,
                                               operations::Operations& operations) {
  TRY(os::make_dirs(options.folder));
  auto database = TRY(store::Sqlite::open(options.path));
  auto state = std::make_shared<State>(std::move(options), operations, std::move(database));
  TRY(state->open_tables());
  TRY(state->scan_folder());
  return std::unique_ptr<Uploads>(new Uploads(std::move(state)));
}

Result<Link> Uploads::begin(const identity::Name& device, std::string_view generation_id,
                            std::string_view name, Record record) {
  Upload upload;
  upload.device_id = device.device_id;
  upload.generation_id = generation_id;
  upload.name = name;
  upload.begun = state_->options.now();
  upload.expires = upload.begun + state_->options.link_life;
  const auto enter = [&]() -> Result<void> {
    const std::string blob = device.device_id + "/" + upload.name;
    TRY(check_blob_name(blob));
    const std::lock_guard lock(state_->mutex);
    if (TRY(state_->count_open(device.device_id)) >= state_->options.max_open_per_device) {
      return fail(
          Code::Unavailable, "uploads", -1,
          "more than " + std::to_string(state_->options.max_open_per_device) + " are not finished");
    }
    if (state_->total >= state_->options.max_total_bytes)
      return fail(Code::Full, "uploads", -1, "the hub's space for files is used up");
    upload.id = base::Guid::random().to_string();
    return state_->insert(upload);
  };
  const auto entered = enter();
  (entered ? state_->counters.begun : state_->counters.refused).add();
  state_->record(std::move(record), "getBlobSas", upload, entered);
  TRY(entered);
  Link link{upload.id, std::string(kContainer), device.device_id + "/" + upload.name, {}};
  const std::string expiry = base::format_rfc3339(upload.expires, 0);
  const std::string signature = state_->sign(link.blob, link.id, expiry);
  link.token = "?sv=" + std::string(kStorageVersion) + "&sr=b&si=" + link.id +
               "&se=" + base::percent_encode(expiry) +
               "&sp=cw&sig=" + base::percent_encode(base::base64_encode(base::as_bytes(signature)));
  return link;
}

Result<void> Uploads::finish(const identity::Name& device, std::string_view id,
                             const Outcome& outcome, Record record) {
  Upload upload;
  const auto close = [&]() -> Result<void> {
    const std::lock_guard lock(state_->mutex);
    upload = TRY(state_->find(id));
    if (upload.device_id != device.device_id || upload.stage != Stage::Open)
      return fail(Code::NotFound, "upload");
    if (outcome.success && upload.sha256.empty())
      return fail(Code::Conflict, "upload", -1, "there is no content");
    upload.stage = outcome.success ? Stage::Completed : Stage::Failed;
    upload.finished = state_->options.now();
    upload.status_code = outcome.status_code;
    upload.description = base::to_utf8(outcome.description.substr(0, kMaxDescription));
    TRY(state_->close(upload));
    if (!outcome.success) state_->remove_files(upload.id);
    return {};
  };
  const auto closed = close();
  if (closed) (outcome.success ? state_->counters.completed : state_->counters.failed).add();
  state_->record(std::move(record), "uploadNotification", upload, closed);
  if (closed && outcome.success) {
    for (const auto& listener : state_->listeners)
      listener();
  }
  return closed;
}

Result<std::vector<Upload>> Uploads::list(std::string_view device_id, std::size_t limit) const {
  const std::lock_guard lock(state_->mutex);
  return state_->of_device(device_id, limit);
}

Result<Upload> Uploads::get(std::string_view device_id, std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  Upload upload = TRY(state_->find(id));
  if (upload.device_id != device_id) return fail(Code::NotFound, "upload");
  return upload;
}

Result<os::Fd> Uploads::content(std::string_view device_id, std::string_view id) const {
  const Upload upload = TRY(get(device_id, id));
  if (upload.sha256.empty() || upload.stage == Stage::Failed || upload.stage == Stage::Expired)
    return fail(Code::NotFound, "content");
  return os::open_file(state_->content_of(upload.id), O_RDONLY);
}

Result<void> Uploads::remove(std::string_view device_id, std::string_view id,
                             std::string_view actor) {
  Upload upload;
  const auto erase = [&]() -> Result<void> {
    const std::lock_guard lock(state_->mutex);
    upload = TRY(state_->find(id));
    if (upload.device_id != device_id) return fail(Code::NotFound, "upload");
    TRY(state_->erase(id));
    state_->remove_files(upload.id);
    return {};
  };
  const auto erased = erase();
  Record record;
  record.actor = actor;
  record.device_id = base::to_utf8(device_id);
  state_->record(std::move(record), "deleteUpload", upload, erased);
  return erased;
}

Result<std::optional<Notification>> Uploads::receive_notification() {
  const std::lock_guard lock(state_->mutex);
  return state_->lock_notification();
}

Result<void> Uploads::settle_notification(std::string_view lock_token, bool done) {
  const std::lock_guard lock(state_->mutex);
  return state_->unlock_notification(lock_token, done);
}

void Uploads::add_listener(std::function<void()> listener) {
  state_->listeners.push_back(std::move(listener));
}

Result<void> Uploads::maintain() {
  const WallTime now = state_->options.now();
  std::vector<Upload> ended;
  {
    const std::lock_guard lock(state_->mutex);
    ended = TRY(state_->overdue(now));
    for (Upload& upload : ended) {
      upload.stage = Stage::Expired;
      upload.finished = now;
      upload.description = "the link expired before the upload was finished";
      TRY(state_->close(upload));
      state_->remove_files(upload.id);
    }
    state_->counters.notifications_dropped.add(
        TRY(state_->drop_notifications(now - state_->options.notification_ttl)));
  }
  for (const Upload& upload : ended) {
    state_->counters.expired.add();
    state_->record({}, "uploadExpired", upload, {});
  }
  return {};
}

std::uint64_t Uploads::total_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->total;
}

const Options& Uploads::options() const {
  return state_->options;
}

const Counters& Uploads::counters() const {
  return state_->counters;
}

}  // namespace hub::uploads
