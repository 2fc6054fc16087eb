#include "hub/job_world.h"

#include <utility>

#include "base/text.h"
#include "hub/jobs/execute.h"
#include "hub/queries/fleet.h"
#include "iotql/query.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;
using queries::Fleet;

namespace {

constexpr std::size_t kPage = 500;  // rows that are read at a time

Result<iotql::Query> read_condition(std::string_view condition) {
  auto query = iotql::Query::parse_target(condition);
  if (!query)
    return fail(Code::Invalid, "condition", -1, "queryCondition: " + query.error().to_string());
  if (query->from() == iotql::From::Jobs)
    return fail(Code::Invalid, "condition", -1, "queryCondition: jobs are no targets");
  return std::move(*query);
}

Result<void> select(queries::TwinQueries& twin_queries, std::string_view condition,
                    const jobs::World::Visit& visit) {
  const iotql::Query query = TRY(read_condition(condition));
  Fleet::Range range;
  range.kind = query.from() == iotql::From::Devices ? Fleet::Kind::Devices : Fleet::Kind::Modules;
  range.restrictions = &query.restrictions();
  return twin_queries.with_fleet([&](Fleet& fleet) {
    return fleet.scan(range, [&](const queries::TwinDocument& twin) {
      if (query.matches(twin)) visit(twin.name());
      return Fleet::Next::Go;
    });
  });
}

// No id has a slash in it.
std::string key_of(const jobs::DeviceJob& row) {
  return row.job_id + "/" + row.name.device_id + "/" + row.name.module_id;
}

jobs::JobTable::Key key_at(std::string_view text) {
  const auto parts = base::split(text, '/');
  constexpr std::size_t kParts = 3;
  if (parts.size() != kParts) return {};
  return {std::string(parts[0]), {std::string(parts[1]), std::string(parts[2])}};
}

}  // namespace

jobs::World make_job_world(queries::TwinQueries& twin_queries, twins::Twins& twins,
                           commands::Methods& methods) {
  jobs::World world;
  world.check = [](std::string_view condition) -> Result<void> {
    TRY(read_condition(condition));
    return {};
  };
  world.select = [&twin_queries](std::string_view condition, const jobs::World::Visit& visit) {
    return select(twin_queries, condition, visit);
  };
  world.execute = [&twins, &methods](const jobs::Job& job, const identity::Name& name,
                                     jobs::World::Done done) {
    jobs::execute(job, name, twins, methods, std::move(done));
  };
  return world;
}

queries::JobScan make_job_scan(const jobs::Jobs& jobs) {
  return [&jobs](std::string_view after, const queries::JobVisit& visit) -> Result<void> {
    jobs::JobTable::Key key = key_at(after);
    for (;;) {
      const auto rows = TRY(jobs.device_jobs(key, kPage));
      for (const jobs::DeviceJob& row : rows) {
        const base::json::Value value = to_value(row);
        if (visit(key_of(row), iotql::ValueDocument(value)) == Fleet::Next::Stop) return {};
      }
      if (rows.size() < kPage) return {};
      key = {rows.back().job_id, rows.back().name};
    }
  };
}

}  // namespace hub
