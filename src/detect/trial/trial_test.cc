#include "detect/trial/trial.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/shared_testing.h"
#include "detect/trial/cases.h"
#include "detect/trial/hub_facts.h"
#include "detect/trial/report.h"

namespace detect::trial {
namespace {

base::json::Value json(std::string_view text) {
  auto value = base::json::parse(text);
  EXPECT_TRUE(value) << text;
  return value ? std::move(*value) : base::json::Value();
}

Step step(std::string_view text) {
  auto read = read_step(json(text));
  EXPECT_TRUE(read) << read.error().to_string();
  return read ? std::move(*read) : Step{};
}

base::Result<schema::Event> event_of(std::string_view text) {
  schema::Decoder decoder;
  return to_event(step(text), base::WallTime{}, 1, decoder);
}

TEST(ReadStep, TakesTheWaysInWhichPeopleWrite) {
  const Step one = step(
      R"({"DeviceId":"d","Name":"Heartbeat","TimestampUTC":"2026-03-01T00:00:05Z","Payload":{}})");
  EXPECT_EQ(one.name, "Heartbeat");
  EXPECT_EQ(one.device_id, "d");
  ASSERT_TRUE(one.time);
  EXPECT_EQ(base::format_rfc3339(*one.time), "2026-03-01T00:00:05.000Z");
  const Step two = step(R"({"t":1.5,"Name":"Clock"})");
  ASSERT_TRUE(two.after);
  EXPECT_EQ(*two.after, std::chrono::milliseconds(1500));
}

TEST(ReadStep, RefusesWhatIsNone) {
  for (const char* text :
       {"7", "[]", "{}", R"({"Name":""})", R"({"Name":"Clock","t":"soon"})",
        R"({"Name":"Clock","t":1e300})", R"({"Name":"Clock","TimestampUTC":"yesterday"})"}) {
    EXPECT_FALSE(read_step(json(text))) << text;
  }
}

TEST(ToEvent, FillsInWhatIsMissing) {
  for (std::size_t i = 0; i < schema::kEventNames; ++i) {
    const auto name = schema::to_string(static_cast<schema::EventName>(i));
    const auto event = event_of(R"({"Name":")" + std::string(name) + R"(","Payload":{}})");
    ASSERT_TRUE(event) << name << ": " << event.error().to_string();
    EXPECT_EQ(event->item_count(), 1U) << name;
  }
}

TEST(ToEvent, TakesTextsForNumbersAndMembersOfNoField) {
  const auto event = event_of(
      R"({"Name":"ProcessCreate","Payload":[{"Executable":"/bin/ls","ProcessId":"7","UserId":0,)"
      R"("CommandLine":"ls","Cwd":"/tmp","ExtraDetails":{"HitCount":3}}]})");
  ASSERT_TRUE(event) << event.error().to_string();
  std::string scratch;
  const auto text = [&](std::string_view field) {
    return std::string(schema::field_text(*event, 0, field, scratch).value_or("absent"));
  };
  EXPECT_EQ(text("ProcessId"), "7");
  EXPECT_EQ(text("UserId"), "0");
  EXPECT_EQ(text("ExtraDetails.Cwd"), "/tmp");
  EXPECT_EQ(event->hit_count(0), 3);
}

TEST(ToEvent, TakesEnumeratorsOfAnyCase) {
  const auto event =
      event_of(R"({"Name":"Login","Payload":{"Result":"SUCCESS","RemoteAddress":"?"}})");
  ASSERT_TRUE(event) << event.error().to_string();
  std::string scratch;
  EXPECT_EQ(schema::field_text(*event, 0, "Result", scratch), "Success");
  EXPECT_FALSE(schema::field_text(*event, 0, "RemoteAddress", scratch));
}

TEST(ToEvent, SaysWhatItCannotTake) {
  const auto unknown = event_of(R"({"Name":"Nothing","Payload":{}})");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, base::Code::NotFound);
  for (const char* payload : {"7", "[7]", R"({"ProcessId":"many"})", R"({"CommandLine":["a"]})"}) {
    const auto event =
        event_of(R"({"Name":"ProcessCreate","Payload":)" + std::string(payload) + "}");
    ASSERT_FALSE(event) << payload;
    EXPECT_EQ(event.error().code, base::Code::Malformed);
    EXPECT_FALSE(event.error().detail.empty());
  }
}

TEST(ToEvent, AnEmptyListIsAnEmptyPicture) {
  const auto event = event_of(R"({"Name":"LocalUsers","Payload":[]})");
  ASSERT_TRUE(event) << event.error().to_string();
  EXPECT_EQ(event->item_count(), 0U);
}

constexpr std::string_view kRules = R"(
title: Ping
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a001
name: ping
logsource: {category: process_creation}
detection: {s: {Image|endswith: /ping}, condition: s}
vedette: {aliases: [Pong], profiles: {micro_agent: {severity: high, title: Micro ping}}}
---
title: Pings
id: 7b0f5d55-93d1-4b0e-8d2e-6c4d6fb8a002
correlation:
  type: event_count
  rules: [ping]
  group-by: [User]
  timespan: 10m
  condition: {gte: 2}
  generate: true
)";

