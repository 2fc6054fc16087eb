#include "dissect/mms/mms.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "dissect/ber/ber.h"
#include "dissect/iec61850/iec61850.h"
#include "dissect/iso/iso.h"
#include "dissect/mms/layers.h"
#include "dissect/mms/services.h"
#include "dissect/objects.h"
#include "dissect/text.h"

namespace dissect::mms {

namespace {

// MMSpdu, by context tag.
enum class PduType : std::uint8_t {
  ConfirmedRequest,
  ConfirmedResponse,
  ConfirmedError,
  Unconfirmed,
  Reject,
  CancelRequest,
  CancelResponse,
  CancelError,
  InitiateRequest,
  InitiateResponse,
  InitiateError,
  ConcludeRequest,
  ConcludeResponse,
  ConcludeError,
};
constexpr std::uint32_t kPduTypes = 14;

constexpr std::uint64_t kInvoked = std::uint64_t{1} << 32U;
constexpr std::uint64_t kInitiating = std::uint64_t{2} << 32U;
constexpr std::uint64_t kConcluding = std::uint64_t{3} << 32U;
constexpr std::uint64_t kCancelling = std::uint64_t{4} << 32U;

bool is_pdu(base::ByteView bytes) {
  const auto element = ber::first(bytes);
  return element && element->tag_class == ber::Class::Context && element->tag < kPduTypes &&
         element->whole.size() == bytes.size();
}

Match probe_data(base::ByteView transport_data) {
  const auto message = unwrap(transport_data);
  return message && is_pdu(*message) ? Match::Yes : Match::No;
}

Match probe(const Sample& sample) {
  const iso::Opening opening = iso::look(sample.bytes);
  if (!opening.tpkt) return Match::No;
  if (opening.data && probe_data(opening.carried) == Match::Yes) return Match::Yes;
  const iso::Opening reply = iso::look(sample.reply);
  if (reply.data && probe_data(reply.carried) == Match::Yes) return Match::Yes;
  return opening.data && reply.data ? Match::No : Match::Unsure;
}

// One message as it is being read.
struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;

  void text(std::string_view name, base::ByteView value) const {
    if (sink.wants_details()) sink.text(name, printable(value));
  }
  void number(std::string_view name, base::ByteView value) const {
    if (const auto read = ber::integer(value)) {
      if (*read < 0)
        sink.real(name, static_cast<double>(*read));
      else
        sink.number(name, static_cast<std::uint64_t>(*read));
    }
  }
};

// ObjectName: of the whole device, of a domain, or of this association.
void read_name(const ber::Element& name, std::string_view space, Decoding& to) {
  if (name.context(0) || name.context(2)) {
    to.text(name.tag == 0 ? "vmd_name" : "association_name", name.value);
    const std::string_view item = base::as_text(name.value);
    to.objects.add(to.message, to.sink, {space, item, 0, 0});
    to.message.access = by_constraint(to.message.access, item);
    return;
  }
  if (!name.context(1)) return;
  ber::Elements parts(name.value);
  if (!parts.next()) return;
  const base::ByteView domain = parts.here().value;
  if (!parts.next()) return;
  const base::ByteView item = parts.here().value;
  to.text("domain", domain);
  to.text("item", item);
  to.message.access = by_constraint(to.message.access, base::as_text(item));
  const std::string_view whole =
      to.objects.compose({base::as_text(domain), "/", base::as_text(item)});
  to.objects.add(to.message, to.sink, {space, whole, 0, 0});
}

void read_list(base::ByteView variables, Decoding& to) {
  for (ber::Elements items(variables); items.next();) {
    const auto variable = ber::first(items.here().value);
    if (!variable) continue;
    if (variable->context(0)) {
      if (const auto name = ber::first(variable->value)) read_name(*name, "variable", to);
    } else if (variable->context(1)) {
      to.objects.add(to.message, to.sink, {"address", {}, 0, 1});
    }
  }
}

// variableAccessSpecification: variables one by one, or a list of them by its name.
void read_variables(const ber::Element& specification, Decoding& to) {
  if (specification.context(1)) {
    if (const auto name = ber::first(specification.value)) read_name(*name, "variable list", to);
    return;
  }
  if (specification.context(0)) read_list(specification.value, to);
}

// Results of access: data, or why there is none.
void read_results(base::ByteView results, Decoding& to) {
  ber::Elements items(results);
  while (items.next()) {
    const ber::Element& item = items.here();
    if (!item.context(0)) {
      iec61850::show_data(item, to.sink);
      continue;
    }
    const auto code = static_cast<std::uint32_t>(ber::natural(item.value).value_or(0));
    to.sink.number("access_error", code);
    if (to.message.status.outcome != Outcome::Failed)
      to.message.status = {Outcome::Failed, code, access_error(code)};
  }
}

void ask_names(base::ByteView content, Decoding& to) {
  for (ber::Elements parts(content); parts.next();) {
    const ber::Element& part = parts.here();
    const auto inner = ber::first(part.value);
    if (part.context(0) && inner) to.number("object_class", inner->value);
    if (part.context(1) && inner && inner->context(1)) {
      to.text("scope", inner->value);
      to.objects.add(to.message, to.sink, {"domain", base::as_text(inner->value), 0, 0});
    }
    if (part.context(2)) to.text("continue_after", part.value);
  }
}

void answer_names(base::ByteView content, Decoding& to) {
  for (ber::Elements parts(content); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) {
      for (ber::Elements names(part.value); names.next();)
        to.text("identifier", names.here().value);
    }
    if (part.context(1)) to.number("more_follows", part.value);
  }
}

