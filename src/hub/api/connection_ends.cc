// How a connection takes the content of a request, and how it ends: both in the face of clients
// that send more than they should.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

#include "base/time.h"
#include "hub/api/connection.h"

namespace hub::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// The whole content must come within this time.
constexpr std::chrono::seconds kContentTime{30};
// Contents up to this size need no room: max_connections bounds what they take together.
constexpr std::size_t kSmallContent = 16 * 1024;
// How long the peer may be silent before its connection is closed without its consent, and how long
// it may go on sending to one that is over.
constexpr std::chrono::seconds kGoodbye{2};
constexpr std::chrono::seconds kLinger{10};
constexpr std::size_t kPiece = 16 * 1024;

}  // namespace

bool BodyRoom::hold(std::size_t bytes) {
  if (bytes <= kSmallContent || bytes <= held_) return true;
  const std::size_t more = bytes - held_;
  if (shared_.held_bodies.fetch_add(more) + more > shared_.services.options.max_held_body_bytes) {
    shared_.held_bodies.fetch_sub(more);
    return false;
  }
  held_ = bytes;
  return true;
}

// Errors: no_buffer_space where the contents of all requests together are too large.
Connection::Awaitable<beast::error_code> Connection::read_body(Parser& parser, BodyRoom& room) {
  beast::get_lowest_layer(stream_).expires_after(kContentTime);
  parser.eager(true);
  while (!parser.is_done()) {
    const auto [failed, count] = co_await http::async_read_some(stream_, buffer_, parser, kAwait);
    if (failed) co_return failed;
    if (!room.hold(parser.get().body().size())) co_return asio::error::no_buffer_space;
  }
  co_return beast::error_code{};
}

// Says that nothing more comes, and waits for the peer to say the same. Who is still sending, since
// its request was refused before all of it was read, is heard out: what arrives at a closed socket
// resets the connection, and then the peer would lose the answer that it has not read yet.
Connection::Awaitable<void> Connection::say_goodbye() {
  auto& tcp = beast::get_lowest_layer(stream_);
  tcp.expires_after(kGoodbye);
  // Ends with an error as soon as the peer sends anything but its own goodbye.
  co_await stream_.async_shutdown(kAwait);
  beast::error_code ignored;
  tcp.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const auto end = base::mono_now() + kLinger;
  buffer_.clear();
  idle_ = true;
  while (!stopping_ && base::mono_now() < end) {
    tcp.expires_after(kGoodbye);
    // Below TLS: nobody wants to know what it is.
    const auto [failed, count] = co_await tcp.async_read_some(buffer_.prepare(kPiece), kAwait);
    if (failed) break;
  }
  idle_ = false;
}

}  // namespace hub::api
