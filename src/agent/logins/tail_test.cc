#include "agent/logins/tail.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/logins/readers.h"
#include "os/scratch_testing.h"

namespace agent::logins {
namespace {

using namespace std::chrono_literals;

class Following : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
  }
  void append(const std::string& text, const std::string& suffix = "") {
    std::ofstream(path_ + suffix, std::ios::app) << text;
  }
  std::unique_ptr<Tail> follow(std::optional<TailPosition> resume = std::nullopt) {
    return std::make_unique<Tail>(
        *loop_, Tail::Options{.path = path_,
                              .resume = resume,
                              .on_bytes = [this](base::ByteView bytes, const TailPosition&) {
                                // Whole lines only, as a reader of lines does.
                                const std::string_view text = base::as_text(bytes);
                                const std::size_t end = text.rfind('\n');
                                const std::size_t done =
                                    end == std::string_view::npos
                                        ? (bytes.size() == Tail::kMaxChunk ? bytes.size() : 0)
                                        : end + 1;
                                seen_ += text.substr(0, done);
                                return done;
                              }});
  }
  std::string seen() { return std::exchange(seen_, {}); }
  // Runs the loop until something was seen, or for two seconds.
  std::string wait() {
    loop_->after(2s, [this] { loop_->stop(); });
    const auto look = loop_->every(5ms, [this] {
      if (!seen_.empty()) loop_->stop();
    });
    EXPECT_TRUE(loop_->run());
    loop_->cancel(look);
    return seen();
  }

  os::ScratchDir dir_;
  std::string path_ = dir_ / "auth.log";
  std::unique_ptr<os::Loop> loop_;
  std::string seen_;
};

TEST_F(Following, BeginsWithWhatIsWrittenFromNowOn) {
  append("old\n");
  const auto tail = follow();
  tail->read();
  EXPECT_EQ(seen(), "");
  append("one\ntw");
  tail->read();
  EXPECT_EQ(seen(), "one\n");
  append("o\n");
  tail->read();
  EXPECT_EQ(seen(), "two\n");
}

TEST_F(Following, IsWokenByTheFile) {
  append("old\n");
  const auto tail = follow();
  append("new\n");
  EXPECT_EQ(wait(), "new\n");
}

TEST_F(Following, AFileThatAppearsIsReadFromItsBeginning) {
  const auto tail = follow();
  EXPECT_FALSE(tail->is_open());
  EXPECT_FALSE(tail->position());
  append("first\n");
  EXPECT_EQ(wait(), "first\n");
}

TEST_F(Following, RotationLosesNothing) {
  append("");
  const auto tail = follow();
  append("a\n");
  std::filesystem::rename(path_, path_ + ".1");
  append("b\n", ".1");
  append("c\n");
  tail->read();
  EXPECT_EQ(seen(), "a\nb\nc\n");
  append("d\n");
  tail->read();
  EXPECT_EQ(seen(), "d\n");
  EXPECT_EQ(tail->gaps(), 0U);
}

TEST_F(Following, BetweenTheFilesItWaits) {
  append("");
  const auto tail = follow();
  std::filesystem::rename(path_, path_ + ".1");
  append("a\n", ".1");
  tail->read();
  EXPECT_EQ(seen(), "a\n");
  append("b\n");
  EXPECT_EQ(wait(), "b\n");
}

TEST_F(Following, CopyAndTruncateBeginsAnew) {
  append("before\n");
  const auto tail = follow();
  append("a\n");
  tail->read();
  std::filesystem::resize_file(path_, 0);
  append("b\n");
  tail->read();
  EXPECT_EQ(seen(), "a\nb\n");
}

TEST_F(Following, ResumesWhereItWas) {
  append("a\n");
  auto tail = follow();
  append("b\n");
  tail->read();
  const auto position = tail->position();
  ASSERT_TRUE(position);
  EXPECT_EQ(seen(), "b\n");
  tail.reset();
  append("c\n");
  tail = follow(position);
  tail->read();
  EXPECT_EQ(seen(), "c\n");
  EXPECT_EQ(tail->gaps(), 0U);
}

TEST_F(Following, ResumesInTheRotatedFileFirst) {
  append("a\n");
  auto tail = follow();
  const auto position = tail->position();
  tail.reset();
  append("b\n");
  std::filesystem::rename(path_, path_ + ".1");
  append("c\n");
  tail = follow(position);
  tail->read();
  EXPECT_EQ(seen(), "b\nc\n");
  EXPECT_EQ(tail->gaps(), 0U);
}

TEST_F(Following, SaysWhenTheFileOfThenIsGone) {
  append("a\n");
  auto tail = follow();
  const auto position = tail->position();
  tail.reset();
  // Kept under another name, so that its inode is not given out again.
  std::filesystem::rename(path_, dir_ / "elsewhere");
  append("c\n");
  tail = follow(position);
  tail->read();
  EXPECT_EQ(seen(), "c\n");
  EXPECT_EQ(tail->gaps(), 1U);
}

TEST_F(Following, LongFilesAreReadInTurns) {
  append("");
  const auto tail = follow();
  std::string all;
  for (int i = 0; i < 400'000; ++i) {
    all += std::to_string(i) + "\n";
  }
  append(all);
  tail->read();
  EXPECT_LT(seen_.size(), all.size());
  loop_->after(100ms, [this] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(seen_ == all, true);
}

TEST(LineReader, PassesOverLinesThatAreTooLong) {
  std::size_t seen = 0;
  LineReader reader("x", [&seen](const Observation&) { ++seen; });
  const std::string good = "Nov 22 07:08:09 h su: (to amy) joe on pts/7\n";
  const base::WallTime now = base::parse_rfc3339("2026-11-22T21:00:00Z")->utc;
  const std::string rest = std::string(20'000, 'x');
  EXPECT_EQ(reader(base::as_bytes(rest), {}, now), rest.size());
  const std::string text = rest + "\n" + good + std::string(9000, 'y') + "\n" + good;
  EXPECT_EQ(reader(base::as_bytes(text), {}, now), text.size());
  EXPECT_EQ(seen, 2U);
  EXPECT_EQ(reader.too_long(), 2U);
}

TEST(LineReader, CountsRepeats) {
  std::vector<Observation> seen;
  LineReader reader("x", [&seen](const Observation& one) { seen.push_back(one); });
  const base::WallTime now = base::parse_rfc3339("2026-11-22T21:00:00Z")->utc;
  const std::string text =
      "Nov 22 07:08:09 h sshd[5]: Failed password for joe from 192.0.2.7 port 4 ssh2\n"
      "Nov 22 07:08:10 h last message repeated 2 times\n"
      "Nov 22 07:08:11 h kernel: other\n"
      "Nov 22 07:08:12 h last message repeated 9 times\n";
  EXPECT_EQ(reader(base::as_bytes(text), {}, now), text.size());
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].count, 2U);
  EXPECT_EQ(seen[1].pid, 5U);
  EXPECT_NE(seen[0].origin, seen[1].origin);
}

}  // namespace
}  // namespace agent::logins
