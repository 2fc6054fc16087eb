#include "hub/vulnerabilities/bundles.h"

#include <algorithm>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"

namespace hub::vulnerabilities {

using base::Code;
using base::fail;
using base::Result;
using State = Import::State;

namespace {

constexpr std::string_view kEnding = ".bundle";
constexpr std::string_view kNew = ".new";
constexpr std::string_view kUpload = ".upload";
constexpr std::size_t kMaxBundles = 64;
constexpr std::size_t kKeptImports = 20;  // that are over

bool is_over(const Import& import) {
  return import.state == State::Done || import.state == State::Failed;
}

// The bytes of an uploaded file.
class FileSource final : public advisories::Source {
 public:
  FileSource(os::Fd file, std::uint64_t size) : file_(std::move(file)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Result<std::size_t> read_at(std::span<std::uint8_t> bytes, std::uint64_t at) override {
    return os::read_at(file_.get(), bytes, at);
  }

 private:
  os::Fd file_;
  std::uint64_t size_;
};

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::Uploading:
      return "uploading";
    case State::Waiting:
      return "waiting";
    case State::Reading:
      return "reading";
    case State::Done:
      return "done";
    case State::Failed:
      break;
  }
  return "failed";
}

bool is_bundle_name(std::string_view text) {
  constexpr std::string_view kStart = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view kRest = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  return !text.empty() && text.size() <= 64 &&
         kStart.find(text.front()) != std::string_view::npos &&
         text.find_first_not_of(kRest) == std::string_view::npos;
}

std::string Bundles::upload_path(const std::string& id) const {
  return options_.folder + "/" + id + std::string(kUpload);
}

std::string Bundles::bundle_path(const std::string& name) const {
  return options_.folder + "/" + name + std::string(kEnding);
}

Result<std::unique_ptr<Bundles>> Bundles::open(BundleOptions options) {
  TRY(os::make_dirs(options.folder));
  std::unique_ptr<Bundles> bundles(new Bundles(std::move(options)));
  TRY(bundles->load());
  return bundles;
}

Result<void> Bundles::load() {
  auto all = std::make_shared<BundleSet>();
  for (const std::string& name : TRY(os::list_dir(options_.folder))) {
    const std::string path = options_.folder + "/" + name;
    if (name.ends_with(kNew) || name.ends_with(kUpload)) {
      TRY(os::remove_file(path));
      continue;
    }
    if (!name.ends_with(kEnding)) continue;
    auto bundle = BundleFile::open(path);
    if (bundle) {
      all->push_back(std::move(*bundle));
      continue;
    }
    unusable_.add();
    LOG_ERROR("vulnerabilities.bundle")
        .field("file", path)
        .field("error", bundle.error().to_string())
        .field("help", "import it again, or remove it");
  }
  all_ = std::move(all);
  return {};
}

std::shared_ptr<const BundleSet> Bundles::all() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

std::string Bundles::generation() const {
  const auto bundles = all();
  std::string text = "1";  // of the comparison itself
  for (const auto& bundle : *bundles)
    text += "\n" + bundle->info().name + " " + bundle->info().id;
  return base::hex_encode(base::ByteView(base::sha256(base::as_bytes(text))).first(16));
}

Import* Bundles::find(const std::string& id) {
  const auto found = std::ranges::find(imports_, id, &Import::id);
  return found == imports_.end() ? nullptr : &*found;
}

void Bundles::changed() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex_);
    callback = on_change_;
  }
  if (callback) callback();
}

void Bundles::on_change(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  on_change_ = std::move(callback);
}

Result<Import> Bundles::begin(const std::string& bundle, const std::string& actor) {
  if (!is_bundle_name(bundle)) return fail(Code::Invalid, "bundle name", -1, bundle);
  Import import;
  import.id = base::Guid::random().to_string();
  import.bundle = bundle;
  import.actor = actor;
  import.begun = import.changed = options_.now();
  const std::lock_guard lock(mutex_);
  const auto open =
      std::ranges::count_if(imports_, [](const Import& each) { return !is_over(each); });
  if (static_cast<std::size_t>(open) >= options_.max_uploads)
    return fail(Code::Full, "uploads", -1, "too many files are uploaded or wait just now");
  const bool replaces =
      std::ranges::any_of(*all_, [&](const auto& each) { return each->info().name == bundle; });
  if (!replaces && all_->size() >= kMaxBundles)
    return fail(Code::Full, "bundles", -1, "there are too many");
  (void)TRY(os::open_file(upload_path(import.id), O_WRONLY | O_CREAT | O_EXCL));
  while (imports_.size() >= kKeptImports + options_.max_uploads && is_over(imports_.front()))
    imports_.pop_front();
  imports_.push_back(import);
  return import;
}

