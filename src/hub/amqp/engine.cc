#include "hub/amqp/engine.h"

#include <proton/sasl.h>
#include <proton/sasl_plugin.h>

namespace hub::amqp {

namespace {

constexpr const char* kMechanisms = "PLAIN EXTERNAL ANONYMOUS";

Authenticator& authenticator_of(pn_transport_t* transport) {
  return *static_cast<Authenticator*>(pnx_sasl_get_context(transport));
}

std::string_view view_of(const pn_bytes_t& bytes) {
  return bytes.start == nullptr ? std::string_view() : std::string_view(bytes.start, bytes.size);
}

// RFC 4616: [authorization] NUL user NUL password.
bool judge_plain(Authenticator& authenticator, std::string_view response) {
  const std::size_t first = response.find('\0');
  if (first == std::string_view::npos) return false;
  const std::size_t second = response.find('\0', first + 1);
  if (second == std::string_view::npos) return false;
  return authenticator.plain(response.substr(first + 1, second - first - 1),
                             response.substr(second + 1));
}

bool judge(pn_transport_t* transport, std::string_view mechanism, std::string_view response) {
  Authenticator& authenticator = authenticator_of(transport);
  if (mechanism == "ANONYMOUS") return authenticator.anonymous();
  if (mechanism == "PLAIN") return judge_plain(authenticator, response);
  return mechanism == "EXTERNAL" && authenticator.external();
}

void process_init(pn_transport_t* transport, const char* mechanism, const pn_bytes_t* response) {
  const std::string_view offered = mechanism == nullptr ? "" : mechanism;
  if (judge(transport, offered, response == nullptr ? "" : view_of(*response))) {
    pnx_sasl_set_succeeded(transport, "", "");
  } else {
    pnx_sasl_set_failed(transport);
  }
  pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

// None of the mechanisms has a second step.
void process_response(pn_transport_t* transport, const pn_bytes_t* /*response*/) {
  pnx_sasl_set_failed(transport);
  pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

bool init_server(pn_transport_t* transport) {
  pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
  return true;
}

// What only clients and security layers need is never asked of a server without one.
const pnx_sasl_implementation kSasl = {
    [](pn_transport_t*) {},
    [](pn_transport_t*) { return kMechanisms; },
    init_server,
    [](pn_transport_t*) { return false; },
    [](pn_transport_t*) {},
    process_init,
    process_response,
    [](pn_transport_t*, const char*) { return false; },
    [](pn_transport_t*, const pn_bytes_t*) {},
    [](pn_transport_t*, const pn_bytes_t*) {},
    [](pn_transport_t*) { return false; },
    [](pn_transport_t*) -> ssize_t { return 0; },
    [](pn_transport_t*, pn_bytes_t, pn_bytes_t*) -> ssize_t { return 0; },
    [](pn_transport_t*, pn_bytes_t, pn_bytes_t*) -> ssize_t { return 0; },
};

}  // namespace

Engine::Engine(Authenticator& authenticator, const EngineLimits& limits)
    : collector_(pn_collector()), connection_(pn_connection()), transport_(pn_transport()) {
  pn_transport_t* transport = transport_.get();
  pn_transport_set_server(transport);
  pn_sasl_t* sasl = pn_sasl(transport);
  pnx_sasl_set_implementation(transport, &kSasl, &authenticator);
  // TLS is around it, which proton does not see.
  pn_sasl_set_allow_insecure_mechs(sasl, true);
  pn_sasl_allowed_mechs(sasl, kMechanisms);
  pn_transport_require_auth(transport, false);
  pn_transport_set_max_frame(transport, limits.max_frame_bytes);
  pn_transport_set_channel_max(transport, static_cast<std::uint16_t>(limits.max_sessions - 1));
  pn_transport_set_idle_timeout(transport, static_cast<pn_millis_t>(limits.idle_timeout.count()));
  pn_connection_collect(connection_.get(), collector_.get());
  pn_transport_bind(transport, connection_.get());
}

Engine::~Engine() {
  pn_transport_unbind(transport_.get());
  pn_collector_release(collector_.get());
}

std::span<std::uint8_t> Engine::room() {
  const ssize_t capacity = pn_transport_capacity(transport_.get());
  dropped_ = capacity <= 0;
  if (dropped_) return nowhere_;
  // Proton's own buffer of characters; both are byte-sized and may alias.
  return {reinterpret_cast<std::uint8_t*>(pn_transport_tail(transport_.get())),
          static_cast<std::size_t>(capacity)};
}

void Engine::filled(std::size_t count) {
  if (!dropped_) pn_transport_process(transport_.get(), count);
}

pn_event_t* Engine::next_event() {
  return pn_collector_next(collector_.get());
}

void Engine::output(base::ByteVec& out) {
  pn_transport_t* transport = transport_.get();
  for (;;) {
    const ssize_t pending = pn_transport_pending(transport);
    if (pending <= 0) return;
    const char* head = pn_transport_head(transport);
    const base::ByteView bytes = base::as_bytes({head, static_cast<std::size_t>(pending)});
    out.insert(out.end(), bytes.begin(), bytes.end());
    pn_transport_pop(transport, static_cast<std::size_t>(pending));
  }
}

void Engine::tick(base::MonoTime now) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  // Zero would mean that no time is known.
  pn_transport_tick(transport_.get(), milliseconds + 1);
}

void Engine::finish() {
  pn_transport_close_tail(transport_.get());
}

}  // namespace hub::amqp
