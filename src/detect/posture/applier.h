#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "detect/posture/judge.h"
#include "detect/posture/posture.h"
#include "detect/posture/tables.h"

namespace detect::posture {

// Events of the same time are one picture, or the later verdict stands alone.
enum class Pieces : std::uint8_t { Join, Replace };

// Changes what is kept, within a transaction of its owner's; for the sources of this folder.
// Errors: those of the tables.
class Applier {
 public:
  static base::Result<Applier> begin(store::Sqlite& db, base::WallTime now, Counters& counters);

  base::Result<void> apply(const Judgement& judgement, Pieces pieces);
  // The same for all devices that are known (`among`: only those, as SQL that gives device_id);
  // those that are not listed are healthy.
  base::Result<void> apply_all(Kind kind, const std::map<std::string, Verdict>& unhealthy,
                               std::string_view among, std::string_view among_value);
  // What the agent of a module complained about before its twin got this version.
  base::Result<void> settings_changed(const std::string& device_id, std::string_view module_id,
                                      std::int64_t version, base::WallTime when);
  // Nothing of that kind is there any more; if it was assessed at all.
  base::Result<void> gone(Kind kind, const std::string& device_id);

  base::Result<void> set_tag(const std::string& device_id, TagOf of, const std::string& group);
  base::Result<void> set_settings(const std::string& device_id, const std::string& module_id,
                                  std::string_view digest);  // empty: it has none
  // Looks for devices whose modules are set up unlike the rest of their group.
  base::Result<void> judge_group(const std::string& group);
  base::Result<void> forget(const std::string& device_id);

  // Exceptions have changed since begin().
  base::Result<void> refresh();
  // Because of that: assessments of that kind, on that device (empty: all).
  base::Result<void> reconsider(Kind kind, const std::string& device_id);
  // Forgets exceptions whose time is over.
  base::Result<void> expire();

  bool made_rows() const { return made_rows_; }
  std::int64_t next_expiry() const { return first_expiry(exceptions_); }

 private:
  Applier(store::Sqlite& db, base::WallTime now, Counters& counters,
          std::vector<Exception> exceptions)
      : db_(&db), now_(now), counters_(&counters), exceptions_(std::move(exceptions)) {}

  base::Result<void> know(const std::string& device_id, Assessment& assessment);
  const Exception* exception_for(const Assessment& assessment, std::string_view key) const;
  base::Result<void> conclude(const Assessment* before, Assessment after,
                              const std::vector<KeptItem>& old_items,
                              std::vector<KeptItem> new_items);

  store::Sqlite* db_;
  base::WallTime now_;
  Counters* counters_;
  std::vector<Exception> exceptions_;
  bool made_rows_ = false;
};

}  // namespace detect::posture
