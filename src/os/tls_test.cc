#include "os/tls.h"

#include <openssl/ssl.h>

#include "os/connect.h"
#include "os/file.h"
#include "os/scratch_testing.h"
#include "os/tls_testing.h"

namespace os {
namespace {

using base::as_bytes;
using base::ByteView;
using base::Code;
using base::Error;
using base::Result;

constexpr auto kPatience = std::chrono::seconds(20);

void echo(TestPeer& peer) {
  std::array<std::uint8_t, 4096> buffer;
  for (;;) {
    const std::size_t count = peer.read(buffer);
    if (count == 0 || !peer.write(ByteView(buffer).first(count))) return;
  }
}

const TestCertificates& certificates() {
  static const TestCertificates made = make_test_certificates();
  return made;
}

// A client on a loop of its own.
class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = Loop::create().value();
    loop_->after(kPatience, [this] {
      ADD_FAILURE() << "nothing happened in time";
      loop_->stop();
    });
  }

  std::string ca_file(const std::string& pem) {
    EXPECT_TRUE(write_file_atomic(dir_ / "ca.pem", pem));
    return dir_ / "ca.pem";
  }

  // Connects and runs the loop until something stops it.
  void run(std::uint16_t port, const std::string& ca_pem, const std::string& host_name,
           TlsStream::Callbacks callbacks) {
    const auto client = TlsClient::create(ca_file(ca_pem));
    ASSERT_TRUE(client) << client.error().to_string();
    callbacks.on_closed = [this, then = std::move(callbacks.on_closed)](Error error) {
      closed_ = error;
      stream_.reset();
      if (then) then(error);
      loop_->stop();
    };
    const Connect connect(*loop_, "127.0.0.1", port, kPatience, [&](Result<Fd> socket) {
      ASSERT_TRUE(socket) << socket.error().to_string();
      stream_ =
          std::make_unique<TlsStream>(*loop_, *client, std::move(*socket), host_name, callbacks);
      if (!first_words_.empty()) stream_->write(as_bytes(first_words_));
    });
    ASSERT_TRUE(loop_->run());
  }

  // The reason why a connection to this server fails.
  Error failure(const TestCertificates& server_certificates, const std::string& ca_pem,
                const std::string& host_name, int max_version = 0) {
    TlsTestServer server(server_certificates, echo, max_version);
    TlsStream::Callbacks callbacks;
    callbacks.on_open = [&] {
      ADD_FAILURE() << "opened";
      loop_->stop();
    };
    run(server.port(), ca_pem, host_name, callbacks);
    return closed_.value_or(Error{});
  }

  ScratchDir dir_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<TlsStream> stream_;
  std::optional<Error> closed_;
  std::string first_words_;
};

TEST_F(TlsTest, SaysAndHears) {
  TlsTestServer server(certificates(), echo);
  std::string heard;
  std::string description;
  first_words_ = "written before it was open";
  TlsStream::Callbacks callbacks;
  callbacks.on_open = [&] { description = stream_->description(); };
  callbacks.on_data = [&](ByteView bytes) {
    heard += base::as_text(bytes);
    if (heard == first_words_) loop_->stop();
  };
  run(server.port(), certificates().ca_pem, "localhost", callbacks);
  EXPECT_EQ(heard, first_words_);
  EXPECT_TRUE(description.starts_with("TLSv1.3 TLS_")) << description;
  stream_.reset();
}

TEST_F(TlsTest, CarriesMuchAgainstBackPressure) {
  TlsTestServer server(certificates(), echo);
  const std::string block(64U << 10U, 'x');
  constexpr std::size_t kTotal = 16U << 20U;
  std::size_t written = 0;
  std::size_t heard = 0;
  std::size_t drained = 0;
  // Keeps a mebibyte on its way.
  const auto fill = [&] {
    while (written < kTotal && stream_->unsent_bytes() < (1U << 20U)) {
      stream_->write(as_bytes(block));
      written += block.size();
    }
  };
  TlsStream::Callbacks callbacks;
  callbacks.on_open = fill;
  callbacks.on_drained = [&] {
    ++drained;
    EXPECT_EQ(stream_->unsent_bytes(), 0U);
    fill();
  };
  callbacks.on_data = [&](ByteView bytes) {
    heard += bytes.size();
    if (heard == kTotal) loop_->stop();
  };
  run(server.port(), certificates().ca_pem, "localhost", callbacks);
  EXPECT_EQ(heard, kTotal);
  EXPECT_GT(drained, 1U);
  stream_.reset();
}

TEST_F(TlsTest, AcceptsTheAddressInTheCertificate) {
  TlsTestServer server(certificates(), echo);
  TlsStream::Callbacks callbacks;
  callbacks.on_open = [&] { loop_->stop(); };
  run(server.port(), certificates().ca_pem, "127.0.0.1", callbacks);
  EXPECT_FALSE(closed_);
  stream_.reset();
}

