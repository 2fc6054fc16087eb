// Which path means what: our own API, and Azure IoT Hub's.
#include "hub/api/api.h"
#include "hub/api/network_json.h"
#include "hub/operations/operations.h"

namespace hub::api {

namespace {

void add_rule_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr std::string_view kRule = "/rules/{ruleId}";
  constexpr std::string_view kException = "/rule-exceptions/{exceptionId}";
  table.insert(
      table.end(),
      {{Get,
        "/rules",
        Look,
        list_rules,
        {},
        {"search", "state", "origin", "kind", "severity", "limit", "cursor"}},
       {Post, "/rules", Administer, create_rule, "rule.create"},
       {Post, "/rules/check", Look, check_rule},
       {Post, "/rules/hunt", Look, hunt_rule, {}, {}, Pool::Queries},
       {Get, kRule, Look, get_rule},
       {Patch, kRule, Administer, patch_rule, "rule.set"},
       {Put, kRule, Administer, put_rule, "rule.put"},
       {Delete, kRule, Administer, delete_rule, "rule.delete"},
       {Get, "/rule-exceptions", Look, list_rule_exceptions, {}, {"rule"}},
       {Post, "/rule-exceptions", Handle, create_rule_exception, "ruleException.create"},
       {Post, "/rule-exceptions/preview", Look, preview_rule_exception, {}, {}, Pool::Queries},
       {Get, kException, Look, get_rule_exception},
       {Put, kException, Handle, put_rule_exception, "ruleException.put"},
       {Delete, kException, Handle, delete_rule_exception, "ruleException.delete"}});
}

std::vector<Route> own_routes() {
  using enum Method;
  using enum Need;
  std::vector<Route> table{
      {Post, "/session", Nothing, create_session, "session.create"},
      {Get, "/session", Look, get_session},
      {Delete, "/session", Look, delete_session, "session.delete"},
      {Put, "/session/password", Look, change_password, "user.password"},
      {Get, "/devices", Look, list_devices, {}, {"search", "limit", "cursor"}},
      {Get, "/devices/{deviceId}", Look, get_device, {}, {"keys"}},
      {Put, "/devices/{deviceId}", Manage, put_device, "device.put"},
      {Delete, "/devices/{deviceId}", Manage, delete_device, "device.delete"},
      {Get, "/devices/{deviceId}/modules", Look, list_modules},
      {Get, "/devices/{deviceId}/modules/{moduleId}", Look, get_module, {}, {"keys"}},
      {Put, "/devices/{deviceId}/modules/{moduleId}", Manage, put_module, "module.put"},
      {Delete, "/devices/{deviceId}/modules/{moduleId}", Manage, delete_module, "module.delete"},
      {Get, "/devices/{deviceId}/twin", Look, get_twin},
      {Patch, "/devices/{deviceId}/twin", Serve, patch_twin, "twin.update"},
      {Get, "/devices/{deviceId}/modules/{moduleId}/twin", Look, get_twin},
      {Patch, "/devices/{deviceId}/modules/{moduleId}/twin", Serve, patch_twin, "twin.update"},
      {Get, "/devices/{deviceId}/uploads", Look, list_uploads, {}, {"limit"}},
      {Get, "/devices/{deviceId}/uploads/{uploadId}", Look, get_upload},
      {Delete, "/devices/{deviceId}/uploads/{uploadId}", Manage, delete_upload, "upload.delete"},
      {Get, "/devices/{deviceId}/uploads/{uploadId}/content", Serve, get_upload_content},
      {Get, "/devices/{deviceId}/messages", Look, list_commands},
      {Post, "/devices/{deviceId}/messages", Serve, send_command, "commands.send"},
      {Delete, "/devices/{deviceId}/messages", Serve, purge_commands, "commands.purge"},
      {Post, "/devices/{deviceId}/methods", Serve, invoke_method, "method.invoke"},
      {Get, "/devices/{deviceId}/modules/{moduleId}/messages", Look, list_commands},
      {Post, "/devices/{deviceId}/modules/{moduleId}/messages", Serve, send_command,
       "commands.send"},
      {Delete, "/devices/{deviceId}/modules/{moduleId}/messages", Serve, purge_commands,
       "commands.purge"},
      {Post, "/devices/{deviceId}/modules/{moduleId}/methods", Serve, invoke_method,
       "method.invoke"},
      {Post, "/devices/query", Look, query_devices, {}, {}, Pool::Queries},
      {Get, "/configurations", Look, list_configurations, {}, {"limit", "cursor"}},
      {Post, "/configurations/test", Look, test_configuration},
      {Get, "/configurations/{configurationId}", Look, get_configuration},
      {Put, "/configurations/{configurationId}", Serve, put_configuration, "configuration.put"},
      {Delete, "/configurations/{configurationId}", Serve, delete_configuration,
       "configuration.delete"},
      {Post, "/query", Look, run_query, {}, {}, Pool::Queries},
      {Get, "/query/running", Look, list_running_queries},
      {Delete, "/query/{queryId}", Look, cancel_query},
      {Post, "/query/validate", Look, validate_query},
      {Post, "/query/complete", Look, complete_query},
      {Get, "/query/schema", Look, get_query_schema},
      {Get, "/queries", Look, list_saved_queries, {}, {"search", "tag", "own", "limit", "cursor"}},
      {Post, "/queries", Look, create_saved_query, "savedQuery.create"},
      {Get, "/queries/{queryId}", Look, get_saved_query},
      {Put, "/queries/{queryId}", Look, put_saved_query, "savedQuery.put"},
      {Delete, "/queries/{queryId}", Look, delete_saved_query, "savedQuery.delete"},
      {Get, "/analytics-rules", Look, list_analytics_rules},
      {Post, "/analytics-rules/test", Look, test_analytics_rule, {}, {}, Pool::Queries},
      {Get, "/analytics-rules/{ruleId}", Look, get_analytics_rule},
      {Put, "/analytics-rules/{ruleId}", Handle, put_analytics_rule, "analyticsRule.put"},
      {Delete, "/analytics-rules/{ruleId}", Handle, delete_analytics_rule, "analyticsRule.delete"},
      {Put, "/analytics-rules/{ruleId}/enabled", Handle, enable_analytics_rule,
       "analyticsRule.enable"},
      {Post, "/analytics-rules/{ruleId}/run", Handle, run_analytics_rule, "analyticsRule.run"},
      {Get, "/stream", Look, open_stream},
      {Get,
       "/stream/events",
       Look,
       stream_events,
       {},
       {"from", "after", "kinds", "device", "follow"}},
      {Get,
       "/export",
       Look,
       export_table,
       "data.export",
       {"table", "from", "to", "format"},
       Pool::Queries},
      {Post, "/export", Look, export_query, "data.export", {}, Pool::Queries},
      {Get, "/forwards", Look, list_forwards},
      {Get, "/quarantine", Look, list_quarantine, {}, {"device", "reason", "limit", "cursor"}},
      {Get, "/quarantine/{messageId}", Look, get_quarantined},
      {Delete, "/quarantine/{messageId}", Administer, discard_quarantined, "quarantine.discard"},
      {Get, "/quarantine/{messageId}/content", Serve, get_quarantined_content},
      {Post, "/quarantine/{messageId}/replay", Administer, replay_quarantined, "quarantine.replay"},
      {Get, "/status", Look, get_status},
      {Get, "/operations", Look, list_operations, {}, {"limit"}},
      {Get, "/metrics", Look, get_metrics},
      {Get, "/tokens", Administer, list_tokens},
      {Post, "/tokens", Administer, create_token, "token.create"},
      {Delete, "/tokens/{tokenId}", Administer, delete_token, "token.delete"},
      {Get, "/audit", Administer, list_audit, {}, {"limit", "cursor"}},
      {Get, "/certificates", Administer, list_certificates},
      {Get, "/certificates/{certificateName}", Administer, get_certificate},
      {Put, "/certificates/{certificateName}", Administer, put_certificate, "certificate.put"},
      {Delete, "/certificates/{certificateName}", Administer, delete_certificate,
       "certificate.delete"},
      {Post, "/certificates/{certificateName}/code", Administer, make_verification_code,
       "certificate.code"},
      {Post, "/certificates/{certificateName}/verify", Administer, verify_certificate,
       "certificate.verify"},
      {Get, "/policies", Administer, list_policies},
      {Get, "/policies/{policyName}", Administer, get_policy},
      {Put, "/policies/{policyName}", Administer, put_policy, "policy.put"},
      {Delete, "/policies/{policyName}", Administer, delete_policy, "policy.delete"},
      {Post, "/policies/{policyName}/regenerate", Administer, regenerate_policy,
       "policy.regenerate"},
      {Get, "/ip-filter", Administer, get_ip_filter},
      {Put, "/ip-filter", Administer, put_ip_filter, "ipFilter.put"},
      {Get, "/credentials/shared", Administer, list_shared_credentials, {}, {}, Pool::Queries},
      {Get, "/limits", Look, get_limits},
      {Get, "/containers", Manage, list_containers},
      {Post, "/containers", Manage, create_container, "container.create"},
      {Delete, "/containers/{containerName}", Manage, delete_container, "container.delete"},
      {Get,
       "/activity",
       Look,
       list_activity,
       {},
       {"silentHours", "securitySilentHours", "clockOffSeconds", "smallPercent", "limit",
        "cursor"}},
  };
  add_alert_routes(table);
  add_suppression_routes(table);
  add_rule_routes(table);
  add_enrollment_routes(table);
  add_retention_routes(table);
  add_custom_alert_routes(table);
  add_care_routes(table);
  add_recommendation_routes(table);
  add_vulnerability_routes(table);
  add_network_routes(table);
  return table;
}

}  // namespace

