#include "hub/amqp/session.h"

#include <algorithm>
#include <utility>

#include <proton/condition.h>
#include <proton/session.h>

#include "base/log.h"
#include "base/text.h"
#include "hub/amqp/device_channels.h"

namespace hub::amqp {

using identity::Name;
using operations::Reason;
using Next = link::Session::Next;

namespace {

constexpr std::size_t kKibibyte = 1024;
// What a session may have in its buffers: a message in the making and some more.
constexpr std::size_t kSessionBytes = 1U << 20U;
constexpr std::size_t kMaxShown = 128;
constexpr std::string_view kClientVersion = "com.microsoft:client-version";

std::string shown(std::string_view text) {
  return base::to_utf8(text.substr(0, kMaxShown));
}

std::string_view text_of(const char* text) {
  return text == nullptr ? std::string_view() : text;
}

// A text in a map of the attach frame; empty when there is none.
std::string find_text(pn_data_t* data, std::string_view name) {
  std::string found;
  if (data == nullptr) return found;  // there is no map
  pn_data_rewind(data);
  if (!pn_data_next(data) || pn_data_type(data) != PN_MAP) return found;
  const std::size_t items = pn_data_get_map(data);
  pn_data_enter(data);
  const auto text = [&]() -> std::string_view {
    const pn_type_t type = pn_data_type(data);
    if (type != PN_STRING && type != PN_SYMBOL) return {};
    const pn_bytes_t bytes = pn_data_get_bytes(data);
    return {bytes.start, bytes.size};
  };
  for (std::size_t item = 0; item + 1 < items; item += 2) {
    if (!pn_data_next(data)) break;
    const bool wanted = text() == name;
    if (!pn_data_next(data)) break;
    if (wanted) found = text();
  }
  pn_data_exit(data);
  return found;
}

}  // namespace

Session::Session(link::Service& service, link::Host& host, std::uint32_t connection,
                 link::Transport transport, std::shared_ptr<Shared> shared)
    : service_(service),
      host_(host),
      connection_(connection),
      transport_(std::move(transport)),
      shared_(std::move(shared)),
      opened_(service.options.mono_now()),
      slots_(1),
      engine_(*this, shared_->options.engine) {
  counters().connections.add();
  // From here on it counts how long nothing comes.
  engine_.tick(opened_);
}

Session::~Session() {
  counters().ended.add();
}

std::span<std::uint8_t> Session::room() {
  return engine_.room();
}

void Session::filled(std::size_t count) {
  heard_ = true;
  engine_.filled(count);
}

base::ByteVec& Session::out() {
  engine_.output(out_);
  return out_;
}

Next Session::next() const {
  if (closed_) return Next::Close;
  return held_ != nullptr ? Next::Hold : Next::Starved;
}

Next Session::take() {
  if (closed_) return Next::Close;
  if (held_ != nullptr) drain(*std::exchange(held_, nullptr));
  process();
  return next();
}

void Session::process() {
  while (pn_event_t* event = engine_.next_event())
    handle(event);
  finished_.clear();
}

void Session::handle(pn_event_t* event) {
  switch (pn_event_type(event)) {
    case PN_CONNECTION_REMOTE_OPEN:
      return handle_connection_open();
    case PN_CONNECTION_REMOTE_CLOSE:
      pn_connection_close(engine_.connection());
      closed_ = true;
      return;
    case PN_SESSION_REMOTE_OPEN:
      return handle_session_open(pn_event_session(event));
    case PN_SESSION_REMOTE_CLOSE:
      return handle_session_close(pn_event_session(event));
    case PN_LINK_REMOTE_OPEN:
      return attach(pn_event_link(event));
    case PN_LINK_REMOTE_DETACH:
      pn_link_detach(pn_event_link(event));
      return forget(pn_event_link(event));
    case PN_LINK_REMOTE_CLOSE:
      pn_link_close(pn_event_link(event));
      return forget(pn_event_link(event));
    case PN_LINK_FLOW:
      if (Channel* channel = channel_of(pn_event_link(event))) channel->pump();
      return;
    case PN_DELIVERY:
      return handle_delivery(pn_event_delivery(event));
    case PN_TRANSPORT_ERROR:
      return handle_transport_error();
    case PN_TRANSPORT_TAIL_CLOSED:
      return handle_end_of_input();
    default:
      return;
  }
}

void Session::handle_connection_open() {
  pn_connection_t* connection = engine_.connection();
  pn_connection_set_container(connection, service_.registry.host_name().c_str());
  pn_connection_open(connection);
}

void Session::handle_session_open(pn_session_t* session) {
  if ((pn_connection_state(engine_.connection()) & PN_REMOTE_UNINIT) != 0)
    return violated("begin before open");
  pn_session_set_incoming_capacity(session, kSessionBytes);
  pn_session_open(session);
}

void Session::handle_session_close(pn_session_t* session) {
  std::vector<pn_link_t*> links;
  for (const auto& [link, channel] : channels_) {
    if (pn_link_session(link) == session) links.push_back(link);
  }
  for (pn_link_t* link : links)
    forget(link);
  pn_session_close(session);
  pn_session_free(session);
}

void Session::handle_transport_error() {
  const bool known = closed_;
  closed_ = true;
  if (known || reason_ != Reason::None) return;
  pn_condition_t* fault = pn_transport_condition(engine_.transport());
  detail_ = shown(text_of(pn_condition_get_description(fault)));
  if (text_of(pn_condition_get_name(fault)) == condition::kResourceLimit) {
    reason_ = Reason::KeepAlive;
    service_.counters.keep_alive_expired.add();
    return;
  }
  reason_ = Reason::Protocol;
  service_.counters.malformed.add();
}

// The engine reads no more. Of what it cannot decode it says nothing but that.
void Session::handle_end_of_input() {
  if (pn_condition_is_set(pn_transport_condition(engine_.transport())))
    return handle_transport_error();
  violated("a frame that cannot be decoded");
}

void Session::violated(const char* how) {
  if (closed_) return;
  service_.counters.malformed.add();
  close(Reason::Protocol, {condition::kMalformed, how});
}

Channel* Session::channel_of(pn_link_t* link) {
  const auto found = channels_.find(link);
  return found == channels_.end() ? nullptr : found->second.get();
}

void Session::handle_delivery(pn_delivery_t* delivery) {
  pn_link_t* link = pn_delivery_link(delivery);
  Channel* channel = channel_of(link);
  if (channel == nullptr) {
    if (pn_link_is_receiver(link)) discard(link);
  } else if (pn_link_is_receiver(link)) {
    drain(*channel);
  } else if (pn_delivery_updated(delivery)) {
    channel->disposed(delivery);
  }
}

void Session::drain(Channel& channel) {
  // In the order in which they came: what is held goes first.
  if (held_ != nullptr || closed_) return;
  if (!channel.drain()) held_ = &channel;
}

// Of a link that was closed: what the client sent before it knew.
void Session::discard(pn_link_t* link) {
  char nowhere[kKibibyte];
  while (pn_delivery_t* delivery = pn_link_current(link)) {
    while (pn_link_recv(link, nowhere, sizeof nowhere) > 0) {
    }
    if (pn_delivery_partial(delivery) && !pn_delivery_aborted(delivery)) return;
    pn_delivery_settle(delivery);
  }
}

void Session::learn_client(pn_link_t* link) {
  if (client_.empty()) client_ = shown(find_text(pn_link_remote_properties(link), kClientVersion));
}

void Session::attach(pn_link_t* link) {
  if (closed_) return;
  learn_client(link);
  channels_.try_emplace(link);
  if (channels_.size() > shared_->options.max_links) {
    return close(Reason::Limit, {condition::kResourceLimit, "too many links"});
  }
  // The hub's end of it is where the client's source or target is.
  pn_terminus_t* end =
      pn_link_is_receiver(link) ? pn_link_remote_target(link) : pn_link_remote_source(link);
  const std::string_view text = text_of(pn_terminus_get_address(end));
  const auto address = parse_address(text);
  if (!address) {
    return refuse_link(link, {condition::kNotFound, "there is no '" + shown(text) + "'"});
  }
  Fault fault{condition::kInternal, {}};
  auto channel = make_channel(link, *address, fault);
  if (channel == nullptr) return refuse_link(link, fault);
  pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
  pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
  pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
  pn_link_set_rcv_settle_mode(link, PN_RCV_FIRST);
  pn_link_open(link);
  Channel& opened = *channel;
  counters().links.add();
  channels_[link] = std::move(channel);
  opened.opened();
}

// The way of the protocol: opened without an end, then closed.
void Session::refuse_link(pn_link_t* link, const Fault& fault) {
  counters().links_refused.add();
  pn_link_open(link);
  pn_condition_t* said = pn_link_condition(link);
  pn_condition_set_name(said, fault.condition);
  pn_condition_set_description(said, fault.description.c_str());
  pn_link_close(link);
}

std::unique_ptr<Channel> Session::make_channel(pn_link_t* link, const Address& address,
                                               Fault& fault) {
  const bool from_client = pn_link_is_receiver(link);
  if (address.node == Node::Cbs) {
    if (from_client) return std::make_unique<TokenReceiver>(*this, link, address);
    return std::make_unique<Outbox>(*this, link, address);
  }
  if (address.name.device_id.empty()) return make_service_channel(link, address, fault);
  const link::Member* owner = identify(address.name, fault);
  if (owner == nullptr) return nullptr;
  fault = {condition::kNotAllowed, "not in this direction"};
  switch (address.node) {
    case Node::Twin:
      if (from_client) return std::make_unique<TwinReceiver>(*this, link, address);
      return std::make_unique<Outbox>(*this, link, address);
    case Node::Methods:
      if (from_client) return std::make_unique<MethodReceiver>(*this, link, address);
      return std::make_unique<MethodSender>(*this, link, address);
    case Node::Events:
      if (from_client) return std::make_unique<EventReceiver>(*this, link, address);
      // Where modules wait for their inputs.
      if (!address.name.is_module()) return nullptr;
      break;
    default:
      if (from_client) return nullptr;
  }
  return std::make_unique<CloudSender>(
      *this, link, address,
      commands::Client{address.name, owner->peer().generation_id, owner->new_record("")});
}

bool Session::may_serve(Fault& fault) const {
  if (policy_ && (policy_->rights & identity::kServiceConnect) != 0) return true;
  fault = {condition::kUnauthorized,
           policy_ ? "the policy '" + policy_->name + "' does not let services connect"
                   : "no token of a policy"};
  return false;
}

std::unique_ptr<Channel> Session::make_service_channel(pn_link_t* link, const Address& address,
                                                       Fault& fault) {
  if (!may_serve(fault)) return nullptr;
  const bool from_client = pn_link_is_receiver(link);
  fault = {condition::kNotAllowed, "not in this direction"};
  if (address.node == Node::ServiceSend && from_client)
    return std::make_unique<CloudReceiver>(*this, link, address);
  if (address.node == Node::Feedback && !from_client)
    return std::make_unique<FeedbackSender>(*this, link, address, shared_->feedback);
  if (address.node == Node::FileNotifications && !from_client && shared_->files != nullptr)
    return std::make_unique<FileSender>(*this, link, address, shared_->files);
  return nullptr;
}

// Ends what hangs on a link that is closed, and frees it.
void Session::forget(pn_link_t* link) {
  const auto found = channels_.find(link);
  if (found != channels_.end()) {
    if (held_ == found->second.get()) held_ = nullptr;
    finished_.push_back(std::move(found->second));
    channels_.erase(found);
  }
  for (Slot& slot : slots_) {
    if (slot.link == link) slot.delivery = nullptr;
  }
  pn_link_free(link);
}

void Session::fail_link(Channel& channel, const Fault& fault, Reason reason) {
  pn_link_t* link = channel.link();
  counters().links_failed.add();
  if (reason == Reason::Oversize) service_.counters.oversize.add();
  if (link::Member* owner = member(channel.address().name)) {
    operations::Record record = owner->new_record("linkDetach");
    record.status_code = reason == Reason::Oversize ? 413 : 400;
    record.level = operations::Level::Error;
    record.reason = reason;
    record.detail = fault.description;
    service_.operations.record(std::move(record));
  }
  pn_condition_t* said = pn_link_condition(link);
  pn_condition_set_name(said, fault.condition);
  pn_condition_set_description(said, fault.description.c_str());
  pn_link_close(link);
  const auto found = channels_.find(link);
  if (found == channels_.end()) return;
  if (held_ == found->second.get()) held_ = nullptr;
  finished_.push_back(std::move(found->second));
}

void Session::close(Reason reason, const Fault& fault) {
  if (closed_) return;
  closed_ = true;
  reason_ = reason;
  detail_ = fault.description;
  pn_connection_t* connection = engine_.connection();
  if ((pn_connection_state(connection) & PN_LOCAL_UNINIT) != 0) handle_connection_open();
  pn_condition_t* said = pn_connection_condition(connection);
  pn_condition_set_name(said, fault.condition);
  pn_condition_set_description(said, fault.description.c_str());
  pn_connection_close(connection);
}

Outbox* Session::outbox_of(Node node, const Name& name) {
  for (const auto& [link, channel] : channels_) {
    if (channel == nullptr || pn_link_is_receiver(link)) continue;
    if (channel->address().node != node || channel->address().name != name) continue;
    return dynamic_cast<Outbox*>(channel.get());
  }
  return nullptr;
}

std::uint16_t Session::hold_delivery(pn_delivery_t* delivery) {
  std::uint16_t number = 0;
  if (free_slots_.empty()) {
    ASSERT(slots_.size() <= UINT16_MAX);
    number = static_cast<std::uint16_t>(slots_.size());
    slots_.emplace_back();
  } else {
    number = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[number] = {delivery, pn_delivery_link(delivery), 0, false, true, std::nullopt};
  return number;
}

void Session::offered(std::uint16_t slot, std::size_t kibibytes) {
  ++slots_[slot].parts;
  ++offered_;
  kibibytes_on_way_ += kibibytes;
}

void Session::spoil(std::uint16_t slot, Fault fault) {
  if (!slots_[slot].fault) slots_[slot].fault = std::move(fault);
}

void Session::await(std::uint16_t slot) {
  slots_[slot].complete = true;
  if (slots_[slot].parts == 0) finish_slot(slot);
}

void Session::finish_slot(std::uint16_t number) {
  Slot slot = std::exchange(slots_[number], Slot());
  free_slots_.push_back(number);
  if (slot.delivery == nullptr) return;
  if (slot.fault) {
    counters().rejected.add();
    return reject(slot.delivery, *slot.fault);
  }
  accept(slot.delivery);
}

void Session::expect(std::uint16_t slot) {
  slots_[slot].parts = 1;
  slots_[slot].complete = true;
}

void Session::resolved(std::uint16_t slot, const std::optional<Fault>& fault) {
  if (fault) spoil(slot, *fault);
  if (--slots_[slot].parts == 0) finish_slot(slot);
}

Channel* Session::find_channel(std::uint64_t id) {
  for (const auto& [link, channel] : channels_) {
    if (channel != nullptr && channel->id() == id) return channel.get();
  }
  return nullptr;
}

Next Session::settled(const link::Outcome& outcome) {
  --offered_;
  kibibytes_on_way_ -= outcome.kibibytes;
  Slot& slot = slots_[outcome.packet_id];
  if (outcome.durable) {
    service_.counters.pubacks.add();
  } else {
    service_.counters.not_durable.add();
    spoil(outcome.packet_id, {condition::kBusy, "the message could not be stored; try again"});
  }
  if (--slot.parts == 0 && slot.complete) finish_slot(outcome.packet_id);
  return closed_ ? Next::Close : Next::Continue;
}

bool Session::wants_more() const {
  return offered_ < service_.options.max_unacknowledged &&
         kibibytes_on_way_ * kKibibyte < service_.options.max_unacknowledged_bytes &&
         !(held_until_ && service_.options.mono_now() < *held_until_) &&
         std::ranges::none_of(members_, [](const auto& entry) { return entry.second.held_back(); });
}

void Session::deliver(const link::Delivery& delivery) {
  if (closed_) return;
  if (const auto* answer = std::get_if<link::TwinAnswer>(&delivery)) {
    answer_twin(*answer);
  } else if (const auto* desired = std::get_if<link::TwinDesired>(&delivery)) {
    tell_twin(*desired);
  } else if (const auto* task = std::get_if<link::Task>(&delivery)) {
    task->run();
  } else if (std::holds_alternative<link::CommandsWaiting>(delivery)) {
    for (const auto& [link, channel] : channels_) {
      if (channel != nullptr) channel->pump();
    }
  }
}

void Session::refuses_to_take() {
  close(Reason::Limit, {condition::kResourceLimit, "does not take what is sent to it"});
}

Next Session::tick() {
  engine_.tick(service_.options.mono_now());
  process();
  if (closed_) return Next::Close;
  if (std::exchange(heard_, false)) {
    for (auto& [name, member] : members_)
      member.tell_activity();
  }
  for (auto& [name, member] : members_)
    member.tick();
  look_at_expiry();
  return closed_ ? Next::Close : Next::Continue;
}

void Session::end(Reason reason) {
  if (!closed_) reason_ = reason;
  closed_ = true;
  if (reason_ == Reason::Protocol || reason_ == Reason::Oversize) {
    LOG_INFO("amqp.violation").field("ip", transport_.ip).field("detail", detail_);
    if (!logged_in()) {
      operations::Record record = new_record("deviceConnect");
      record.status_code = reason_ == Reason::Oversize ? 413 : 400;
      record.level = operations::Level::Error;
      record.reason = reason_;
      record.detail = detail_;
      service_.operations.record(std::move(record));
    }
  }
  held_ = nullptr;
  channels_.clear();
  finished_.clear();
  for (auto& [name, member] : members_) {
    member.leave();
    member.record_end(reason_, detail_);
  }
  members_.clear();
  if (policy_) record_policy("serviceDisconnect", reason_, detail_);
  policy_.reset();
}

link::SessionFactory session_factory(std::shared_ptr<Shared> shared) {
  return [shared = std::move(shared)](link::Service& service, link::Host& host,
                                      std::uint32_t connection,
                                      link::Transport transport) -> std::unique_ptr<link::Session> {
    return std::make_unique<Session>(service, host, connection, std::move(transport), shared);
  };
}

}  // namespace hub::amqp
