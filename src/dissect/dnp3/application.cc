#include "dissect/dnp3/application.h"

#include "dissect/dnp3/function.h"

namespace dissect::dnp3 {

namespace {

constexpr std::uint8_t kFirst = 0x80;
constexpr std::uint8_t kFinal = 0x40;
constexpr std::uint8_t kConfirmWanted = 0x20;
constexpr std::uint8_t kUnsolicitedBit = 0x10;

constexpr std::uint16_t kChallenge = 120U << 8U | 1U;
constexpr std::uint16_t kChallengeReply = 120U << 8U | 2U;
constexpr std::uint16_t kAuthenticationError = 120U << 8U | 7U;

struct Fragment {
  std::uint8_t control = 0;
  std::uint8_t function = 0;
  std::uint16_t iin = 0;  // of a response
  bool response = false;

  unsigned int sequence() const { return control & 0x0fU; }
  bool has(std::uint8_t flag) const { return (control & flag) != 0; }
};

void tell_header(const Fragment& fragment, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("application_control", fragment.control);
  sink.number("application_first", fragment.has(kFirst) ? 1 : 0);
  sink.number("application_final", fragment.has(kFinal) ? 1 : 0);
  sink.number("application_confirm", fragment.has(kConfirmWanted) ? 1 : 0);
  sink.number("application_unsolicited", fragment.has(kUnsolicitedBit) ? 1 : 0);
  sink.number("application_sequence", fragment.sequence());
  sink.number("function", fragment.function);
  if (fragment.response) sink.number("iin", fragment.iin);
}

void violation(Sink& sink, const char* what, std::uint32_t code) {
  sink.issue({Issue::Kind::Violation, what, code, 1});
}

// What the standard does not allow, and what the operator of a plant would want to hear of.
void check(const Fragment& fragment, const LinkHeader& link, Sink& sink) {
  if (function_of(fragment.function).name.empty()) {
    violation(sink, "reserved function code", fragment.function);
    return;
  }
  if (fragment.response == link.from_master())
    violation(sink, fragment.response ? "response from a master" : "request from an outstation",
              fragment.function);
  if (fragment.function == kInitializeData || fragment.function == kSaveConfiguration)
    violation(sink, "obsolete function code", fragment.function);
  if (!fragment.response) {
    if (!fragment.has(kFirst) || !fragment.has(kFinal))
      violation(sink, "request in more than one fragment", fragment.control);
    if (fragment.has(kConfirmWanted))
      violation(sink, "master requests a confirmation", fragment.function);
    if (fragment.has(kUnsolicitedBit) && fragment.function != kConfirm)
      violation(sink, "request marked as unsolicited", fragment.function);
    return;
  }
  if (fragment.has(kUnsolicitedBit) != (fragment.function == kUnsolicited))
    violation(sink, "unsolicited flag does not fit the function code", fragment.function);
  if ((fragment.iin & kIinReserved) != 0)
    violation(sink, "reserved internal indication", fragment.iin);
}

// Writing is many things, by what is written.
void refine_write(const Found& found, Message& message) {
  switch (found.first >> 8U) {
    case 0:
      message.access = Access::ConfigWrite;
      message.sub_operation = {0, "device attribute"};
      return;
    case 34:
      message.access = Access::ConfigWrite;
      message.sub_operation = {34, "analog deadband"};
      return;
    case 50:
      message.access = Access::ConfigWrite;
      message.sub_operation = {50, "time"};
      return;
    case 70:
      message.access = Access::File;
      message.sub_operation = {70, "file"};
      return;
    case 80:
      message.sub_operation = {80, "internal indication"};
      return;
    default:
      return;
  }
}

void refine_read(const Found& found, Message& message) {
  switch (found.first >> 8U) {
    case 0:
      message.access = Access::ConfigRead;
      message.sub_operation = {0, "device attribute"};
      return;
    case 60: {
      bool all = found.count == 4;
      for (std::size_t i = 0; i < found.count; ++i)
        all = all && found.objects[i].space == "class";
      message.sub_operation = {60, all ? "integrity poll" : "class poll"};
      return;
    }
    case 70:
      message.access = Access::File;
      message.sub_operation = {70, "file"};
      return;
    default:
      return;
  }
}

void fill_request(const Fragment& fragment, const LinkHeader& link, const Found& found,
                  Message& message) {
  const Function function = function_of(fragment.function);
  const bool reply = found.first == kChallengeReply || found.first == kAuthenticationError;
  message.kind =
      function.answered && !link.broadcast() && !(fragment.function == kAuthenticate && reply)
          ? Kind::Request
          : Kind::OneWay;
  message.access = function.access;
  if (fragment.function == kRead) refine_read(found, message);
  if (fragment.function == kWrite) refine_write(found, message);
  message.sub_operation = found.command.name.empty() ? message.sub_operation : found.command;
  // A command carries a status already, and a request cannot have failed; an authentication error
  // is what the sender found.
  if (found.first == kAuthenticationError) message.status = found.failure;
}

void fill_response(const Fragment& fragment, const Found& found, Dialogue& dialogue,
                   const LinkHeader& link, Message& message) {
  message.kind = fragment.function == kUnsolicited ? Kind::OneWay : Kind::Response;
  message.access = function_of(fragment.function).access;
  message.status = {Outcome::Ok, fragment.iin, indication_name(fragment.iin)};
  if ((fragment.iin & kIinFailures) != 0) message.status.outcome = Outcome::Failed;
  if (found.failure.outcome == Outcome::Failed && message.status.outcome == Outcome::Ok) {
    message.status.outcome = Outcome::Failed;
    message.status.name = found.failure.name;
  }
  if (message.kind == Kind::OneWay) return;
  if (fragment.has(kFirst) || !dialogue.in_parts)
    dialogue.sequence = static_cast<std::uint8_t>(fragment.sequence());
  dialogue.in_parts = !fragment.has(kFinal);
  message.key = dialogue_key(link, dialogue.sequence);
  message.last = fragment.has(kFinal) &&
                 !(fragment.function == kAuthenticateResponse && found.first == kChallenge);
}

}  // namespace

std::uint64_t dialogue_key(const LinkHeader& link, unsigned int number) {
  return std::uint64_t{1} << 63U | std::uint64_t{link.outstation()} << 32U |
         std::uint64_t{link.master()} << 16U | number;
}

void read_fragment(base::ByteView bytes, const LinkHeader& link, Dialogue& dialogue, Found& found,
                   Sink& sink) {
  Reader reader(bytes);
  Fragment fragment;
  fragment.control = reader.u8();
  fragment.function = reader.u8();
  fragment.response = is_response(fragment.function);
  if (fragment.response) fragment.iin = reader.u16be();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "application header"});
    return;
  }
  tell_header(fragment, sink);
  check(fragment, link, sink);
  found.clear();
  Message message;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
  const Function function = function_of(fragment.function);
  if (!function.name.empty() && fragment.function != kConfirm) {
    read_objects(reader, fragment.function, fragment.response, sink, found);
  } else if (!reader.done()) {
    sink.issue({Issue::Kind::Malformed, "data behind the application header",
                static_cast<std::uint32_t>(reader.remaining()), 2});
  }
  message.operation = {fragment.function, function.name};
  message.unit = link.outstation();
  message.key = dialogue_key(link, fragment.sequence());
  message.objects = std::span(found.objects).first(found.count);
  if (fragment.response) {
    fill_response(fragment, found, dialogue, link, message);
  } else {
    fill_request(fragment, link, found, message);
  }
  sink.message(message);
}

}  // namespace dissect::dnp3
