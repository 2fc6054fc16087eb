#include "hub/configurations/configuration.h"

#include <algorithm>

#include "base/text.h"
#include "hub/twins/twin.h"

namespace hub::configurations {

using base::Code;
using base::fail;
using base::Result;
using base::json::Member;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::size_t kMaxTextBytes = 128;
constexpr std::int64_t kMaxPriority = 2'147'483'647;

bool is_id_character(char c) {
  const bool letter_or_digit =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter_or_digit ||
         std::string_view("-+%_*!'():=@;$,.#?~").find(c) != std::string_view::npos;
}

// The member as an object; an empty one where it is absent or null.
Result<Value> object_of(const Value& body, std::string_view name) {
  const Value* member = body.find(name);
  if (member == nullptr || member->is_null()) return Value(Value::Object{});
  if (member->if_object() == nullptr)
    return fail(Code::Invalid, "configuration", -1, std::string(name) + ": expected an object");
  return *member;
}

// Names and values must be such as twins may hold.
Result<std::vector<Section>> checked_sections(const Value& object) {
  auto sections = TRY(read_sections(object));
  for (const Section& section : sections) {
    Value whole = section.value;
    for (auto name = section.path.rbegin(); name != section.path.rend(); ++name)
      whole = Value(Value::Object{{*name, std::move(whole)}});
    auto checked = twins::check_patch(whole, {});
    if (!checked) return fail(Code::Invalid, "content", -1, checked.error().detail);
  }
  return sections;
}

Result<Value> read_labels(const Value& body) {
  Value labels = TRY(object_of(body, "labels"));
  if (labels.if_object()->size() > kMaxLabels)
    return fail(Code::Invalid, "configuration", -1, "labels: at most 32");
  for (const Member& label : *labels.if_object()) {
    const std::string* text = label.value.if_string();
    const bool good = text != nullptr && text->size() <= kMaxTextBytes &&
                      label.name.size() <= kMaxTextBytes && !label.name.empty();
    if (!good)
      return fail(Code::Invalid, "configuration", -1,
                  "labels: each is a text of at most 128 characters with a name of as many");
  }
  return labels;
}

Result<std::map<std::string, std::string>> read_metrics(const Value& body) {
  const Value metrics = TRY(object_of(body, "metrics"));
  const Value queries = TRY(object_of(metrics, "queries"));
  if (queries.if_object()->size() > kMaxMetrics)
    return fail(Code::Invalid, "configuration", -1, "metrics: at most 5 queries");
  std::map<std::string, std::string> read;
  for (const Member& metric : *queries.if_object()) {
    const std::string name = base::json::quoted(metric.name);
    const std::string* text = metric.value.if_string();
    if (text == nullptr || metric.name.empty() || metric.name.size() > kMaxTextBytes)
      return fail(Code::Invalid, "configuration", -1, "metrics: " + name + ": expected a query");
    const auto query = iotql::Query::parse(*text);
    if (!query)
      return fail(Code::Invalid, "configuration", -1,
                  "metrics: " + name + ": " + query.error().to_string());
    read[metric.name] = *text;
  }
  return read;
}

Result<std::int64_t> read_priority(const Value& body) {
  const Value* priority = body.find("priority");
  if (priority == nullptr || priority->is_null()) return 0;
  const std::int64_t* number = priority->if_int();
  if (number == nullptr || *number < 0 || *number > kMaxPriority)
    return fail(Code::Invalid, "configuration", -1, "priority: expected a whole number from 0");
  return *number;
}

Result<void> check_target(const Configuration& configuration) {
  const Content& content = configuration.content;
  const bool of_modules = configuration.target->from() == iotql::From::Modules;
  if (configuration.target->from() == iotql::From::Jobs)
    return fail(Code::Invalid, "configuration", -1,
                "targetCondition: targets are devices or devices.modules");
  if (of_modules && (!content.device.empty() || !content.modules.empty()))
    return fail(Code::Invalid, "configuration", -1,
                "content: where modules are targeted there is moduleContent only");
  if (!of_modules && !content.module.empty() && !configuration.target_condition.empty())
    return fail(Code::Invalid, "configuration", -1,
                "content: with moduleContent the targetCondition begins with FROM devices.modules");
  return {};
}

}  // namespace

Result<Content> read_content(const Value& content) {
  Content read;
  read.device = TRY(checked_sections(TRY(object_of(content, "deviceContent"))));
  read.module = TRY(checked_sections(TRY(object_of(content, "moduleContent"))));
  const Value modules = TRY(object_of(content, "modulesContent"));
  for (const Member& module : *modules.if_object()) {
    if (module.name.empty() || module.name.size() > kMaxTextBytes)
      return fail(Code::Invalid, "configuration", -1, "modulesContent: not the id of a module");
    read.modules[module.name] = TRY(checked_sections(module.value));
  }
  return read;
}