std::span<const Route> routes() {
  static const std::vector<Route> table = own_routes();
  return table;
}

namespace {

// How an operation is recorded.
struct Recorded {
  operations::Category category;
  std::string_view operation;
};

// Requests are answered by the pool for short ones.
Route iot_hub(Method method, std::string_view pattern, Need need, Handler handler,
              std::string_view action, Recorded recorded,
              std::vector<std::string_view> parameters = {}) {
  parameters.emplace_back("api-version");
  return {method,
          pattern,
          need,
          handler,
          action,
          std::move(parameters),
          Pool::Requests,
          recorded.category,
          recorded.operation};
}

void add_registry_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr auto kRegistry = operations::Category::DeviceIdentityOperations;
  const auto add = [&](Method method, std::string_view pattern, Need need, Handler handler,
                       std::string_view action, std::string_view operation,
                       std::vector<std::string_view> parameters = {}) {
    table.push_back(iot_hub(method, pattern, need, handler, action, {kRegistry, operation},
                            std::move(parameters)));
  };
  // With the slash: as the SDK for Node asks.
  for (const std::string_view devices : {"/devices", "/devices/"}) {
    add(Get, devices, Read, iot_hub_list_devices, {}, "list", {"top"});
    add(Post, devices, Manage, iot_hub_bulk, "devices.bulk", "bulk");
  }
  add(Get, "/devices/{deviceId}", Read, iot_hub_get_device, {}, "get");
  add(Put, "/devices/{deviceId}", Manage, iot_hub_put_device, "device.put", "put");
  add(Delete, "/devices/{deviceId}", Manage, iot_hub_delete_device, "device.delete", "delete");
  constexpr std::string_view kModules = "/devices/{deviceId}/modules";
  constexpr std::string_view kModule = "/devices/{deviceId}/modules/{moduleId}";
  add(Get, kModules, Read, iot_hub_list_modules, {}, "list");
  // By the service, or by its device, which proves itself in the handler.
  add(Get, kModule, Nothing, iot_hub_get_module, {}, "get");
  add(Put, kModule, Manage, iot_hub_put_module, "module.put", "put");
  add(Delete, kModule, Manage, iot_hub_delete_module, "module.delete", "delete");
  add(Get, "/statistics/devices", Read, iot_hub_device_statistics, {}, "statistics");
  add(Get, "/statistics/service", Serve, iot_hub_service_statistics, {}, "statistics");
}

