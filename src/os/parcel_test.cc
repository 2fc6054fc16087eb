#include "os/parcel.h"

#include <array>
#include <cstring>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/file.h"
#include "os/scratch_testing.h"

namespace os {
namespace {

using base::Code;
using namespace std::chrono_literals;

struct Ends {
  Fd mine;
  Fd theirs;
};

Ends make_ends() {
  std::array<int, 2> both{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, both.data()), 0);
  return {Fd(both[0]), Fd(both[1])};
}

std::size_t open_descriptors() {
  return list_dir("/proc/self/fd").value().size();
}

constexpr ParcelLimits kTwo{.bytes = 8, .descriptors = 2};

TEST(Parcel, BringsDescriptorsWithTheirMessage) {
  const ScratchDir scratch;
  ASSERT_TRUE(write_file_atomic(scratch / "one", "first"));
  ASSERT_TRUE(write_file_atomic(scratch / "two", "second"));
  const Ends ends = make_ends();
  {
    const Fd one = open_file(scratch / "one", O_RDONLY).value();
    const Fd two = open_file(scratch / "two", O_RDONLY).value();
    const std::array<int, 2> both{one.get(), two.get()};
    ASSERT_TRUE(send_parcel(ends.mine.get(), base::as_bytes("hello"), both));
  }
  const auto parcel = receive_parcel(ends.theirs.get(), kTwo, 5s);
  ASSERT_TRUE(parcel) << parcel.error().to_string();
  EXPECT_EQ(base::as_text(parcel->message), "hello");
  ASSERT_EQ(parcel->descriptors.size(), 2U);
  std::array<std::uint8_t, 16> bytes{};
  EXPECT_EQ(read_at(parcel->descriptors[1].get(), bytes, 0).value(), 6U);
  EXPECT_EQ(bytes[0], 's');
  EXPECT_EQ(::fcntl(parcel->descriptors[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(Parcel, NeedsNoDescriptors) {
  const Ends ends = make_ends();
  ASSERT_TRUE(send_parcel(ends.mine.get(), base::as_bytes("12345678"), {}));
  const auto parcel = receive_parcel(ends.theirs.get(), kTwo, 5s);
  ASSERT_TRUE(parcel) << parcel.error().to_string();
  EXPECT_EQ(base::as_text(parcel->message), "12345678");
  EXPECT_TRUE(parcel->descriptors.empty());
}

TEST(Parcel, ClosesWhatItRefuses) {
  const Ends ends = make_ends();
  const std::array<int, 6> many{0, 1, 2, 0, 1, 2};
  const std::size_t before = open_descriptors();
  const auto refused = [&](std::string_view message, std::size_t count,
                           const ParcelLimits& limits) {
    EXPECT_TRUE(
        send_parcel(ends.mine.get(), base::as_bytes(message), std::span(many).first(count)));
    const auto got = receive_parcel(ends.theirs.get(), limits, 5s);
    EXPECT_EQ(open_descriptors(), before) << count;
    return got ? Code::Exists : got.error().code;
  };
  // One more than is expected may fit into the kernel's padding, more are cut off.
  EXPECT_EQ(refused("three", 3, kTwo), Code::TooLarge);
  EXPECT_EQ(refused("six", 6, kTwo), Code::TooLarge);
  EXPECT_EQ(refused("one", 1, {.bytes = 8, .descriptors = 0}), Code::TooLarge);
  EXPECT_EQ(refused("six", 6, {.bytes = 8, .descriptors = 0}), Code::TooLarge);
  EXPECT_EQ(refused("message is too long", 2, kTwo), Code::TooLarge);
  // The next one is read as if nothing had been.
  ASSERT_TRUE(send_parcel(ends.mine.get(), base::as_bytes("good"), std::span(many).first(2)));
  EXPECT_EQ(receive_parcel(ends.theirs.get(), kTwo, 5s).value().descriptors.size(), 2U);
}

TEST(Parcel, ClosesDescriptorsOfAnEmptyMessage) {
  const Ends ends = make_ends();
  const std::size_t before = open_descriptors();
  // By hand: send_parcel does not.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> space{};
  msghdr packet{};
  packet.msg_control = space.data();
  packet.msg_controllen = space.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&packet);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = 0;
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  ASSERT_EQ(::sendmsg(ends.mine.get(), &packet, 0), 0);
  EXPECT_EQ(receive_parcel(ends.theirs.get(), kTwo, 5s).error().code, Code::Closed);
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Parcel, RefusesOtherKindsOfControl) {
  const Ends ends = make_ends();
  const int on = 1;
  ASSERT_EQ(::setsockopt(ends.theirs.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
  ASSERT_TRUE(send_parcel(ends.mine.get(), base::as_bytes("hello"), {}));
  const auto got = receive_parcel(ends.theirs.get(), {.bytes = 8, .descriptors = 8}, 5s);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::Malformed);
}

TEST(Parcel, SaysThatNobodyIsThere) {
  Ends ends = make_ends();
  EXPECT_EQ(receive_parcel(ends.theirs.get(), kTwo, 0ms).error().code, Code::Unavailable);
  ends.mine.reset();
  EXPECT_EQ(receive_parcel(ends.theirs.get(), kTwo, 5s).error().code, Code::Closed);
  const auto sent = send_parcel(ends.theirs.get(), base::as_bytes("hello"), {});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().at, EPIPE);
}

}  // namespace
}  // namespace os