TEST_F(TlsTest, MayBeDestroyedInsideItsCallbacks) {
  TlsTestServer server(certificates(), echo);
  TlsStream::Callbacks callbacks;
  callbacks.on_open = [&] {
    stream_.reset();
    loop_->stop();
  };
  run(server.port(), certificates().ca_pem, "localhost", callbacks);
  first_words_ = "hello";
  callbacks.on_open = nullptr;
  callbacks.on_data = [&](ByteView) {
    stream_.reset();
    loop_->stop();
  };
  run(server.port(), certificates().ca_pem, "localhost", callbacks);
  EXPECT_FALSE(closed_);
}

TEST_F(TlsTest, ReportsAPeerThatCloses) {
  TlsTestServer server(certificates(), [](TestPeer&) {});
  run(server.port(), certificates().ca_pem, "localhost", {});
  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->code, Code::Closed);
}

TEST_F(TlsTest, ReportsAPeerThatIsCutOff) {
  TlsTestServer server(certificates(), [](TestPeer& peer) { peer.cut(); });
  run(server.port(), certificates().ca_pem, "localhost", {});
  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->code, Code::Closed);
}

TEST_F(TlsTest, TellsThePeerThatItEnds) {
  std::atomic<bool> ended{false};
  TlsTestServer server(certificates(), [&](TestPeer& peer) {
    std::array<std::uint8_t, 16> buffer;
    while (peer.read(buffer) > 0) {
    }
    ended = true;
  });
  TlsStream::Callbacks callbacks;
  callbacks.on_open = [&] { stream_->close_write(); };
  run(server.port(), certificates().ca_pem, "localhost", callbacks);
  EXPECT_TRUE(ended);
  EXPECT_EQ(closed_.value().code, Code::Closed);
}

TEST_F(TlsTest, RefusesAnotherAuthority) {
  const Error error = failure(certificates(), make_test_certificates().ca_pem, "localhost");
  EXPECT_EQ(error.code, Code::Denied) << error.to_string();
  EXPECT_FALSE(error.detail.empty());
}

TEST_F(TlsTest, RefusesAnotherName) {
  for (const char* name : {"hub.example", "127.0.0.2", "localhost.evil.example"}) {
    const Error error = failure(certificates(), certificates().ca_pem, name);
    EXPECT_EQ(error.code, Code::Denied) << name << error.to_string();
    EXPECT_NE(error.detail.find("mismatch"), std::string::npos) << error.detail;
  }
}

TEST_F(TlsTest, RefusesAnExpiredCertificate) {
  const auto expired =
      make_test_certificates({.valid_from_seconds = -7200, .valid_to_seconds = -3600});
  const Error error = failure(expired, expired.ca_pem, "localhost");
  EXPECT_EQ(error.code, Code::Denied);
  EXPECT_NE(error.detail.find("expired"), std::string::npos) << error.detail;
}

TEST_F(TlsTest, RefusesOldTls) {
  const Error error = failure(certificates(), certificates().ca_pem, "localhost", TLS1_1_VERSION);
  EXPECT_EQ(error.code, Code::Malformed) << error.to_string();
}

TEST_F(TlsTest, ReportsAPeerThatIsNoTlsServer) {
  // A listener that talks plain text at once.
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  std::thread server([&] {
    const Fd peer(::accept(listener.get(), nullptr, nullptr));
    EXPECT_TRUE(write_all(peer.get(), as_bytes("220 mail.example ESMTP\r\n")));
    std::array<char, 1024> buffer;
    while (::read(peer.get(), buffer.data(), buffer.size()) > 0) {
    }
  });
  run(ntohs(address.sin_port), certificates().ca_pem, "localhost", {});
  server.join();
  ASSERT_TRUE(closed_);
  EXPECT_EQ(closed_->code, Code::Malformed) << closed_->to_string();
}

TEST_F(TlsTest, RefusesUnusableCaFiles) {
  EXPECT_EQ(TlsClient::create("/nowhere/ca.pem").error().code, Code::NotFound);
  EXPECT_EQ(TlsClient::create(ca_file("")).error().code, Code::Invalid);
  EXPECT_EQ(TlsClient::create(ca_file("no certificate")).error().code, Code::Invalid);
  const std::string half = certificates().ca_pem.substr(0, certificates().ca_pem.size() / 2);
  EXPECT_EQ(TlsClient::create(ca_file(half)).error().code, Code::Invalid);
  EXPECT_EQ(TlsClient::create(ca_file(certificates().ca_pem + half)).error().code, Code::Invalid);
  EXPECT_TRUE(TlsClient::create(ca_file(certificates().ca_pem + certificates().certificate_pem)));
}

}  // namespace
}  // namespace os