std::unique_ptr<Trial> open(Profile profile = Profile::Classic) {
  Options options;
  options.rules.builtin = false;
  options.rules.settings.profile = profile;
  options.rules.settings.texts = {{"ping.yml", std::string(kRules)}};
  auto trial = Trial::open(options);
  EXPECT_TRUE(trial) << trial.error().to_string();
  EXPECT_TRUE((*trial)->stream().problems().empty())
      << (*trial)->stream().problems().front().to_string();
  return std::move(*trial);
}

constexpr std::string_view kPing =
    R"({"Name":"ProcessCreate","Payload":{"Executable":"/bin/ping","UserName":"u","CommandLine":"ping"}})";

std::vector<std::string> titles(Trial& trial) {
  std::vector<std::string> out;
  for (const Raised& raised : trial.take())
    out.push_back(raised.finding.rule.title);
  return out;
}

TEST(Trial, RunsRulesAndCorrelations) {
  const auto trial = open();
  ASSERT_TRUE(trial->add(step(kPing)));
  EXPECT_EQ(titles(*trial), std::vector<std::string>{"Ping"});
  ASSERT_TRUE(trial->add(step(kPing)));
  EXPECT_EQ(titles(*trial), (std::vector<std::string>{"Ping", "Pings"}));
}

TEST(Trial, ForgetsEverythingButItsRules) {
  const auto trial = open();
  ASSERT_TRUE(trial->add(step(kPing)));
  trial->reset();
  EXPECT_TRUE(trial->take().empty());
  ASSERT_TRUE(trial->add(step(kPing)));
  EXPECT_EQ(titles(*trial), std::vector<std::string>{"Ping"});
}

TEST(Trial, TheProfileNamesTheAlert) {
  const auto trial = open(Profile::MicroAgent);
  ASSERT_TRUE(trial->add(step(kPing)));
  const auto raised = trial->take();
  ASSERT_EQ(raised.size(), 1U);
  const RuleInfo& rule = raised[0].finding.rule;
  EXPECT_EQ(rule.title, "Micro ping");
  EXPECT_EQ(rule.severity, Severity::High);
  EXPECT_TRUE(is_called(rule, "Ping"));
  EXPECT_TRUE(is_called(rule, "pong"));
  EXPECT_FALSE(is_called(rule, "Pings"));
}

TEST(LoginAttempt, IsDecidedAsTheHubDecides) {
  struct Case {
    const char* facts;
    const char* reason;
  };
  for (const Case& one : std::initializer_list<Case>{
           {R"({"Method":"x509","Presented":"AA:11","Primary":"aa11"})", ""},
           {R"({"Method":"x509","Presented":"AA11","Primary":"BB","Secondary":"CC"})",
            "thumbprint"},
           {R"({"Method":"x509","Presented":"CC","Primary":"BB","Secondary":"CC"})", ""},
           {R"({"Method":"x509","NotAfter":"2026-03-01T00:00:00Z","Now":"2026-03-01T00:00:01Z"})",
            "cert_expired"},
           {R"({"Method":"x509","NotAfter":"2026-03-01T00:00:00Z","Now":"2026-02-28T00:00:00Z"})",
            ""},
           {R"({"Method":"x509","NotBefore":"2026-04-01T00:00:00Z","Now":"2026-03-01T00:00:00Z"})",
            "cert_not_yet_valid"},
           {R"({"Method":"sas","SignatureValid":true,"Expiry":100,"Now":99})", ""},
           {R"({"Method":"sas","SignatureValid":true,"Expiry":100,"Now":101})", "sas_expired"},
           {R"({"Method":"sas","SignatureValid":false,"Expiry":100,"Now":101})", "sas_signature"},
           {R"({"Method":"x509","SignatureValid":false})", ""},
           {R"({"Method":"sas","Presented":"AA","Primary":"BB"})", ""}}) {
    EXPECT_EQ(LoginAttempt(json(one.facts), "d", base::WallTime{}).reason(), one.reason)
        << one.facts;
  }
}