Result<Import> Bundles::append(const std::string& id, std::uint64_t at, base::ByteView piece) {
  const std::lock_guard lock(mutex_);
  Import* import = find(id);
  if (import == nullptr || import->state != State::Uploading) return fail(Code::NotFound, "upload");
  if (at != import->bytes) {
    return fail(Code::Conflict, "upload", -1,
                "the next piece begins at " + std::to_string(import->bytes));
  }
  if (piece.size() > options_.max_upload_bytes - import->bytes)
    return fail(Code::TooLarge, "upload", -1, "the file is larger than the hub takes");
  const auto file = TRY(os::open_file(upload_path(id), O_WRONLY));
  TRY(os::write_all_at(file.get(), piece, at));
  import->bytes += piece.size();
  import->changed = options_.now();
  return *import;
}

Result<Import> Bundles::finish(const std::string& id) {
  Import out;
  {
    const std::lock_guard lock(mutex_);
    Import* import = find(id);
    if (import == nullptr || import->state != State::Uploading)
      return fail(Code::NotFound, "upload");
    if (import->bytes == 0) return fail(Code::Invalid, "upload", -1, "the file is empty");
    import->state = State::Waiting;
    import->changed = options_.now();
    out = *import;
  }
  changed();
  return out;
}

Result<void> Bundles::abandon(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Import* import = find(id);
  if (import == nullptr || (import->state != State::Uploading && import->state != State::Waiting))
    return fail(Code::NotFound, "upload");
  std::erase_if(imports_, [&](const Import& each) { return each.id == id; });
  return os::remove_file(upload_path(id));
}

std::vector<Import> Bundles::imports() const {
  const std::lock_guard lock(mutex_);
  return {imports_.rbegin(), imports_.rend()};
}

void Bundles::put(std::shared_ptr<const BundleFile> bundle, std::string_view removed) {
  const std::lock_guard lock(mutex_);
  auto all = std::make_shared<BundleSet>(*all_);
  std::erase_if(*all, [&](const auto& each) { return each->info().name == removed; });
  if (bundle) all->push_back(std::move(bundle));
  std::ranges::sort(*all, {}, [](const auto& each) { return each->info().name; });
  all_ = std::move(all);
}

Result<void> Bundles::remove(const std::string& bundle) {
  {
    const std::lock_guard lock(folder_mutex_);
    const auto bundles = all();
    const bool known = std::ranges::any_of(
        *bundles, [&](const auto& each) { return each->info().name == bundle; });
    if (!known) return fail(Code::NotFound, "bundle", -1, bundle);
    TRY(os::remove_file(bundle_path(bundle)));
    TRY(os::sync_dir(options_.folder));
    put(nullptr, bundle);
  }
  changed();
  return {};
}

std::optional<Import> Bundles::next() {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(imports_, State::Waiting, &Import::state);
  if (found == imports_.end()) return std::nullopt;
  found->state = State::Reading;
  return *found;
}

void Bundles::conclude(const std::string& id, const Result<void>& result) {
  (result ? imported_ : failed_).add();
  const std::lock_guard lock(mutex_);
  Import* import = find(id);
  if (import == nullptr) return;
  import->state = result ? State::Done : State::Failed;
  import->changed = options_.now();
  if (!result) import->error = result.error().to_string();
}

// An upload of which no piece came for long.
void Bundles::drop_abandoned() {
  const std::lock_guard lock(mutex_);
  const base::WallTime now = options_.now();
  for (Import& import : imports_) {
    if (import.state != State::Uploading || now - import.changed < options_.upload_timeout)
      continue;
    import.state = State::Failed;
    import.error = "nobody went on with it";
    if (const auto removed = os::remove_file(upload_path(import.id)); !removed) {
      LOG_WARNING("vulnerabilities.upload").field("error", removed.error().to_string());
    }
  }
}

Result<void> Bundles::take(const Import& import, const std::atomic<bool>& stopping) {
  BundleInfo info;
  info.name = import.bundle;
  info.id = import.id;
  info.actor = import.actor;
  info.imported = options_.now();
  const std::string path = bundle_path(import.bundle);
  const std::string made = path + std::string(kNew);
  FileSource source(TRY(os::open_file(upload_path(import.id), O_RDONLY)), import.bytes);
  TRY(BundleFile::write(made, std::move(info), source, options_.limits, [&](std::uint64_t read) {
    const std::lock_guard lock(mutex_);
    if (Import* known = find(import.id)) known->read = read;
    return !stopping.load();
  }));
  const std::lock_guard lock(folder_mutex_);
  // Those who read the one before keep it open until they are done with it.
  if (::rename(made.c_str(), path.c_str()) != 0) return base::fail_errno("rename", path);
  TRY(os::sync_dir(options_.folder));
  auto bundle = TRY(BundleFile::open(path));
  lost_records_.add(bundle->info().contents.malformed);
  put(std::move(bundle), import.bundle);
  return {};
}

bool Bundles::work(const std::atomic<bool>& stopping) {
  drop_abandoned();
  const auto import = next();
  if (!import) return false;
  const auto result = take(*import, stopping);
  conclude(import->id, result);
  (void)os::remove_file(upload_path(import->id));
  if (result) {
    LOG_NOTICE("vulnerabilities.imported").field("bundle", import->bundle);
  } else {
    LOG_WARNING("vulnerabilities.import")
        .field("bundle", import->bundle)
        .field("error", result.error().to_string());
  }
  return true;
}

}  // namespace hub::vulnerabilities
