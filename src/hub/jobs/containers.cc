#include "hub/jobs/containers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/text.h"
#include "hub/uploads/blob.h"
#include "os/file.h"
#include "store/sqlite.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;

namespace {

constexpr std::string_view kStorageVersion = "2021-08-06";
constexpr std::size_t kMaxTarget = 8 * 1024;
constexpr std::size_t kMaxParameters = 32;
constexpr std::size_t kMaxBlobName = 64;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kCopyBytes = 256 * 1024;
// Files that are not blobs begin so.
constexpr std::string_view kPart = ".part-";
constexpr std::string_view kBlock = ".block-";

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE job_container (
    name TEXT PRIMARY KEY,
    actor TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE job_container_secret (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    secret BLOB NOT NULL
  ) STRICT;
)sql"};

// `code` is the storage service's.
std::unexpected<base::Error> refuse(Code why, std::string_view code) {
  return fail(why, "container", -1, std::string(code));
}

std::int64_t ticks(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime time_at(std::int64_t count) {
  return WallTime(std::chrono::nanoseconds(count));
}

std::uint64_t size_of_file(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

BlobFile describe(std::string_view name, const struct stat& found) {
  return {std::string(name), static_cast<std::uint64_t>(found.st_size),
          time_at(std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec)};
}

// All blocks of a blob begin alike; names and ids are foreign bytes.
std::string blocks_of(std::string_view blob) {
  constexpr std::size_t kShown = 8;
  const base::Sha256 hash = base::sha256(base::as_bytes(blob));
  return std::string(kBlock) + base::hex_encode(base::ByteView(hash).first(kShown)) + "-";
}
std::string block_name(std::string_view blob, std::string_view id) {
  return blocks_of(blob) + base::hex_encode(base::sha256(base::as_bytes(id)));
}

std::string without_host(std::string_view target) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (!base::equal_ignore_case(target.substr(0, scheme.size()), scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    return std::string(slash == std::string_view::npos ? "" : target.substr(slash));
  }
  return std::string(target);
}

Result<void> read_parameter(std::string_view pair, ContainerTarget& target) {
  const std::size_t equals = std::min(pair.find('='), pair.size());
  const std::string_view name = pair.substr(0, equals);
  std::string value = base::percent_decode(pair.substr(std::min(equals + 1, pair.size())));
  if (name == "se")
    target.expiry = std::move(value);
  else if (name == "comp")
    target.operation = std::move(value);
  else if (name == "sig" || name == "blockid") {
    const auto bytes = base::base64_decode(value);
    if (!bytes || bytes->size() > uploads::kMaxBlockId)
      return refuse(Code::Invalid, name == "sig" ? "AuthenticationFailed" : "InvalidBlockId");
    (name == "sig" ? target.signature : target.block_id) = base::as_text(*bytes);
  }
  return {};
}

}  // namespace

bool is_blob_name(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  return !name.empty() && name.size() <= kMaxBlobName && name.front() != '.' &&
         std::ranges::all_of(name, fits);
}

bool is_container_target(std::string_view target) {
  return target.starts_with('/') && target.substr(1).starts_with(kContainers) &&
         target.substr(1 + kContainers.size()).starts_with('/');
}

Result<ContainerTarget> read_container_target(std::string_view given) {
  if (given.size() > kMaxTarget) return refuse(Code::Invalid, "RequestUrlFailedToParse");
  const std::string target = without_host(given);
  if (!is_container_target(target)) return refuse(Code::Invalid, "ResourceNotFound");
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view path = std::string_view(target).substr(0, question);
  auto names = base::split(path.substr(kContainers.size() + 2), '/');
  if (names.size() == 2 && names[1].empty()) names.pop_back();
  ContainerTarget read;
  read.container = names[0];
  if (!base::Guid::parse(read.container) || names.size() > 2)
    return refuse(Code::Invalid, "InvalidResourceName");
  if (names.size() == 2) {
    read.blob = base::percent_decode(names[1]);
    if (!is_blob_name(read.blob)) return refuse(Code::Invalid, "InvalidResourceName");
  }
  if (question == target.size()) return read;
  const auto pairs = base::split(std::string_view(target).substr(question + 1), '&');
  if (pairs.size() > kMaxParameters) return refuse(Code::Invalid, "InvalidQueryParameterValue");
  for (const std::string_view pair : pairs)
    TRY(read_parameter(pair, read));
  return read;
}

struct Containers::State {
  State(ContainerOptions given, store::Sqlite opened)
      : options(std::move(given)), database(std::move(opened)) {}

  const ContainerOptions options;
  base::ByteVec secret;  // signs links

  mutable std::mutex mutex;  // guards the three below, and what files are called
  mutable store::Sqlite database;
  std::uint64_t total = 0;  // bytes on disk
  std::uint64_t last_part = 0;

  std::string folder_of(std::string_view container) const {
    return options.folder + "/" + std::string(container);
  }
  std::string sign(std::string_view container, std::string_view expiry) const;
  // With the mutex held.
  Result<void> open_tables();
  Result<void> scan();
  Result<Container> find(std::string_view name) const;
  Result<std::vector<Container>> rows(std::string_view condition, std::int64_t before) const;
  Result<void> remove(std::string_view name);
  void remove_file(const std::string& path);
  // Without it. Errors: Full.
  Result<void> reserve(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
};

std::string Containers::State::sign(std::string_view container, std::string_view expiry) const {
  std::string text(container);
  text.append("\n").append(expiry);
  return std::string(base::as_text(base::hmac_sha256(secret, base::as_bytes(text))));
}

Result<void> Containers::State::open_tables() {
  TRY(database.migrate("job_containers", kSteps));
  base::ByteVec fresh(kSecretBytes);
  base::random_bytes(fresh);
  TRY(database.run("INSERT OR IGNORE INTO job_container_secret VALUES (1, ?)",
                   base::ByteView(fresh)));
  auto row = TRY(database.prepare("SELECT secret FROM job_container_secret"));
  if (!TRY(row.step())) return fail(Code::Corrupt, "container secret");
  const base::ByteView kept = row.blob(0);
  secret.assign(kept.begin(), kept.end());
  return {};
}

// Counts what is there, and removes what a crash left behind.
Result<void> Containers::State::scan() {
  for (const std::string& name : TRY(os::list_dir(options.folder))) {
    const std::string folder = folder_of(name);
    const auto known = find(name);
    if (!known && known.error().code != Code::NotFound) return std::unexpected(known.error());
    const auto files = os::list_dir(folder);
    for (const std::string& file : files ? *files : std::vector<std::string>()) {
      const std::string path = folder + "/" + file;
      if (known && !file.starts_with(kPart)) {
        total += size_of_file(path);
      } else {
        (void)os::remove_file(path);
      }
    }
    if (!known) (void)::rmdir(folder.c_str());
  }
  return {};
}

Result<std::vector<Container>> Containers::State::rows(std::string_view condition,
                                                       std::int64_t before) const {
  auto found = TRY(database.prepare("SELECT name, actor, created, expires FROM job_container " +
                                    std::string(condition)));
  found.bind_all(before);
  std::vector<Container> containers;
  while (TRY(found.step())) {
    containers.push_back(
        {found.string(0), found.string(1), time_at(found.integer(2)), time_at(found.integer(3))});
  }
  return containers;
}

Result<Container> Containers::State::find(std::string_view name) const {
  auto row =
      TRY(database.prepare("SELECT actor, created, expires FROM job_container WHERE name = ?"));
  row.bind_all(name);
  if (!TRY(row.step())) return refuse(Code::NotFound, "ContainerNotFound");
  return Container{std::string(name), row.string(0), time_at(row.integer(1)),
                   time_at(row.integer(2))};
}

void Containers::State::remove_file(const std::string& path) {
  const std::uint64_t bytes = size_of_file(path);
  if (os::remove_file(path)) total -= std::min(bytes, total);
}

Result<void> Containers::State::remove(std::string_view name) {
  TRY(find(name));
  TRY(database.run("DELETE FROM job_container WHERE name = ?", name));
  const std::string folder = folder_of(name);
  const auto files = os::list_dir(folder);
  for (const std::string& file : files ? *files : std::vector<std::string>()) {
    // What is on its way goes with whoever brings it.
    if (!file.starts_with(kPart)) remove_file(folder + "/" + file);
  }
  (void)::rmdir(folder.c_str());
  return {};
}

Result<void> Containers::State::reserve(std::uint64_t bytes) {
  const std::lock_guard lock(mutex);
  if (bytes > options.max_total_bytes || total > options.max_total_bytes - bytes)
    return refuse(Code::Full, "ServerBusy");
  total += bytes;
  return {};
}

void Containers::State::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex);
  total -= std::min(bytes, total);
}

// Bytes go into a file of their own, which commit() gives its name.
struct ArrivingBlob::State {
  std::shared_ptr<Containers::State> containers;
  ContainerTarget target;
  os::Fd file;
  std::string part;
  std::string list;  // the body of a block list, which is no content
  std::uint64_t bytes = 0;

