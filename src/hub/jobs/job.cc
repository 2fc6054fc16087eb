#include "hub/jobs/job.h"

#include <array>

#include "base/text.h"
#include "wire/topics.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::size_t kMaxCondition = 16U << 10U;
constexpr std::chrono::seconds kMostExecution = std::chrono::days(30);
constexpr int kTimeDigits = 7;

constexpr std::array<std::string_view, 2> kKinds = {"scheduleUpdateTwin", "scheduleDeviceMethod"};
constexpr std::array<std::string_view, 5> kStatuses = {"queued", "running", "completed", "failed",
                                                       "cancelled"};

std::unexpected<base::Error> wrong(std::string detail) {
  return fail(Code::Invalid, "job", -1, std::move(detail));
}

// A start of the whole hub's: "2016-09-29T18:18:52Z"; null and "" are now.
Result<base::WallTime> read_start(const Value& body, base::WallTime now) {
  const Value* member = body.find("startTime");
  if (member == nullptr || member->is_null()) return now;
  const auto* text = member->if_string();
  if (text == nullptr) return wrong("startTime: expected a time such as 2016-09-29T18:18:52Z");
  if (text->empty()) return now;
  const auto time = base::parse_rfc3339(*text);
  if (!time) return wrong("startTime: expected a time such as 2016-09-29T18:18:52Z");
  return time->utc;
}

Result<std::chrono::seconds> read_seconds(const Value& body, std::string_view name,
                                          std::chrono::seconds otherwise,
                                          std::chrono::seconds least, std::chrono::seconds most) {
  const Value* member = body.find(name);
  if (member == nullptr || member->is_null()) return otherwise;
  const auto* number = member->if_int();
  if (number == nullptr || *number < least.count() || *number > most.count()) {
    return wrong(std::string(name) + ": expected a whole number of seconds from " +
                 std::to_string(least.count()) + " to " + std::to_string(most.count()));
  }
  return std::chrono::seconds(*number);
}

Result<Value> read_definition(const Value& body, Kind kind) {
  const std::string_view name = kind == Kind::UpdateTwin ? "updateTwin" : "cloudToDeviceMethod";
  const Value* definition = body.find(name);
  if (definition == nullptr || definition->if_object() == nullptr)
    return wrong(std::string(name) + ": expected an object");
  if (kind == Kind::DeviceMethod) {
    if (definition->text_or("methodName", "").empty())
      return wrong("cloudToDeviceMethod.methodName is missing");
    constexpr std::chrono::seconds kMost{300};
    for (const char* timeout : {"responseTimeoutInSeconds", "connectTimeoutInSeconds"})
      TRY(read_seconds(*definition, timeout, kMost, std::chrono::seconds(0), kMost));
  }
  return *definition;
}

Value time_value(base::WallTime time) {
  return Value(base::format_rfc3339(time, kTimeDigits));
}
Value time_value(const std::optional<base::WallTime>& time) {
  return time ? time_value(*time) : Value();
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<Kind> parse_kind(std::string_view text) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (base::equal_ignore_case(text, kKinds[i])) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Status status) {
  return kStatuses[static_cast<std::size_t>(status)];
}

std::optional<Status> parse_status(std::string_view text) {
  // What waits for its time is queued, too.
  if (base::equal_ignore_case(text, "scheduled") || base::equal_ignore_case(text, "enqueued"))
    return Status::Queued;
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (base::equal_ignore_case(text, kStatuses[i])) return static_cast<Status>(i);
  }
  return std::nullopt;
}

Result<Job> read_job(const Value& body, std::string_view id, base::WallTime now) {
  if (body.if_object() == nullptr) return wrong("expected an object");
  if (!wire::is_valid_id(id)) return wrong("the job id holds what no id may, or is too long");
  if (body.text_or("jobId", id) != id) return wrong("the body names another job than the path");
  const auto kind = parse_kind(body.text_or("type", ""));
  if (!kind) return wrong("type: expected scheduleUpdateTwin or scheduleDeviceMethod");
  Job job;
  job.id = id;
  job.kind = *kind;
  job.condition = base::trim(body.text_or("queryCondition", ""));
  if (job.condition.empty()) return wrong("queryCondition is missing");
  if (job.condition.size() > kMaxCondition) return wrong("queryCondition is longer than 16 KiB");
  job.definition = TRY(read_definition(body, *kind));
  job.start = TRY(read_start(body, now));
  job.max_execution = TRY(read_seconds(body, "maxExecutionTimeInSeconds", job.max_execution,
                                       std::chrono::seconds(1), kMostExecution));
  job.created = now;
  job.updated = now;
  return Result<Job>(std::in_place, std::move(job));
}

void write_job(Writer& writer, const Job& job) {
  writer.begin_object();
  writer.field("jobId", job.id);
  writer.field("type", to_string(job.kind));
  writer.field("status", to_string(job.status));
  writer.field("queryCondition", job.condition);
  writer.field("createdTime", base::format_rfc3339(job.created, kTimeDigits));
  writer.field("startTime", base::format_rfc3339(job.start, kTimeDigits));
  writer.field("lastUpdatedDateTimeUtc", base::format_rfc3339(job.updated, kTimeDigits));
  if (job.ended) writer.field("endTime", base::format_rfc3339(*job.ended, kTimeDigits));
  writer.field("maxExecutionTimeInSeconds", std::int64_t{job.max_execution.count()});
  writer.key(job.kind == Kind::UpdateTwin ? "updateTwin" : "cloudToDeviceMethod");
  job.definition.write(writer);
  if (!job.failure.empty()) writer.field("failureReason", job.failure);
  writer.key("deviceJobStatistics");
  writer.begin_object();
  writer.field("deviceCount", job.statistics.total());
  writer.field("failedCount", job.statistics.failed);
  writer.field("succeededCount", job.statistics.succeeded);
  writer.field("runningCount", job.statistics.running);
  writer.field("pendingCount", job.statistics.pending);
  writer.end_object();
  writer.end_object();
}

Value to_value(const DeviceJob& row) {
  Value::Object members;
  members.push_back({"deviceId", Value(row.name.device_id)});
  if (row.name.is_module()) members.push_back({"moduleId", Value(row.name.module_id)});
  members.push_back({"jobId", Value(row.job_id)});
  members.push_back({"jobType", Value(std::string(to_string(row.kind)))});
  const bool pending = row.status == Status::Queued;
  members.push_back({"status", Value(std::string(pending ? "pending" : to_string(row.status)))});
  members.push_back({"createdDateTimeUtc", time_value(row.created)});
  members.push_back({"lastUpdatedDateTimeUtc", time_value(row.updated)});
  members.push_back({"startTimeUtc", time_value(row.started)});
  members.push_back({"endTimeUtc", time_value(row.ended)});
  if (!row.answer.empty()) {
    auto answer = base::json::parse(row.answer);
    Value::Object outcome;
    outcome.push_back({"deviceMethodResponse", answer ? std::move(*answer) : Value()});
    members.push_back({"outcome", Value(std::move(outcome))});
  }
  if (!row.error_code.empty()) {
    Value::Object error;
    error.push_back({"code", Value(row.error_code)});
    error.push_back({"description", Value(row.error_text)});
    members.push_back({"error", Value(std::move(error))});
  }
  return Value(std::move(members));
}

}  // namespace hub::jobs
