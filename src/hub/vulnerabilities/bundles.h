#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/vulnerabilities/matching.h"

namespace hub::vulnerabilities {

// A file on its way to become a bundle.
struct Import {
  enum class State : std::uint8_t { Uploading, Waiting, Reading, Done, Failed };
  std::string id;
  std::string bundle;  // its name
  std::string actor;
  State state = State::Uploading;
  base::WallTime begun;
  base::WallTime changed;
  std::uint64_t bytes = 0;  // that came
  std::uint64_t read = 0;   // of these, by now
  std::string error;        // of one that failed
};
std::string_view to_string(Import::State state);  // "uploading"

struct BundleOptions {
  std::string folder;  // made when absent
  std::uint64_t max_upload_bytes = std::uint64_t{4} << 30U;
  std::size_t max_uploads = 4;               // at once
  std::chrono::seconds upload_timeout{600};  // since its last piece
  advisories::Limits limits = {};
  std::function<base::WallTime()> now = base::wall_now;
};

// 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or a digit.
bool is_bundle_name(std::string_view text);

// The bundles of a hub: files of its folder, each replaced as a whole, or not. A file comes in
// pieces, is read by work(), and takes the place of the bundle of that name when all of it was
// read. Threads: any; work() one at a time.
class Bundles {
 public:
  // What an interrupted hub left behind is removed; a bundle that cannot be read is reported,
  // counted and not used. Errors: Io.
  static base::Result<std::unique_ptr<Bundles>> open(BundleOptions options);

  // An immutable picture of those that are there.
  std::shared_ptr<const BundleSet> all() const;
  // The same for the same bundles, another for others.
  std::string generation() const;

  // Errors: Invalid (name), Full (too many uploads), Io.
  base::Result<Import> begin(const std::string& bundle, const std::string& actor);
  // The piece goes where those before it end. Errors: NotFound, Conflict (`at` is elsewhere),
  // TooLarge, Io, Full (disk).
  base::Result<Import> append(const std::string& id, std::uint64_t at, base::ByteView piece);
  // All of it is there; work() reads it. Errors: NotFound, Invalid (nothing came).
  base::Result<Import> finish(const std::string& id);
  // Errors: NotFound (also when it is read already).
  base::Result<void> abandon(const std::string& id);
  // Errors: NotFound.
  base::Result<void> remove(const std::string& bundle);
  // The last ones, the newest first.
  std::vector<Import> imports() const;

  // Reads the next file that waits, if any does; says whether. Until `stopping`. What is wrong with
  // it is told in its Import. Removes uploads that nobody goes on with.
  bool work(const std::atomic<bool>& stopping);
  // Called after finish() and remove(), on their threads.
  void on_change(std::function<void()> callback);

  const base::Counter& imported() const { return imported_; }
  const base::Counter& failed() const { return failed_; }
  const base::Counter& lost_records() const { return lost_records_; }
  const base::Counter& unusable() const { return unusable_; }  // bundles at the start

 private:
  explicit Bundles(BundleOptions options) : options_(std::move(options)) {}

  base::Result<void> load();
  base::Result<void> take(const Import& import, const std::atomic<bool>& stopping);
  void put(std::shared_ptr<const BundleFile> bundle, std::string_view removed);
  std::optional<Import> next();
  void conclude(const std::string& id, const base::Result<void>& result);
  void drop_abandoned();
  Import* find(const std::string& id);  // with mutex_
  std::string upload_path(const std::string& id) const;
  std::string bundle_path(const std::string& name) const;
  void changed();

  const BundleOptions options_;
  base::Counter imported_;
  base::Counter failed_;
  base::Counter lost_records_;
  base::Counter unusable_;
  std::mutex folder_mutex_;  // of changes to files of bundles
  mutable std::mutex mutex_;
  std::shared_ptr<const BundleSet> all_ = std::make_shared<const BundleSet>();  // guarded by mutex_
  std::deque<Import> imports_;       // guarded by mutex_; the newest last
  std::function<void()> on_change_;  // guarded by mutex_
};

}  // namespace hub::vulnerabilities
