#include "hub/uploads/uploads.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace hub::uploads {
namespace {

using base::Code;

class UploadsTest : public testing::Test {
 protected:
  UploadsTest() {
    options_.path = folder_ / "state.db";
    options_.folder = folder_ / "uploads";
    options_.now = [this] { return now_; };
  }

  void open() {
    uploads_.reset();
    auto opened = Uploads::open(options_, operations_);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    uploads_ = std::move(*opened);
  }

  Link begin(std::string_view name = "log.txt", const std::string& device = "d") {
    auto link = uploads_->begin({device, ""}, "g", name, {});
    EXPECT_TRUE(link.has_value()) << link.error().to_string();
    return link.value_or(Link{});
  }

  static std::string target(const Link& link, const std::string& more = "") {
    return "/" + link.container + "/" + link.blob + link.token + more;
  }

  base::Result<void> put(const std::string& target, std::string_view body,
                         std::string_view type = "text/plain") {
    auto incoming = TRY(uploads_->receive(TRY(read_blob_request(target)), {}));
    for (std::size_t at = 0; at < body.size(); at += 3)
      TRY(incoming->write(base::as_bytes(body.substr(at, 3))));
    return incoming->commit(type);
  }

  static std::string block(std::string_view id) {
    return "&comp=block&blockid=" + base::percent_encode(base::base64_encode(base::as_bytes(id)));
  }

