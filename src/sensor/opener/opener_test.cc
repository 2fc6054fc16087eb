#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/file.h"
#include "os/parcel.h"
#include "os/privilege.h"
#include "os/scratch_testing.h"
#include "sensor/opener/ask.h"
#include "sensor/opener/helper.h"
#include "sensor/opener/messages.h"

namespace sensor::opener {
namespace {

using base::Code;
using namespace std::chrono_literals;

constexpr std::uint64_t kMemory = std::uint64_t{8} << 30U;
constexpr std::size_t kSmall = kFewestBlocks * kBlock;

Wanted wanted(std::string interface, unsigned int count = 1, std::size_t bytes = kSmall) {
  return {.interface = std::move(interface), .count = count, .bytes = bytes};
}

bool may_capture() {
  return (os::permitted_capabilities() & os::capability(CAP_NET_RAW)) != 0;
}

TEST(Messages, RequestsComeThrough) {
  const auto read = decode_request(encode_request(wanted("enp0s31f6.4094", 64, 4096 * kBlock)));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->interface, "enp0s31f6.4094");
  EXPECT_EQ(read->count, 64U);
  EXPECT_EQ(read->bytes, 4096 * kBlock);
  EXPECT_LE(encode_request(wanted("fifteen letters", 64)).size(), kMostRequest);
}

TEST(Messages, OtherBytesAreNoRequests) {
  base::ByteVec bytes = encode_request(wanted("lo"));
  for (std::size_t size = 0; size < 10; ++size)
    EXPECT_FALSE(decode_request(base::ByteView(bytes).first(size))) << size;
  bytes[3] ^= 1U;
  EXPECT_EQ(decode_request(bytes).error().code, Code::Malformed);
}

TEST(Messages, AnswersComeThrough) {
  EXPECT_TRUE(decode_answer(encode_answer({})));
  const auto told = decode_answer(
      encode_answer(base::fail(Code::Denied, "interface", -1, std::string(1000, 'x') + "\x1b[2J")));
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::Denied);
  EXPECT_TRUE(told.error().detail.starts_with("interface: xxx"));
  EXPECT_LE(encode_answer(told).size(), kMostAnswer);
  // Of a class that has no number in an answer.
  EXPECT_EQ(decode_answer(encode_answer(base::fail(Code::Corrupt, "x"))).error().code, Code::Io);
}

TEST(Messages, HelpersThatAreNoneAreNotBelieved) {
  base::ByteVec done = encode_answer({});
  done.push_back(0);
  EXPECT_EQ(decode_answer(done).error().code, Code::Malformed);
  base::ByteVec failed = encode_answer(base::fail(Code::Denied, "x", -1, "\x1b[2J\n\xff"));
  const auto told = decode_answer(failed);
  for (const char one : told.error().detail)
    EXPECT_TRUE(one >= ' ' && one <= '~');
  failed[4] = 200;
  EXPECT_EQ(decode_answer(failed).error().code, Code::Malformed);
  EXPECT_FALSE(decode_answer({}));
}

TEST(Check, TakesNamesOfInterfacesAndNothingElse) {
  for (const char* const name : {"lo", "eth0", "enp0s31f6.4094", "br-1234567890ab", "wlan0_mon"})
    EXPECT_TRUE(check(wanted(name), kMemory)) << name;
  for (const std::string& name : std::vector<std::string>{
           "", ".", "..", "a/b", "../../etc", "eth0 ", "eth0\n", "e:1", "sixteen_letters_",
           std::string("lo\0x", 4), "\xc3\xa4", "eth0;id\t"})
    EXPECT_EQ(check(wanted(name), kMemory).error().code, Code::Invalid) << name;
}

TEST(Check, BoundsWhatTheKernelIsAskedFor) {
  EXPECT_TRUE(check(wanted("lo", kMostRings), kMemory));
  EXPECT_EQ(check(wanted("lo", 0), kMemory).error().code, Code::Invalid);
  EXPECT_EQ(check(wanted("lo", kMostRings + 1), kMemory).error().code, Code::Invalid);
  EXPECT_EQ(check(wanted("lo", 1, 0), kMemory).error().code, Code::Invalid);
  EXPECT_EQ(check(wanted("lo", 1, kSmall + 1), kMemory).error().code, Code::Invalid);
  EXPECT_EQ(check(wanted("lo", 1, kSmall - kBlock), kMemory).error().code, Code::Invalid);
  EXPECT_EQ(check(wanted("lo", 1, (kMostBlocks + 1) * kBlock), kMemory).error().code,
            Code::Invalid);
  EXPECT_TRUE(check(wanted("lo", 1, 4096 * kBlock), kMemory));
  EXPECT_EQ(check(wanted("lo", 2, 4096 * kBlock), kMemory).error().code, Code::TooLarge);
  EXPECT_EQ(check(wanted("lo", kMostRings, 4096 * kBlock), kMemory).error().code, Code::TooLarge);
}

TEST(Helper, ReadsItsArguments) {
  EXPECT_TRUE(read_helper_arguments({}).value().only.empty());
  EXPECT_EQ(read_helper_arguments({"--only", "eth0", "--only", "eth1"}).value().only,
            (std::vector<std::string>{"eth0", "eth1"}));
  EXPECT_FALSE(read_helper_arguments({"--only"}));
  EXPECT_FALSE(read_helper_arguments({"--only", "../x"}));
  EXPECT_FALSE(read_helper_arguments({"eth0"}));
  EXPECT_FALSE(read_helper_arguments({"--help", "--only", "eth0"}));
}

