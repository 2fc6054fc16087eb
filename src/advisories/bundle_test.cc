#include "advisories/bundle.h"

#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "advisories/reading_testing.h"
#include "advisories/splitter.h"

namespace advisories {
namespace {

struct Read {
  base::Result<Contents> contents;
  std::vector<std::string> lines;  // "CVE release package ranges plan severity"
};

Read read(std::string text, Limits limits = {}) {
  TextSource source(std::move(text));
  Read out;
  out.contents = read_bundle(
      source, limits,
      [&](const Advisory& advisory) -> base::Result<void> {
        for (const std::string& name : advisory.names) {
          for (const Affected& each : advisory.affected) {
            const auto severity = std::max(each.severity, advisory.severity);
            out.lines.push_back(fmt::format("{} {} {} [{}] {} {}", name, to_string(each.release),
                                            each.package, to_string(each.ranges),
                                            to_string(each.plan), to_string(severity)));
          }
        }
        return {};
      },
      [](std::uint64_t) { return true; });
  return out;
}

constexpr std::string_view kTracker = R"({
 "libgadget": {
  "CVE-2024-0001": {"description": "a \"gadget\" \\ {[ breaks", "debianbug": 7, "scope": "local",
   "releases": {
    "bookworm": {"status": "resolved", "repositories": {"bookworm": "1.2-3"},
                 "fixed_version": "1.2-4", "urgency": "high"},
    "trixie": {"status": "resolved", "fixed_version": "0", "urgency": "unimportant"},
    "experimental": {"status": "open", "urgency": "low"}}},
  "CVE-2024-0002": {"releases": {
    "bookworm": {"status": "open", "urgency": "low**", "nodsa": "Minor issue", "nodsa_reason": ""},
    "bullseye": {"status": "open", "urgency": "end-of-life"},
    "trixie": {"status": "open", "urgency": "medium", "nodsa": "later", "nodsa_reason": "postponed"},
    "sid": {"status": "undetermined", "urgency": "not yet assigned"}}}},
 "empty": {},
 "tools": {"TEMP-0000000-AB12CD": {"releases": {
    "bookworm": {"status": "open", "urgency": "unimportant", "nodsa_reason": "ignored"}}}}
})";

TEST(ReadBundle, ReadsTheTracker) {
  const Read got = read(std::string(kTracker));
  ASSERT_TRUE(got.contents) << got.contents.error().to_string();
  EXPECT_EQ(got.contents->format, Format::DebianTracker);
  EXPECT_EQ(got.contents->records, 3U);
  EXPECT_EQ(got.contents->malformed, 0U);
  EXPECT_EQ(got.lines, (std::vector<std::string>{
                           "CVE-2024-0001 debian:12 libgadget [<1.2-4] open high",
                           "CVE-2024-0002 debian:12 libgadget [*] no-dsa low",
                           "CVE-2024-0002 debian:11 libgadget [*] end-of-life unknown",
                           "CVE-2024-0002 debian:13 libgadget [*] postponed medium",
                           "CVE-2024-0002 debian:sid libgadget [*] undetermined unknown",
                           "TEMP-0000000-AB12CD debian:12 tools [*] ignored negligible"}));
}

TEST(ReadBundle, LosesOneRecordAndNotTheFile) {
  const Read got = read(R"({"a": {
    "CVE-1-1": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "1 2"}}},
    "CVE-1-2": {"releases": {"bookworm": {"status": "solved"}}},
    "CVE-1-3": {"releases": 7},
    "CVE-1-4": {"description": 1e},
    "CVE 1-5": {"releases": {}},
    "CVE-1-6": [],
    "CVE-1-7": {"releases": {"bookworm": {"status": "open", "urgency": ["low"]}}},
    "CVE-1-8": {"releases": {"bookworm": {"status": "open"}}}}, "b c": {"CVE-1-9": {"releases": {}}}})");
  ASSERT_TRUE(got.contents) << got.contents.error().to_string();
  EXPECT_EQ(got.contents->malformed, 8U);
  EXPECT_EQ(got.contents->records, 1U);
  EXPECT_EQ(got.lines, (std::vector<std::string>{"CVE-1-8 debian:12 a [*] open unknown"}));
  ASSERT_EQ(got.contents->problems.size(), 8U);
  EXPECT_EQ(got.contents->problems[0], "a CVE-1-1: bookworm: not a version");
  EXPECT_EQ(got.contents->problems[1], "a CVE-1-2: bookworm: an unknown status");
  EXPECT_EQ(got.contents->problems[2], "a CVE-1-3: releases: not an object");
}

