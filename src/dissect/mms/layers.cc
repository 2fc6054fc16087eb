#include "dissect/mms/layers.h"

#include <cstdint>

#include "dissect/ber/ber.h"
#include "dissect/reader.h"

namespace dissect::mms {

namespace {

// Session messages (ISO 8327-1, 8.3) and their parameters.
constexpr std::uint8_t kGiveTokens = 1;  // the same number is DATA TRANSFER after it
constexpr std::uint8_t kConnect = 13;
constexpr std::uint8_t kAccept = 14;
constexpr std::uint8_t kUserData = 193;
constexpr std::uint8_t kExtendedUserData = 194;
constexpr std::uint32_t kUserInformation = 30;  // of the association
constexpr int kMaxParameters = 16;

std::size_t session_length(Reader& reader) {
  const std::uint8_t length = reader.u8();
  return length == 0xff ? reader.u16be() : length;
}

// What the session carries.
std::optional<base::ByteView> past_session(base::ByteView bytes) {
  Reader reader(bytes);
  const std::uint8_t type = reader.u8();
  Reader parameters = reader.sub(session_length(reader));
  if (!reader.ok()) return std::nullopt;
  if (type == kGiveTokens && parameters.done()) {
    const std::uint8_t next = reader.u8();
    reader.skip(session_length(reader));
    if (!reader.ok() || next != kGiveTokens) return std::nullopt;
    return reader.rest();
  }
  if (type != kConnect && type != kAccept) return std::nullopt;
  for (int i = 0; i < kMaxParameters && parameters.ok() && !parameters.done(); ++i) {
    const std::uint8_t code = parameters.u8();
    const base::ByteView value = parameters.bytes(session_length(parameters));
    if (parameters.ok() && (code == kUserData || code == kExtendedUserData)) return value;
  }
  return std::nullopt;
}

// A list of presentation data values: what the first of them holds.
std::optional<base::ByteView> first_value(base::ByteView list) {
  const auto item = ber::first(list);
  if (!item || !item->universal(ber::kSequence)) return std::nullopt;
  const auto single = ber::find_context(item->value, 0);
  if (!single) return std::nullopt;
  return single->value;
}

// Of a message that connects: normal mode parameters, and the data in them.
std::optional<base::ByteView> past_connect(const ber::Element& message) {
  const auto normal = ber::find_context(message.value, 2);
  if (!normal) return std::nullopt;
  for (ber::Elements parts(normal->value); parts.next();) {
    if (parts.here().application(1)) return first_value(parts.here().value);
  }
  return std::nullopt;
}

// Of an association's request or response: what the user put in.
std::optional<base::ByteView> past_association(const ber::Element& association) {
  const auto information = ber::find_context(association.value, kUserInformation);
  if (!information) return std::nullopt;
  const auto external = ber::first(information->value);
  if (!external || !external->universal(ber::kExternal)) return std::nullopt;
  const auto single = ber::find_context(external->value, 0);
  if (!single) return std::nullopt;
  return single->value;
}

}  // namespace

std::optional<base::ByteView> unwrap(base::ByteView transport_data) {
  // Some put MMS right on the transport.
  const auto bare = ber::first(transport_data);
  if (bare && bare->tag_class == ber::Class::Context && bare->whole.size() == transport_data.size())
    return transport_data;
  const auto carried = past_session(transport_data);
  if (!carried) return std::nullopt;
  const auto presentation = ber::first(*carried);
  if (!presentation) return std::nullopt;
  const std::optional<base::ByteView> value =
      presentation->application(1)         ? first_value(presentation->value)
      : presentation->universal(ber::kSet) ? past_connect(*presentation)
                                           : std::nullopt;
  if (!value) return std::nullopt;
  const auto inner = ber::first(*value);
  if (!inner) return std::nullopt;
  if (inner->tag_class == ber::Class::Application) return past_association(*inner);
  return value;
}

}  // namespace dissect::mms
