#pragma once

#include "hub/commands/methods.h"
#include "hub/identity/registry.h"
#include "hub/jobs/jobs.h"
#include "hub/twins/twins.h"

namespace hub::jobs {

// What a job does for one of its devices: changes the twin, or calls the method. Both must outlive
// the jobs. The operations that result have the actor "job:ID".
void execute(const Job& job, const identity::Name& name, twins::Twins& twins,
             commands::Methods& methods, World::Done done);

// A method call as REST clients describe it: {"methodName","payload","responseTimeoutInSeconds",
// "connectTimeoutInSeconds"}. Errors: Invalid. Threads: pure.
base::Result<commands::MethodCall> read_method_call(const base::json::Value& body);

// {"status":200,"payload":..}, as they read what came of it.
std::string method_result(const commands::MethodAnswer& answer);

}  // namespace hub::jobs