void add_twin_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr auto kTwins = operations::Category::C2DTwinOperations;
  for (const std::string_view twin :
       {"/twins/{deviceId}", "/twins/{deviceId}/modules/{moduleId}"}) {
    table.push_back(iot_hub(Get, twin, Serve, iot_hub_get_twin, {}, {kTwins, "read"}));
    table.push_back(
        iot_hub(Patch, twin, Serve, iot_hub_patch_twin, "twin.update", {kTwins, "update"}));
    table.push_back(
        iot_hub(Put, twin, Serve, iot_hub_put_twin, "twin.replace", {kTwins, "replace"}));
  }
}

void add_command_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr auto kMethods = operations::Category::DirectMethods;
  for (const std::string_view methods :
       {"/twins/{deviceId}/methods", "/twins/{deviceId}/modules/{moduleId}/methods"}) {
    table.push_back(iot_hub(Post, methods, Serve, iot_hub_call_method, {}, {kMethods, "invoke"}));
  }
  table.push_back(iot_hub(Delete, "/devices/{deviceId}/commands", Serve, iot_hub_purge,
                          "commands.purge", {operations::Category::C2DCommands, "purge"}));
}

void add_job_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr auto kJobs = operations::Category::JobsOperations;
  table.push_back(iot_hub(Get, "/jobs/v2/query", Serve, iot_hub_list_jobs, {}, {kJobs, "list"},
                          {"jobType", "jobStatus"}));
  table.push_back(iot_hub(Get, "/jobs/v2/{jobId}", Serve, iot_hub_get_job, {}, {kJobs, "get"}));
  table.push_back(
      iot_hub(Put, "/jobs/v2/{jobId}", Serve, iot_hub_put_job, "job.create", {kJobs, "create"}));
  table.push_back(iot_hub(Post, "/jobs/v2/{jobId}/cancel", Serve, iot_hub_cancel_job, "job.cancel",
                          {kJobs, "cancel"}));
  table.push_back(iot_hub(Post, "/jobs/create", Manage, iot_hub_create_transfer, "job.create",
                          {kJobs, "create"}));
  table.push_back(iot_hub(Get, "/jobs", Read, iot_hub_list_transfers, {}, {kJobs, "list"}));
  table.push_back(iot_hub(Get, "/jobs/{jobId}", Read, iot_hub_get_transfer, {}, {kJobs, "get"}));
  table.push_back(iot_hub(Delete, "/jobs/{jobId}", Manage, iot_hub_cancel_transfer, "job.cancel",
                          {kJobs, "cancel"}));
}