TEST(LoginAttempt, AllowsForClocksThatDiffer) {
  const auto level = [](const char* facts) {
    const LoginAttempt attempt(json(facts), "d", base::WallTime{});
    return std::string(attempt.row().level);
  };
  EXPECT_EQ(level(R"({"Method":"sas","Expiry":1000,"Now":1299})"), "Warning");
  EXPECT_EQ(level(R"({"Method":"sas","Expiry":1000,"Now":1300})"), "Error");
  EXPECT_EQ(level(R"({"Method":"sas","Expiry":1000,"Now":999})"), "Information");
  EXPECT_EQ(level(R"({"Method":"sas","SignatureValid":false,"Expiry":1000,"Now":1001})"), "Error");
  EXPECT_EQ(level(R"({"Method":"x509","NotAfter":1000,"Now":1200})"), "Warning");
  EXPECT_EQ(level(R"({"Method":"x509","NotAfter":1000,"Now":1600})"), "Error");
}

TEST(AuditRow, TakesAzuresNames) {
  const auto row = audit_row(
      json(R"({"Operation":"Microsoft.Devices/IotHubs/certificates/write","Status":"Failed"})"),
      base::WallTime{});
  EXPECT_EQ(row.action, "certificate.put");
  EXPECT_NE(row.result, "ok");
  const auto deleted = audit_row(
      json(R"({"Operation":"diagnosticSettings/delete","Status":"Succeeded"})"), base::WallTime{});
  EXPECT_EQ(deleted.action, "forward.delete");
  EXPECT_EQ(deleted.result, "ok");
  EXPECT_EQ(audit_row(json(R"({"Operation":"certificates/read"})"), base::WallTime{}).action,
            "certificate.get");
}