Result<void> check_id(std::string_view id) {
  if (!id.empty() && id.size() <= kMaxIdBytes && std::ranges::all_of(id, is_id_character))
    return {};
  return fail(Code::Invalid, "configuration", -1,
              "an id has 1 to 128 letters, digits and -+%_*!'():=@;$,.#?~");
}

Result<Configuration> read_configuration(std::string_view id, const Value& body) {
  TRY(check_id(id));
  if (body.if_object() == nullptr)
    return fail(Code::Invalid, "configuration", -1, "expected a JSON object");
  Configuration configuration;
  configuration.id = id;
  configuration.priority = TRY(read_priority(body));
  configuration.labels = TRY(read_labels(body));
  configuration.content_json = TRY(object_of(body, "content"));
  configuration.content = TRY(read_content(configuration.content_json));
  const Value* condition = body.find("targetCondition");
  if (condition != nullptr && !condition->is_null()) {
    if (condition->if_string() == nullptr)
      return fail(Code::Invalid, "configuration", -1, "targetCondition: expected a text");
    configuration.target_condition = *condition->if_string();
  }
  auto target = iotql::Query::parse_target(configuration.target_condition);
  if (!target)
    return fail(Code::Invalid, "configuration", -1,
                "targetCondition: " + target.error().to_string());
  configuration.target = std::move(*target);
  configuration.metrics = TRY(read_metrics(body));
  TRY(check_target(configuration));
  if (document_of(configuration).size() > kMaxDocumentBytes)
    return fail(Code::TooLarge, "configuration", -1, "a configuration has at most 64 KiB");
  return configuration;
}

namespace {

void write_texts(Writer& writer, const std::map<std::string, std::string>& texts) {
  writer.begin_object();
  for (const auto& [name, text] : texts)
    writer.field(name, text);
  writer.end_object();
}

void write_own_parts(Writer& writer, const Configuration& configuration) {
  writer.key("labels");
  configuration.labels.write(writer);
  writer.key("content");
  configuration.content_json.write(writer);
  writer.field("targetCondition", configuration.target_condition);
  writer.field("priority", configuration.priority);
}

// The queries that find what the counts count.
std::map<std::string, std::string> system_queries(const Configuration& configuration) {
  const std::string& condition = configuration.target_condition;
  const bool of_modules =
      configuration.target && configuration.target->from() == iotql::From::Modules;
  const std::string from = of_modules ? "devices.modules" : "devices";
  const std::string columns = of_modules ? "deviceId, moduleId" : "deviceId";
  const std::string status = "configurations.[[" + configuration.id + "]].status";
  std::string targeted =
      "SELECT " + columns + " FROM " + from + " WHERE IS_DEFINED(" + status + ")";
  if (condition.empty()) targeted = "SELECT " + columns + " FROM " + from + " WHERE false";
  return {{"targetedCount", targeted},
          {"appliedCount",
           "SELECT " + columns + " FROM " + from + " WHERE " + status + " = 'Applied'"}};
}

void write_counts(Writer& writer, const std::map<std::string, std::uint64_t>& counts) {
  writer.begin_object();
  for (const auto& [name, count] : counts)
    writer.field(name, count);
  writer.end_object();
}

}  // namespace

std::string document_of(const Configuration& configuration) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  write_own_parts(writer, configuration);
  writer.key("metrics");
  writer.begin_object();
  writer.key("queries");
  write_texts(writer, configuration.metrics);
  writer.end_object();
  writer.end_object();
  return json;
}

void write_configuration(Writer& writer, const Configuration& configuration,
                         const Results& results) {
  writer.begin_object();
  writer.field("id", configuration.id);
  writer.field("schemaVersion", "1.0");
  write_own_parts(writer, configuration);
  writer.field("createdTimeUtc", base::format_rfc3339(configuration.created));
  writer.field("lastUpdatedTimeUtc", base::format_rfc3339(configuration.updated));
  writer.key("systemMetrics");
  writer.begin_object();
  writer.key("results");
  write_counts(writer, {{"targetedCount", results.targeted}, {"appliedCount", results.applied}});
  writer.key("queries");
  write_texts(writer, system_queries(configuration));
  writer.end_object();
  writer.key("metrics");
  writer.begin_object();
  writer.key("results");
  write_counts(writer, results.metrics);
  writer.key("queries");
  write_texts(writer, configuration.metrics);
  writer.end_object();
  writer.field("etag", configuration.etag);
  writer.end_object();
}

}  // namespace hub::configurations
