#include "agent/files/files.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/files/backend.h"
#include "os/process.h"
#include "os/scratch_testing.h"

namespace agent::files {
namespace {

using namespace std::chrono_literals;
using schema::FileOperation;
using testing::Contains;
using testing::IsEmpty;

class FilesTest : public ::testing::TestWithParam<const char*>, public ProcessDirectory {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("auto") && !open_fanotify())
      GTEST_SKIP() << "no fanotify here: " << open_fanotify().error().to_string();
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    context_.loop = loop_.get();
    context_.emit = [this](const schema::Event& event) {
      for (const auto& item : std::get<std::vector<schema::FileEvent>>(event.payload))
        seen_.push_back(item);
    };
    context_.next_sequence = [this] { return ++sequence_; };
    context_.processes = this;
    context_.tier = GetParam();
    std::filesystem::create_directories(dir_ / "etc/sub");
    write("etc/passwd");
    write("etc/other");
    context_.settings.file_paths = {dir_ / "etc/passwd", dir_ / "etc/sub:execute",
                                    dir_ / "later/deep"};
    watch_ = open(context_);
  }

  std::optional<ProcessFacts> find(std::uint32_t pid) const override {
    ProcessFacts facts;
    facts.executable = "pid " + std::to_string(pid);
    return facts;
  }

  void write(const std::string& name) const { std::ofstream(dir_ / name) << "x"; }

  // By another process: our own doings are left out.
  void run(const std::string& script) {
    std::string shell = "sh";
    std::string option = "-c";
    std::string line = "cd " + dir_.path() + "; " + script;
    std::array<char*, 4> argv = {shell.data(), option.data(), line.data(), nullptr};
    ASSERT_EQ(::posix_spawn(&child_, "/bin/sh", nullptr, nullptr, argv.data(), environ), 0);
    ::waitpid(child_, nullptr, 0);
  }
  void look(std::chrono::milliseconds time = 150ms) {
    loop_->after(time, [this] { loop_->stop(); });
    ASSERT_TRUE(loop_->run());
  }
  std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const schema::FileEvent& one : seen_) {
      std::string line = std::string(schema::to_string(one.operation)) + " " +
                         one.path.substr(dir_.path().size() + 1);
      if (one.new_path) line += " " + one.new_path->substr(dir_.path().size() + 1);
      all.push_back(std::move(line));
    }
    return all;
  }

  os::ScratchDir dir_;
  std::unique_ptr<os::Loop> loop_;
  WatchContext context_;
  std::unique_ptr<Watch> watch_;
  std::vector<schema::FileEvent> seen_;
  std::uint64_t sequence_ = 0;
  pid_t child_ = 0;
};

TEST_P(FilesTest, TellsWhatHappensToAFile) {
  run("echo >> etc/passwd");
  look();
  EXPECT_THAT(told(), Contains("Modify etc/passwd"));
  seen_.clear();
  run("chmod 600 etc/passwd");
  look();
  ASSERT_THAT(told(), Contains("Attributes etc/passwd"));
  EXPECT_THAT(seen_[0].extra_details,
              Contains(std::pair<std::string, std::string>("Mode", "0600")));
  seen_.clear();
  // As programs replace a file in one step.
  run("echo > etc/passwd+; mv etc/passwd+ etc/passwd");
  look();
  EXPECT_THAT(told(), Contains("Rename etc/passwd+ etc/passwd"));
  seen_.clear();
  run("rm etc/passwd; echo > etc/passwd");
  look();
  EXPECT_THAT(told(), Contains("Delete etc/passwd"));
  EXPECT_THAT(told(), Contains("Create etc/passwd"));
}

TEST_P(FilesTest, LeavesTheRestAlone) {
  run("echo >> etc/other; cat etc/passwd; touch elsewhere; rm elsewhere");
  look();
  EXPECT_THAT(told(), IsEmpty());
}

TEST_P(FilesTest, NamesTheProcess) {
  run("exec chmod 640 etc/passwd");
  look();
  ASSERT_FALSE(seen_.empty());
  if (GetParam() == std::string("proc")) {
    EXPECT_FALSE(seen_[0].process_id);
    EXPECT_THAT(seen_[0].extra_details,
                Contains(std::pair<std::string, std::string>("Incomplete", "Process")));
    return;
  }
  EXPECT_EQ(seen_[0].process_id, child_);
  EXPECT_EQ(seen_[0].executable, "pid " + std::to_string(child_));
}

TEST_P(FilesTest, FollowsNewFolders) {
  run("mkdir -p etc/sub/a/b; echo > etc/sub/a/b/quick");
  look();
  // Told as it happened, or found when the folder came to be watched.
  EXPECT_THAT(told(), Contains("Create etc/sub/a"));
  EXPECT_THAT(told(), Contains("Create etc/sub/a/b/quick"));
  seen_.clear();
  run("echo > etc/sub/a/b/slow; mv etc/sub/a/b etc/sub/c");
  look();
  EXPECT_THAT(told(), Contains("Create etc/sub/a/b/slow"));
  EXPECT_THAT(told(), Contains("Rename etc/sub/a/b etc/sub/c"));
  seen_.clear();
  run("rm etc/sub/c/slow");
  look();
  EXPECT_THAT(told(), Contains("Delete etc/sub/c/slow"));
}

TEST_P(FilesTest, WaitsForWhatIsMissing) {
  run("mkdir -p later/deep");
  look();
  run("echo > later/deep/file");
  look();
  EXPECT_THAT(told(), Contains("Create later/deep/file"));
  seen_.clear();
  run("rm -r later; mkdir -p later/deep");
  look();
  seen_.clear();
  run("echo > later/deep/again");
  look();
  EXPECT_THAT(told(), Contains("Create later/deep/again"));
}

TEST_P(FilesTest, TellsRunningWhereAsked) {
  if (GetParam() == std::string("proc")) GTEST_SKIP() << "inotify does not tell running";
  std::filesystem::copy_file("/bin/true", dir_ / "etc/sub/tool");
  std::filesystem::copy_file("/bin/true", dir_ / "etc/other-tool");
  look();
  seen_.clear();
  run("etc/sub/tool; etc/other-tool");
  look();
  EXPECT_THAT(told(), testing::ElementsAre("Execute etc/sub/tool"));
}

TEST_P(FilesTest, TakesOtherPathsOver) {
  WatchSettings settings = context_.settings;
  settings.file_paths = {dir_ / "etc/other"};
  watch_->configure(settings);
  run("echo >> etc/other; echo >> etc/passwd");
  look();
  EXPECT_THAT(told(), testing::ElementsAre("Modify etc/other"));
  seen_.clear();
  settings.off = {schema::EventName::FileEvent};
  watch_->configure(settings);
  run("echo >> etc/other");
  look();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(watch_->sources()[0].tier, "none");
}

INSTANTIATE_TEST_SUITE_P(Tiers, FilesTest, ::testing::Values("auto", "proc"),
                         [](const auto& tier) { return std::string(tier.param); });

}  // namespace
}  // namespace agent::files
