#include "agent/collect/hasher.h"

#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/text.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace agent::collect {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kNobody = 0x7FFFFFF0;  // a pid that no process has

class HasherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    options_.emit = [this](schema::Event event) {
      events_.push_back(std::move(event));
      if (events_.size() == awaited_) loop_->stop();
    };
  }

  static schema::Event event(std::uint32_t pid) {
    schema::ProcessCreate create;
    create.process_id = pid;
    schema::Event one;
    one.payload = schema::payload_of(std::move(create));
    return one;
  }

  void run_until(std::size_t count) {
    awaited_ = count;
    if (events_.size() < count) {
      ASSERT_TRUE(loop_->run());
    }
  }

  std::string detail(std::size_t index, std::string_view name) {
    const auto& create =
        std::get<std::vector<schema::ProcessCreate>>(events_.at(index).payload).at(0);
    const std::string* value = schema::find(create.extra_details, name);
    return value == nullptr ? "(none)" : *value;
  }

  std::string write(const std::string& name, const std::string& content) {
    EXPECT_TRUE(os::write_file_atomic(folder_ / name, content));
    return folder_ / name;
  }
  static std::string hash_of(const std::string& content) {
    return base::hex_encode(base::sha256(base::as_bytes(content)));
  }

  os::ScratchDir folder_;
  std::unique_ptr<os::Loop> loop_;
  Hasher::Options options_;
  std::vector<schema::Event> events_;
  std::size_t awaited_ = 0;
};

TEST_F(HasherTest, HashesOnceAndKnowsTheFileAgain) {
  Hasher hasher(*loop_, options_);
  const std::string content(200'000, 'x');
  const std::string path = write("program", content);
  hasher.take(event(1), {kNobody, path, true});
  hasher.take(event(2), {kNobody, path, true});
  EXPECT_TRUE(events_.empty());
  run_until(2);
  EXPECT_EQ(detail(0, "Sha256"), hash_of(content));
  EXPECT_EQ(detail(1, "Sha256"), hash_of(content));
  // From now on at once.
  hasher.take(event(3), {kNobody, path, true});
  ASSERT_EQ(events_.size(), 3U);
  EXPECT_EQ(detail(2, "Sha256"), hash_of(content));
}

TEST_F(HasherTest, AChangedFileIsAnother) {
  Hasher hasher(*loop_, options_);
  const std::string path = write("program", "one");
  hasher.take(event(1), {kNobody, path, true});
  run_until(1);
  write("program", "two");
  hasher.take(event(2), {kNobody, path, true});
  run_until(2);
  EXPECT_EQ(detail(0, "Sha256"), hash_of("one"));
  EXPECT_EQ(detail(1, "Sha256"), hash_of("two"));
}

TEST_F(HasherTest, AKnownVersionIsNotLookedFor) {
  Hasher hasher(*loop_, options_);
  const std::string path = write("program", "content");
  struct statx status{};
  ASSERT_EQ(::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS, &status), 0);
  FileVersion version{status.stx_dev_major,    status.stx_dev_minor,    status.stx_ino,
                      status.stx_size,         status.stx_mtime.tv_sec, status.stx_mtime.tv_nsec,
                      status.stx_ctime.tv_sec, status.stx_ctime.tv_nsec};
  hasher.take(event(1), {kNobody, path, true, version});
  run_until(1);
  ASSERT_TRUE(os::remove_file(path));
  hasher.take(event(2), {kNobody, path, true, version});
  ++version.mtime_nanoseconds;
  hasher.take(event(3), {kNobody, path, true, version});
  ASSERT_EQ(events_.size(), 3U);
  EXPECT_EQ(detail(0, "Sha256"), hash_of("content"));
  EXPECT_EQ(detail(1, "Sha256"), hash_of("content"));
  EXPECT_EQ(detail(2, "Sha256Missing"), "gone");
}

TEST_F(HasherTest, ALivingProcessNeedsNoPath) {
  Hasher hasher(*loop_, options_);
  hasher.take(event(1), {static_cast<std::uint32_t>(::getpid()), "/nowhere", false});
  run_until(1);
  const auto self = os::read_file("/proc/self/exe", std::size_t{1} << 30U);
  ASSERT_TRUE(self);
  EXPECT_EQ(detail(0, "Sha256"), hash_of(*self));
}

TEST_F(HasherTest, SaysWhyThereIsNone) {
  options_.max_file_bytes = 10;
  Hasher hasher(*loop_, options_);
  hasher.take(event(1), {kNobody, folder_ / "absent", true});
  hasher.take(event(2), {kNobody, write("large", "more than ten bytes"), true});
  hasher.take(event(3), {kNobody, write("hidden", "small"), false});
  ASSERT_EQ(events_.size(), 3U);
  EXPECT_EQ(detail(0, "Sha256Missing"), "gone");
  EXPECT_EQ(detail(1, "Sha256Missing"), "large");
  EXPECT_EQ(detail(2, "Sha256Missing"), "gone");
}

TEST_F(HasherTest, AnEventWaitsOnlySoLongForTheBudget) {
  options_.wait = 20ms;
  options_.burst_bytes = 1;
  options_.bytes_per_second = 1;
  Hasher hasher(*loop_, options_);
  hasher.take(event(1), {kNobody, write("program", std::string(1000, 'x')), true});
  run_until(1);
  EXPECT_EQ(detail(0, "Sha256Missing"), "busy");
  EXPECT_EQ(detail(0, "Sha256"), "(none)");
}

TEST_F(HasherTest, TooManyWaitingOnesGoOnWithout) {
  options_.max_waiting = 2;
  options_.bytes_per_second = 1;
  options_.burst_bytes = 1;
  Hasher hasher(*loop_, options_);
  const std::string path = write("program", std::string(1000, 'x'));
  for (std::uint32_t pid = 1; pid <= 3; ++pid)
    hasher.take(event(pid), {kNobody, path, true});
  ASSERT_EQ(events_.size(), 1U);
  hasher.flush();
  EXPECT_EQ(events_.size(), 3U);
}

TEST_F(HasherTest, OffLetsEventsPass) {
  Hasher hasher(*loop_, options_);
  hasher.set_wanted(false);
  hasher.take(event(1), {kNobody, "/bin/sh", true});
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(detail(0, "Sha256"), "(none)");
  EXPECT_EQ(detail(0, "Sha256Missing"), "(none)");
}

}  // namespace
}  // namespace agent::collect
