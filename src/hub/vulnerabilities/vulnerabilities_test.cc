#include "hub/vulnerabilities/vulnerabilities.h"

#include <gtest/gtest.h>

#include "os/file.h"
#include "os/scratch_testing.h"

namespace hub::vulnerabilities {
namespace {

using detect::posture::Assessment;
using detect::posture::Kind;
using detect::posture::State;
using std::chrono::hours;

constexpr std::string_view kTracker = R"({"openssl": {
  "CVE-2024-1": {"description": "overflow", "releases": {
    "bookworm": {"status": "resolved", "fixed_version": "3.0.14-1~deb12u2", "urgency": "high"}}},
  "CVE-2024-2": {"releases": {"bookworm": {"status": "open", "urgency": "low", "nodsa": "Minor issue"}}},
  "CVE-2024-3": {"releases": {"bookworm": {"status": "open", "urgency": "unimportant"}}},
  "CVE-2024-4": {"releases": {"bookworm": {"status": "undetermined", "urgency": "low"}}},
  "CVE-2024-5": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.1-1"}}},
  "CVE-2024-6": {"releases": {"trixie": {"status": "open"}}}}})";

constexpr std::string_view kOsv = R"({"id": "ALPINE-CVE-2024-9", "affected": [{"package":
  {"ecosystem": "Alpine:v3.19", "name": "busybox"}, "ranges": [{"type": "ECOSYSTEM",
  "events": [{"introduced": "0"}, {"fixed": "1.36.1-r6"}]}]}]})";

schema::SBoM item(std::string name, std::string version, std::string source = {},
                  std::string source_version = {}) {
  schema::SBoM out;
  out.package_name = std::move(name);
  out.version = std::move(version);
  out.package_manager = "dpkg";
  out.purl = "pkg:deb/debian/x@1?distro=debian-12";
  if (!source.empty()) out.source_package = std::move(source);
  if (!source_version.empty()) out.source_version = std::move(source_version);
  return out;
}

class VulnerabilitiesTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    vulnerabilities_.reset();
    posture_.reset();
    auto posture = detect::posture::Posture::open({.path = dir_ / "state.db"});
    ASSERT_TRUE(posture);
    posture_ = std::move(*posture);
    Options options;
    options.path = dir_ / "vulnerabilities.db";
    options.bundles.folder = dir_ / "advisories";
    options.bundles.now = options.now = [this] { return now_; };
    options.settle = std::chrono::milliseconds(0);
    auto opened = Vulnerabilities::open(std::move(options), *posture_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    vulnerabilities_ = std::move(*opened);
  }

  Import import(const std::string& name, std::string_view text) {
    Bundles& bundles = vulnerabilities_->bundles();
    const auto begun = bundles.begin(name, "tester");
    EXPECT_TRUE(begun);
    EXPECT_TRUE(bundles.append(begun->id, 0, base::as_bytes(text)));
    EXPECT_TRUE(bundles.finish(begun->id));
    work();
    for (const Import& each : bundles.imports()) {
      if (each.id == begun->id) return each;
    }
    return {};
  }

  void work() {
    while (true) {
      const auto worked = vulnerabilities_->work();
      ASSERT_TRUE(worked) << worked.error().to_string();
      if (!*worked) return;
    }
  }

  void picture(const std::string& device, base::WallTime observed,
               std::vector<schema::SBoM> items) {
    schema::Event event;
    event.time.utc = observed;
    event.payload = schema::Payload(std::move(items));
    std::vector<detect::Finding> findings;
    const detect::Origin origin{device, "azureiotsecurity", observed, 1};
    vulnerabilities_->on_event(event, origin, findings);
    ASSERT_TRUE(vulnerabilities_->settle());
  }

  // "CVE fixed plan since-hours"
  std::vector<std::string> found(const std::string& device, const Filter& filter = {}) {
    const auto page = vulnerabilities_->findings().of_device(device, filter);
    EXPECT_TRUE(page);
    std::vector<std::string> out;
    for (const Finding& each : page->items) {
      out.push_back(each.flaw.name + " " + (each.flaw.fixed.empty() ? "-" : each.flaw.fixed) + " " +
                    std::string(to_string(each.flaw.plan)) + " " +
                    std::to_string((each.since - kStart) / hours(1)));
    }
    return out;
  }

  std::optional<Assessment> assessment(const std::string& device) {
    const auto all = posture_->assessments(device);
    if (!all) return std::nullopt;
    for (const Assessment& each : *all) {
      if (each.kind == Kind::KnownVulnerabilities) return each;
    }
    return std::nullopt;
  }

  static constexpr base::WallTime kStart{std::chrono::days(20'000)};
  base::WallTime now_ = kStart;
  os::ScratchDir dir_;
  std::unique_ptr<detect::posture::Posture> posture_;
  std::unique_ptr<Vulnerabilities> vulnerabilities_;
};

const std::vector<schema::SBoM> kOld{item("libssl3", "3.0.11-1~deb12u2", "openssl"),
                                     item("openssl", "3.0.11-1~deb12u2"), item("bash", "5.2-2")};
const std::vector<schema::SBoM> kNew{item("libssl3", "3.0.14-1~deb12u2", "openssl"),
                                     item("openssl", "3.0.14-1~deb12u2"), item("bash", "5.2-2")};

TEST_F(VulnerabilitiesTest, FindsWhatIsInstalledAndTellsWhatToDo) {
  EXPECT_EQ(import("debian", kTracker).state, Import::State::Done);
  picture("d1", kStart, kOld);
  work();
  EXPECT_EQ(found("d1"), (std::vector<std::string>{"CVE-2024-1 3.0.14-1~deb12u2 open 0",
                                                   "CVE-2024-2 - no-dsa 0"}));
  EXPECT_EQ(found("d1", {.all = true}).size(), 4U);
  EXPECT_EQ(found("d1", {.fix = Fix::None}), (std::vector<std::string>{"CVE-2024-2 - no-dsa 0"}));
  const auto state = vulnerabilities_->findings().device("d1");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->release, "debian:12");
  EXPECT_TRUE(state->covered);
  EXPECT_EQ(state->fixable, 1);
  EXPECT_EQ(state->open, 1);
  EXPECT_EQ(state->packages, 2);
  const auto unhealthy = assessment("d1");
  ASSERT_TRUE(unhealthy);
  EXPECT_EQ(unhealthy->state, State::Active);
  EXPECT_EQ(unhealthy->severity, detect::Severity::High);
  ASSERT_EQ(unhealthy->items.size(), 1U);
  EXPECT_EQ(unhealthy->items[0].item.key, "openssl");
  EXPECT_EQ(unhealthy->items[0].item.title,
            "openssl 3.0.11-1~deb12u2: CVE-2024-1, fixed in 3.0.14-1~deb12u2");
  EXPECT_EQ(unhealthy->items[0].item.commands,
            (std::vector<std::string>{"sudo apt-get update",
                                      "sudo apt-get install --only-upgrade libssl3 openssl"}));
  // Twice the same changes nothing.
  picture("d1", kStart + hours(1), kOld);
  work();
  EXPECT_EQ(vulnerabilities_->counters().judged.value(), 1U);
  picture("d1", kStart + hours(2), kNew);
  work();
  EXPECT_EQ(found("d1"), (std::vector<std::string>{"CVE-2024-2 - no-dsa 0"}));
  EXPECT_EQ(assessment("d1")->state, State::Resolved);
}

