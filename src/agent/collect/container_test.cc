#include "agent/collect/container.h"

#include <string>

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct Case {
  std::string path;
  std::string_view id;
  std::string_view runtime;
};

TEST(ContainerOfCgroup, KnowsTheRuntimes) {
  const Case cases[] = {
      {"/", "", ""},
      {"/user.slice/user-1000.slice/session-3.scope", "", ""},
      {"/system.slice/docker.service", "", ""},
      {"/system.slice/docker-" + kId + ".scope", kId, "docker"},
      {"/docker/" + kId, kId, "docker"},
      {"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kId + ".scope", kId, "containerd"},
      {"/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope", kId, "crio"},
      {"/kubepods/burstable/pod12/" + kId, kId, ""},
      {"/machine.slice/libpod-" + kId + ".scope/container", kId, "podman"},
      {"/lxc.payload.web", "web", "lxc"},
      {"/lxc/web/init.scope", "web", "lxc"},
      {"/machine.slice/machine-press.scope", "press", "nspawn"},
      {"/docker/" + kId.substr(1), "", ""},
      {"/docker/" + kId.substr(1) + "G", "", ""},
  };
  for (const Case& one : cases) {
    const Container found = container_of_cgroup(one.path);
    EXPECT_EQ(found.id, one.id) << one.path;
    EXPECT_EQ(found.runtime, one.runtime) << one.path;
  }
}

TEST(ContainerOfCgroup, InnermostWins) {
  std::string inner = kId;
  inner[0] = 'f';
  const std::string path = "/docker/" + kId + "/docker/" + inner;
  EXPECT_EQ(container_of_cgroup(path).id, inner);
}

}  // namespace
}  // namespace agent::collect