TEST(ReadBundle, RefusesWhatIsNeither) {
  for (const char* text : {"", "hello", "\x01\x02\x03\x04", "PK\x03\x04nothing"}) {
    const Read got = read(text);
    EXPECT_FALSE(got.contents) << text;
  }
  for (const char* text : {R"({"a": {"CVE-1-1": {"releases": {)", R"({"a": {"CVE-1-1": {}}}})",
                           R"({"a": {"CVE-1-1": {}}, "b": 7})", R"([{"id": "A-1"})"}) {
    EXPECT_FALSE(read(text).contents) << text;
  }
}

constexpr std::string_view kOsv =
    R"({"id": "DSA-5000-1", "modified": "2024-01-01T00:00:00Z", "summary": "gadget - security update",
 "upstream": ["CVE-2024-0001", "CVE-2024-0003"], "aliases": [],
 "affected": [{"package": {"ecosystem": "Debian:12", "name": "libgadget", "purl": "pkg:deb/debian/libgadget"},
   "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2-4"}]},
              {"type": "GIT", "repo": "https://x.test", "events": [{"introduced": "abc"}]}],
   "versions": ["1.2-3"], "ecosystem_specific": {"urgency": "medium"}},
  {"package": {"ecosystem": "npm", "name": "@x/y"}, "ranges": []}]})";

TEST(ReadBundle, ReadsADocumentOfOsv) {
  const Read got = read(std::string(kOsv));
  ASSERT_TRUE(got.contents) << got.contents.error().to_string();
  EXPECT_EQ(got.contents->format, Format::Osv);
  EXPECT_EQ(got.lines,
            (std::vector<std::string>{"CVE-2024-0001 debian:12 libgadget [<1.2-4] open medium",
                                      "CVE-2024-0003 debian:12 libgadget [<1.2-4] open medium"}));
}

std::string alpine(int number, std::string_view more = "") {
  return fmt::format(
      R"({{"id":"ALPINE-CVE-2024-{0}","database_specific":{{"x":{{"y":1}}}},"severity":)"
      R"([{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]{1},)"
      R"("affected":[{{"package":{{"name":"tool{0}","ecosystem":"Alpine:v3.19"}},)"
      R"("versions":["1.0-r0","1.1-r0"]}}]}})",
      number, more);
}

TEST(ReadBundle, ReadsLinesListsAndCompressedFiles) {
  const std::vector<std::string> expected{
      "CVE-2024-1 alpine:3.19 tool1 [=1.0-r0; =1.1-r0] open critical",
      "CVE-2024-2 alpine:3.19 tool2 [=1.0-r0; =1.1-r0] open critical"};
  const std::string lines = alpine(1) + "\n" + alpine(2) + "\n";
  const std::string list = "[" + alpine(1) + ", " + alpine(2) + "]";
  EXPECT_EQ(read(lines).lines, expected);
  EXPECT_EQ(read("\xef\xbb\xbf" + list).lines, expected);
  EXPECT_EQ(read(deflated(lines, 31)).lines, expected);
  EXPECT_EQ(read(deflated(alpine(1), 31) + deflated("\n" + alpine(2), 31)).lines, expected);
  const std::vector<ZipFile> files{
      {"CVE-2024-1.json", alpine(1)}, {"README", "x"}, {"CVE-2024-2.json", alpine(2), 0}};
  EXPECT_EQ(read(zipped(files)).lines, expected);
  EXPECT_EQ(read(zipped(files, true)).lines, expected);
}