TEST(Helper, OpensOnlyWhatItIsStartedFor) {
  const HelperOptions options{.only = {"eth0"}};
  EXPECT_EQ(serve_request(encode_request(wanted("lo")), options, kMemory).error().code,
            Code::Denied);
  EXPECT_EQ(serve_request(encode_request(wanted("eth0/")), options, kMemory).error().code,
            Code::Invalid);
  EXPECT_EQ(serve_request(encode_request(wanted("nosuch0")), {}, kMemory).error().code,
            Code::NotFound);
  EXPECT_FALSE(serve_request({}, {}, kMemory));
}

TEST(Helper, OpensRingsThatShareAnInterface) {
  if (!may_capture()) GTEST_SKIP() << "needs CAP_NET_RAW";
  const auto group_of = [](const os::Fd& socket) {
    unsigned int group = 0;
    socklen_t size = sizeof group;
    EXPECT_EQ(::getsockopt(socket.get(), SOL_PACKET, PACKET_FANOUT, &group, &size), 0);
    return group & 0xFFFFU;
  };
  const auto two = serve_request(encode_request(wanted("lo", 2)), {}, kMemory);
  ASSERT_TRUE(two) << two.error().to_string();
  ASSERT_EQ(two->size(), 2U);
  EXPECT_EQ(group_of((*two)[0]), group_of((*two)[1]));
  // Others do not come into that group, nor does one ring need any.
  const auto others = serve_request(encode_request(wanted("lo", 2)), {}, kMemory);
  ASSERT_TRUE(others) << others.error().to_string();
  EXPECT_NE(group_of((*two)[0]), group_of((*others)[0]));
  const auto one = serve_request(encode_request(wanted("lo")), {}, kMemory);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->size(), 1U);
}

// Somebody behind a socket who answers the first connection.
class Behind {
 public:
  explicit Behind(std::function<void(int)> answer) : answer_(std::move(answer)) {
    listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this] {
      const os::Fd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      const auto request =
          os::receive_parcel(connection.get(), {.bytes = kMostRequest, .descriptors = 0}, 10s);
      if (request) answer_(connection.get());
    });
  }
  ~Behind() { thread_.join(); }
  std::string path() const { return scratch_ / "helper"; }

 private:
  const os::ScratchDir scratch_;
  std::function<void(int)> answer_;
  os::Fd listener_;
  std::thread thread_;
};

Code outcome(const base::Result<std::vector<os::Fd>>& result) {
  return result ? Code::Exists : result.error().code;
}

void answer_with(int socket, std::span<const int> descriptors) {
  [[maybe_unused]] const auto sent = os::send_parcel(socket, encode_answer({}), descriptors);
}

TEST(Ask, TakesOnlyWhatWasAskedFor) {
  const std::size_t before = os::list_dir("/proc/self/fd").value().size();
  const std::array<int, 3> three{0, 1, 2};
  for (const std::size_t count : {0U, 1U, 2U, 3U}) {
    Behind helper([&](int socket) { answer_with(socket, std::span(three).first(count)); });
    // Two are as many as expected, but not packet sockets.
    EXPECT_EQ(outcome(ask_helper(helper.path(), wanted("lo", 2))),
              count == 3 ? Code::TooLarge : Code::Malformed)
        << count;
  }
  EXPECT_EQ(os::list_dir("/proc/self/fd").value().size(), before);
}

TEST(Ask, HearsWhyNot) {
  {
    Behind helper([](int socket) {
      [[maybe_unused]] const auto sent = os::send_parcel(
          socket, encode_answer(base::fail(Code::Denied, "interface", -1, "never")), {});
    });
    const auto refused = ask_helper(helper.path(), wanted("lo"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::Denied);
    EXPECT_NE(refused.error().detail.find("never"), std::string::npos);
  }
  {
    Behind silent([](int) {});
    EXPECT_EQ(outcome(ask_helper(silent.path(), wanted("lo"))), Code::Closed);
  }
  Behind garbage([](int socket) {
    [[maybe_unused]] const auto sent = os::send_parcel(socket, base::as_bytes("hello"), {});
  });
  EXPECT_EQ(outcome(ask_helper(garbage.path(), wanted("lo"))), Code::Malformed);
}

TEST(Ask, StartsPrograms) {
  const os::ScratchDir scratch;
  EXPECT_EQ(outcome(ask_helper(scratch / "absent", wanted("lo"))), Code::NotFound);
  EXPECT_EQ(outcome(ask_helper("/bin/true", wanted("lo"))), Code::Unavailable);
  // Not executable.
  ASSERT_TRUE(os::write_file_atomic(scratch / "text", "no program"));
  EXPECT_EQ(outcome(ask_helper(scratch / "text", wanted("lo"))), Code::Denied);
}

TEST(Ask, TakesRingsFromAHelper) {
  if (!may_capture()) GTEST_SKIP() << "needs CAP_NET_RAW";
  Behind helper([](int socket) {
    const auto sockets = open_packet_sockets(wanted("lo", 2));
    ASSERT_TRUE(sockets);
    answer_with(socket, std::array{(*sockets)[0].get(), (*sockets)[1].get()});
  });
  const auto rings = ask_helper(helper.path(), wanted("lo", 2));
  ASSERT_TRUE(rings) << rings.error().to_string();
  EXPECT_EQ(rings->size(), 2U);
}

}  // namespace
}  // namespace sensor::opener