TEST(Trial, ShowsTheHubsRecordsToRules) {
  Options options;
  options.rules.builtin = false;
  options.rules.settings.texts = {{"hub.yml", R"(
title: Old token
logsource: {product: vedette, service: hub_operations}
detection: {s: {Reason: sas_expired}, condition: s}
---
title: Authority added
logsource: {product: vedette, service: hub_audit}
detection: {s: {OperationName: certificate.put, ResultType: Success}, condition: s}
)"}};
  const auto trial = Trial::open(options);
  ASSERT_TRUE(trial) << trial.error().to_string();
  ASSERT_TRUE((*trial)->add(
      step(R"({"Name":"HubAuth","Payload":{"Method":"sas","Expiry":100,"Now":200}})")));
  ASSERT_TRUE(
      (*trial)->add(step(R"({"Name":"HubAudit","Payload":{"Operation":"certificates/write"}})")));
  EXPECT_EQ(titles(**trial), (std::vector<std::string>{"Old token", "Authority added"}));
}

TEST(Trial, JudgesPicturesAndFacts) {
  const auto trial = open();
  ASSERT_TRUE(
      trial->add(step(R"({"DeviceId":"d","Name":"ListeningPorts","Payload":[{"Protocol":"tcp",)"
                      R"("LocalAddress":"0.0.0.0","LocalPort":"8888"}]})")));
  ASSERT_TRUE(trial->add(step(R"({"Name":"HubConfig","Payload":{"diagnostics":[]}})")));
  const auto raised = trial->take();
  ASSERT_EQ(raised.size(), 2U);
  for (const Raised& one : raised)
    EXPECT_EQ(one.kind, Kind::Recommendation);
  EXPECT_EQ(raised[0].finding.device_id, "d");
  EXPECT_EQ(raised[0].finding.evidence.event_name, "ListeningPorts");
  EXPECT_NE(raised[0].finding.why.find("8888"), std::string::npos) << raised[0].finding.why;
}

Verdict verdict_of(Trial& trial, std::string_view text) {
  const auto one = read_case(json(text));
  EXPECT_TRUE(one) << one.error().to_string();
  return judge(trial, *one);
}

std::string case_text(std::string_view alert, bool positive, std::string_view event) {
  return R"({"id":"c","alert":")" + std::string(alert) + R"(","positive":)" +
         (positive ? "true" : "false") + R"(,"event":)" + std::string(event) + "}";
}

TEST(Cases, AreRightWhenTheAlertIsRaisedExactlyWhereItShallBe) {
  const auto trial = open();
  const Verdict yes = verdict_of(*trial, case_text("Pong", true, kPing));
  EXPECT_TRUE(yes.right);
  EXPECT_EQ(yes.raised, std::vector<std::string>{"Pong"});
  EXPECT_FALSE(verdict_of(*trial, case_text("Pong", false, kPing)).right);
  const Verdict other = verdict_of(*trial, case_text("Web shell", true, kPing));
  EXPECT_FALSE(other.right);
  EXPECT_EQ(other.raised, std::vector<std::string>{"Ping"});
  EXPECT_TRUE(verdict_of(*trial, case_text("Web shell", false, kPing)).right);
}

TEST(Cases, HaveAStateOfTheirOwn) {
  const auto trial = open();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(verdict_of(*trial, case_text("Pings", false, kPing)).right);
  const std::string later = R"({"t":599,)" + std::string(kPing.substr(1));
  const std::string too_late = R"({"t":601,)" + std::string(kPing.substr(1));
  const auto sequence = [](const std::string& second) {
    return R"({"Name":"Sequence","Events":[)" + second + "," + std::string(kPing) + "]}";
  };
  EXPECT_TRUE(verdict_of(*trial, case_text("Pings", true, sequence(later))).right);
  EXPECT_TRUE(verdict_of(*trial, case_text("Pings", false, sequence(too_late))).right);
}

TEST(Cases, ThatCannotBePlayedAreNeverRight) {
  const auto trial = open();
  const Verdict verdict = verdict_of(*trial, case_text("Ping", false, R"({"Name":"Nothing"})"));
  EXPECT_FALSE(verdict.right);
  EXPECT_FALSE(verdict.problem.empty());
  EXPECT_FALSE(read_case(json(R"({"id":"c"})")));
  EXPECT_FALSE(read_case(json(R"({"event":{"Name":"Clock"}})")));
}

TEST(Report, LinesAreJson) {
  const auto trial = open();
  ASSERT_TRUE(trial->add(step(kPing)));
  const auto raised = trial->take();
  ASSERT_EQ(raised.size(), 1U);
  const auto line = json(finding_line(raised[0]));
  EXPECT_EQ(line.text_or("alert", ""), "Ping");
  EXPECT_EQ(line.text_or("kind", ""), "alert");
  const auto one = read_case(json(case_text("Ping", true, kPing)));
  ASSERT_TRUE(one);
  const Verdict verdict = judge(*trial, *one);
  EXPECT_EQ(json(case_line(*one, verdict)).text_or("expected", ""), "Ping");
  Totals totals;
  totals.add(*one, verdict);
  totals.add(*one, Verdict{});
  const auto sums = json(totals.line());
  const auto* all = sums.find("totals");
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(*all->find("cases")->if_int(), 2);
  EXPECT_EQ(*all->find("right")->if_int(), 1);
  EXPECT_EQ(all->find("wrong")->to_json(), R"(["c"])");
}

TEST(Cases, ThoseOfTheCatalogueCanBeRead) {
  const auto cases_file = base::shared_data("corpora/agent_alert_cases.jsonl");
  if (!cases_file)
    GTEST_SKIP() << "no corpora/agent_alert_cases.jsonl in VEDETTE_SHARED or ../shared";
  std::ifstream file(*cases_file);
  std::string text;
  std::size_t cases = 0;
  while (std::getline(file, text)) {
    const auto one = read_case(json(text));
    ASSERT_TRUE(one) << text << ": " << one.error().to_string();
    EXPECT_TRUE(one->positive) << one->id;
    EXPECT_FALSE(one->steps.empty()) << one->id;
    ++cases;
  }
  EXPECT_GT(cases, 0U);
}

TEST(Judge, CustomAlertsComeIntoForceBeforeWhatHappensThen) {
  const auto trial = open();
  const Verdict verdict = verdict_of(
      *trial,
      R"({"id":"c","alert":"IoT_CA_DirectMethodInvokesNotInAllowedRange","positive":true,"event":{
          "Name":"Sequence","Events":[
            {"t":60,"Name":"HubMetric","Payload":{"metric":"DirectMethodInvokes","count":3}},
            {"t":60,"Name":"Rule","Payload":{"metric":"DirectMethodInvokes","max":2}}]}})");
  EXPECT_EQ(verdict.problem, "");
  EXPECT_EQ(verdict.raised.size(), 1U);
}

}  // namespace
}  // namespace detect::trial