void add_group_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr auto kConfigurations = operations::Category::Configurations;
  const auto add = [&](Method method, std::string_view pattern, Handler handler,
                       std::string_view action, std::string_view operation,
                       std::vector<std::string_view> parameters = {}) {
    table.push_back(iot_hub(method, pattern, Serve, handler, action, {kConfigurations, operation},
                            std::move(parameters)));
  };
  Route query = iot_hub(Post, "/devices/query", Serve, iot_hub_query, {},
                        {operations::Category::TwinQueries, "queryTwins"});
  query.pool = Pool::Queries;
  table.push_back(std::move(query));
  constexpr std::string_view kOne = "/configurations/{configurationId}";
  add(Get, "/configurations", iot_hub_list_configurations, {}, "listConfigurations", {"top"});
  add(Post, "/configurations/testQueries", test_configuration, {}, "testConfiguration");
  add(Get, kOne, get_configuration, {}, "getConfiguration");
  add(Put, kOne, put_configuration, "configuration.put", "putConfiguration");
  add(Delete, kOne, delete_configuration, "configuration.delete", "deleteConfiguration");
  add(Post, "/devices/{deviceId}/applyConfigurationContent", apply_configuration_content,
      "configuration.apply", "applyConfigurationContent");
}

// What devices themselves ask over HTTPS: they prove themselves in the handlers, which record it.
void add_device_routes(std::vector<Route>& table) {
  using enum Method;
  const auto add = [&](Method method, std::string_view pattern, Handler handler,
                       std::vector<std::string_view> parameters = {}) {
    parameters.emplace_back("api-version");
    table.push_back({method, pattern, Need::Nothing, handler, {}, std::move(parameters)});
  };
  add(Post, "/devices/{deviceId}/messages/events", device_send_events);
  add(Post, "/devices/{deviceId}/modules/{moduleId}/messages/events", device_send_events);
  add(Get, "/devices/{deviceId}/messages/devicebound", device_receive_command);
  add(Delete, "/devices/{deviceId}/messages/devicebound/{lockToken}", device_settle_command,
      {"reject"});
  add(Post, "/devices/{deviceId}/messages/devicebound/{lockToken}/abandon", device_abandon_command);
  add(Post, "/devices/{deviceId}/files", device_begin_upload);
  add(Post, "/devices/{deviceId}/files/notifications", device_finish_upload);
  add(Post, "/devices/{deviceId}/files/notifications/{correlationId}", device_finish_upload);
}

}  // namespace

std::span<const Route> iot_hub_routes() {
  static const std::vector<Route> table = [] {
    std::vector<Route> routes;
    add_registry_routes(routes);
    add_twin_routes(routes);
    add_command_routes(routes);
    add_job_routes(routes);
    add_group_routes(routes);
    add_device_routes(routes);
    return routes;
  }();
  return table;
}

}  // namespace hub::api
