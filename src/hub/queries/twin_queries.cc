#include "hub/queries/twin_queries.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/id.h"
#include "hub/queries/continuation.h"
#include "iotql/groups.h"

namespace hub::queries {

using base::Code;
using base::fail;
using base::Result;
using iotql::From;
using Next = Fleet::Next;

namespace {

// Rows between two looks at the clock.
constexpr unsigned kRowsPerLook = 64;
constexpr std::size_t kMaxIdle = 8;
constexpr std::size_t kSecretBytes = 32;

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE query_secret (secret BLOB NOT NULL) STRICT;
)sql"};

// A secret of the hub that outlives its process, as continuations may.
Result<base::ByteVec> load_secret(const std::string& path) {
  auto database = TRY(store::Sqlite::open(path));
  TRY(database.migrate("queries", kSteps));
  auto row = TRY(database.prepare("SELECT secret FROM query_secret"));
  if (TRY(row.step())) {
    const auto secret = row.blob(0);
    return base::ByteVec(secret.begin(), secret.end());
  }
  row.reset();
  base::ByteVec secret(kSecretBytes);
  base::random_bytes(secret);
  TRY(database.run("INSERT INTO query_secret VALUES (?)", base::ByteView(secret)));
  return secret;
}

std::string key_of(const identity::Name& name) {
  return name.device_id + '\0' + name.module_id;
}

identity::Name name_of(std::string_view key) {
  const std::size_t end = key.find('\0');
  if (end == key.npos) return {};
  return {std::string(key.substr(0, end)), std::string(key.substr(end + 1))};
}

// Says every now and then whether the time is over.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds time) : end_(base::mono_now() + time) {}
  bool passed() { return ++rows_ % kRowsPerLook == 0 && base::mono_now() > end_; }

 private:
  base::MonoTime end_;
  unsigned rows_ = 0;
};

ItemType type_of(const iotql::Query& query) {
  if (!query.selects_all()) return ItemType::Raw;
  return query.from() == From::Jobs ? ItemType::DeviceJob : ItemType::Twin;
}

Failure failed(base::Error error) {
  return {std::move(error), std::nullopt};
}

}  // namespace

std::string_view to_string(ItemType type) {
  switch (type) {
    case ItemType::Twin:
      return "Twin";
    case ItemType::DeviceJob:
      return "DeviceJob";
    case ItemType::Raw:
      break;
  }
  return "Raw";
}

struct TwinQueries::State {
  explicit State(Options given) : options(std::move(given)) {}

  const Options options;
  base::ByteVec secret;
  Outside outside;  // before serving only
  JobScan jobs;     // as well
  std::mutex mutex;
  std::vector<Fleet> idle;  // guarded by mutex

  using Visit = std::function<Next(const std::string& key, const iotql::Document& document)>;
  Result<void> with_fleet(const std::function<Result<void>(Fleet&)>& use);
  // The documents that the query accepts.
  Result<void> scan(const iotql::Query& query, std::string_view after, const Visit& visit);
  Result<void> collect(const iotql::Query& query, iotql::Groups& groups);
  Result<Page> page_of_rows(const iotql::Query& query, const Question& question, Continuation from);
  Result<Page> page_of_groups(const iotql::Query& query, const Question& question,
                              Continuation from);
};

Result<void> TwinQueries::State::with_fleet(const std::function<Result<void>(Fleet&)>& use) {
  std::optional<Fleet> fleet;
  {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      fleet.emplace(std::move(idle.back()));
      idle.pop_back();
    }
  }
  if (!fleet) fleet.emplace(TRY(Fleet::open(options.path, outside)));
  auto used = use(*fleet);
  const std::lock_guard lock(mutex);
  if (used && idle.size() < kMaxIdle) idle.push_back(std::move(*fleet));
  return used;
}

Result<void> TwinQueries::State::scan(const iotql::Query& query, std::string_view after,
                                      const Visit& visit) {
  if (query.from() == From::Jobs) {
    if (!jobs) return {};
    return jobs(after, [&](std::string_view key, const iotql::Document& job) {
      return visit(std::string(key), job);
    });
  }
  Fleet::Range range;
  range.kind = query.from() == From::Devices ? Fleet::Kind::Devices : Fleet::Kind::Modules;
  range.after = name_of(after);
  range.restrictions = &query.restrictions();
  return with_fleet([&](Fleet& fleet) {
    return fleet.scan(range,
                      [&](const TwinDocument& twin) { return visit(key_of(twin.name()), twin); });
  });
}

