#include "agent/collect/process_events.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "os/file.h"

namespace agent::collect {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class ProcessEventsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = ::testing::TempDir() + "events-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    ASSERT_TRUE(os::write_file_atomic(folder + "/passwd", "op:x:1000:1000::/:/bin/sh\n"));
    options_.account_file = folder + "/passwd";
    options_.container_root = folder;
    options_.boot_id = "boot-1";
    options_.next_sequence = [this] { return ++sequence_; };
    options_.emit = [this](schema::Event event) { events_.push_back(std::move(event)); };
    // No process of this machine gets into it.
    options_.proc = os::ProcFs(folder);
  }

  static Started started(std::uint32_t pid, std::uint32_t parent, const std::string& argv) {
    Started one;
    one.process = {pid, pid * 10ULL};
    one.parent = {parent, parent * 10ULL};
    one.time = base::WallTime(1'700'000'000s);
    one.uid = one.euid = 1000;
    one.executable = argv.substr(0, argv.find('\0'));
    one.file = one.executable;
    one.argv = argv;
    one.argv_head = one.argv_bytes = argv.size();
    one.cwd = "/home/op";
    one.cgroup = "/";
    return one;
  }

  const schema::ProcessCreate& created(std::size_t index) {
    return std::get<std::vector<schema::ProcessCreate>>(events_.at(index).payload).at(0);
  }
  const schema::ProcessTerminate& terminated(std::size_t index) {
    return std::get<std::vector<schema::ProcessTerminate>>(events_.at(index).payload).at(0);
  }
  static std::string detail(const schema::ExtraDetails& details, std::string_view name) {
    const std::string* value = schema::find(details, name);
    return value == nullptr ? "(none)" : *value;
  }

  ProcessEvents::Options options_;
  std::uint64_t sequence_ = 0;
  std::vector<schema::Event> events_;
};