void answer_identify(base::ByteView content, Decoding& to) {
  struct Told {
    std::string_view name;
    Fact fact;
  };
  static constexpr std::array<Told, 3> kTold = {
      {{"vendor_name", Fact::Vendor}, {"model_name", Fact::Model}, {"revision", Fact::Firmware}}};
  for (ber::Elements parts(content); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.tag_class != ber::Class::Context || part.tag >= kTold.size()) continue;
    to.text(kTold[part.tag].name, part.value);
    to.sink.tell(kTold[part.tag].fact, printable(part.value));
  }
}

void read_status(base::ByteView content, Decoding& to) {
  for (ber::Elements parts(content); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) to.number("logical_status", part.value);
    if (!part.context(1)) continue;
    to.number("physical_status", part.value);
    const auto code = static_cast<std::uint32_t>(ber::natural(part.value).value_or(0));
    to.message.sub_operation = {code, physical_status(code)};
  }
}

// The first text in what is asked, which names what it is asked about.
std::optional<base::ByteView> first_text(base::ByteView content, int depth) {
  for (ber::Elements parts(content); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.constructed) {
      if (depth >= 4) return std::nullopt;
      if (const auto found = first_text(part.value, depth + 1)) return found;
      continue;
    }
    const bool text = part.universal(ber::kVisibleString) || part.universal(ber::kGeneralString) ||
                      part.universal(25) || part.tag_class == ber::Class::Context;
    if (text && !part.value.empty()) return part.value;
  }
  return std::nullopt;
}

void ask_other(const ber::Element& service, std::string_view space, Decoding& to) {
  if (space.empty()) return;
  std::optional<base::ByteView> name;
  if (service.constructed)
    name = first_text(service.value, 0);
  else if (!service.value.empty())
    name = service.value;
  if (!name) return;
  to.text("name", *name);
  to.objects.add(to.message, to.sink, {space, base::as_text(*name), 0, 0});
}

void ask(const ber::Element& service, const Service& known, Decoding& to) {
  switch (service.tag) {
    case kRead:
      if (const auto specification = ber::find_context(service.value, 1)) {
        if (const auto inner = ber::first(specification->value)) read_variables(*inner, to);
      }
      return;
    case kWrite: {
      ber::Elements parts(service.value);
      if (!parts.next()) return;
      read_variables(parts.here(), to);
      if (!parts.next()) return;
      for (ber::Elements data(parts.here().value); data.next();)
        iec61850::show_data(data.here(), to.sink);
      return;
    }
    case kGetNameList:
      return ask_names(service.value, to);
    case 6:
    case 12:
      if (const auto name = ber::first(service.value)) {
        if (service.tag == 6 && name->context(0)) {
          if (const auto inner = ber::first(name->value)) read_name(*inner, known.space, to);
        } else {
          read_name(*name, known.space, to);
        }
      }
      return;
    case kStatus:
    case kIdentify:
      return;
    default:
      return ask_other(service, known.space, to);
  }
}

