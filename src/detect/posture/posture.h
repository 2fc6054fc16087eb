#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "detect/detector.h"
#include "detect/posture/judge.h"
#include "detect/posture/state.h"
#include "store/events.h"

namespace detect::posture {

struct Options {
  std::string path;  // the SQLite file; may be shared with other components
  std::function<base::WallTime()> now = base::wall_now;
};

struct DeviceFilter {
  std::optional<State> state = {};
  std::string group = {};   // empty: all
  std::string search = {};  // in the device's id, whatever the case
  std::string item = {};    // only those that have an item of this key
  std::size_t limit = 50;
  std::string cursor = {};  // of the page before
};

struct AssessmentPage {
  std::vector<Assessment> items;  // by device, with their items
  std::string next_cursor;        // empty: no more
  std::int64_t total = 0;
};

// Narrows sums down; empty: all of it.
struct Where {
  std::optional<std::string> device = {};  // "": the hub itself
  std::string group = {};
};

// Since start; any thread may read.
struct Counters {
  base::Counter judged;    // verdicts that were applied
  base::Counter stale;     // pictures older than what was known already
  base::Counter changes;   // of states
  base::Counter failures;  // transactions that had to be tried again
};

// Recommendations: what devices and the hub should be set up like and are not, since when, and what
// of it somebody accepts.
//
// As a detector it judges pictures, connections, messages and twins as they come, and keeps what it
// decided by settle(), in transactions of its own: doing so again after a crash changes nothing.
// Rows of SecurityRecommendation are made in the same transactions and stay until the event store
// has them. Of a picture that comes in pieces (several events of the same time) all pieces count; a
// picture that is older than what is known does not.
// Threads: any; what is Detector's, one at a time.
class Posture final : public Detector {
 public:
  // Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<Posture>> open(Options options);
  ~Posture() override;

  void on_event(const schema::Event& event, const Origin& origin,
                std::vector<Finding>& findings) override;
  void on_operation(const store::OperationRow& operation, const Origin& origin,
                    std::vector<Finding>& findings) override;
  void on_twin(const store::TwinRow& twin, const Origin& origin,
               std::vector<Finding>& findings) override;
  void on_time(base::WallTime now, std::vector<Finding>& findings) override;
  std::string_view name() const override { return "posture"; }
  void save(std::vector<MemoryChange>& changes) override;
  bool restore(std::string_view key, std::string_view value) override;
  // Durable after return. Errors: those of store::Sqlite; call it again.
  base::Result<void> settle() override;

  // What the hub knows at this moment. Devices that are not known yet become so.
  base::Result<void> judge(std::span<const Judgement> judgements);
  // Of all devices that are known: those that are not listed are healthy.
  base::Result<void> judge_devices(Kind kind, const std::map<std::string, Verdict>& unhealthy);

  // Rows for SecurityRecommendation that are not known to be stored, oldest first, after `after`,
  // into the batch. As Alerts has them.
  base::Result<void> outbox(std::uint64_t after, std::size_t limit, store::Batch& batch) const;
  base::Result<void> trim_outbox(std::uint64_t up_to);
  base::Result<void> continue_outbox(std::uint64_t after);
  // Called when there are new rows, other than by settle(), on any thread.
  void on_outbox(std::function<void()> callback);

  // All recommendations, also those that nothing was assessed by.
  base::Result<std::vector<Summary>> summaries(const Where& where) const;
  // Errors: Invalid (cursor).
  base::Result<AssessmentPage> devices(Kind kind, const DeviceFilter& filter) const;
  // The worst and most frequent first.
  base::Result<std::vector<ItemSummary>> items(Kind kind, const Where& where,
                                               std::size_t limit) const;
  // All of one device, or of the hub, with their items; the active and severe first.
  base::Result<std::vector<Assessment>> assessments(const std::string& device_id) const;
  base::Result<Score> score(const Where& where) const;
  // Of each security group that has devices, the worst first.
  base::Result<std::vector<GroupScore>> group_scores() const;

  static constexpr std::size_t kMaxExceptions = 10'000;
  base::Result<std::vector<Exception>> exceptions() const;
  base::Result<ExceptionPreview> preview(const Exception& exception) const;
  // Its id and the time are given here. Errors: Full.
  base::Result<Exception> add_exception(Exception exception);
  // Errors: NotFound.
  base::Result<Exception> remove_exception(std::int64_t id);

  const Counters& counters() const;
  std::uint64_t dropped() const;  // Judge::dropped()

 private:
  struct Core;
  explicit Posture(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace detect::posture
