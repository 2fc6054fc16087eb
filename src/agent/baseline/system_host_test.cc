#include "agent/baseline/system_host.h"

#include <set>

#include <gtest/gtest.h>

#include "agent/baseline/root_testing.h"
#include "agent/baseline/snapshot.h"

namespace agent::baseline {
namespace {

TEST(SystemHost, StaysWithinItsRoot) {
  TestRoot root;
  root.file("/etc/inside", "in");
  root.link("/etc/absolute", "/etc/inside");
  root.link("/etc/up", "../../../../../../etc/inside");
  EXPECT_EQ(root.read("/etc/absolute").value_or(""), "in");
  EXPECT_EQ(root.read("/etc/up").value_or(""), "in");
  EXPECT_EQ(root.link("/etc/absolute").value_or(""), "/etc/inside");
  EXPECT_EQ(root.lstat("/etc/absolute")->kind, FileFacts::Kind::Link);
  EXPECT_EQ(root.stat("/etc/absolute")->kind, FileFacts::Kind::Regular);
  EXPECT_EQ(root.read("/etc/passwd").error().code, base::Code::NotFound);
  EXPECT_EQ(root.read("/etc/inside/below").error().code, base::Code::NotFound);
}

TEST(SystemHost, ReadsPlainFilesOnlyAndDoesNotWait) {
  TestRoot root;
  root.folder("/etc");
  ASSERT_EQ(::mkfifo((root.path() + "/etc/fifo").c_str(), 0600), 0);
  EXPECT_EQ(root.read("/etc/fifo").error().code, base::Code::Unsupported);
  EXPECT_EQ(root.read("/etc").error().code, base::Code::Unsupported);
  root.file("/etc/large", std::string(Host::kMaxFileBytes + 1, 'x'));
  EXPECT_EQ(root.read("/etc/large").error().code, base::Code::TooLarge);
}

TEST(SystemHost, WalksWithinLimits) {
  TestRoot root;
  root.file("/a/b/c/file", "");
  root.link("/a/loop", "/a");
  std::set<std::string> seen;
  const auto visit = [&](const std::string& path, const FileFacts&) {
    return seen.insert(path).second;
  };
  EXPECT_TRUE(root.walk("/a", {}, visit).has_value());
  EXPECT_EQ(seen, (std::set<std::string>{"/a/b", "/a/b/c", "/a/b/c/file", "/a/loop"}));
  const auto deny = [](const std::string& path, const FileFacts&) { return path != "/a/b"; };
  EXPECT_TRUE(root.walk("/a", {.entries = 2, .depth = 1}, deny).has_value());
  seen.clear();
  EXPECT_EQ(root.walk("/a", {.entries = 3, .depth = 9}, visit).error().code, base::Code::TooLarge);
  seen.clear();
  EXPECT_EQ(root.walk("/a", {.entries = 9, .depth = 1}, visit).error().code, base::Code::TooLarge);
  EXPECT_EQ(root.walk("/none", {}, visit).error().code, base::Code::NotFound);
}

TEST(SystemHost, KnowsOfPasswordsWhatCryptMakes) {
  TestRoot root;
  const std::string hash =
      "$6$saltsalt$677q0O/U8ycKsbBfN68CgcyXcWEbi0J/"
      "eUf256PkkeGXfNX3CNnPlwFdNvdBgnSiHDx5X1Xozxf5lg9iVIVVu/";
  const auto makes = root.password_makes("raspberry", hash);
  if (!makes && makes.error().code == base::Code::Unsupported) GTEST_SKIP() << "no libcrypt";
  EXPECT_TRUE(makes.value());
  EXPECT_FALSE(root.password_makes("strawberry", hash).value());
  EXPECT_EQ(root.password_makes("x", "$nonsense$").error().code, base::Code::Invalid);
}

TEST(Expand, FindsWhatMatches) {
  TestRoot root;
  root.file("/etc/ssh/ssh_host_rsa_key", "");
  root.file("/etc/ssh/ssh_host_rsa_key.pub", "");
  root.file("/etc/ssh/.hidden_key", "");
  root.file("/home/a/x.conf", "");
  root.file("/home/b/y.conf", "");
  using Paths = std::vector<std::string>;
  EXPECT_EQ(expand(root, "/etc/ssh/*_key").value(), Paths{"/etc/ssh/ssh_host_rsa_key"});
  EXPECT_EQ(expand(root, "/home/*/?.conf").value(), (Paths{"/home/a/x.conf", "/home/b/y.conf"}));
  EXPECT_EQ(expand(root, "/home/[b-z]/*").value(), Paths{"/home/b/y.conf"});
  EXPECT_EQ(expand(root, "/etc/none*").value(), Paths{});
  EXPECT_EQ(expand(root, "/none/*/x").value(), Paths{});
}

TEST(OsBaselineEvent, SaysWhatEachCheckCameTo) {
  Report report;
  Finding finding;
  finding.id = "perm-x";
  finding.group = "file-permissions";
  finding.title = "t";
  finding.cce = "CCE-1-1";
  finding.cis = "CIS-1";
  finding.remedy = "chmod";
  finding.severity = schema::BaselineSeverity::Critical;
  for (Outcome outcome :
       {pass("seen"), failed("wrong"), unknown("why"), not_applicable("absent")}) {
    finding.outcome = std::move(outcome);
    report.findings.push_back(finding);
  }
  const auto payload = payload_of(report);
  const auto& items = std::get<std::vector<schema::OSBaseline>>(payload);
  ASSERT_EQ(items.size(), 4U);
  using enum schema::BaselineResult;
  EXPECT_EQ(items[0].result, Pass);
  EXPECT_EQ(items[0].error, "");
  EXPECT_EQ(*schema::find(items[0].extra_details, "Evidence"), "seen");
  EXPECT_EQ(items[1].result, Fail);
  EXPECT_EQ(items[1].error, "wrong");
  EXPECT_EQ(*schema::find(items[1].extra_details, "Remedy"), "chmod");
  EXPECT_EQ(items[2].result, Err);
  EXPECT_EQ(items[2].error, "why");
  EXPECT_EQ(items[3].result, Pass);
  EXPECT_EQ(items[3].error, "");
  EXPECT_EQ(*schema::find(items[3].extra_details, "NotApplicable"), "absent");
  for (const auto& item : items) {
    EXPECT_EQ(*schema::find(item.extra_details, "CheckId"), "perm-x");
    EXPECT_EQ(item.cce_id, "CCE-1-1");
    EXPECT_EQ(item.severity, schema::BaselineSeverity::Critical);
  }
}

}  // namespace
}  // namespace agent::baseline
