#include "store/event_search.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/event_details.h"

namespace store {
namespace {

constexpr kql::Ticks kTime = 639'055'008'123'450'000;

// What the store makes of details, and whether that may contain the text.
bool may_contain(std::string_view event, std::string_view details, std::string_view wanted) {
  const DetailsSearch search(wanted);
  if (search.undecided()) return true;
  DetailsSplitter splitter;
  splitter.split(event, kTime, details);
  if (search.may_be_in_rest(splitter.rest())) return true;
  for (std::size_t i = 0; i < event_columns().size(); ++i) {
    const DetailsSplitter::Field* field = splitter.field(i);
    const schema::FieldKind kind = event_columns()[i].kind;
    if (field == nullptr || kind == schema::FieldKind::Integer ||
        kind == schema::FieldKind::Boolean)
      continue;
    if (search.may_be_in_value(field->text)) return true;
  }
  return false;
}

struct Sample {
  std::string event;
  std::string details;
};

std::string times() {
  std::string out = R"({"TimestampLocal":")";
  append_details_time(kTime, 120, out);
  out += R"(","TimestampUTC":")";
  append_details_time(kTime, 0, out);
  return out + "\",";
}

std::vector<Sample> samples() {
  return {
      {"ProcessCreate",
       times() +
           R"("Executable":"/usr/bin/Curl","CommandLine":"curl -o /tmp/a.sh http://10.0.0.5:8080/x",)"
           R"("UserName":"root","UserId":0,"ProcessId":4711,"ParentProcessId":17,)"
           R"("ExtraDetails":{"Cwd":"/var/lib","Ports":[1.5,22],"Empty":{},"Ok":true}})"},
      {"ProcessCreate",
       times() + R"("Executable":"/bin/sh","CommandLine":"sh -c \"echo\u001f \\n\"","UserId":7,)"
                 R"("ProcessId":1,"ParentProcessId":1})"},
      {"Login", times() +
                    R"("Executable":"/usr/sbin/sshd","ProcessId":99,"UserName":"J\u00f6rg ÄÖ\t",)"
                    R"("Operation":"LogIn","Result":"Fail","RemoteAddress":"fe80::1"})"},
      {"Login", R"({"Result":"Success", "Odd":[1,2,{"a":null}],"UserName":"x"})"},
      {"NoSuchEvent", R"({"A":"b"})"},
      {"Login", "no JSON: 10.0.0.5"}};
}

std::string other_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return static_cast<char>(std::isupper(byte) != 0 ? std::tolower(byte) : std::toupper(byte));
  });
  return text;
}

TEST(DetailsSearchTest, FindsEveryPartOfWhatIsThere) {
  for (const Sample& sample : samples()) {
    const std::string& all = sample.details;
    for (std::size_t size = 1; size <= std::min<std::size_t>(all.size(), 48); ++size) {
      for (std::size_t at = 0; at + size <= all.size(); ++at) {
        const std::string part = all.substr(at, size);
        ASSERT_TRUE(may_contain(sample.event, all, part)) << part << "\n" << all;
        ASSERT_TRUE(may_contain(sample.event, all, other_case(part))) << part << "\n" << all;
      }
    }
    EXPECT_TRUE(may_contain(sample.event, all, all));
    EXPECT_TRUE(may_contain(sample.event, all, ""));
  }
}

TEST(DetailsSearchTest, SaysWhatIsNotThere) {
  const Sample sample = samples().front();
  for (const std::string_view wanted :
       {"/tmp/runc", "wget", "curlx", "10.0.0.6", "192.168.1.1", "/usr/bin/curl2", "Cwd/",
        "xhttp://10.0.0.5", "a much longer text than any that is there in one of these values"}) {
    EXPECT_FALSE(DetailsSearch(wanted).undecided()) << wanted;
    EXPECT_FALSE(may_contain(sample.event, sample.details, wanted)) << wanted;
  }
}

// In the text an escape, or a letter that is another one in lower case, is something else than in
// the value.
TEST(DetailsSearchTest, LeavesToTheTextWhatValuesDoNotShow) {
  const DetailsSearch search("wanted");
  EXPECT_FALSE(search.may_be_in_value("something else"));
  for (const std::string_view value : {"a\nb", "a\"b", "a\\b", "\x7F", "\u212A", "\xFF"})
    EXPECT_TRUE(search.may_be_in_value(value));
  EXPECT_FALSE(search.may_be_in_rest(R"({"a":"\n"})"));
  EXPECT_TRUE(search.may_be_in_rest("{\"a\":\"\u212A\"}"));
}

TEST(DetailsSearchTest, IsUndecidedWhereThePartsDoNotSay) {
  for (const std::string_view wanted :
       {"", "443", "true", "e", "2026-01", "T14:", ":1,", "UserName", "timestamputc", "cess",
        "\"UserName\":\"", "443\\", "\n", "\u00e4", "1.5"})
    EXPECT_TRUE(DetailsSearch(wanted).undecided()) << wanted;
}

TEST(DetailsSearchTest, LooksForANameInEverythingElse) {
  using enum DetailsSearch::Names;
  for (const std::string_view name : {"RemoteAddress", "UserName", "ProcessId"}) {
    const DetailsSearch search(name, Apart);
    EXPECT_FALSE(search.undecided()) << name;
    EXPECT_FALSE(search.may_be_in_value("/usr/sbin/sshd"));
    EXPECT_TRUE(search.may_be_in_value(std::string("grep -i ") + std::string(name) + " log"));
    EXPECT_TRUE(search.may_be_in_rest(std::string("{\"x") + std::string(name) + "\":1}"));
  }
  // What stands outside of strings as well is nowhere looked for.
  for (const std::string_view wanted : {"", "true", "Result", "443", "\u00e4"})
    EXPECT_TRUE(DetailsSearch(wanted, Apart).undecided()) << wanted;
}

TEST(DetailsSearchTest, LooksForAPartWhereItCannotLookForAll) {
  const Sample sample = samples().front();
  for (const std::string_view wanted :
       {R"("UserName":"root")", R"("ExtraDetails":{"Cwd":"/var/lib)", "\"/USR/bin\\"})
    EXPECT_TRUE(may_contain(sample.event, sample.details, wanted)) << wanted;
  for (const std::string_view wanted :
       {R"("RemoteAddress":"127.0.0.1")", R"x("UserName":"(invalid user)")x", "\\wget\""}) {
    EXPECT_FALSE(DetailsSearch(wanted).undecided()) << wanted;
    EXPECT_FALSE(may_contain(sample.event, sample.details, wanted)) << wanted;
  }
}

TEST(DetailsSearchTest, FindsAtEachPlace) {
  const DetailsSearch search("NeEdle!");
  for (std::size_t before = 0; before < 40; ++before) {
    for (std::size_t after = 0; after < 40; ++after) {
      const std::string text = std::string(before, 'n') + "nEeDLE!" + std::string(after, '!');
      EXPECT_TRUE(search.may_be_in_value(text)) << text;
      EXPECT_FALSE(search.may_be_in_value(text.substr(0, before + 6))) << text;
    }
  }
}

}  // namespace
}  // namespace store