  std::string folder() const { return containers->folder_of(target.container); }
  std::string block(std::string_view id) const {
    return folder() + "/" + block_name(target.blob, id);
  }
  Result<void> store(base::ByteView piece);
  Result<void> append(const std::string& from);
  Result<void> join();
  Result<void> publish(const std::string& path);
  void drop_blocks();
};

Result<void> ArrivingBlob::State::store(base::ByteView piece) {
  if (piece.size() > containers->options.max_file_bytes - bytes)
    return refuse(Code::TooLarge, "RequestBodyTooLarge");
  TRY(containers->reserve(piece.size()));
  bytes += piece.size();
  return os::write_all(file.get(), piece);
}

Result<void> ArrivingBlob::State::append(const std::string& from) {
  auto opened = os::open_file(from, O_RDONLY);
  if (!opened) return refuse(Code::Invalid, "InvalidBlockList");
  base::ByteVec buffer(kCopyBytes);
  for (std::uint64_t at = 0;;) {
    const std::size_t count = TRY(os::read_at(opened->get(), buffer, at));
    if (count == 0) return {};
    TRY(store(base::ByteView(buffer).first(count)));
    at += count;
  }
}

Result<void> ArrivingBlob::State::join() {
  for (const std::string& id : TRY(uploads::read_block_list(list)))
    TRY(append(block(id)));
  return {};
}

Result<void> ArrivingBlob::State::publish(const std::string& path) {
  TRY(os::sync_data(file.get()));
  const std::lock_guard lock(containers->mutex);
  TRY(containers->find(target.container));
  const std::uint64_t replaced = size_of_file(path);
  if (::rename(part.c_str(), path.c_str()) != 0) return base::fail_errno("rename", path);
  part.clear();
  containers->total -= std::min(replaced, containers->total);
  return os::sync_dir(folder());
}

void ArrivingBlob::State::drop_blocks() {
  const std::string blocks = blocks_of(target.blob);
  const std::lock_guard lock(containers->mutex);
  const auto names = os::list_dir(folder());
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    if (name.starts_with(blocks)) containers->remove_file(folder() + "/" + name);
  }
}

