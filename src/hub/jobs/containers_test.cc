#include "hub/jobs/containers.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "os/file.h"
#include "os/scratch_testing.h"

namespace hub::jobs {
namespace {

using base::Code;
using base::Result;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

class ContainersTest : public ::testing::Test {
 protected:
  ContainersTest() {
    options_.path = folder_ / "state.db";
    options_.folder = folder_ / "containers";
    options_.now = [this] { return now_; };
    open();
  }
  void open() {
    containers_.reset();
    auto opened = Containers::open(options_);
    ASSERT_TRUE(opened) << opened.error().to_string();
    containers_ = std::move(*opened);
  }
  Container made() { return containers_->create("test").value_or(Container()); }

  // The link to a blob of a container, with what a client adds.
  std::string link(const Container& container, std::string_view blob, std::string_view more = "") {
    std::string text = containers_->link(container);
    text.insert(text.find('?'), "/" + std::string(blob));
    return text + std::string(more);
  }
  static std::string block(std::string_view id) {
    return "&comp=block&blockid=" + base::percent_encode(base::base64_encode(base::as_bytes(id)));
  }
  // "ok", or the storage service's word.
  std::string put(const std::string& target, std::string_view body) {
    const auto done = [&]() -> Result<void> {
      const auto read = TRY(read_container_target(target));
      TRY(containers_->check(read));
      auto arriving = TRY(containers_->receive(read));
      for (std::size_t at = 0; at < body.size(); at += 3)
        TRY(arriving->write(base::as_bytes(body.substr(at, 3))));
      return arriving->commit();
    }();
    return done ? "ok" : done.error().detail;
  }
  std::string content(const Container& container, std::string_view blob) {
    const auto opened = containers_->read(container.name, blob);
    if (!opened) return opened.error().detail;
    base::ByteVec bytes(opened->info.bytes + 1);
    bytes.resize(os::read_at(opened->file.get(), bytes, 0).value_or(0));
    return std::string(base::as_text(bytes));
  }
  std::vector<std::string> names(const Container& container) {
    std::vector<std::string> names;
    for (const BlobFile& blob :
         containers_->blobs(container.name).value_or(std::vector<BlobFile>()))
      names.push_back(blob.name);
    return names;
  }