  std::string content(const std::string& id) {
    const auto file = uploads_->content("d", id);
    if (!file) return "none: " + file.error().to_string();
    std::vector<std::uint8_t> bytes(1000);
    bytes.resize(os::read_at(file->get(), bytes, 0).value_or(0));
    return std::string(base::as_text(bytes));
  }

  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.folder))
      count += entry.is_regular_file() ? 1U : 0U;
    return count;
  }

  base::WallTime now_{std::chrono::seconds(1'800'000'000)};
  os::ScratchDir folder_;
  Options options_;
  operations::Operations operations_;
  std::unique_ptr<Uploads> uploads_;
};

TEST_F(UploadsTest, KeepsWhatADeviceSends) {
  open();
  int told = 0;
  uploads_->add_listener([&told] { ++told; });
  const Link link = begin("logs/today.txt");
  EXPECT_EQ(link.blob, "d/logs/today.txt");
  ASSERT_TRUE(put(target(link), "hello, hub").has_value());
  ASSERT_TRUE(uploads_->finish({"d", ""}, link.id, {true, 201, "done"}, {}).has_value());
  const Upload upload = uploads_->get("d", link.id).value();
  EXPECT_EQ(upload.stage, Stage::Completed);
  EXPECT_EQ(upload.name, "logs/today.txt");
  EXPECT_EQ(upload.bytes, 10U);
  EXPECT_EQ(upload.content_type, "text/plain");
  EXPECT_EQ(upload.sha256, base::hex_encode(base::sha256(base::as_bytes("hello, hub"))));
  EXPECT_EQ(content(link.id), "hello, hub");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(uploads_->total_bytes(), 10U);
  // It survives the program.
  open();
  EXPECT_EQ(content(link.id), "hello, hub");
  EXPECT_EQ(uploads_->total_bytes(), 10U);
  EXPECT_EQ(uploads_->list("d", 10).value().size(), 1U);
  EXPECT_TRUE(uploads_->list("e", 10).value().empty());
  // The link is used up.
  EXPECT_EQ(put(target(link), "more").error().code, Code::NotFound);
  std::vector<std::string> steps;
  for (const operations::Record& record : operations_.recent(10)) {
    EXPECT_EQ(record.category, operations::Category::FileUploadOperations);
    steps.insert(steps.begin(), record.operation);
  }
  EXPECT_EQ(steps,
            (std::vector<std::string>{"getBlobSas", "putBlob", "uploadNotification", "putBlob"}));
}

TEST_F(UploadsTest, JoinsBlocksInTheOrderOfTheList) {
  open();
  const Link link = begin();
  ASSERT_TRUE(put(target(link, block("b")), "hub").has_value());
  ASSERT_TRUE(put(target(link, block("a")), "an older one").has_value());
  ASSERT_TRUE(put(target(link, block("a")), "hello, ").has_value());
  ASSERT_TRUE(put(target(link, block("../c")), "not used").has_value());
  const std::string list = "<BlockList><Latest>YQ==</Latest><Latest>Yg==</Latest></BlockList>";
  ASSERT_TRUE(put(target(link, "&comp=blocklist"), list).has_value());
  ASSERT_TRUE(uploads_->finish({"d", ""}, link.id, {true, 201, ""}, {}).has_value());
  EXPECT_EQ(content(link.id), "hello, hub");
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(uploads_->total_bytes(), 10U);
}

TEST_F(UploadsTest, RefusesAListWithABlockThatNeverCame) {
  open();
  const Link link = begin();
  ASSERT_TRUE(put(target(link, block("a")), "x").has_value());
  const auto refused =
      put(target(link, "&comp=blocklist"), "<BlockList><Latest>eg==</Latest></BlockList>");
  EXPECT_EQ(refused.error().detail, "InvalidBlockList");
  EXPECT_EQ(put(target(link, "&comp=blocklist"), "<nonsense").error().code, Code::Malformed);
  EXPECT_EQ(uploads_->finish({"d", ""}, link.id, {true, 201, ""}, {}).error().code, Code::Conflict);
}

TEST_F(UploadsTest, TakesNothingOverALinkThatIsNotItsOwn) {
  open();
  const Link link = begin("mine.txt");
  const Link other = begin("other.txt");
  // Another blob, another upload, another time, another signature.
  const std::string good = target(link);
  EXPECT_EQ(put("/device-uploads/d/other.txt" + link.token, "x").error().code, Code::Denied);
  std::string foreign = good;
  foreign.replace(foreign.find(link.id), link.id.size(), other.id);
  EXPECT_EQ(put(foreign, "x").error().code, Code::Denied);
  std::string later = good;
  later.replace(later.find("&se=2"), 5, "&se=3");
  EXPECT_EQ(put(later, "x").error().code, Code::Denied);
  EXPECT_EQ(operations_.count(operations::Reason::SasSignature), 3U);
  EXPECT_EQ(uploads_->counters().refused.value(), 3U);
  now_ += options_.link_life;
  EXPECT_EQ(put(good, "x").error().code, Code::Expired);
  EXPECT_EQ(operations_.count(operations::Reason::SasExpired), 1U);
}

TEST_F(UploadsTest, KeepsWithinItsLimits) {
  options_.max_file_bytes = 10;
  options_.max_total_bytes = 15;
  options_.max_open_per_device = 2;
  open();
  const Link first = begin("1");
  EXPECT_EQ(put(target(first), "12345678901").error().code, Code::TooLarge);
  EXPECT_EQ(uploads_->total_bytes(), 0U);
  ASSERT_TRUE(put(target(first), "1234567890").has_value());
  const Link second = begin("2");
  EXPECT_EQ(put(target(second), "123456").error().code, Code::Full);
  EXPECT_EQ(uploads_->begin({"d", ""}, "g", "3", {}).error().code, Code::Unavailable);
  EXPECT_TRUE(uploads_->begin({"e", ""}, "g", "3", {}).has_value());
  EXPECT_EQ(uploads_->begin({"e", ""}, "g", "../3", {}).error().code, Code::Invalid);
  ASSERT_TRUE(uploads_->remove("d", first.id, "admin").has_value());
  EXPECT_EQ(uploads_->total_bytes(), 0U);
  EXPECT_TRUE(put(target(second), "123456").has_value());
}

TEST_F(UploadsTest, ForgetsWhatADeviceGivesUpOrNeverFinishes) {
  open();
  const Link given_up = begin("1");
  ASSERT_TRUE(put(target(given_up), "half").has_value());
  EXPECT_EQ(uploads_->finish({"e", ""}, given_up.id, {false, 0, ""}, {}).error().code,
            Code::NotFound);
  ASSERT_TRUE(uploads_->finish({"d", ""}, given_up.id, {false, 500, "no"}, {}).has_value());
  EXPECT_EQ(uploads_->get("d", given_up.id).value().stage, Stage::Failed);
  const Link forgotten = begin("2");
  ASSERT_TRUE(put(target(forgotten, block("a")), "half").has_value());
  now_ += options_.link_life;
  ASSERT_TRUE(uploads_->maintain().has_value());
  EXPECT_EQ(uploads_->get("d", forgotten.id).value().stage, Stage::Expired);
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(uploads_->total_bytes(), 0U);
  EXPECT_EQ(uploads_->counters().expired.value(), 1U);
}

TEST_F(UploadsTest, ClearsWhatACrashLeftBehind) {
  open();
  const Link link = begin();
  ASSERT_TRUE(put(target(link), "content").has_value());
  ASSERT_TRUE(
      os::write_file_atomic(options_.folder + "/" + link.id + "/part.7", "half").has_value());
  ASSERT_TRUE(os::make_dirs(options_.folder + "/nobodys").has_value());
  ASSERT_TRUE(os::write_file_atomic(options_.folder + "/nobodys/content", "x").has_value());
  open();
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(uploads_->total_bytes(), 7U);
  EXPECT_EQ(content(link.id), "content");
}

TEST_F(UploadsTest, TellsOfEachFileUntilItIsSettled) {
  open();
  const Link link = begin("a b.txt");
  ASSERT_TRUE(put(target(link).replace(target(link).find(' '), 1, "%20"), "1234").has_value());
  ASSERT_TRUE(uploads_->finish({"d", ""}, link.id, {true, 201, ""}, {}).has_value());
  const auto first = uploads_->receive_notification().value();
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(uploads_->receive_notification().value().has_value());
  ASSERT_TRUE(uploads_->settle_notification(first->lock_token, false).has_value());
  EXPECT_EQ(uploads_->settle_notification(first->lock_token, true).error().code, Code::Conflict);
  const auto second = uploads_->receive_notification().value();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->delivery_count, 2U);
  const auto json =
      base::json::parse(notification_json(second->upload, "hub.example", second->enqueued)).value();
  EXPECT_EQ(json.text_or("blobName", ""), "d/a b.txt");
  EXPECT_EQ(json.text_or("deviceId", ""), "d");
  EXPECT_EQ(*json.find("blobSizeInBytes")->if_int(), 4);
  // The lock ends.
  now_ += options_.notification_lock;
  EXPECT_EQ(uploads_->settle_notification(second->lock_token, true).error().code, Code::Conflict);
  const auto third = uploads_->receive_notification().value();
  ASSERT_TRUE(third.has_value());
  ASSERT_TRUE(uploads_->settle_notification(third->lock_token, true).has_value());
  EXPECT_FALSE(uploads_->receive_notification().value().has_value());
}

}  // namespace
}  // namespace hub::uploads
