#include "agent/collect/container_images.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "os/scratch_testing.h"

namespace agent::collect {
namespace {

using namespace std::chrono_literals;

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kStorage = "/var/lib/containers/storage/overlay-containers/";

class ContainerImagesTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = scratch_.path() + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::trunc) << text;
  }
  void write_docker(const std::string& id, const std::string& image) {
    write("/var/lib/docker/containers/" + id + "/config.v2.json",
          R"({"ID":")" + id + R"(","Config":{"Image":")" + image + R"("}})");
  }
  static std::string stored(const std::string& id, const std::string& image) {
    return R"({"id":")" + id + R"(","metadata":"{\"image-name\":\")" + image + R"(\"}"})";
  }
  std::string find(std::string_view id, std::string_view runtime) {
    return std::string(images_.find({id, runtime}, now_));
  }

  os::ScratchDir scratch_;
  ContainerImages images_{scratch_.path()};
  base::MonoTime now_{1h};
};

TEST_F(ContainerImagesTest, AsksTheRuntimeOfTheGroup) {
  write_docker(kId, "from-docker");
  write("/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + kId + "/config.json",
        R"({"annotations":{"io.kubernetes.cri.image-name":"from-containerd"}})");
  write(kStorage + "containers.json", "[" + stored(kId, "from-storage") + "]");
  const std::pair<std::string_view, std::string_view> cases[] = {{"docker", "from-docker"},
                                                                 {"containerd", "from-containerd"},
                                                                 {"podman", "from-storage"},
                                                                 {"crio", "from-storage"},
                                                                 {"", "from-docker"},
                                                                 {"lxc", ""},
                                                                 {"nspawn", ""}};
  for (const auto& [runtime, image] : cases) {
    ContainerImages images(scratch_.path());
    EXPECT_EQ(images.find({kId, runtime}, now_), image) << runtime;
  }
}

TEST_F(ContainerImagesTest, LooksEverywhereForAGroupThatDoesNotTell) {
  const std::string bundle(64, 'b');
  const std::string in_storage(64, 'c');
  write("/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" + bundle + "/config.json",
        R"({"annotations":{"io.kubernetes.cri.image-name":"rancher/x:1"}})");
  write("/run/containers/storage/vfs-containers/volatile-containers.json",
        "[" + stored(in_storage, "localhost/y") + "]");
  EXPECT_EQ(find(bundle, ""), "rancher/x:1");
  EXPECT_EQ(find(in_storage, ""), "localhost/y");
  EXPECT_EQ(find(kId, ""), "");
}

TEST_F(ContainerImagesTest, KeepsItsAnswer) {
  write_docker(kId, "plant/pump:1");
  EXPECT_EQ(find(kId, "docker"), "plant/pump:1");
  std::filesystem::remove_all(scratch_ / "var");
  now_ += 24h;
  EXPECT_EQ(find(kId, "docker"), "plant/pump:1");
}

TEST_F(ContainerImagesTest, LooksAgainEverMoreSeldom) {
  EXPECT_EQ(find(kId, "docker"), "");
  write_docker(kId, "plant/pump:1");
  now_ += ContainerImages::kFirstRetry - 1ms;
  EXPECT_EQ(find(kId, "docker"), "");
  now_ += 1ms;
  EXPECT_EQ(find(kId, "docker"), "plant/pump:1");

  const std::string other(64, 'd');
  for (auto wait = ContainerImages::kFirstRetry; wait <= ContainerImages::kLastRetry; wait *= 2) {
    EXPECT_EQ(find(other, "docker"), "");
    now_ += wait;
  }
  EXPECT_EQ(find(other, "docker"), "");
  write_docker(other, "plant/gauge");
  now_ += ContainerImages::kLastRetry - 1ms;
  EXPECT_EQ(find(other, "docker"), "");
  now_ += 1ms;
  EXPECT_EQ(find(other, "docker"), "plant/gauge");
}

TEST_F(ContainerImagesTest, ReadsAListAgainWhenItHasChanged) {
  const std::string second(64, 'e');
  write(kStorage + "containers.json", "[" + stored(kId, "one") + "]");
  EXPECT_EQ(find(kId, "podman"), "one");
  write(kStorage + "containers.json", "[" + stored(kId, "one") + "," + stored(second, "two") + "]");
  EXPECT_EQ(find(second, "podman"), "two");
  // What was in it is not found in one that is damaged, or gone.
  write(kStorage + "containers.json", "[");
  EXPECT_EQ(find(std::string(64, 'f'), "podman"), "");
  ContainerImages fresh(scratch_.path());
  EXPECT_EQ(fresh.find({kId, "podman"}, now_), "");
}

TEST_F(ContainerImagesTest, StaysBounded) {
  write_docker(kId, "plant/pump:1");
  EXPECT_EQ(find(kId, "docker"), "plant/pump:1");
  std::filesystem::remove_all(scratch_ / "var");
  std::string id = kId;
  for (int i = 0; i < 2000; ++i) {
    id.replace(0, 4, std::to_string(1000 + i));
    now_ += 1ms;
    EXPECT_EQ(find(id, "docker"), "");
    // In use all the time, so that it stays.
    EXPECT_EQ(find(kId, "docker"), "plant/pump:1");
  }
  EXPECT_EQ(images_.size(), ContainerImages::kCapacity);
}

TEST_F(ContainerImagesTest, LeavesAloneWhatIsNoSmallFile) {
  const std::string folder = "/var/lib/docker/containers/" + kId;
  std::filesystem::create_directories(scratch_.path() + folder);
  const std::string file = scratch_.path() + folder + "/config.v2.json";
  // Opening it would wait for a writer.
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_EQ(find(kId, "docker"), "");
  std::filesystem::remove(file);
  write(folder + "/config.v2.json",
        R"({"Config":{"Image":"x"},"Padding":")" + std::string(300U << 10U, 'x') + R"("})");
  now_ += 1h;
  EXPECT_EQ(find(kId, "docker"), "");
}

TEST_F(ContainerImagesTest, TakesNoPathFromAName) {
  write("/var/lib/docker/config.v2.json", R"({"Config":{"Image":"outside"}})");
  EXPECT_EQ(find("..", "docker"), "");
  EXPECT_EQ(find("", "docker"), "");
  EXPECT_EQ(images_.size(), 0U);
}

TEST_F(ContainerImagesTest, AddsWhatIsKnown) {
  write_docker(kId, "plant/pump:1");
  schema::ExtraDetails details;
  add_container(details, "/user.slice", images_);
  EXPECT_TRUE(details.empty());
  add_container(details, "/system.slice/docker-" + kId + ".scope", images_);
  const schema::ExtraDetails docker = {
      {"ContainerId", kId}, {"ContainerRuntime", "docker"}, {"ContainerImage", "plant/pump:1"}};
  EXPECT_EQ(details, docker);
  details.clear();
  const std::string other(64, 'd');
  add_container(details, "/kubepods/pod1/" + other, images_);
  EXPECT_EQ(details, (schema::ExtraDetails{{"ContainerId", other}}));
}

}  // namespace
}  // namespace agent::collect
