// What is read of the assessments.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/posture/core.h"

namespace detect::posture {
namespace {

constexpr std::size_t kExamples = 10;

// A WHERE clause, and what is bound to it, in order.
struct Clause {
  std::string sql = "1";
  std::vector<std::string> texts;

  void add(std::string_view condition, std::string text) {
    sql.append(" AND ").append(condition);
    texts.push_back(std::move(text));
  }
  void bind(store::Statement& statement) const {
    int parameter = 0;
    for (const std::string& text : texts)
      statement.bind(++parameter, text);
  }
};

Clause clause_of(const Where& where) {
  Clause clause;
  if (where.device) clause.add("a.device_id = ?", *where.device);
  if (!where.group.empty()) clause.add("d.security_group = ?", where.group);
  return clause;
}

std::string like_pattern(std::string_view search) {
  std::string out = "%";
  for (const char c : base::to_lower(search)) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

constexpr std::string_view kSums =
    "a.recommendation, a.state, count(*), max(a.severity), max(a.evaluated), max(a.changed), "
    "sum(a.credit)";

// Adds a row of kSums, whose first column is `first`.
void add_sum(const store::Statement& row, int first, std::vector<Summary>& summaries) {
  const Recommendation* what = find_recommendation(row.text(first));
  if (what == nullptr) return;
  Summary& summary = summaries[static_cast<std::size_t>(what->kind)];
  const auto state = static_cast<State>(std::clamp<std::int64_t>(row.integer(first + 1), 0, 2));
  const std::int64_t count = row.integer(first + 2);
  if (state == State::Active) {
    summary.unhealthy = count;
    summary.severity =
        static_cast<Severity>(std::clamp<std::int64_t>(row.integer(first + 3), 0, 3));
  } else if (state == State::Resolved) {
    summary.healthy = count;
  } else {
    summary.dismissed = count;
  }
  summary.evaluated = std::max(summary.evaluated, to_optional_time(row.integer(first + 4)));
  summary.changed = std::max(summary.changed, to_optional_time(row.integer(first + 5)));
  if (state != State::Dismissed) summary.credit += row.real(first + 6);
}

std::vector<Summary> empty_summaries() {
  std::vector<Summary> summaries;
  for (const Recommendation& each : catalogue())
    summaries.push_back({.kind = each.kind, .severity = each.severity});
  return summaries;
}

void settle_states(std::vector<Summary>& summaries) {
  for (Summary& summary : summaries) {
    if (summary.unhealthy > 0) {
      summary.state = State::Active;
    } else if (summary.dismissed > 0 && summary.healthy == 0) {
      summary.state = State::Dismissed;
    }
  }
}

base::Result<std::int64_t> count_devices(store::Sqlite& db, const Where& where) {
  Clause clause = clause_of(where);
  auto row = TRY(db.prepare(
      fmt::format("SELECT count(DISTINCT a.device_id) FROM {} WHERE a.device_id <> '' AND {}",
                  kAssessmentTables, clause.sql)));
  clause.bind(row);
  if (!TRY(row.step())) return 0;
  return row.integer(0);
}

}  // namespace

base::Result<std::vector<Summary>> Posture::summaries(const Where& where) const {
  const std::lock_guard lock(core_->reader_mutex);
  const Clause clause = clause_of(where);
  auto row = TRY(core_->reader.prepare(fmt::format("SELECT {} FROM {} WHERE {} GROUP BY 1, 2",
                                                   kSums, kAssessmentTables, clause.sql)));
  clause.bind(row);
  std::vector<Summary> summaries = empty_summaries();
  while (TRY(row.step()))
    add_sum(row, 0, summaries);
  settle_states(summaries);
  return summaries;
}

base::Result<Score> Posture::score(const Where& where) const {
  Score score = score_of(TRY(summaries(where)));
  const std::lock_guard lock(core_->reader_mutex);
  score.devices = TRY(count_devices(core_->reader, where));
  return score;
}

base::Result<std::vector<GroupScore>> Posture::group_scores() const {
  const std::lock_guard lock(core_->reader_mutex);
  std::map<std::string, std::vector<Summary>> by_group;
  {
    auto row = TRY(core_->reader.prepare(
        fmt::format("SELECT d.security_group, {} FROM {} WHERE d.security_group IS NOT NULL GROUP "
                    "BY 1, 2, 3",
                    kSums, kAssessmentTables)));
    while (TRY(row.step())) {
      auto& summaries = by_group.try_emplace(row.string(0), empty_summaries()).first->second;
      add_sum(row, 1, summaries);
    }
  }
  std::vector<GroupScore> out;
  for (const auto& [group, summaries] : by_group) {
    out.push_back({group, score_of(summaries)});
    out.back().score.devices = TRY(count_devices(core_->reader, {.group = group}));
  }
  std::ranges::stable_sort(out, {},
                           [](const GroupScore& each) { return each.score.percent.value_or(101); });
  return out;
}

base::Result<AssessmentPage> Posture::devices(Kind kind, const DeviceFilter& filter) const {
  const std::lock_guard lock(core_->reader_mutex);
  store::Sqlite& db = core_->reader;
  Clause clause;
  clause.add("a.recommendation = ?", std::string(recommendation(kind).name));
  if (filter.state) clause.sql += fmt::format(" AND a.state = {}", static_cast<int>(*filter.state));
  if (!filter.group.empty()) clause.add("d.security_group = ?", filter.group);
  if (!filter.search.empty())
    clause.add("lower(a.device_id) LIKE ? ESCAPE '\\'", like_pattern(filter.search));
  if (!filter.item.empty()) {
    clause.add(
        "EXISTS (SELECT 1 FROM posture_item i WHERE i.recommendation = a.recommendation AND "
        "i.device_id = a.device_id AND i.key = ?)",
        filter.item);
  }
  AssessmentPage page;
  {
    auto row = TRY(
        db.prepare(fmt::format("SELECT count(*) FROM {} WHERE {}", kAssessmentTables, clause.sql)));
    clause.bind(row);
    if (TRY(row.step())) page.total = row.integer(0);
  }
  if (!filter.cursor.empty()) clause.add("a.device_id > ?", filter.cursor);
  {
    auto row = TRY(db.prepare(
        fmt::format("SELECT {} FROM {} WHERE {} ORDER BY a.device_id LIMIT {}", kAssessmentColumns,
                    kAssessmentTables, clause.sql, filter.limit + 1)));
    clause.bind(row);
    while (TRY(row.step())) {
      if (auto assessment = read_assessment(row)) page.items.push_back(std::move(*assessment));
    }
  }
  if (page.items.size() > filter.limit) {
    page.items.pop_back();
    page.next_cursor = page.items.back().device_id;
  }
  for (Assessment& assessment : page.items)
    assessment.items = TRY(read_kept(db, kind, assessment.device_id));
  return page;
}

base::Result<std::vector<ItemSummary>> Posture::items(Kind kind, const Where& where,
                                                      std::size_t limit) const {
  const std::lock_guard lock(core_->reader_mutex);
  Clause clause;
  clause.add("a.recommendation = ?", std::string(recommendation(kind).name));
  if (where.device) clause.add("a.device_id = ?", *where.device);
  if (!where.group.empty()) clause.add("d.security_group = ?", where.group);
  auto row = TRY(core_->reader.prepare(fmt::format(
      "SELECT a.key, min(a.title), max(a.severity), count(*), sum(a.exception <> 0), min(a.since) "
      "FROM posture_item a LEFT JOIN posture_device d ON d.device_id = a.device_id WHERE {} GROUP "
      "BY a.key ORDER BY 3 DESC, 4 DESC, 1 LIMIT {}",
      clause.sql, limit)));
  clause.bind(row);
  std::vector<ItemSummary> out;
  while (TRY(row.step())) {
    out.push_back({row.string(0), row.string(1),
                   static_cast<Severity>(std::clamp<std::int64_t>(row.integer(2), 0, 3)),
                   row.integer(3), row.integer(4), to_time(row.integer(5))});
  }
  return out;
}

base::Result<std::vector<Assessment>> Posture::assessments(const std::string& device_id) const {
  const std::lock_guard lock(core_->reader_mutex);
  store::Sqlite& db = core_->reader;
  std::vector<Assessment> out;
  {
    auto row = TRY(db.prepare(fmt::format(
        "SELECT {} FROM {} WHERE a.device_id = ? ORDER BY a.state = 0 DESC, a.state = 2 DESC, "
        "a.severity DESC, a.recommendation",
        kAssessmentColumns, kAssessmentTables)));
    row.bind_all(device_id);
    while (TRY(row.step())) {
      if (auto assessment = read_assessment(row)) out.push_back(std::move(*assessment));
    }
  }
  for (Assessment& assessment : out)
    assessment.items = TRY(read_kept(db, assessment.kind, device_id));
  return out;
}

base::Result<std::vector<Exception>> Posture::exceptions() const {
  const std::lock_guard lock(core_->reader_mutex);
  return read_exceptions(core_->reader);
}

base::Result<ExceptionPreview> Posture::preview(const Exception& exception) const {
  const std::lock_guard lock(core_->reader_mutex);
  Clause clause;
  clause.sql = "i.exception = 0";
  clause.add("i.recommendation = ?", std::string(recommendation(exception.kind).name));
  if (!exception.device_id.empty()) clause.add("i.device_id = ?", exception.device_id);
  if (!exception.group.empty()) clause.add("d.security_group = ?", exception.group);
  if (!exception.item.empty()) clause.add("i.key = ?", exception.item);
  const std::string from = fmt::format(
      "FROM posture_item i LEFT JOIN posture_device d ON d.device_id = i.device_id WHERE {}",
      clause.sql);
  ExceptionPreview out;
  {
    auto row = TRY(core_->reader.prepare(
        fmt::format("SELECT count(*), count(DISTINCT i.device_id) {}", from)));
    clause.bind(row);
    if (TRY(row.step())) {
      out.items = row.integer(0);
      out.devices = row.integer(1);
    }
  }
  auto row = TRY(core_->reader.prepare(
      fmt::format("SELECT DISTINCT i.device_id {} ORDER BY 1 LIMIT {}", from, kExamples)));
  clause.bind(row);
  while (TRY(row.step()))
    out.examples.push_back(row.string(0));
  return out;
}

}  // namespace detect::posture