TEST_F(ProcessEventsTest, MakesAProcessCreate) {
  ProcessEvents events(options_);
  events.on_started(started(10, 1, "/bin/sh\0-l\0"s));
  Started child = started(11, 10, "/bin/echo\0two words\0"s);
  child.euid = 0;
  child.loginuid = 1000;
  child.tty = "pts4";
  child.file = "echo";
  child.cgroup = "/lxc.payload.web";
  child.pid_ns = 4026531836;
  events.on_started(std::move(child));
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[1].name(), schema::EventName::ProcessCreate);
  EXPECT_EQ(events_[1].time.utc, base::WallTime(1'700'000'000s));
  const schema::ProcessCreate& create = created(1);
  EXPECT_EQ(create.executable, "/bin/echo");
  EXPECT_EQ(create.process_id, 11);
  EXPECT_EQ(create.parent_process_id, 10);
  EXPECT_EQ(create.user_id, "1000");
  EXPECT_EQ(create.user_name, "op");
  EXPECT_EQ(create.command_line, "/bin/echo two words");
  const schema::ExtraDetails& details = create.extra_details;
  EXPECT_EQ(detail(details, "ParentExecutable"), "/bin/sh");
  EXPECT_EQ(detail(details, "ParentCommandLine"), "/bin/sh -l");
  EXPECT_EQ(detail(details, "Argv"), R"(["/bin/echo","two words"])");
  EXPECT_EQ(detail(details, "Cwd"), "/home/op");
  EXPECT_EQ(detail(details, "AuditUid"), "1000");
  EXPECT_EQ(detail(details, "EffectiveUserId"), "0");
  EXPECT_EQ(detail(details, "Tty"), "pts4");
  EXPECT_EQ(detail(details, "File"), "echo");
  EXPECT_EQ(detail(details, "ContainerId"), "web");
  EXPECT_EQ(detail(details, "ContainerRuntime"), "lxc");
  EXPECT_EQ(detail(details, "BootId"), "boot-1");
  EXPECT_EQ(detail(details, "Sequence"), "2");
  EXPECT_EQ(detail(details, "Tier"), "Ebpf");
  EXPECT_EQ(detail(details, "Lossy"), "(none)");
  EXPECT_EQ(detail(details, "Incomplete"), "(none)");
}

TEST_F(ProcessEventsTest, NamesTheImageOfAContainer) {
  const std::string id(64, 'a');
  const std::string folder = options_.container_root + "/var/lib/docker/containers/" + id;
  ASSERT_TRUE(os::make_dirs(folder));
  ASSERT_TRUE(
      os::write_file_atomic(folder + "/config.v2.json", R"({"Config":{"Image":"plant/pump:1"}})"));
  ProcessEvents events(options_);
  Started one = started(10, 1, "/bin/sh\0"s);
  one.cgroup = "/system.slice/docker-" + id + ".scope";
  events.on_started(std::move(one));
  const schema::ExtraDetails& details = created(0).extra_details;
  EXPECT_EQ(detail(details, "ContainerId"), id);
  EXPECT_EQ(detail(details, "ContainerRuntime"), "docker");
  EXPECT_EQ(detail(details, "ContainerImage"), "plant/pump:1");
  EXPECT_EQ(detail(details, "Cgroup"), "/system.slice/docker-" + id + ".scope");
}

TEST_F(ProcessEventsTest, SaysWhatIsMissing) {
  ProcessEvents events(options_);
  events.set_tier(Tier::Proc);
  Started one = started(10, 77, "/bin/x\0"s);
  one.gaps.add(Gap::User);
  one.gaps.add(Gap::Cwd);
  one.cwd.clear();
  events.on_started(std::move(one));
  const schema::ProcessCreate& create = created(0);
  EXPECT_EQ(create.user_id, "");
  EXPECT_FALSE(create.user_name);
  EXPECT_EQ(detail(create.extra_details, "Incomplete"), "Cwd,User,Parent");
  EXPECT_EQ(detail(create.extra_details, "Tier"), "Proc");
  EXPECT_EQ(detail(create.extra_details, "Lossy"), "true");
  EXPECT_EQ(events.counts().incomplete, 1U);
}

TEST_F(ProcessEventsTest, ExitStatusAndSignal) {
  ProcessEvents events(options_);
  const base::WallTime time{1s};
  for (const std::uint32_t pid : {10U, 11U, 12U, 13U})
    events.on_started(started(pid, 1, "/bin/x\0"s));
  events_.clear();
  events.on_ended({{10, 100}, time, 0x2500, {}});
  events.on_ended({{11, 110}, time, 9, {}});
  events.on_ended({{12, 120}, time, 0x8B, {}});
  events.on_ended({{13, 130}, time, std::nullopt, {}});
  ASSERT_EQ(events_.size(), 4U);
  EXPECT_EQ(terminated(0).exit_status, 37);
  EXPECT_EQ(terminated(0).executable, "/bin/x");
  EXPECT_EQ(detail(terminated(0).extra_details, "Signal"), "(none)");
  EXPECT_EQ(terminated(1).exit_status, 137);
  EXPECT_EQ(detail(terminated(1).extra_details, "Signal"), "9");
  EXPECT_EQ(terminated(2).exit_status, 139);
  EXPECT_EQ(detail(terminated(2).extra_details, "CoreDumped"), "true");
  EXPECT_EQ(terminated(3).exit_status, -1);
  EXPECT_EQ(detail(terminated(3).extra_details, "ExitStatusUnknown"), "true");
}

TEST_F(ProcessEventsTest, AnEndIsReportedOnceAndOnlyAfterAStart) {
  ProcessEvents events(options_);
  events.on_started(started(10, 1, "/bin/sh\0"s));
  events.on_forked({{11, 110}, {10, 100}, {}});
  events_.clear();
  events.on_ended({{11, 110}, {}, 0, {}});  // a fork that ran nothing of its own
  events.on_ended({{99, 990}, {}, 0, {}});  // never heard of
  EXPECT_TRUE(events_.empty());
  events.on_ended({{10, 100}, {}, 0, {}});
  events.on_ended({{10, 100}, {}, 0, {}});
  EXPECT_EQ(events_.size(), 1U);
}

TEST_F(ProcessEventsTest, ForksOnRequest) {
  options_.forks = true;
  ProcessEvents events(options_);
  events.on_started(started(10, 1, "/bin/sh\0x\0"s));
  events.on_forked({{11, 110}, {10, 100}, base::WallTime(5s)});
  events.on_ended({{11, 110}, base::WallTime(6s), 0, {}});
  ASSERT_EQ(events_.size(), 3U);
  EXPECT_EQ(created(1).command_line, "/bin/sh x");
  EXPECT_EQ(created(1).process_id, 11);
  EXPECT_EQ(terminated(2).process_id, 11);
}

TEST_F(ProcessEventsTest, GrandchildThroughAForkKnowsItsParent) {
  ProcessEvents events(options_);
  events.on_started(started(10, 1, "/bin/sh\0-c\0loop\0"s));
  events.on_forked({{11, 110}, {10, 100}, {}});
  events.on_forked({{12, 120}, {11, 110}, {}});
  events.on_started(started(12, 11, "/bin/curl\0"s));
  EXPECT_EQ(detail(created(1).extra_details, "ParentCommandLine"), "/bin/sh -c loop");
}

TEST_F(ProcessEventsTest, Excluded) {
  options_.excluded_executables = {"/bin/noise"};
  ProcessEvents events(options_);
  events.on_started(started(10, 1, "/bin/noise\0"s));
  events.on_ended({{10, 100}, {}, 0, {}});
  EXPECT_TRUE(events_.empty());
  EXPECT_EQ(events.counts().excluded, 2U);
  // Its children are not.
  events.on_forked({{11, 110}, {10, 100}, {}});
  events.on_started(started(11, 10, "/bin/curl\0"s));
  EXPECT_EQ(events_.size(), 1U);
}

// The worst that a process can choose for every text of its event, encoded.
TEST_F(ProcessEventsTest, NoEventOutgrowsAMessage) {
  ProcessEvents events(options_);
  const std::string worst(16'384, '\x01');
  const std::string path = "/" + std::string(4095, '\x02');
  events.on_started(started(10, 1, path + "\0"s + worst));
  Started one = started(11, 10, worst);
  one.executable = path;
  one.file = path + "x";
  one.interpreter = path;
  one.cwd = path;
  one.cgroup = path;
  events.on_started(std::move(one));
  for (const schema::Event& event : events_) {
    std::string encoded;
    schema::encode_event(event, encoded);
    EXPECT_LT(encoded.size(), 190U << 10U);
  }
}

TEST_F(ProcessEventsTest, TheKernelsOwnThreadsStartProgramsToo) {
  std::string folder = ::testing::TempDir() + "kernel-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  ASSERT_TRUE(os::make_dirs(folder + "/7"));
  ASSERT_TRUE(os::write_file_atomic(
      folder + "/7/stat",
      "7 (kworker/u4:0) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 70 0 0\n"));
  options_.proc = os::ProcFs(folder);
  ProcessEvents events(options_);
  events.on_started(started(10, 7, "/sbin/modprobe\0x\0"s));
  EXPECT_EQ(detail(created(0).extra_details, "ParentExecutable"), "[kworker/u4:0]");
  EXPECT_EQ(detail(created(0).extra_details, "Incomplete"), "(none)");
}

TEST_F(ProcessEventsTest, LearnsWhoIsThere) {
  options_.proc = os::ProcFs();
  ProcessEvents events(options_);
  events.learn_present();
  const auto self = os::ProcFs().stat(::getpid());
  ASSERT_TRUE(self);
  Started child = started(4'000'000, static_cast<std::uint32_t>(::getpid()), "/bin/x\0"s);
  child.parent.start = self->start_ticks;
  events.on_started(std::move(child));
  EXPECT_TRUE(
      detail(created(0).extra_details, "ParentExecutable").ends_with("/agent_collect_test"));
}

TEST_F(ProcessEventsTest, KnowsWhoAPidIsAndWasThen) {
  ProcessEvents events(options_);
  Started shell = started(50, 1, "/bin/sh\0-c\0x\0"s);
  shell.cgroup = "/docker/x";
  events.on_started(shell);
  const auto now = events.find(50);
  ASSERT_TRUE(now);
  EXPECT_EQ(now->executable, "/bin/sh");
  EXPECT_EQ(now->command_line, "/bin/sh -c x");
  EXPECT_EQ(now->uid, 1000U);
  EXPECT_EQ(now->start_ticks, 500U);
  EXPECT_EQ(now->cgroup, "/docker/x");

  Started other = started(50, 1, "/bin/nc\0"s);
  other.time = shell.time + 10s;
  events.on_started(other);
  EXPECT_EQ(events.find(50)->executable, "/bin/nc");
  EXPECT_EQ(events.find_at(50, shell.time + 5s)->executable, "/bin/sh");
  EXPECT_EQ(events.find_at(50, shell.time + 10s)->executable, "/bin/nc");

  events.on_ended({{50, 500}, shell.time + 20s, 0, "nc"});
  EXPECT_EQ(events.find(50)->executable, "/bin/nc");
  EXPECT_EQ(events.find_at(50, shell.time + 5s)->executable, "/bin/sh");
  EXPECT_FALSE(events.find(51));
}

TEST_F(ProcessEventsTest, AForkIsWhatItsParentIs) {
  ProcessEvents events(options_);
  events.on_started(started(60, 1, "/bin/sh\0"s));
  events.on_forked({{61, 610}, {60, 600}, base::WallTime(1'700'000'001s)});
  ASSERT_TRUE(events.find(61));
  EXPECT_EQ(events.find(61)->executable, "/bin/sh");
  EXPECT_EQ(events.find(61)->start_ticks, 610U);
}

TEST_F(ProcessEventsTest, HasTheSourceCatchUp) {
  int asked = 0;
  options_.catch_up = [&asked] { ++asked; };
  ProcessEvents events(options_);
  events.catch_up();
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace agent::collect
