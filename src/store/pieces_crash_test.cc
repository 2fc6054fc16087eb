// What damage and sudden ends do to pieces, and what they must not do.
#include <fstream>
#include <functional>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "store/pieces_testing.h"

namespace store {
namespace {

// Ends the process at the given step, as the power may.
void run_to(const EventStoreOptions& options, const std::string& step, int times,
            const std::function<void(Pieces&)>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    EventStoreOptions dying = options;
    dying.seal.on_step = [&step, times, seen = 0](std::string_view name) mutable {
      if (name == step && ++seen == times) ::_exit(9);
    };
    auto store = EventStore::open(dying);
    if (!store) ::_exit(1);
    Pieces pieces(**store);
    work(pieces);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 9) << step << " " << times;
}

TEST_F(PiecesTest, EndedAtAnyStepEveryRowIsThereOnce) {
  append(0, 300, 300, 3);
  seal();
  append(0, 300, 300, 3);
  const std::string before = digest();
  EXPECT_EQ(before.find("600 "), 0U) << before;
  const struct {
    const char* step;
    int times;
    bool merges;
    std::size_t files;  // what was not entered and what was taken out is removed
    std::uint64_t hot;
  } cases[] = {{"begin", 1, false, 3, 300},      {"written", 1, false, 3, 300},
               {"begin", 3, false, 3, 300},      {"before commit", 1, false, 3, 300},
               {"committed", 1, false, 6, 0},    {"begin", 1, true, 6, 0},
               {"before commit", 1, true, 6, 0}, {"committed", 1, true, 5, 0},
               {"removed", 1, true, 4, 0}};
  for (const auto& c : cases) {
    close();
    run_to(options_, c.step, c.times, [&c](Pieces& pieces) {
      if (c.merges) {
        (void)pieces.compact_now();
      } else {
        (void)pieces.seal_now();
      }
    });
    open(options_);
    EXPECT_EQ(digest(), before) << c.step;
    EXPECT_EQ(files(), c.files) << c.step;
    EXPECT_EQ(pieces_->hot()->front().rows, c.hot) << c.step;
  }
}

class DamagedPieces : public PiecesTest {
 protected:
  void SetUp() override {
    PiecesTest::SetUp();
    append(0, 3000, 3000, 3);
    seal();
    path_ = list().at(1).path;
    good_ = path_ + ".good";
    std::filesystem::copy(path_, good_);
  }
  void damage(std::size_t at, std::size_t count) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(count, '\xa5');
  }
  std::size_t first_page(const std::string& column) {
    auto database =
        duck::Database::open(":memory:", {std::size_t{64} << 20U, 1, "", {dir_.path()}});
    auto connection = *duck::Connection::open(*database);
    const auto at = connection.numbers("SELECT min(data_page_offset) FROM parquet_metadata('" +
                                       path_ + "') WHERE path_in_schema = '" + column + "'");
    EXPECT_TRUE(at) << at.error().to_string();
    return static_cast<std::size_t>(at->at(0));
  }
  void restore() {
    std::filesystem::remove(path_);
    std::filesystem::copy(good_, path_);
  }
  void expect_rest() {
    EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "2000");
    // Counted just after queries see it.
    const auto deadline = base::mono_now() + std::chrono::seconds(60);
    while (pieces_->stats().damaged == 0 && base::mono_now() < deadline)
      std::this_thread::yield();
    EXPECT_EQ(pieces_->stats().damaged, 1U);
    EXPECT_NE(list().at(1).damage, "");
  }

  std::string path_;
  std::string good_;
};

TEST_F(DamagedPieces, AreLeftOutWhenTheStoreOpens) {
  const struct {
    const char* name;
    std::function<void()> damage;
  } cases[] = {{"gone", [&] { std::filesystem::remove(path_); }},
               {"cut off", [&] { std::filesystem::resize_file(path_, 1000); }},
               {"its end", [&] { damage(std::filesystem::file_size(path_) - 8, 8); }},
               {"its list", [&] { damage(std::filesystem::file_size(path_) - 300, 250); }}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    c.damage();
    open(options_);
    expect_rest();
    restore();
    open(options_);
    EXPECT_EQ(pieces_->stats().damaged, 0U) << "put back, it is used again";
  }
}

TEST_F(DamagedPieces, KeepNothingElseFromWorking) {
  std::filesystem::remove(path_);
  open(options_);
  append(3000, 3010, 3000, 3);
  EXPECT_EQ(seal(), 10U);
  compact();
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "2010");
  const std::uint64_t id = list().at(1).id;
  ASSERT_TRUE(pieces_->drop(std::span(&id, 1))) << "it can be given up";
  EXPECT_EQ(pieces_->stats().damaged, 0U);
}

TEST_F(DamagedPieces, AreFoundByVerifyAndByQueries) {
  const auto sound = pieces_->verify();
  ASSERT_TRUE(sound) << sound.error().to_string();
  EXPECT_EQ(sound->pieces, 3U);
  EXPECT_TRUE(sound->damaged.empty());
  EXPECT_EQ(sound->database, "");
  // A page of the details: nothing is wrong until it is read.
  damage(first_page("EventDetails"), 16);
  open(options_);
  EXPECT_EQ(pieces_->stats().damaged, 0U);
  const auto deadline = base::mono_now() + std::chrono::seconds(60);
  std::string answer;
  while (base::mono_now() < deadline) {
    answer = kql("SecurityIoTRawEvent | summarize N = count(), L = sum(strlen(EventDetails))");
    if (answer == "2000") break;
    EXPECT_NE(answer.find("damaged"), std::string::npos) << answer;
    std::this_thread::yield();
  }
  EXPECT_EQ(answer, "2000");
  expect_rest();
  open(options_);
  expect_rest();
  const auto found = pieces_->verify();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->damaged.size(), 1U);
  EXPECT_EQ(found->damaged[0].path, path_);
  restore();
  const auto mended = pieces_->verify();
  ASSERT_TRUE(mended);
  EXPECT_TRUE(mended->damaged.empty());
  EXPECT_EQ(kql("SecurityIoTRawEvent | count"), "3000");
}

TEST_F(DamagedPieces, DoNotKeepEventsFromBeingClaimed) {
  auto options = options_;
  options.recent_keys = 10;
  std::filesystem::resize_file(path_, 100);
  open(options);
  Batch batch;
  std::vector<EventKey> keys;
  for (const std::uint64_t i : {5U, 1500U, 2995U}) {
    batch.events.push_back(event(batch, i, 3000, 3));
    keys.push_back(key_of(batch.events.back()));
  }
  const auto claimed = store_->claim(keys);
  ASSERT_TRUE(claimed) << claimed.error().to_string();
  EXPECT_EQ(*claimed, (std::vector<std::uint8_t>{0, 1, 0})) << "what is lost may come again";
}

}  // namespace
}  // namespace store
