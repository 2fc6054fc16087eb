#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/id.h"
#include "hub/amqp/channel.h"
#include "hub/amqp/engine.h"
#include "hub/amqp/file_courier.h"
#include "hub/amqp/message_channels.h"
#include "hub/identity/registry.h"
#include "hub/link/member.h"
#include "hub/link/service.h"
#include "hub/link/session.h"

// AMQP 1.0 as IoT Hub speaks it: for devices and modules, and for service clients.
namespace hub::amqp {

// What all connections share. Made before serving.
struct Shared {
  Options options;
  std::shared_ptr<FeedbackWatch> feedback;
  std::shared_ptr<FileCourier> files;  // nullptr: no files are told of
  Counters counters;
};

// The server's side of one AMQP connection.
//
// Who may do what is decided when a link is attached: the client has proven an identity by a token
// ($cbs, SASL PLAIN) or shows a certificate when it attaches one of its links, or has shown the
// token of a policy. Several identities may share a connection; each is entered in the hub's
// session table for itself.
// Threads: those of its host, one at a time.
class Session final : public link::Session, private Authenticator {
 public:
  Session(link::Service& service, link::Host& host, std::uint32_t connection,
          link::Transport transport, std::shared_ptr<Shared> shared);
  ~Session() override;

  std::span<std::uint8_t> room() override;
  void filled(std::size_t count) override;
  Next take() override;
  void release() override {}
  Next settled(const link::Outcome& outcome) override;
  void deliver(const link::Delivery& delivery) override;
  void refuses_to_take() override;
  Next tick() override;
  bool wants_more() const override;
  bool logged_in() const override { return !members_.empty() || policy_.has_value(); }
  operations::Reason reason() const override { return reason_; }
  bool closed() const { return closed_; }
  base::ByteVec& out() override;
  void end(operations::Reason reason) override;

  // For its channels.
  link::Service& service() { return service_; }
  link::Host& host() { return host_; }
  std::uint32_t connection() const { return connection_; }
  // nullptr: that identity is not here.
  link::Member* member(const identity::Name& name);
  // The open link of that kind in the direction towards the client; nullptr: there is none.
  Outbox* outbox_of(Node node, const identity::Name& name);
  // A token came: answered with 200, or what is wrong.
  struct Verdict {
    int status = 200;
    std::string description;
  };
  Verdict put_token(std::string_view audience, std::string_view token);

  // A delivery whose fate others will tell, in a slot of its number. Each of its parts that is on
  // its way was told to offered() and ends with an outcome; when the last has ended after await(),
  // the delivery is accepted, or rejected for the first fault.
  std::uint16_t hold_delivery(pn_delivery_t* delivery);
  void offered(std::uint16_t slot, std::size_t kibibytes);
  void spoil(std::uint16_t slot, Fault fault);
  void await(std::uint16_t slot);

  // Of a delivery whose fate one call of resolved() tells.
  void expect(std::uint16_t slot);
  void resolved(std::uint16_t slot, const std::optional<Fault>& fault);

  // Of messages that are still coming. False: that are too many of them.
  bool hold_unfinished(std::size_t before, std::size_t after) {
    unfinished_bytes_ = unfinished_bytes_ - before + after;
    return unfinished_bytes_ <= kMaxUnfinishedBytes;
  }

  std::uint64_t new_channel_id() { return ++last_channel_; }
  // nullptr: it is gone.
  Channel* find_channel(std::uint64_t id);
  // Of what the service client does.
  operations::Record service_record() const;
  // Counts what the service client does towards the limits; why it may not be done. Recorded if the
  // record names an operation.
  std::optional<Fault> charge_service(limits::Kind kind, std::size_t bytes,
                                      operations::Record record);
  Counters& counters() { return shared_->counters; }
  // Direct methods: a request's name on this connection, and back (empty: not known).
  Value enter_call(const std::string& request_id);
  std::string take_call(const Value& correlation);

  // Twins.
  void ask_twin(const identity::Name& name, Value correlation, std::optional<std::string> patch);
  void watch_twin(const identity::Name& name, bool wanted);

