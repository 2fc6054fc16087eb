#pragma once

#include "hub/commands/methods.h"
#include "hub/jobs/jobs.h"
#include "hub/queries/twin_queries.h"
#include "hub/twins/twins.h"

namespace hub {

// How jobs find their devices, by the twin query language, and what they do to them. All must
// outlive the jobs.
jobs::World make_job_world(queries::TwinQueries& twin_queries, twins::Twins& twins,
                           commands::Methods& methods);

// What queries over devices.jobs read. The jobs must outlive the queries.
queries::JobScan make_job_scan(const jobs::Jobs& jobs);

}  // namespace hub
