#include "agent/system/texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent::system {
namespace {

TEST(ReadAssignments, TakesQuotesOff) {
  const auto values = read_assignments(
      "# a comment\nNAME=\"Fedora Linux\"\nID=fedora\nVERSION='39 (IoT)'\nno assignment\n=x\n"
      "PRETTY=\"say \\\"hi\\\" for \\$5\"\nID=later\n  SPACED=1\n");
  EXPECT_EQ(value_of(values, "NAME"), "Fedora Linux");
  EXPECT_EQ(value_of(values, "VERSION"), "39 (IoT)");
  EXPECT_EQ(value_of(values, "PRETTY"), "say \"hi\" for $5");
  EXPECT_EQ(value_of(values, "ID"), "later");
  EXPECT_EQ(value_of(values, "SPACED"), "1");
  EXPECT_EQ(value_of(values, "ABSENT"), "");
  EXPECT_EQ(values.size(), 5U);
}

TEST(ReadAssignments, IsBounded) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "A" + std::to_string(i) + "=1\n";
  }
  EXPECT_EQ(read_assignments(text).size(), 128U);
}

TEST(ReadMemory, ReadsKibibytes) {
  const auto memory = read_memory(
      "MemTotal:        8037888 kB\nMemFree:  100 kB\nMemAvailable:  200 kB\nSwapTotal: 300 kB\n"
      "SwapFree: 50 kB\nHugePages_Total:       0\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total, 8037888);
  EXPECT_EQ(memory->free, 100);
  EXPECT_EQ(memory->available, 200);
  EXPECT_EQ(memory->swap_total, 300);
  EXPECT_EQ(memory->swap_free, 50);
  EXPECT_FALSE(read_memory("MemFree: 1 kB\n"));
  EXPECT_FALSE(read_memory("MemTotal: -5 kB\n"));
}

TEST(MemoryOf, MultipliesByTheUnit) {
  // 32-bit kernels with much memory count pages.
  const Memory memory = memory_of(3'000'000, 1'000'000, 256, 128, 4096);
  EXPECT_EQ(memory.total, 12'000'000);
  EXPECT_EQ(memory.free, 4'000'000);
  EXPECT_EQ(memory.swap_total, 1024);
  EXPECT_EQ(memory.swap_free, 512);
  EXPECT_EQ(memory_of(2048, 1024, 0, 0, 1).total, 2);
}

TEST(FindMount, TheLastOneHidesTheOthers) {
  const std::string text =
      "22 1 0:2 / / rw - rootfs rootfs rw\n"
      "23 22 179:2 / / rw,noatime shared:1 master:2 - ext4 /dev/root rw\n"
      "24 23 0:21 / /a\\040b rw - tmpfs tmp\\040fs rw\nbroken line\n25 23 0:22 / /x rw - tmpfs\n";
  const auto root = find_mount(text, "/");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->device, "179:2");
  EXPECT_EQ(root->type, "ext4");
  const auto blank = find_mount(text, "/a b");
  ASSERT_TRUE(blank);
  EXPECT_EQ(blank->source, "tmp fs");
  EXPECT_FALSE(find_mount(text, "/x"));
  EXPECT_FALSE(find_mount(text, "/boot"));
}

TEST(KernelArgument, TheLastOneWins) {
  const std::string line =
      "quiet root=/dev/sda1  xroot=no dyndbg=\"file x.c +p\" root=UUID=aa-bb\n";
  EXPECT_EQ(kernel_argument(line, "root"), "UUID=aa-bb");
  EXPECT_EQ(kernel_argument(line, "dyndbg"), "file x.c +p");
  EXPECT_EQ(kernel_argument(line, "quiet"), std::nullopt);
  EXPECT_EQ(kernel_argument("", "root"), std::nullopt);
}

TEST(CpuField, TakesTheFirst) {
  const std::string text =
      "processor\t: 0\nmodel name\t: ACME 9\n\nprocessor\t: 1\nmodel name\t: B\n";
  EXPECT_EQ(cpu_field(text, "model name"), "ACME 9");
  EXPECT_EQ(cpu_field(text, "Hardware"), "");
}

TEST(ZoneOfLink, IsWhatFollowsTheFolder) {
  EXPECT_EQ(zone_of_link("/usr/share/zoneinfo/Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(zone_of_link("../usr/share/zoneinfo/right/UTC"), "UTC");
  EXPECT_EQ(zone_of_link("/etc/my-zone"), "");
}

}  // namespace
}  // namespace agent::system