ArrivingBlob::ArrivingBlob(std::unique_ptr<State> state) : state_(std::move(state)) {}

ArrivingBlob::~ArrivingBlob() {
  if (state_->part.empty()) return;
  state_->file.reset();
  (void)os::remove_file(state_->part);
  Containers::State& containers = *state_->containers;
  containers.give_back(state_->bytes);
  // Of a container that was removed meanwhile.
  const std::lock_guard lock(containers.mutex);
  if (!containers.find(state_->target.container)) (void)::rmdir(state_->folder().c_str());
}

Result<void> ArrivingBlob::write(base::ByteView bytes) {
  State& state = *state_;
  if (state.target.operation != "blocklist") return state.store(bytes);
  if (state.list.size() + bytes.size() > uploads::kMaxBlockList)
    return refuse(Code::TooLarge, "RequestBodyTooLarge");
  state.list += base::as_text(bytes);
  return {};
}

Result<void> ArrivingBlob::commit() {
  State& state = *state_;
  if (state.target.operation == "block") return state.publish(state.block(state.target.block_id));
  const bool listed = state.target.operation == "blocklist";
  if (listed) TRY(state.join());
  TRY(state.publish(state.folder() + "/" + state.target.blob));
  if (listed) state.drop_blocks();
  return {};
}

Containers::Containers(std::shared_ptr<State> state) : state_(std::move(state)) {}
Containers::~Containers() = default;

Result<std::unique_ptr<Containers>> Containers::open(ContainerOptions options) {
  TRY(os::make_dirs(options.folder));
  auto database = TRY(store::Sqlite::open(options.path));
  auto state = std::make_shared<State>(std::move(options), std::move(database));
  TRY(state->open_tables());
  TRY(state->scan());
  return std::unique_ptr<Containers>(new Containers(std::move(state)));
}

Result<Container> Containers::create(std::string_view actor) {
  Container container;
  container.name = base::Guid::random().to_string();
  container.actor = actor;
  container.created = state_->options.now();
  container.expires =
      std::chrono::floor<std::chrono::seconds>(container.created) + state_->options.life;
  const std::lock_guard lock(state_->mutex);
  const auto known = TRY(state_->rows("WHERE expires > ?", ticks(container.created)));
  if (known.size() >= state_->options.max_containers)
    return fail(Code::Full, "containers", -1, "there are too many; remove some");
  TRY(os::make_dirs(state_->folder_of(container.name)));
  TRY(state_->database.run("INSERT INTO job_container VALUES (?, ?, ?, ?)", container.name,
                           container.actor, ticks(container.created), ticks(container.expires)));
  return Result<Container>(std::in_place, std::move(container));
}

