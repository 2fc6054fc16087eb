#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/id.h"
#include "detect/alerts.h"
#include "detect/scheduled/analytic_rule.h"
#include "detect/scheduled/windows.h"
#include "store/query.h"

// From the rows that a rule's query gave to what was found. Threads: pure.
namespace detect::scheduled {

// So many new rows of a run become evidence; the others only count.
inline constexpr std::size_t kMaxEvidence = 20;
// So many alerts of one run; what is beyond is one more, for all of it.
inline constexpr std::size_t kMaxAlerts = 150;

// A row's identity: the same rule, columns and values give the same.
base::Guid row_id(const AnalyticRule& rule, const std::vector<kql::Column>& columns,
                  const std::vector<store::Value>& row);

// Whether so many rows are what the rule waits for.
bool triggers(const AnalyticRule& rule, std::size_t rows);

struct Judgement {
  std::vector<Finding> findings;
  std::vector<base::Guid> rows;       // those that the findings stand on
  std::vector<std::string> problems;  // columns that the rule names and the result does not have
};

// What the result of a run means. Rows that `is_known` says were found by an earlier run (whose
// window overlapped this one) make nothing new. A rule that waits for few rows (lt, eq 0) makes a
// finding without one.
Judgement judge(const AnalyticRule& rule, const Window& window, const store::QueryResult& result,
                const std::function<bool(const base::Guid&)>& is_known);

}  // namespace detect::scheduled
