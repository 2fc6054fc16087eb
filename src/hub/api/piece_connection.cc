// Answers whose end is not known when they begin: made piece by piece on a worker, sent in chunks.
#include <sstream>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "hub/api/connection.h"

namespace hub::api {

namespace asio = boost::asio;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// How soon a reader at the end sees what is new: several messages are one chunk then.
constexpr std::chrono::milliseconds kLookAgain{100};

std::string chunk_of(std::string_view text) {
  return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

}  // namespace

// The piece is made while the one before is with the client, never more than one ahead of it: a
// slow reader costs a piece of memory.
Connection::Awaitable<void> Connection::send_pieces(const Request& request,
                                                    const Response& response) {
  shared_.services.counters.streams.add();
  bool open = co_await send_text(chunked_head(request, response));
  struct Making {
    std::shared_ptr<Pieces> pieces;
    base::Result<Piece> made;
  };
  auto making = std::make_shared<Making>();
  making->pieces = response.pieces;
  const std::function<void()> job = [making] { making->made = making->pieces->next(); };
  auto heartbeat = base::mono_now() + shared_.services.options.heartbeat;
  while (open && !stopping_) {
    const bool asked = co_await on_worker(job);
    if (asked && !making->made) {
      LOG_ERROR("api.stream").field("error", making->made.error().to_string());
      break;
    }
    const bool more = asked && making->made->more;
    const bool last = asked && making->made->last;
    if (asked && !making->made->text.empty()) {
      open = co_await send_text(chunk_of(making->made->text));
    }
    if (last) {
      // Only a complete answer ends so.
      co_await send_text("0\r\n\r\n");
      break;
    }
    if (open && base::mono_now() >= heartbeat) {
      heartbeat = base::mono_now() + shared_.services.options.heartbeat;
      // An empty line is no line to those who read JSON, and tells whether somebody does.
      open = co_await still_allowed(request);
      if (open) open = co_await send_text(chunk_of("\n"));
    }
    if (more || !open) continue;
    wake_.expires_after(kLookAgain);
    idle_ = true;
    co_await wake_.async_wait(kAwait);
    idle_ = false;
  }
}

}  // namespace hub::api