Result<Page> TwinQueries::State::page_of_rows(const iotql::Query& query, const Question& question,
                                              Continuation from) {
  Page page;
  Deadline deadline(options.page_time);
  std::size_t bytes = 0;
  bool more = false;
  std::string last = from.key;
  TRY(scan(query, from.key, [&](const std::string& key, const iotql::Document& document) {
    if (page.items.size() == question.limit || bytes >= options.max_page_bytes ||
        deadline.passed()) {
      more = true;
      return Next::Stop;
    }
    last = key;
    if (!query.matches(document)) return Next::Go;
    base::json::Writer writer(page.items.emplace_back());
    query.write_row(document, writer);
    bytes += page.items.back().size();
    if (from.left && --*from.left == 0) return Next::Stop;
    return Next::Go;
  }));
  if (more) page.continuation = seal({last, from.left}, question.query, secret);
  return page;
}

Result<void> TwinQueries::State::collect(const iotql::Query& query, iotql::Groups& groups) {
  Deadline deadline(options.query_time);
  Result<void> added;
  TRY(scan(query, {}, [&](const std::string&, const iotql::Document& document) {
    if (query.matches(document)) added = groups.add(document);
    if (added && deadline.passed())
      added = fail(Code::Expired, "query", -1, "the query takes too long: narrow it");
    return added ? Next::Go : Next::Stop;
  }));
  return added;
}

Result<Page> TwinQueries::State::page_of_groups(const iotql::Query& query, const Question& question,
                                                Continuation from) {
  iotql::Groups groups(query);
  TRY(collect(query, groups));
  const std::size_t limit =
      std::min<std::size_t>(question.limit, from.left.value_or(iotql::kMaxGroups));
  auto rows = groups.rows(from.key, limit + 1);
  const bool more = rows.size() > limit && (!from.left || *from.left > limit);
  rows.resize(std::min(rows.size(), limit));
  if (from.left) *from.left -= static_cast<std::uint32_t>(rows.size());
  Page page;
  if (more) page.continuation = seal({rows.back().key, from.left}, question.query, secret);
  for (auto& row : rows)
    page.items.push_back(std::move(row.json));
  return page;
}

TwinQueries::TwinQueries(std::unique_ptr<State> state) : state_(std::move(state)) {}

TwinQueries::~TwinQueries() = default;

Result<std::unique_ptr<TwinQueries>> TwinQueries::open(Options options,
                                                       identity::Registry& registry) {
  auto state = std::make_unique<State>(std::move(options));
  state->secret = TRY(load_secret(state->options.path));
  state->outside.activity = [&registry](const identity::Name& name) {
    return registry.activity(name);
  };
  return std::unique_ptr<TwinQueries>(new TwinQueries(std::move(state)));
}

void TwinQueries::set_jobs(JobScan jobs) {
  state_->jobs = std::move(jobs);
}

void TwinQueries::set_configurations(
    std::function<base::json::Value(const identity::Name&)> configurations) {
  state_->outside.configurations = std::move(configurations);
}

std::expected<Page, Failure> TwinQueries::run(const Question& question) {
  auto query = iotql::Query::parse(question.query);
  if (!query) {
    base::Error error{Code::Invalid, "query", static_cast<std::int64_t>(query.error().offset),
                      query.error().to_string()};
    return std::unexpected(Failure{std::move(error), std::move(query.error())});
  }
  Continuation from;
  if (query->top())
    from.left = static_cast<std::uint32_t>(std::min<std::size_t>(*query->top(), 0xFFFF'FFFE));
  if (!question.continuation.empty()) {
    auto unsealed = unseal(question.continuation, question.query, state_->secret);
    if (!unsealed) return std::unexpected(failed(std::move(unsealed.error())));
    from = std::move(*unsealed);
  }
  auto page = query->aggregates() ? state_->page_of_groups(*query, question, std::move(from))
                                  : state_->page_of_rows(*query, question, std::move(from));
  if (!page) return std::unexpected(failed(std::move(page.error())));
  page->type = type_of(*query);
  return std::move(*page);
}

Result<std::uint64_t> TwinQueries::count(const iotql::Query& query) {
  const std::size_t top = query.top().value_or(SIZE_MAX);
  if (query.aggregates()) {
    iotql::Groups groups(query);
    TRY(state_->collect(query, groups));
    return std::min(top, groups.size());
  }
  std::uint64_t rows = 0;
  Deadline deadline(state_->options.query_time);
  bool late = false;
  TRY(state_->scan(query, {}, [&](const std::string&, const iotql::Document& document) {
    if (query.matches(document)) ++rows;
    late = deadline.passed();
    return late || rows == top ? Next::Stop : Next::Go;
  }));
  if (late) return fail(Code::Expired, "query", -1, "the query takes too long: narrow it");
  return rows;
}

Result<void> TwinQueries::with_fleet(const std::function<Result<void>(Fleet&)>& use) {
  return state_->with_fleet(use);
}

}  // namespace hub::queries
