#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "detect/posture/applier.h"
#include "detect/posture/hub_checks.h"
#include "detect/posture/posture.h"
#include "store/sqlite.h"

// What the sources of this folder share of Posture.
namespace detect::posture {

// What an edge hub serves, and since when it does so without a change.
struct EdgeSince {
  base::WallTime since{};
  EdgeHub hub;
  bool told = false;  // judged after a week
};

struct Posture::Core {
  Core(Options given, store::Sqlite writing, store::Sqlite reading)
      : options(std::move(given)), writer(std::move(writing)), reader(std::move(reading)) {}

  // Of the detector, one thread at a time.
  bool is_known(const Judgement& judgement);
  void add(std::vector<Judgement> judgements, Pieces pieces);
  void forget(const std::string& device_id);
  void edge_changed(const std::string& device_id, const base::json::Value& desired,
                    base::WallTime now);
  void module_changed(const store::TwinRow& twin, const Origin& origin);

  // Any thread.
  base::Result<void> write(const std::function<base::Result<void>(Applier&)>& change,
                           base::WallTime now, bool* made_rows);  // with writer_mutex
  base::Result<void> change(const std::function<base::Result<void>(Applier&)>& apply);
  base::Result<std::vector<std::string>> groups();  // with writer_mutex

  const Options options;
  std::atomic<std::int64_t> next_expiry{0};  // of an exception, as to_integer() has it
  Counters counters;

  std::mutex writer_mutex;
  store::Sqlite writer;  // guarded by writer_mutex
  std::mutex reader_mutex;
  store::Sqlite reader;  // guarded by reader_mutex
  std::mutex callback_mutex;
  std::function<void()> grown;  // guarded by callback_mutex, called with it held

  // The detector's own.
  Judge judge;
  std::vector<std::function<base::Result<void>(Applier&)>> tasks;  // for settle()
  std::unordered_map<std::string, std::uint64_t> known;            // digests of the last verdicts
  std::map<std::string, EdgeSince> edges;
  std::vector<MemoryChange> changes;  // for save()
  base::WallTime round_at{};
  bool save_due = false;
  bool all_groups = true;  // groups may look different
};

}  // namespace detect::posture