std::string Containers::link(const Container& container) const {
  const std::string expiry = base::format_rfc3339(container.expires, 0);
  const std::string signature = state_->sign(container.name, expiry);
  return "/" + std::string(kContainers) + "/" + container.name +
         "?sv=" + std::string(kStorageVersion) +
         "&sr=c&sp=rcwdl&se=" + base::percent_encode(expiry) +
         "&sig=" + base::percent_encode(base::base64_encode(base::as_bytes(signature)));
}

Result<void> Containers::check(const ContainerTarget& target) const {
  // Signature first: nothing that was not signed means anything.
  const std::string expected = state_->sign(target.container, target.expiry);
  if (!base::equal_constant_time(base::as_bytes(expected), base::as_bytes(target.signature)))
    return refuse(Code::Denied, "AuthenticationFailed");
  const auto expiry = base::parse_rfc3339(target.expiry);
  if (!expiry || expiry->utc <= state_->options.now())
    return refuse(Code::Expired, "AuthenticationFailed");
  const std::lock_guard lock(state_->mutex);
  TRY(state_->find(target.container));
  return {};
}

Result<std::vector<Container>> Containers::list() const {
  const std::lock_guard lock(state_->mutex);
  return state_->rows("WHERE expires > ? ORDER BY created, name", ticks(state_->options.now()));
}

Result<void> Containers::remove(std::string_view name) {
  const std::lock_guard lock(state_->mutex);
  return state_->remove(name);
}

Result<std::vector<BlobFile>> Containers::blobs(std::string_view container) const {
  const std::lock_guard lock(state_->mutex);
  TRY(state_->find(container));
  std::vector<BlobFile> blobs;
  const std::string folder = state_->folder_of(container);
  for (const std::string& name : TRY(os::list_dir(folder))) {
    struct stat found{};
    if (is_blob_name(name) && ::stat((folder + "/" + name).c_str(), &found) == 0)
      blobs.push_back(describe(name, found));
  }
  return blobs;
}

Result<Containers::OpenBlob> Containers::read(std::string_view container,
                                              std::string_view blob) const {
  if (!is_blob_name(blob)) return refuse(Code::Invalid, "InvalidResourceName");
  const std::lock_guard lock(state_->mutex);
  TRY(state_->find(container));
  const std::string path = state_->folder_of(container) + "/" + std::string(blob);
  auto file = os::open_file(path, O_RDONLY);
  if (!file && file.error().code == Code::NotFound) return refuse(Code::NotFound, "BlobNotFound");
  if (!file) return std::unexpected(std::move(file).error());
  struct stat found{};
  if (::fstat(file->get(), &found) != 0) return base::fail_errno("stat", path);
  return OpenBlob{std::move(*file), describe(blob, found)};
}

Result<void> Containers::remove_blob(std::string_view container, std::string_view blob) {
  if (!is_blob_name(blob)) return refuse(Code::Invalid, "InvalidResourceName");
  const std::lock_guard lock(state_->mutex);
  TRY(state_->find(container));
  const std::string path = state_->folder_of(container) + "/" + std::string(blob);
  if (!os::file_exists(path)) return refuse(Code::NotFound, "BlobNotFound");
  state_->remove_file(path);
  return {};
}

Result<std::unique_ptr<ArrivingBlob>> Containers::receive(const ContainerTarget& target) {
  const bool block = target.operation == "block";
  const bool known = target.operation.empty() || block || target.operation == "blocklist";
  if (!known) return refuse(Code::Invalid, "UnsupportedQueryParameter");
  if (!is_blob_name(target.blob)) return refuse(Code::Invalid, "InvalidResourceName");
  if (block && target.block_id.empty()) return refuse(Code::Invalid, "InvalidBlockId");
  auto arriving = std::make_unique<ArrivingBlob::State>();
  arriving->containers = state_;
  arriving->target = target;
  const std::lock_guard lock(state_->mutex);
  TRY(state_->find(target.container));
  const std::string part =
      arriving->folder() + "/" + std::string(kPart) + std::to_string(++state_->last_part);
  arriving->file = TRY(os::open_file(part, O_WRONLY | O_CREAT | O_TRUNC));
  arriving->part = part;
  return std::unique_ptr<ArrivingBlob>(new ArrivingBlob(std::move(arriving)));
}

Result<void> Containers::maintain() {
  const std::lock_guard lock(state_->mutex);
  for (const Container& over :
       TRY(state_->rows("WHERE expires <= ? LIMIT 100", ticks(state_->options.now()))))
    TRY(state_->remove(over.name));
  return {};
}

std::uint64_t Containers::total_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->total;
}

}  // namespace hub::jobs