  base::WallTime now_{std::chrono::seconds(1'800'000'000)};
  os::ScratchDir folder_;
  ContainerOptions options_;
  std::unique_ptr<Containers> containers_;
};

TEST_F(ContainersTest, KeepWhatIsPutIntoThem) {
  const Container container = made();
  EXPECT_EQ(put(link(container, "devices.txt"), "first, longer"), "ok");
  EXPECT_EQ(put(link(container, "devices.txt"), "second"), "ok");
  EXPECT_EQ(content(container, "devices.txt"), "second");
  EXPECT_EQ(containers_->total_bytes(), 6U);
  EXPECT_EQ(put(link(container, "empty"), ""), "ok");
  EXPECT_THAT(names(container), ElementsAre("devices.txt", "empty"));
  open();
  EXPECT_EQ(content(container, "devices.txt"), "second");
  EXPECT_EQ(containers_->total_bytes(), 6U);
  EXPECT_TRUE(containers_->remove_blob(container.name, "devices.txt"));
  EXPECT_EQ(content(container, "devices.txt"), "BlobNotFound");
  EXPECT_EQ(containers_->total_bytes(), 0U);
  EXPECT_EQ(containers_->remove_blob(container.name, "devices.txt").error().code, Code::NotFound);
}

TEST_F(ContainersTest, PutBlocksTogether) {
  const Container container = made();
  EXPECT_EQ(put(link(container, "a", block("1")), "one "), "ok");
  EXPECT_EQ(put(link(container, "a", block("2")), "two"), "ok");
  EXPECT_EQ(put(link(container, "b", block("1")), "another's"), "ok");
  EXPECT_THAT(names(container), ElementsAre());
  const auto list = [](std::string_view first, std::string_view second) {
    return "<BlockList><Latest>" + base::base64_encode(base::as_bytes(first)) +
           "</Latest><Latest>" + base::base64_encode(base::as_bytes(second)) +
           "</Latest></BlockList>";
  };
  EXPECT_EQ(put(link(container, "a", "&comp=blocklist"), list("1", "3")), "InvalidBlockList");
  EXPECT_EQ(put(link(container, "a", "&comp=blocklist"), "<List/>"), "InvalidXmlDocument");
  EXPECT_EQ(put(link(container, "a", "&comp=blocklist"), list("1", "2")), "ok");
  EXPECT_EQ(content(container, "a"), "one two");
  EXPECT_EQ(containers_->total_bytes(), 7U + 9U) << "the other blob's block is still there";
  EXPECT_EQ(put(link(container, "a", "&comp=page"), ""), "UnsupportedQueryParameter");
}

TEST_F(ContainersTest, TakeOnlyWhatWasSignedForThem) {
  const Container container = made();
  const Container other = made();
  std::string wrong = link(container, "x");
  wrong.replace(wrong.find(container.name), container.name.size(), other.name);
  EXPECT_EQ(put(wrong, "x"), "AuthenticationFailed");
  std::string longer = link(container, "x");
  longer.replace(longer.find("se=2"), 4, "se=3");
  EXPECT_EQ(put(longer, "x"), "AuthenticationFailed");
  EXPECT_EQ(put("/job-containers/" + container.name + "/x", "x"), "AuthenticationFailed");
  for (const char* name : {"..%2F..%2Fstate.db", ".part-1", "a%00b", "a/b", "%2e%2e", "\xff"}) {
    EXPECT_EQ(put(link(container, name), "x"), "InvalidResourceName") << name;
  }
  EXPECT_EQ(put("/job-containers/../x?sig=", "x"), "InvalidResourceName");
  EXPECT_EQ(put("/device-uploads/x", "x"), "ResourceNotFound");
  ContainerTarget target;
  target.container = container.name;
  target.blob = "../x";
  EXPECT_EQ(containers_->receive(target).error().code, Code::Invalid);
  EXPECT_EQ(containers_->read(container.name, "../../state.db").error().code, Code::Invalid);

  const std::string good = link(container, "x");
  now_ = container.expires;
  EXPECT_EQ(put(good, "x"), "AuthenticationFailed");
  EXPECT_THAT(names(container), ElementsAre());
}

TEST_F(ContainersTest, HaveLimits) {
  options_.max_containers = 2;
  options_.max_file_bytes = 8;
  options_.max_total_bytes = 12;
  open();
  const Container container = made();
  const Container second = made();
  EXPECT_EQ(containers_->create("test").error().code, Code::Full);
  EXPECT_EQ(put(link(container, "a"), "123456789"), "RequestBodyTooLarge");
  EXPECT_EQ(put(link(container, "a"), "12345678"), "ok");
  EXPECT_EQ(put(link(second, "b"), "12345"), "ServerBusy");
  EXPECT_EQ(containers_->total_bytes(), 8U);
  EXPECT_TRUE(containers_->remove(container.name));
  EXPECT_EQ(put(link(second, "b"), "12345"), "ok");
  EXPECT_EQ(containers_->total_bytes(), 5U);
  EXPECT_EQ(containers_->remove(container.name).error().code, Code::NotFound);
}

TEST_F(ContainersTest, EndWithTheirTime) {
  const Container container = made();
  EXPECT_EQ(put(link(container, "a"), "123"), "ok");
  now_ += options_.life - 1s;
  ASSERT_TRUE(containers_->maintain());
  EXPECT_EQ(content(container, "a"), "123");
  now_ += 1s;
  ASSERT_TRUE(containers_->maintain());
  EXPECT_TRUE(containers_->list()->empty());
  EXPECT_EQ(containers_->total_bytes(), 0U);
  EXPECT_FALSE(std::filesystem::exists(options_.folder + "/" + container.name));
}

TEST_F(ContainersTest, ForgetWhatACrashLeftBehind) {
  const Container container = made();
  EXPECT_EQ(put(link(container, "a"), "123"), "ok");
  const std::string folder = options_.folder + "/" + container.name;
  std::ofstream(folder + "/.part-7") << "half";
  std::filesystem::create_directory(options_.folder + "/nobody's");
  std::ofstream(options_.folder + "/nobody's/file") << "x";
  open();
  EXPECT_FALSE(std::filesystem::exists(folder + "/.part-7"));
  EXPECT_FALSE(std::filesystem::exists(options_.folder + "/nobody's"));
  EXPECT_EQ(containers_->total_bytes(), 3U);
}

TEST_F(ContainersTest, LetABlobGoWithItsContainer) {
  const Container container = made();
  const auto target = read_container_target(link(container, "a"));
  ASSERT_TRUE(target);
  auto arriving = containers_->receive(*target);
  ASSERT_TRUE(arriving);
  ASSERT_TRUE((*arriving)->write(base::as_bytes(std::string_view("123"))));
  ASSERT_TRUE(containers_->remove(container.name));
  EXPECT_EQ((*arriving)->commit().error().code, Code::NotFound);
  arriving->reset();
  EXPECT_EQ(containers_->total_bytes(), 0U);
  EXPECT_FALSE(std::filesystem::exists(options_.folder + "/" + container.name));
}

TEST(ContainerTargets, AreReadWithAndWithoutAHost) {
  constexpr std::string_view kPath =
      "/job-containers/9c647395-b913-4997-a732-a7fe7303b649/devices.txt?se=2027&sig=YQ%3D%3D&x";
  for (const std::string& target :
       {std::string(kPath), "https://hub.example:8443" + std::string(kPath)}) {
    const auto read = read_container_target(target);
    ASSERT_TRUE(read) << target;
    EXPECT_EQ(read->container, "9c647395-b913-4997-a732-a7fe7303b649");
    EXPECT_EQ(read->blob, "devices.txt");
    EXPECT_EQ(read->expiry, "2027");
    EXPECT_EQ(read->signature, "a");
  }
  EXPECT_EQ(read_container_target("/job-containers/9c647395-b913-4997-a732-a7fe7303b649/")->blob,
            "");
  EXPECT_FALSE(read_container_target("https://hub.example"));
  EXPECT_FALSE(read_container_target("/job-containers/9c647395-b913-4997-a732-a7fe7303b649?sig=%"));
  EXPECT_FALSE(read_container_target("/job-containers/"));
  EXPECT_FALSE(read_container_target(std::string(9000, '/')));
}

}  // namespace
}  // namespace hub::jobs