TEST_F(VulnerabilitiesTest, ComparesAgainWhenTheBundleChanges) {
  picture("d1", kStart, kOld);
  picture("d2", kStart, kOld);
  work();
  EXPECT_TRUE(found("d1").empty());
  EXPECT_FALSE(assessment("d1")) << "nothing is known about its release";
  import("debian", kTracker);
  EXPECT_EQ(found("d1").size(), 2U);
  EXPECT_EQ(found("d2").size(), 2U);
  // Another version of what was found is the same thing, since then.
  now_ += hours(5);
  import("debian",
         R"({"openssl": {"CVE-2024-1": {"releases": {"bookworm": {"status": "open"}}},
             "CVE-2024-8": {"releases": {"bookworm": {"status": "open"}}}}})");
  EXPECT_EQ(found("d1"), (std::vector<std::string>{"CVE-2024-1 - open 0", "CVE-2024-8 - open 5"}));
  EXPECT_EQ(assessment("d1")->state, State::Resolved) << "there is nothing to install";
  const auto fleet = vulnerabilities_->findings().fleet({});
  ASSERT_TRUE(fleet);
  ASSERT_EQ(fleet->items.size(), 2U);
  EXPECT_EQ(fleet->items[0].name, "CVE-2024-1");
  EXPECT_EQ(fleet->items[0].devices, 2);
  EXPECT_EQ(fleet->items[0].fixable, 0);
  EXPECT_EQ(fleet->items[0].packages, std::vector<std::string>{"openssl"});
  ASSERT_TRUE(vulnerabilities_->bundles().remove("debian"));
  work();
  EXPECT_TRUE(found("d1").empty());
  EXPECT_EQ(vulnerabilities_->bundles().remove("debian").error().code, base::Code::NotFound);
}

TEST_F(VulnerabilitiesTest, JoinsPiecesOfOnePicture) {
  import("debian", kTracker);
  picture("d1", kStart, {kOld[2]});
  picture("d1", kStart, {kOld[0], kOld[1]});
  picture("d1", kStart - hours(1), {});
  work();
  EXPECT_EQ(vulnerabilities_->findings().device("d1")->packages, 2);
  EXPECT_EQ(found("d1").size(), 2U);
}

TEST_F(VulnerabilitiesTest, GoesOnAfterARestart) {
  import("debian", kTracker);
  picture("d1", kStart, kOld);
  open();  // before anything was compared
  EXPECT_EQ(vulnerabilities_->bundles().all()->size(), 1U);
  work();
  EXPECT_EQ(found("d1").size(), 2U);
  open();
  work();
  EXPECT_EQ(found("d1").size(), 2U);
  EXPECT_EQ(vulnerabilities_->counters().judged.value(), 0U) << "nothing has changed";
  EXPECT_EQ(assessment("d1")->state, State::Active);
}

TEST_F(VulnerabilitiesTest, ForgetsDevicesThatAreDeleted) {
  import("debian", kTracker);
  picture("d1", kStart, kOld);
  picture("d2", kStart, kOld);
  work();
  store::TwinRow twin;
  twin.device_id = "d1";
  twin.operation = "deleted";
  std::vector<detect::Finding> findings;
  vulnerabilities_->on_twin(twin, {}, findings);
  ASSERT_TRUE(vulnerabilities_->settle());
  EXPECT_FALSE(vulnerabilities_->findings().device("d1"));
  EXPECT_TRUE(found("d1").empty());
  EXPECT_EQ(found("d2").size(), 2U);
}

TEST_F(VulnerabilitiesTest, KeepsTheBundleThatIsThereWhenTheNextIsNone) {
  import("debian", kTracker);
  const Import failed = import("debian", R"({"a": {"CVE-1-1": )");
  EXPECT_EQ(failed.state, Import::State::Failed);
  EXPECT_NE(failed.error.find("ends early"), std::string::npos) << failed.error;
  EXPECT_EQ(import("debian", "hello").state, Import::State::Failed);
  EXPECT_EQ(import("debian", R"({"id": "X-1", "affected": []})").state, Import::State::Failed);
  picture("d1", kStart, kOld);
  work();
  EXPECT_EQ(found("d1").size(), 2U);
  EXPECT_EQ(vulnerabilities_->bundles().all()->size(), 1U);
  EXPECT_EQ(os::list_dir(dir_ / "advisories")->size(), 1U) << "nothing is left behind";
}

