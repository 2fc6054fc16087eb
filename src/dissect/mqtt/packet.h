#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::mqtt {

enum Type : std::uint8_t {
  kConnect = 1,
  kConnack,
  kPublish,
  kPuback,
  kPubrec,
  kPubrel,
  kPubcomp,
  kSubscribe,
  kSuback,
  kUnsubscribe,
  kUnsuback,
  kPingreq,
  kPingresp,
  kDisconnect,
  kAuth,
};
// As the standard has it: "PUBLISH".
std::string_view type_name(std::uint8_t type);

// The fixed header (5.0 section 2.1).
struct Start {
  bool whole = false;
  bool good = true;  // as far as it is there
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::size_t header = 0;
  std::size_t length = 0;  // of what follows it

  std::uint8_t qos() const { return flags >> 1U & 3U; }
  std::size_t size() const { return header + length; }
};
Start read_start(base::ByteView bytes);
// Whether the flags are those that a type must have (3.1.1 section 2.2.2).
bool flags_fit(const Start& start);

// A variable byte integer (5.0 section 1.5.5); one that is too long fails the reader.
std::uint32_t read_length(Reader& reader);
// A text with its length before it.
std::string_view read_text(Reader& reader);

// Whether a message can begin here, as strictly as one message can say.
bool plausible(base::ByteView bytes);

// What properties say that a session needs.
struct Properties {
  std::string_view reason;
  std::string_view method;  // of authentication
  bool topic_alias = false;
};
// Reads a list of properties with its length before it (5.0 section 2.2.2).
Properties read_properties(Reader& reader, Sink& sink);

// What an acknowledgement's code says; `version` 5, or what was before it.
Status status_of(std::uint8_t code, std::uint8_t version, std::uint8_t type);

// Sparkplug's kind of message in a topic ("NDATA", a literal) and what it does; an empty name: it
// is none.
struct Sparkplug {
  std::uint32_t code = 0;
  std::string_view name;
  Access access = Access::None;
};
Sparkplug sparkplug(std::string_view topic);

}  // namespace dissect::mqtt
