// Contents on their way to the disk and back: in pieces, as they may be larger than memory.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

#include "base/text.h"
#include "hub/api/connection.h"
#include "hub/identity/ip_filter.h"
#include "hub/jobs/containers.h"
#include "hub/operations/operations.h"
#include "hub/uploads/uploads.h"
#include "os/file.h"

// GCC 12 takes the allocator of Asio's coroutines for a mismatch (GCC bug 109224).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace hub::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using base::Code;
using base::Result;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPiece = 64 * 1024;
// A client must bring or take a piece within this time.
constexpr std::chrono::seconds kProgress{30};

Response blob_taken(const Request& request) {
  Response response;
  response.status = 201;
  response.headers.push_back({"ETag", "\"" + request.id + "\""});
  response.headers.push_back({"x-ms-request-server-encrypted", "false"});
  add_storage_headers(request, response);
  return response;
}

}  // namespace

// False: too busy.
Connection::Awaitable<bool> Connection::on_worker(std::function<void()> job) {
  const auto initiate = [this, job = std::move(job)](auto handler) {
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    const auto finish = [executor = stream_.get_executor(), waiting](bool done) {
      asio::post(executor, [waiting, done] { std::move (*waiting)(done); });
    };
    const bool taken = shared_.request_workers->submit([job, finish](Accounts&) {
      job();
      finish(true);
    });
    if (!taken) finish(false);
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(bool)>(
      initiate, asio::use_awaitable);
}

Connection::Awaitable<Connection::Next> Connection::take_blob(BlobParser& parser) {
  Request request;
  request.method = Method::Put;
  request.remote = remote_;
  request.id = new_request_id();
  const auto target = parser.get().target();
  auto type = parser.get()["x-ms-blob-content-type"];
  if (type.empty()) type = parser.get()[http::field::content_type];
  auto blob = std::make_shared<Blob>();
  blob->target = std::string(target.data(), target.size());
  blob->content_type = std::string(type.data(), type.size());
  blob->put = parser.get().method() == http::verb::put;
  blob->record.ip = remote_;
  blob->record.protocol = operations::Protocol::Https;
  blob->record.tls_version = SSL_get_version(stream_.native_handle());
  blob->record.tls_cipher = SSL_get_cipher_name(stream_.native_handle());
  blob->request_id = request.id;
  blob->dependencies = &shared_.services.dependencies;

  const std::function<void()> begin = [blob] { blob->begin(); };
  if (!co_await on_worker(begin)) blob->failed = busy();
  if (!blob->failed && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    const bool sent = co_await send_text("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return Next::Close;
  }
  blob->piece.resize(kPiece);
  const std::function<void()> write = [blob] { blob->write(); };
  while (!blob->failed && !parser.is_done()) {
    parser.get().body().data = blob->piece.data();
    parser.get().body().size = blob->piece.size();
    beast::get_lowest_layer(stream_).expires_after(kProgress);
    const auto [failed, count] = co_await http::async_read(stream_, buffer_, parser, kAwait);
    if (failed && failed != http::error::need_buffer) co_return Next::Close;
    blob->filled = blob->piece.size() - parser.get().body().size;
    if (blob->filled == 0) continue;
    const bool asked = co_await on_worker(write);
    if (!asked) blob->failed = busy();
  }
  if (!blob->failed) {
    const std::function<void()> commit = [blob] { blob->commit(); };
    const bool asked = co_await on_worker(commit);
    if (!asked) blob->failed = busy();
  }
  blob->finish();
  const Next next =
      !blob->failed && parser.get().keep_alive() && !stopping_ ? Next::Continue : Next::Close;
  const Response response =
      blob->failed ? storage_refused(request, *blob->failed) : blob_taken(request);
  co_return co_await respond(request, response, next);
}

base::Error Connection::busy() {
  shared_.services.counters.overloaded.add();
  return {Code::Unavailable, "workers", -1, "ServerBusy"};
}

// The rest of an answer whose header is sent already. False: the client did not take it.
Connection::Awaitable<bool> Connection::send_file(const Response& response) {
  struct Reading {
    std::shared_ptr<os::Fd> file;
    base::ByteVec piece;
    std::uint64_t at = 0;
    std::uint64_t end = 0;
    std::size_t count = 0;
  };
  auto reading = std::make_shared<Reading>();
  reading->file = response.file;
  reading->piece.resize(kPiece);
  reading->at = response.file_from;
  reading->end = response.file_from + response.file_bytes;
  const std::function<void()> read = [reading] {
    const auto count = os::read_at(reading->file->get(), reading->piece, reading->at);
    reading->count = count ? *count : 0;
  };
  while (reading->at < reading->end) {
    const bool asked = co_await on_worker(read);
    if (!asked || reading->count == 0) co_return false;
    const std::size_t count = static_cast<std::size_t>(
        std::min<std::uint64_t>(reading->count, reading->end - reading->at));
    beast::get_lowest_layer(stream_).expires_after(kProgress);
    const auto [failed, sent] =
        co_await asio::async_write(stream_, asio::buffer(reading->piece.data(), count), kAwait);
    if (failed) co_return false;
    reading->at += count;
  }
  co_return true;
}

base::Result<void> Connection::Blob::open() {
  if (dependencies->registry->ip_filter().decide(record.ip).access != identity::Access::Allow)
    return base::fail(Code::Denied, "blob", -1, "AuthorizationFailure");
  if (!put) return base::fail(Code::Invalid, "blob request", -1, "UnsupportedHttpVerb");
  if (uploads::is_blob_target(target)) {
    incoming = TRY(dependencies->uploads->receive(TRY(uploads::read_blob_request(target)), record));
    return {};
  }
  const auto place = TRY(jobs::read_container_target(target));
  TRY(dependencies->containers->check(place));
  arriving = TRY(dependencies->containers->receive(place));
  return {};
}

void Connection::Blob::begin() {
  if (auto opened = open(); !opened) failed = std::move(opened).error();
}

void Connection::Blob::write() {
  const auto bytes = base::ByteView(piece).first(filled);
  count += filled;
  auto written = incoming ? incoming->write(bytes) : arriving->write(bytes);
  if (!written) failed = std::move(written).error();
}

void Connection::Blob::commit() {
  auto committed = incoming ? incoming->commit(content_type) : arriving->commit();
  if (!committed) failed = std::move(committed).error();
  incoming.reset();
  arriving.reset();
}

// Uploads record what is theirs.
void Connection::Blob::finish() {
  if (uploads::is_blob_target(target)) return;
  record.time = base::wall_now();
  record.category = operations::Category::JobsOperations;
  record.operation = "putBlob";
  record.status_code = failed ? static_cast<int>(storage_status(failed->code)) : 201;
  record.level = failed ? operations::Level::Error : operations::Level::Information;
  record.request_id = request_id;
  record.bytes = count;
  if (failed) {
    record.detail = failed->to_string();
    if (failed->code == Code::Denied) record.reason = operations::Reason::SasSignature;
    if (failed->code == Code::Expired) record.reason = operations::Reason::SasExpired;
  }
  dependencies->operations->record(std::move(record));
}

}  // namespace hub::api
