#include "agent/collect/container_state.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

using base::Code;

const std::string kId(64, 'a');

TEST(ImageOfDocker, IsWhatTheOperatorAskedFor) {
  // The top level's Image is the id of the content.
  const auto image = image_of_docker(
      R"({"StreamConfig":{},"State":{"Running":true,"Pid":912},"ID":")" + kId +
      R"(","Path":"/pump","Args":[],"Config":{"Hostname":"a1","Env":["PATH=/bin"],"Cmd":null,)" +
      R"("Image":"registry.example:5000/plant/pump:1.4","Labels":{"Image":"no"}},)" +
      R"("Image":"sha256:90801a91","Name":"/pump","Driver":"overlay2"})");
  ASSERT_TRUE(image) << image.error().to_string();
  EXPECT_EQ(*image, "registry.example:5000/plant/pump:1.4");
}

TEST(ImageOfBundle, IsTheAnnotationOfTheKubernetesPlugin) {
  const auto image = image_of_bundle(
      R"({"ociVersion":"1.1.0","process":{"args":["/pump"]},"root":{"path":"rootfs"},)"
      R"("annotations":{"io.kubernetes.cri.container-name":"pump",)"
      R"("io.kubernetes.cri.container-type":"container",)"
      R"("io.kubernetes.cri.image-name":"quay.io/plant/pump:latest"}})");
  ASSERT_TRUE(image) << image.error().to_string();
  EXPECT_EQ(*image, "quay.io/plant/pump:latest");
}

TEST(ContainerState, NoNameIsNone) {
  const std::string long_name(kMaxImageName + 1, 'x');
  for (const std::string& json :
       {std::string("{}"), std::string(R"({"Config":null,"annotations":7})"),
        std::string(R"({"Config":{"Image":7},"annotations":{"io.kubernetes.cri.image-name":[]}})"),
        R"({"Config":{"Image":")" + long_name +
            R"("},"annotations":{"io.kubernetes.cri.image-name":")" + long_name + R"("}})"}) {
    EXPECT_EQ(image_of_docker(json).value_or("error"), "") << json;
    EXPECT_EQ(image_of_bundle(json).value_or("error"), "") << json;
  }
  const std::string longest = long_name.substr(1);
  EXPECT_EQ(image_of_docker(R"({"Config":{"Image":")" + longest + R"("}})").value_or("error"),
            longest);
}

TEST(ContainerState, RefusesDamage) {
  for (const std::string_view json : {"", "{", R"({"Config":{"Image":"x"})", "[]", "7", "\0"}) {
    EXPECT_EQ(image_of_docker(json).error().code, Code::Malformed) << json;
    EXPECT_EQ(image_of_bundle(json).error().code, Code::Malformed) << json;
  }
  for (const std::string_view json : {"", "[", "{}", "[{]", R"([{"id":"a"}] x)"})
    EXPECT_EQ(stored_containers(json).error().code, Code::Malformed) << json;
}

TEST(StoredContainers, ReadsTheMetadata) {
  const auto found = stored_containers(
      R"([{"id":")" + kId + R"(","names":["pump"],"image":"5f0d","layer":"77",)" +
      R"("metadata":"{\"image-name\":\"docker.io/plant/pump:2\",\"image-id\":\"5f0d\",)" +
      R"(\"name\":\"pump\",\"created-at\":1700000000}","created":"2023-11-14T22:13:20Z",)" +
      R"("flags":{"MountLabel":"","ProcessLabel":""}},)" +
      R"({"id":"b1","metadata":"{\"image-name\":\"\",\"name\":\"of-a-folder\"}"},)" +
      R"({"id":"b2","metadata":"not JSON"},{"id":"b3"},7,)" +
      R"({"metadata":"{\"image-name\":\"of nobody\"}"},)" +
      R"({"id":"b4","metadata":"{\"image-name\":\"localhost/gauge\"}"}])");
  ASSERT_TRUE(found) << found.error().to_string();
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->at(0).id, kId);
  EXPECT_EQ(found->at(0).image, "docker.io/plant/pump:2");
  EXPECT_EQ(found->at(1).id, "b4");
  EXPECT_EQ(found->at(1).image, "localhost/gauge");
}

TEST(StoredContainers, StopsAtTheLimit) {
  std::string json = "[";
  for (int i = 0; i < 10; ++i)
    json += (i == 0 ? "" : ",") + std::string(R"({"id":"c)") + std::to_string(i) +
            R"(","metadata":"{\"image-name\":\"x\"}"})";
  json += "]";
  EXPECT_EQ(stored_containers(json)->size(), 10U);
  const auto few = stored_containers(json, 3);
  ASSERT_TRUE(few);
  ASSERT_EQ(few->size(), 3U);
  EXPECT_EQ(few->back().id, "c2");
}

}  // namespace
}  // namespace agent::collect
