#include "schema/fields.h"

#include <gtest/gtest.h>

#include "schema/message.h"

namespace schema {
namespace {

Event login() {
  return Event{.payload = payload_of(Login{.process_id = 611,
                                           .user_name = "root",
                                           .operation = "sshd",
                                           .result = LoginResult::Success,
                                           .extra_details = {{"Cwd", "/tmp"}, {"a.b", "c"}}})};
}

std::optional<std::string> text(const Event& event, std::string_view field) {
  std::string scratch;
  const auto found = field_text(event, 0, field, scratch);
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

TEST(FieldText, FindsFieldsByName) {
  EXPECT_EQ(text(login(), "ProcessId"), "611");
  EXPECT_EQ(text(login(), "UserName"), "root");
  EXPECT_EQ(text(login(), "Result"), "Success");
  EXPECT_EQ(text(login(), "Executable"), "");
  EXPECT_EQ(text(login(), "ExtraDetails.Cwd"), "/tmp");
  EXPECT_EQ(text(login(), "ExtraDetails.a.b"), "c");
  EXPECT_EQ(text(Event{.payload = payload_of(FirewallConfiguration{.enabled = true})}, "Enabled"),
            "true");
}

TEST(FieldText, HasNoneForWhatIsNotThere) {
  EXPECT_EQ(text(login(), "UserId"), std::nullopt);
  EXPECT_EQ(text(login(), "CommandLine"), std::nullopt);
  EXPECT_EQ(text(login(), "processid"), std::nullopt);
  EXPECT_EQ(text(login(), "ExtraDetails"), std::nullopt);
  EXPECT_EQ(text(login(), "ExtraDetails.cwd"), std::nullopt);
}

TEST(FieldValue, KeepsTheType) {
  const Event event = login();
  const auto value = [&](std::string_view name) {
    return field_value(event, 0, *find_field(EventName::Login, name));
  };
  EXPECT_EQ(value("ProcessId"), FieldValue(std::int64_t{611}));
  EXPECT_EQ(value("UserName"), FieldValue(std::string_view("root")));
  EXPECT_EQ(value("UserId"), FieldValue());
  EXPECT_EQ(value("ExtraDetails.Cwd"), FieldValue(std::string_view("/tmp")));
}

TEST(FieldValue, EveryFieldOfEveryEventCanBeRead) {
  const auto check = [](auto item) {
    const Event event{.payload = payload_of(item)};
    for (const Field& field : event_info(event.name()).fields) {
      const FieldValue value = field_value(event, 0, *find_field(event.name(), field.name));
      EXPECT_EQ(std::holds_alternative<std::monostate>(value), field.need == Need::Optional)
          << field.name;
      EXPECT_EQ(std::holds_alternative<std::int64_t>(value),
                field.need == Need::Required && field.kind == FieldKind::Integer);
    }
  };
  check(ProcessCreate());
  check(ConnectionCreate());
  check(FirewallConfiguration());
  check(SystemInformation());
  check(Diagnostic());
  check(Heartbeat());
}

TEST(EventNames, AreReadAsTheyAreWritten) {
  for (std::size_t i = 0; i < kEventNames; ++i) {
    const auto name = static_cast<EventName>(i);
    EXPECT_EQ(event_name(to_string(name)), name);
  }
  EXPECT_EQ(event_name("processcreate"), std::nullopt);
  EXPECT_EQ(event_name(""), std::nullopt);
}

TEST(ExtraDetails, AreSetAndFoundByName) {
  ExtraDetails details;
  set(details, "a", "1");
  set(details, "b", "2");
  set(details, "a", "3");
  EXPECT_EQ(details, (ExtraDetails{{"a", "3"}, {"b", "2"}}));
  EXPECT_EQ(*find(details, "b"), "2");
  EXPECT_EQ(find(details, "c"), nullptr);
}

}  // namespace
}  // namespace schema
