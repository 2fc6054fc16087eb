#pragma once

// A server on real stores, and a client that holds every answer against the document. For tests.

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "detect/alerts.h"
#include "detect/scheduled/analytics.h"
#include "hub/api/accounts.h"
#include "hub/api/api.h"
#include "hub/api/openapi_testing.h"
#include "hub/api/server.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/configurations/configurations.h"
#include "hub/custom_alerts/custom_alerts.h"
#include "hub/identity/registry.h"
#include "hub/jobs/containers.h"
#include "hub/jobs/execute.h"
#include "hub/jobs/jobs.h"
#include "hub/jobs/transfers.h"
#include "hub/link/service.h"
#include "hub/link/sink.h"
#include "hub/operations/audit.h"
#include "hub/operations/operations.h"
#include "hub/provisioning/provisioning.h"
#include "hub/queries/security_group.h"
#include "hub/queries/twin_queries.h"
#include "hub/saved_queries/saved_queries.h"
#include "hub/twins/twins.h"
#include "hub/uploads/uploads.h"
#include "store/events.h"
#include "store/query.h"
#include "wire/sas.h"

namespace hub::api {

inline constexpr const char* kPassword = "correct horse battery";

// A self-signed certificate for localhost and 127.0.0.1, and its key.
void write_certificate(const std::string& certificate_file, const std::string& key_file);

// Runs until its time is over: a join of a million million rows.
inline std::string slow_query(int timeout_ms) {
  return R"q({"query":"range a from 1 to 1000000 step 1 | extend k=1 | join kind=inner (range b )q"
         R"q(from 1 to 1000000 step 1 | extend k=1) on k | summarize sum(a*b)","timeoutMs":)q" +
         std::to_string(timeout_ms) + "}";
}

struct Reply {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  base::json::Value json() const {
    auto value = base::json::parse(body);
    EXPECT_TRUE(value) << body;
    return value ? std::move(*value) : base::json::Value();
  }
  std::string code() const {
    const auto value = json();
    const auto* error = value.find("error");
    return error == nullptr ? "" : std::string(error->text_or("code", ""));
  }
};

// One connection to the server. Throws where it cannot be made or breaks.
class Connected {
 public:
  Connected(std::uint16_t port, const std::string& ca_file);
  ~Connected();
  Connected(Connected&& other) noexcept;

  Reply exchange(const std::string& request);
  enum class Kind : bool { Full, Head };
  Reply read(Kind kind = Kind::Full);
  void send_raw(std::string_view text);
  // What comes until `until` is part of it, or the end.
  std::string read_raw(std::string_view until);
  bool closed_by_peer();
  // Closes the socket without a word.
  void vanish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Takes messages from devices as a test wants it. Threads: any.
class TestSink final : public link::Sink {
 public:
  struct Taken {
    std::string device_id;
    std::string module_id;
    std::string bag;
    std::string payload;
    bool security = false;
  };

  bool offer(const link::Message& message, Done& done) override {
    {
      const std::lock_guard lock(mutex_);
      if (room_ == 0) return false;
      --room_;
      taken_.push_back({message.peer.device_id, message.peer.module_id, std::string(message.bag),
                        std::string(message.payload), message.security});
    }
    done(durable_);
    return true;
  }
  void on_room(std::function<void()> callback) override { callback(); }

  void set_room(std::size_t room) {
    const std::lock_guard lock(mutex_);
    room_ = room;
  }
  void set_durable(bool durable) { durable_ = durable; }
  std::vector<Taken> taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }

 private:
  std::mutex mutex_;
  std::size_t room_ = 1'000;
  std::atomic<bool> durable_{true};
  std::vector<Taken> taken_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    std::string pattern = ::testing::TempDir() + "server.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    write_certificate(dir_ + "/ca.pem", dir_ + "/key.pem");
    options_.port = 0;
    options_.certificate_file = dir_ + "/ca.pem";
    options_.key_file = dir_ + "/key.pem";
    options_.host_name = "localhost";
    options_.state_file = dir_ + "/state.db";
    options_.version = "1.2.3";
    options_.endpoints = {{"mqtts", "127.0.0.1:8883"}};
    registry_ = must(identity::Registry::open({dir_ + "/identity.db", "localhost"}, operations_));
    twins::Options twins;
    twins.path = dir_ + "/identity.db";
    twins_ = must(twins::Twins::open(std::move(twins), *registry_, operations_));
    provisioning::Options provisioning;
    provisioning.path = dir_ + "/identity.db";
    provisioning.host_name = "localhost";
    provisioning_ = must(provisioning::Provisioning::open(std::move(provisioning), *registry_,
                                                          *twins_, operations_));
    open_commands();
    open_configurations();
    alerts_ = must(detect::Alerts::open({dir_ + "/alerts.db", "https://localhost:8443"}));
    store::EventStoreOptions store_options;
    store_options.path = dir_ + "/events.duckdb";
    store_options.resource_id = "localhost";
    store_options.export_dir = dir_ + "/export";
    events_ = must(store::EventStore::open(store_options));
    queries_ = must(store::Queries::open(*events_));
    accounts_ = must(Accounts::open(options_.state_file));
    audit_ = must(operations::AuditLog::open(options_.state_file));
  }
  ~ServerTest() override {
    // Answers what waits; a job's outcome goes to the jobs.
    jobs_->stop();
    transfers_->stop();
    methods_->stop();
    if (server_) server_->stop();
    server_.reset();
    jobs_.reset();
    queries_.reset();
    events_.reset();
    std::filesystem::remove_all(dir_);
  }

  template <class T>
  static T must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().to_string());
    return std::move(*result);
  }

  // Cloud-to-device messages, methods, and jobs over all devices, whatever their condition.
  void open_commands() {
    commands::Options messages;
    messages.path = dir_ + "/identity.db";
    messages_ = must(commands::Messages::open(std::move(messages), *registry_, operations_));
    methods_ =
        std::make_unique<commands::Methods>(commands::MethodOptions{}, *registry_, operations_);
    jobs::World world;
    world.check = [](std::string_view condition) -> base::Result<void> {
      if (condition != "nonsense") return {};
      return base::fail(base::Code::Invalid, "condition", -1, "1:1: nonsense");
    };
    world.select = [this](std::string_view, const jobs::World::Visit& visit) -> base::Result<void> {
      for (const auto& device : TRY(registry_->list_devices("", 1000, "")).items)
        visit(device.name);
      return {};
    };
    world.execute = [this](const jobs::Job& job, const identity::Name& name,
                           jobs::World::Done done) {
      jobs::execute(job, name, *twins_, *methods_, std::move(done));
    };
    jobs::Options jobs;
    jobs.path = dir_ + "/identity.db";
    jobs_ = must(jobs::Jobs::open(std::move(jobs), std::move(world), operations_));
    jobs::ContainerOptions containers;
    containers.path = dir_ + "/identity.db";
    containers.folder = dir_ + "/containers";
    containers_ = must(jobs::Containers::open(std::move(containers)));
    jobs::TransferOptions transfers;
    transfers.path = dir_ + "/identity.db";
    transfers_ = must(jobs::Transfers::open(std::move(transfers), *registry_, *twins_, *containers_,
                                            operations_));
  }

  void open_configurations() {
    queries::Options twin_queries;
    twin_queries.path = dir_ + "/identity.db";
    twin_queries_ = must(queries::TwinQueries::open(std::move(twin_queries), *registry_));
    configurations::Options configurations;
    configurations.path = dir_ + "/identity.db";
    configurations_ = must(configurations::Configurations::open(
        std::move(configurations), *registry_, *twins_, *twin_queries_, operations_));
  }

  void start() {
    service_ = std::make_unique<link::Service>(link::Options(), *registry_, *twins_, *messages_,
                                               *methods_, operations_, sink_);
    Dependencies dependencies;
    dependencies.registry = registry_.get();
    dependencies.operations = &operations_;
    dependencies.audit = audit_.get();
    dependencies.alerts = alerts_.get();
    dependencies.queries = queries_.get();
    dependencies.twins = twins_.get();
    dependencies.provisioning = provisioning_.get();
    dependencies.messages = messages_.get();
    dependencies.methods = methods_.get();
    dependencies.service = service_.get();
    uploads::Options files;
    files.path = dir_ + "/identity.db";
    files.folder = dir_ + "/uploads";
    uploads_ = must(uploads::Uploads::open(std::move(files), operations_));
    dependencies.uploads = uploads_.get();
    dependencies.jobs = jobs_.get();
    dependencies.containers = containers_.get();
    dependencies.transfers = transfers_.get();
    dependencies.twin_queries = twin_queries_.get();
    dependencies.configurations = configurations_.get();
    saved_queries_ =
        must(saved_queries::SavedQueries::open({.path = dir_ + "/state.db"}, base::wall_now()));
    dependencies.saved_queries = saved_queries_.get();
    analytics_ = must(
        detect::scheduled::Analytics::open({.path = dir_ + "/alerts.db"}, *queries_, *alerts_));
    dependencies.analytics = analytics_.get();
    custom_alerts_ =
        must(custom_alerts::CustomAlerts::open({.path = dir_ + "/state.db"}, base::wall_now()));
    dependencies.custom_alerts = custom_alerts_.get();
    dependencies.group_of = [this](std::string_view device) {
      return queries::security_group(*twins_, {std::string(device), {}}).value_or("");
    };
    dependencies.workspace_id = events_->tenant_id();
    dependencies.metrics = [](std::vector<Metric>& metrics) {
      metrics.push_back(
          {"vedette_test_total", "A test's.", Metric::Kind::Counter, 7, {{"kind", "a\"b"}}});
    };
    dependencies.trouble = [this] { return std::string(trouble_.load()); };
    add_parts(dependencies);
    server_ = must(Server::create(options_, dependencies));
    server_->start(2);
  }
  // For tests of parts that few need.
  virtual void add_parts(Dependencies&) {}
  Connected connect() { return Connected(server_->port(), options_.certificate_file); }

  std::string origin() const { return "https://127.0.0.1:" + std::to_string(server_->port()); }
  std::string host() const { return origin().substr(8); }

  // A request as it goes over the wire.
  std::string make(const std::string& method, const std::string& target, const std::string& body,
                   const Headers& headers) const {
    std::string text = method + " " + target + " HTTP/1.1\r\n";
    const auto add = [&](const std::string& name, const std::string& value) {
      const bool given = std::any_of(headers.begin(), headers.end(),
                                     [&](const auto& header) { return header.first == name; });
      if (!given) text += name + ": " + value + "\r\n";
    };
    add("Host", host());
    if (!body.empty()) add("Content-Type", "application/json");
    if (method != "GET" && method != "HEAD") add("Content-Length", std::to_string(body.size()));
    for (const auto& [name, value] : headers)
      text += name + ": " + value + "\r\n";
    return text + "\r\n" + body;
  }

  // One request on a connection of its own, its answer compared with the document.
  Reply send(const std::string& method, const std::string& target, const std::string& body = {},
             const Headers& headers = {}) {
    Connected connection = connect();
    Reply reply = connection.exchange(make(method, target, body, headers));
    if (method != "HEAD") judge(method, target, reply);
    return reply;
  }
  Reply get(const std::string& target, const Headers& headers = {}) {
    return send("GET", target, {}, headers);
  }

  void judge(const std::string& method, const std::string& target, const Reply& reply) {
    if (!target.starts_with("/api/v1/")) return;
    const std::string path = pattern_of(target);
    if (path.empty()) return;
    const auto type = reply.headers.find("content-type");
    for (const std::string& problem :
         document_.judge(method, path, reply.status,
                         type == reply.headers.end() ? "" : type->second, reply.body)) {
      ADD_FAILURE() << problem << "\n" << reply.body.substr(0, 2000);
    }
  }
  // The pattern with the fewest braces: /devices/query is no device.
  static std::string pattern_of(const std::string& target) {
    const auto parsed = parse_target(target);
    if (!parsed) return "";
    std::string_view best;
    for (const Route& route : routes()) {
      const auto parts = base::split(route.pattern.substr(1), '/');
      bool same = parts.size() + 2 == parsed->segments.size();
      for (std::size_t i = 0; same && i < parts.size(); ++i) {
        same = parts[i].starts_with('{') || parts[i] == parsed->segments[i + 2];
      }
      const bool better =
          best.empty() || std::ranges::count(route.pattern, '{') < std::ranges::count(best, '{');
      if (same && better) best = route.pattern;
    }
    return std::string(best);
  }

  Headers policy(const std::string& name) {
    const auto found = registry_->policy(name);
    EXPECT_TRUE(found);
    const auto signature = wire::make_sas("localhost", found->keys.primary,
                                          base::wall_now() + std::chrono::hours(1), name);
    return {{"Authorization", *signature}};
  }
  Headers owner() { return policy("iothubowner"); }
  Headers token(Role role) {
    const auto made =
        accounts_->create_token("t", role, std::chrono::days(1), "test", base::wall_now());
    return {{"Authorization", "Bearer " + made->second.secret}};
  }

  // Hashing passwords takes its time; most tests need none.
  void make_users() {
    if (std::exchange(users_made_, true)) return;
    for (const auto& [name, role] :
         {std::pair("admin", Role::Admin), std::pair("ann", Role::Analyst),
          std::pair("rita", Role::Reader)}) {
      EXPECT_TRUE(accounts_->create_user(name, kPassword, role, base::wall_now()));
    }
  }
  Reply login(const std::string& name, const std::string& password, const Headers& headers = {}) {
    make_users();
    base::json::Value::Object body;
    body.push_back({"username", base::json::Value(name)});
    body.push_back({"password", base::json::Value(password)});
    return send("POST", "/api/v1/session", base::json::Value(body).to_json(), headers);
  }
  // The cookie, as a browser of the portal sends it.
  Headers browser(const std::string& name) {
    const Reply reply = login(name, kPassword);
    EXPECT_EQ(reply.status, 200U) << reply.body;
    const std::string& cookie = reply.headers.at("set-cookie");
    return {{"Cookie", cookie.substr(0, cookie.find(';'))},
            {"Origin", origin()},
            {"X-Vedette-Csrf", "1"}};
  }

  void add_alert(const std::string& device, const std::string& title = "Crypto coin miner") {
    detect::Finding finding;
    finding.rule.id = "rule-" + title;
    finding.rule.title = title;
    finding.rule.description = "A miner was started.";
    finding.rule.url = "https://example.org/rule";
    finding.rule.severity = detect::Severity::High;
    finding.rule.remediation = {"Stop it.", "Find out who started it."};
    finding.rule.tactics = {"Impact"};
    finding.rule.techniques = {"T1496"};
    finding.device_id = device;
    finding.module_id = "azureiotsecurity";
    finding.entity = "sh";
    finding.why = "CommandLine contains cpuminer";
    finding.received = base::wall_now();
    finding.evidence.event_id = base::Guid::random();
    finding.evidence.time = base::wall_now();
    finding.evidence.event_name = "ProcessCreate";
    finding.evidence.details_json = R"({"CommandLine":"echo cpuminer-multi"})";
    finding.evidence.matched = {
        {"CommandLine", "echo cpuminer-multi", "contains 'cpuminer'", "cpuminer"}};
    finding.sequence = ++sequence_;
    ASSERT_TRUE(alerts_->apply(std::span(&finding, 1)));
  }
  std::string only_alert() {
    const auto page = alerts_->list({});
    EXPECT_EQ(page->items.size(), 1U);
    return page->items.at(0).id;
  }

  std::string dir_;
  Options options_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
  std::unique_ptr<twins::Twins> twins_;
  std::unique_ptr<provisioning::Provisioning> provisioning_;
  std::unique_ptr<commands::Messages> messages_;
  std::unique_ptr<commands::Methods> methods_;
  TestSink sink_;
  std::unique_ptr<link::Service> service_;
  std::unique_ptr<uploads::Uploads> uploads_;
  std::unique_ptr<jobs::Jobs> jobs_;
  std::unique_ptr<jobs::Containers> containers_;
  std::unique_ptr<jobs::Transfers> transfers_;
  std::unique_ptr<queries::TwinQueries> twin_queries_;
  std::unique_ptr<configurations::Configurations> configurations_;
  std::unique_ptr<saved_queries::SavedQueries> saved_queries_;
  std::unique_ptr<custom_alerts::CustomAlerts> custom_alerts_;
  std::unique_ptr<detect::Alerts> alerts_;
  std::unique_ptr<store::EventStore> events_;
  std::unique_ptr<store::Queries> queries_;
  std::unique_ptr<detect::scheduled::Analytics> analytics_;
  std::unique_ptr<Accounts> accounts_;
  std::atomic<const char*> trouble_ = "";  // what /healthz says
  std::unique_ptr<operations::AuditLog> audit_;
  std::unique_ptr<Server> server_;
  OpenApi document_ = OpenApi::load();
  std::uint64_t sequence_ = 0;
  bool users_made_ = false;
};

}  // namespace hub::api