// Found by the fuzzer: a word that begins like null.
TEST(ReadBundle, RefusesWhatIsNearlyNull) {
  for (const char* member : {R"("affected":n1)", R"("affected":[{"ranges":[{"events":nul}]}])",
                             R"("summary":nope)", R"("withdrawn":n2)"}) {
    const Read got = read(std::string(R"({"id":"A-1",)") + member + "}\n" + alpine(2));
    ASSERT_TRUE(got.contents) << member;
    EXPECT_EQ(got.contents->records + got.contents->malformed, 2U) << member;
    EXPECT_EQ(got.lines.size(), 1U) << member;
  }
  const Read got =
      read(R"({"a": {"CVE-1-1": {"releases": {"bookworm": {"status": "open", "urgency": n1}}}}})");
  ASSERT_TRUE(got.contents);
  EXPECT_EQ(got.contents->malformed, 1U);
}

TEST(ReadBundle, LeavesOutWhatIsWithdrawn) {
  const Read got = read(alpine(1, R"(,"withdrawn":"2024-02-01T00:00:00Z")") + "\n" + alpine(2));
  ASSERT_TRUE(got.contents);
  EXPECT_EQ(got.contents->withdrawn, 1U);
  EXPECT_EQ(got.lines.size(), 1U);
}

TEST(ReadBundle, GoesOnAfterABrokenLine) {
  const std::string whole = alpine(2);
  for (const std::string_view broken : {R"({"id":"A-1","summary":"no end)",
                                        R"({"id":"A-1","affected":[{)", R"({"id":7})", R"(17)"}) {
    const Read got = read(alpine(1) + "\n" + std::string(broken) + "\n" + whole + "\n");
    ASSERT_TRUE(got.contents) << broken;
    EXPECT_EQ(got.contents->malformed, 1U) << broken;
    EXPECT_EQ(got.lines.size(), 2U) << broken;
  }
}

TEST(ReadBundle, LosesEntriesOfAnArchiveByThemselves) {
  std::string archive = zipped({{"a.json", alpine(1)}, {"b.json", alpine(2)}});
  archive[archive.find("a.json") + 8] ^= 0x55;  // in its packed bytes
  const Read got = read(archive);
  ASSERT_TRUE(got.contents) << got.contents.error().to_string();
  EXPECT_EQ(got.contents->malformed, 1U);
  EXPECT_EQ(got.lines.size(), 1U);
  EXPECT_FALSE(read(archive.substr(0, archive.size() - 30)).contents);
}

TEST(ReadBundle, KeepsItsLimits) {
  const std::string lines =
      alpine(1) + "\n" + alpine(2, R"(,"details":")" + std::string(5000, 'x') + "\"");
  Limits limits;
  limits.record = 2000;
  const Read got = read(lines, limits);
  ASSERT_TRUE(got.contents);
  EXPECT_EQ(got.contents->malformed, 1U);
  EXPECT_EQ(got.lines.size(), 1U);
  limits.total = 3000;
  const Read large = read(lines, limits);
  ASSERT_FALSE(large.contents);
  EXPECT_EQ(large.contents.error().code, base::Code::TooLarge);
}

TEST(ReadBundle, PassesOnWhatTheSinkSays) {
  TextSource source{std::string(kTracker)};
  const auto refused = read_bundle(
      source, {},
      [](const Advisory&) { return base::Result<void>(base::fail(base::Code::Full, "x")); },
      [](std::uint64_t) { return true; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::Full);
}

// However the text is cut into pieces.
TEST(Splitter, GivesTheSameRecordsForAnyPieces) {
  for (const std::string_view text : {kTracker, kOsv}) {
    const Shape shape = text == kTracker ? Shape::Tracker : Shape::Documents;
    std::vector<std::string> whole;
    for (std::size_t size = text.size(); size > 0; size = size > 8 ? size / 3 : size - 1) {
      std::vector<std::string> records;
      Splitter splitter(shape, 1U << 20U);
      const Splitter::Sink sink = [&](const Splitter::Record& record) {
        records.push_back(fmt::format("{}|{}|{}", record.package, record.name, record.json));
      };
      for (std::size_t at = 0; at < text.size(); at += size)
        ASSERT_TRUE(splitter.feed(text.substr(at, size), sink));
      ASSERT_TRUE(splitter.finish(sink));
      if (whole.empty()) whole = records;
      EXPECT_EQ(records, whole) << size;
      EXPECT_FALSE(records.empty());
    }
  }
}

}  // namespace
}  // namespace advisories