TEST_F(VulnerabilitiesTest, MatchesOtherDistributionsByTheirOwnOrder) {
  EXPECT_EQ(import("alpine", kOsv).state, Import::State::Done);
  schema::SBoM busybox = item("busybox", "1.36.1-r5");
  busybox.package_manager = "apk";
  busybox.purl = "pkg:apk/alpine/busybox@1.36.1-r5?distro=alpine-3.19.1";
  picture("a1", kStart, {busybox});
  busybox.version = "1.36.1-r10";
  picture("a2", kStart, {busybox});
  work();
  EXPECT_EQ(found("a1"), std::vector<std::string>{"CVE-2024-9 1.36.1-r6 open 0"});
  EXPECT_TRUE(found("a2").empty());
  EXPECT_EQ(assessment("a2")->state, State::Resolved);
  const auto devices = vulnerabilities_->findings().devices_with("CVE-2024-9", {});
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->items.size(), 1U);
  EXPECT_EQ(devices->items[0].device_id, "a1");
}

TEST_F(VulnerabilitiesTest, TellsWhatABundleSays) {
  import("debian", kTracker);
  const auto bundles = vulnerabilities_->bundles().all();
  ASSERT_EQ(bundles->size(), 1U);
  const BundleInfo& info = bundles->front()->info();
  EXPECT_EQ(info.name, "debian");
  EXPECT_EQ(info.actor, "tester");
  EXPECT_EQ(info.contents.records, 6U);
  EXPECT_EQ(info.releases, (std::vector<std::string>{"debian:12", "debian:13"}));
  const auto known = bundles->front()->find("CVE-2024-1");
  ASSERT_TRUE(known);
  ASSERT_EQ(known->size(), 1U);
  EXPECT_EQ(known->front().summary, "overflow");
  ASSERT_EQ(known->front().packages.size(), 1U);
  EXPECT_EQ(known->front().packages[0].ranges, "<3.0.14-1~deb12u2");
}

TEST_F(VulnerabilitiesTest, TakesUploadsInOrderAndBounded) {
  Bundles& bundles = vulnerabilities_->bundles();
  EXPECT_EQ(bundles.begin("../x", "").error().code, base::Code::Invalid);
  const auto first = bundles.begin("a", "x");
  ASSERT_TRUE(first);
  EXPECT_EQ(bundles.append(first->id, 3, base::as_bytes("x")).error().code, base::Code::Conflict);
  EXPECT_EQ(bundles.finish(first->id).error().code, base::Code::Invalid);
  EXPECT_EQ(bundles.append("no", 0, base::as_bytes("x")).error().code, base::Code::NotFound);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(bundles.begin("b", "x"));
  EXPECT_EQ(bundles.begin("c", "x").error().code, base::Code::Full);
  EXPECT_TRUE(bundles.abandon(first->id));
  EXPECT_TRUE(bundles.begin("c", "x"));
  now_ += hours(1);
  work();  // nobody goes on with them
  EXPECT_EQ(bundles.imports()[0].state, Import::State::Failed);
  EXPECT_TRUE(os::list_dir(dir_ / "advisories")->empty());
}

TEST(Inventory, ReadsWhatItWrote) {
  Inventory inventory;
  inventory.add(std::vector<schema::SBoM>{
      item("libc6", "2.36-9+deb12u4", "glibc"), item("libc6", "2.36-9+deb12u4", "glibc"),
      item("zlib1g", "1:1.2.13.dfsg-1", "zlib"), item("bin", "1.0-1+b3", "src", "1.0-1"),
      item("*", "*"), item("a b", "1"), item("c", "1 2")});
  EXPECT_EQ(inventory.left_out(), 2U);
  EXPECT_EQ(inventory.to_text(),
            "debian:12\nglibc 2.36-9+deb12u4 libc6\nsrc 1.0-1 bin=1.0-1+b3\nzlib 1:1.2.13.dfsg-1 "
            "zlib1g");
  EXPECT_EQ(Inventory::parse(inventory.to_text()).to_text(), inventory.to_text());
  EXPECT_EQ(Inventory::parse("").to_text(), "");
  EXPECT_EQ(Inventory::parse("debian:12\nx\n\n a b c").packages().size(), 1U);
}

}  // namespace
}  // namespace hub::vulnerabilities