  // Ends a link with an error; the session too if the peer plays foul.
  void fail_link(Channel& channel, const Fault& fault, operations::Reason reason);
  void close(operations::Reason reason, const Fault& fault);

 private:
  struct Policy {
    std::string name;
    identity::Rights rights = 0;
    std::string token;  // secret; proves any identity, if the policy has that right
    base::WallTime expires;
    operations::Auth auth;
  };
  struct Slot {
    pn_delivery_t* delivery = nullptr;  // null: its link is gone
    pn_link_t* link = nullptr;
    std::size_t parts = 0;
    bool complete = false;  // no more parts will be added
    bool used = false;
    std::optional<Fault> fault;
  };
  struct TwinRequest {
    identity::Name name;
    Value correlation;
  };

  // SASL.
  bool anonymous() override { return true; }
  bool plain(std::string_view user, std::string_view password) override;
  bool external() override;

  // Logins: session_login.cc.
  std::optional<identity::Refusal> prove(const identity::Name& name, const std::string& token);
  std::optional<identity::Refusal> prove_policy(const std::string& token);
  link::Member* identify(const identity::Name& name, Fault& fault);
  Verdict refuse(const identity::Refusal& refusal);
  void look_at_expiry();
  void drop_member(const identity::Name& name, operations::Reason reason, const std::string& why);
  void record_policy(const char* operation, operations::Reason reason, const std::string& detail);

  void process();
  void handle(pn_event_t* event);
  void handle_connection_open();
  void handle_session_open(pn_session_t* session);
  void handle_session_close(pn_session_t* session);
  void handle_delivery(pn_delivery_t* delivery);
  void handle_transport_error();
  void handle_end_of_input();
  void violated(const char* how);
  void attach(pn_link_t* link);
  void refuse_link(pn_link_t* link, const Fault& fault);
  bool may_serve(Fault& fault) const;
  std::unique_ptr<Channel> make_service_channel(pn_link_t* link, const Address& address,
                                                Fault& fault);
  std::unique_ptr<Channel> make_channel(pn_link_t* link, const Address& address, Fault& fault);
  void forget(pn_link_t* link);
  Channel* channel_of(pn_link_t* link);
  void drain(Channel& channel);
  void discard(pn_link_t* link);
  void finish_slot(std::uint16_t number);
  void answer_twin(const link::TwinAnswer& answer);
  void tell_twin(const link::TwinDesired& desired);
  void learn_client(pn_link_t* link);
  Next next() const;
  operations::Record new_record(const char* operation) const;

  link::Service& service_;
  link::Host& host_;
  const std::uint32_t connection_;
  const link::Transport transport_;
  const std::shared_ptr<Shared> shared_;
  const base::MonoTime opened_;

  base::ByteVec out_;
  bool heard_ = false;
  operations::Reason reason_ = operations::Reason::None;
  bool closed_ = false;  // nothing more is taken
  std::string detail_;

  std::string client_;  // what it says that it is
  std::map<identity::Name, link::Member> members_;
  std::map<identity::Name, bool> watched_;  // twins whose desired properties it wants to hear of
  std::optional<Policy> policy_;
  std::optional<base::MonoTime> held_until_;  // the service is too fast
  std::size_t failed_logins_ = 0;

  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_slots_;
  std::size_t offered_ = 0;
  std::size_t kibibytes_on_way_ = 0;
  static constexpr std::size_t kMaxUnfinishedBytes = 2U << 20U;
  std::size_t unfinished_bytes_ = 0;

  std::uint64_t last_channel_ = 0;
  std::deque<std::pair<base::Guid, std::string>> calls_;
  std::uint64_t last_twin_request_ = 0;
  std::unordered_map<std::uint64_t, TwinRequest> twin_requests_;

  // Attached and not freed; those that were refused or failed have no channel.
  std::unordered_map<pn_link_t*, std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Channel>> finished_;  // may still be on the stack
  Channel* held_ = nullptr;                         // waits for room in the sink
  Engine engine_;
};

// One for all ports.
link::SessionFactory session_factory(std::shared_ptr<Shared> shared);

}  // namespace hub::amqp
