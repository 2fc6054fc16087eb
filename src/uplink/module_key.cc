#include "uplink/module_key.h"

#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "os/connect.h"
#include "wire/http_answer.h"
#include "wire/sas.h"

namespace uplink {

using base::ByteView;
using base::Code;
using base::Error;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kApiVersion = "2021-04-12";
constexpr std::chrono::minutes kTokenLife{10};

Result<std::string> make_request(const Identity& identity, base::WallTime now) {
  const std::string device = base::percent_encode(identity.device_id);
  std::string text = "GET /devices/" + device + "/modules/" +
                     base::percent_encode(identity.module_id) + "?api-version=";
  text.append(kApiVersion).append(" HTTP/1.1\r\nHost: ").append(identity.host_name);
  if (identity.https_port != 443) text += ":" + std::to_string(identity.https_port);
  text += "\r\nAccept: application/json\r\nUser-Agent: vedette-agent\r\nConnection: close\r\n";
  if (!identity.has_certificate()) {
    const std::string token =
        TRY(wire::make_sas(identity.host_name + "/devices/" + identity.device_id,
                           identity.key_base64, now + kTokenLife));
    text += "Authorization: " + token + "\r\n";
  }
  return text + "\r\n";
}

Result<std::string> judge(const wire::HttpAnswer& answer, const Identity& identity) {
  switch (answer.status) {
    case 200:
      return read_module_key(answer.body);
    case 401:
    case 403:
      return fail(Code::Denied, "module key", -1, "the hub refused the device's credentials");
    case 404:
      return fail(Code::NotFound, "module key", -1,
                  "the hub knows no module " + identity.module_id + " of device " +
                      identity.device_id + "; create it there");
    default:
      return fail(Code::Unavailable, "module key", -1,
                  "the hub answered " + std::to_string(answer.status));
  }
}

}  // namespace

Result<std::string> read_module_key(std::string_view json) {
  const auto module = base::json::parse(json);
  if (!module) return fail(Code::Malformed, "module key", -1, "the hub's answer is no JSON");
  const auto* authentication = module->find("authentication");
  if (authentication == nullptr)
    return fail(Code::Malformed, "module key", -1, "no authentication");
  const std::string_view type = authentication->text_or("type", "sas");
  if (!base::equal_ignore_case(type, "sas")) {
    return fail(Code::Unsupported, "module key", -1,
                "the module proves itself by a certificate; give the agent that one");
  }
  const auto* keys = authentication->find("symmetricKey");
  const std::string_view key = keys == nullptr ? "" : keys->text_or("primaryKey", "");
  const auto bytes = base::base64_decode(key);
  if (!bytes || bytes->empty()) return fail(Code::Malformed, "module key", -1, "no key");
  return std::string(key);
}

struct ModuleKeyRequest::State {
  os::Loop& loop;
  const os::TlsClient& tls;
  Identity identity;  // without secrets
  Done done;
  std::string request;  // holds a token
  std::string answer;   // holds a key
  std::unique_ptr<os::Connect> connect;
  std::unique_ptr<os::TlsStream> stream;
  os::TimerId timer = 0;

  State(os::Loop& the_loop, const os::TlsClient& the_tls, const Identity& who, Done when_done)
      : loop(the_loop), tls(the_tls), done(std::move(when_done)) {
    identity.host_name = who.host_name;
    identity.https_port = who.https_port;
    identity.device_id = who.device_id;
    identity.module_id = who.module_id;
  }
  ~State() {
    loop.cancel(timer);
    for (std::string* secret : {&request, &answer})
      base::wipe({reinterpret_cast<std::uint8_t*>(secret->data()), secret->size()});
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void connected(Result<os::Fd> socket) {
    connect.reset();
    if (!socket) return finish(std::unexpected(std::move(socket).error()));
    stream = std::make_unique<os::TlsStream>(
        loop, tls, std::move(*socket), identity.host_name,
        os::TlsStream::Callbacks{.on_open = nullptr,
                                 .on_data = [this](ByteView bytes) { received(bytes); },
                                 .on_drained = nullptr,
                                 .on_closed = [this](Error error) { closed(std::move(error)); }});
    stream->write(base::as_bytes(request));  // goes out when the peer has proved who it is
  }

  void received(ByteView bytes) {
    answer.append(base::as_text(bytes));
    auto read = wire::read_http_answer(answer, wire::HttpEnd::MoreMayCome);
    if (!read) return finish(std::unexpected(std::move(read).error()));
    if (*read) finish(judge(**read, identity));
  }

  void closed(Error error) {
    if (error.code != Code::Closed || answer.empty())
      return finish(std::unexpected(std::move(error)));
    auto read = wire::read_http_answer(answer, wire::HttpEnd::Closed);
    if (!read) return finish(std::unexpected(std::move(read).error()));
    finish(judge(**read, identity));
  }

  void finish(Result<std::string> result) {
    loop.cancel(std::exchange(timer, 0));
    // May destroy us.
    const Done then = std::exchange(done, nullptr);
    if (then) then(std::move(result));
  }
};

ModuleKeyRequest::ModuleKeyRequest(os::Loop& loop, const os::TlsClient& tls,
                                   const Identity& identity, std::chrono::nanoseconds timeout,
                                   base::WallTime now, Done done)
    : state_(std::make_unique<State>(loop, tls, identity, std::move(done))) {
  State* const raw = state_.get();
  auto request = make_request(identity, now);
  if (!request) {
    raw->timer = loop.after(std::chrono::nanoseconds(0), [raw, error = request.error()] {
      raw->finish(std::unexpected(error));
    });
    return;
  }
  raw->request = std::move(*request);
  raw->timer = loop.after(timeout, [raw] {
    raw->finish(fail(Code::Unavailable, "module key", -1, "no answer in time"));
  });
  raw->connect = std::make_unique<os::Connect>(
      loop, identity.host_name, identity.https_port, timeout,
      [raw](Result<os::Fd> socket) { raw->connected(std::move(socket)); });
}

ModuleKeyRequest::~ModuleKeyRequest() = default;

}  // namespace uplink