void answer(const ber::Element& service, Decoding& to) {
  switch (service.tag) {
    case kRead:
      if (const auto results = ber::find_context(service.value, 1))
        read_results(results->value, to);
      return;
    case kWrite:
      for (ber::Elements items(service.value); items.next();) {
        if (!items.here().context(0)) continue;
        const auto code = static_cast<std::uint32_t>(ber::natural(items.here().value).value_or(0));
        to.sink.number("access_error", code);
        if (to.message.status.outcome != Outcome::Failed)
          to.message.status = {Outcome::Failed, code, access_error(code)};
      }
      return;
    case kGetNameList:
      return answer_names(service.value, to);
    case 12:
      if (const auto list = ber::find_context(service.value, 1)) read_list(list->value, to);
      return;
    case kIdentify:
      return answer_identify(service.value, to);
    case kStatus:
      return read_status(service.value, to);
    default:
      return;
  }
}

class MmsSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override { return iso::frame(bytes); }

  void take(const Pdu& pdu, Sink& sink) override {
    const auto cotp = iso::read(pdu.bytes, &sink);
    if (!cotp) return;
    iso::tell(pdu.bytes, *cotp, sink);
    if (cotp->type != iso::Tpdu::Data) return;
    const auto whole = assemblies_[pdu.side == Side::A ? 0 : 1].add(*cotp);
    if (!whole || whole->empty()) return;
    const auto bytes = unwrap(*whole);
    if (!bytes) return;  // of session or association alone
    const auto element = ber::first(*bytes);
    if (!element || element->tag_class != ber::Class::Context || element->tag >= kPduTypes) {
      sink.issue({Issue::Kind::Malformed, "no MMS message", 0, 0});
      return;
    }
    objects_.begin();
    Message message;
    message.bytes = static_cast<std::uint32_t>(element->value.size());
    Decoding to{message, sink, objects_};
    sink.number("pdu_type", element->tag);
    read(static_cast<PduType>(element->tag), element->value, to);
    sink.message(message);
  }

  void gap(Side side) override { assemblies_[side == Side::A ? 0 : 1].clear(); }

 private:
  static void read(PduType type, base::ByteView content, Decoding& to) {
    switch (type) {
      case PduType::ConfirmedRequest:
      case PduType::ConfirmedResponse:
        return confirmed_service(type == PduType::ConfirmedRequest, content, to);
      case PduType::ConfirmedError:
        return confirmed_error(content, to);
      case PduType::Unconfirmed:
        return unconfirmed_service(content, to);
      case PduType::Reject:
        return reject(content, to);
      case PduType::InitiateRequest:
      case PduType::InitiateResponse:
      case PduType::InitiateError:
        return initiate(type, content, to);
      case PduType::ConcludeRequest:
      case PduType::ConcludeResponse:
      case PduType::ConcludeError:
        return simple({"conclude", Access::Session}, kConcluding, PduType::ConcludeRequest, type,
                      to);
      case PduType::CancelRequest:
      case PduType::CancelResponse:
      case PduType::CancelError:
        return simple({"cancel", Access::None}, kCancelling, PduType::CancelRequest, type, to);
    }
  }

  // A request, its response and its error, in that order of their numbers.
  static void simple(const Service& service, std::uint64_t key, PduType first, PduType type,
                     Decoding& to) {
    const int step = static_cast<int>(type) - static_cast<int>(first);
    to.message.kind = step == 0 ? Kind::Request : Kind::Response;
    to.message.key = key;
    to.message.operation = {0x100U | static_cast<std::uint32_t>(first), service.name};
    to.message.access = service.access;
    if (step == 1) to.message.status = {Outcome::Ok, 0, {}};
    if (step == 2) to.message.status = {Outcome::Failed, 0, "refused"};
  }

  static void invoked(const ber::Element& id, Decoding& to) {
    const auto number = static_cast<std::uint32_t>(ber::integer(id.value).value_or(0));
    to.sink.number("invoke_id", number);
    to.message.key = kInvoked | number;
  }

  static void confirmed_service(bool request, base::ByteView content, Decoding& to) {
    to.message.kind = request ? Kind::Request : Kind::Response;
    if (!request) to.message.status = {Outcome::Ok, 0, {}};
    ber::Elements parts(content);
    if (!parts.next() || !parts.here().universal(ber::kInteger)) {
      to.sink.issue({Issue::Kind::Malformed, "message without invoke id", 0, 0});
      return;
    }
    invoked(parts.here(), to);
    // Modifiers may stand before the service: they are a universal sequence.
    while (parts.next() && parts.here().tag_class != ber::Class::Context) {
    }
    if (!parts.ok() || parts.here().tag_class != ber::Class::Context) {
      to.sink.issue({Issue::Kind::Malformed, "message without a service", 0, 0});
      return;
    }
    const ber::Element& service = parts.here();
    const Service known = confirmed(service.tag);
    to.sink.number(request ? "request_service" : "response_service", service.tag);
    to.message.operation = {service.tag, known.name};
    to.message.access = known.access;
    if (known.name.empty())
      to.sink.issue({Issue::Kind::Unsupported, "service that is not known", service.tag, 0});
    if (request)
      ask(service, known, to);
    else
      answer(service, to);
  }

  static void unconfirmed_service(base::ByteView content, Decoding& to) {
    to.message.kind = Kind::OneWay;
    const auto service = ber::first(content);
    if (!service || service->tag_class != ber::Class::Context) {
      to.sink.issue({Issue::Kind::Malformed, "message without a service", 0, 0});
      return;
    }
    const Service known = unconfirmed(service->tag);
    to.sink.number("unconfirmed_service", service->tag);
    to.message.operation = {0x200U | service->tag, known.name};
    to.message.access = known.access;
    if (service->tag == kInformationReport) {
      ber::Elements parts(service->value);
      if (!parts.next()) return;
      read_variables(parts.here(), to);
      to.message.access = Access::Read;
      if (parts.next()) read_results(parts.here().value, to);
      // A report that lacks a value is a report all the same.
      to.message.status = {};
    } else if (service->tag == kUnsolicitedStatus) {
      read_status(service->value, to);
    } else {
      ask_other(*service, known.space, to);
    }
  }

  static void confirmed_error(base::ByteView content, Decoding& to) {
    to.message.kind = Kind::Response;
    to.message.status = {Outcome::Failed, 0, "service error"};
    for (ber::Elements parts(content); parts.next();) {
      const ber::Element& part = parts.here();
      if (part.context(0)) invoked(part, to);
      if (!part.context(2)) continue;
      const auto error = ber::find_context(part.value, 0);
      const auto code = error ? ber::first(error->value) : std::nullopt;
      if (!code) continue;
      const auto value = static_cast<std::uint32_t>(ber::natural(code->value).value_or(0));
      to.sink.number("error_class", code->tag);
      to.sink.number("error_code", value);
      to.message.status = {Outcome::Failed, code->tag << 8U | (value & 0xffU),
                           error_class(code->tag)};
    }
  }

  static void reject(base::ByteView content, Decoding& to) {
    to.message.kind = Kind::Response;
    to.message.operation = {0x104, "reject"};
    to.message.status = {Outcome::Failed, 0, "rejected"};
    for (ber::Elements parts(content); parts.next();) {
      const ber::Element& part = parts.here();
      if (part.context(0)) {
        invoked(part, to);
        continue;
      }
      const auto reason = static_cast<std::uint32_t>(ber::natural(part.value).value_or(0));
      to.sink.number("reject_type", part.tag);
      to.sink.number("reject_reason", reason);
      to.message.status.code = part.tag << 8U | (reason & 0xffU);
    }
  }

  static void initiate(PduType type, base::ByteView content, Decoding& to) {
    simple({"initiate", Access::Session}, kInitiating, PduType::InitiateRequest, type, to);
    if (type == PduType::InitiateError) return;
    const bool asks = type == PduType::InitiateRequest;
    for (ber::Elements parts(content); parts.next();) {
      const ber::Element& part = parts.here();
      if (part.tag_class != ber::Class::Context) continue;
      if (part.tag == 0)
        to.number(asks ? "local_detail_calling" : "local_detail_called", part.value);
      if (part.tag == 1) to.number(asks ? "max_calling" : "negotiated_calling", part.value);
      if (part.tag == 2) to.number(asks ? "max_called" : "negotiated_called", part.value);
      if (part.tag == 3) to.number(asks ? "nesting" : "negotiated_nesting", part.value);
      if (part.tag == 4) {
        if (const auto version = ber::find_context(part.value, 0))
          to.number(asks ? "version" : "negotiated_version", version->value);
      }
    }
  }

  std::array<iso::Assembly, 2> assemblies_;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& /*flow*/) {
  return std::make_unique<MmsSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {iso::kPort};

}  // namespace

const Protocol kProtocol = {
    .name = "mms",
    .title = "MMS (IEC 61850)",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::mms
