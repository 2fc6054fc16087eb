#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::opcua {

// Built-in types in the binary encoding. All take what they read, or make the reader fail; nested
// ones fail beyond a bound. Source: OPC 10000-6, 5.2.2.

struct NodeId {
  std::uint16_t space = 0;
  std::uint32_t number = 0;
  std::string_view text;  // of an identifier that is no number, as it is
  char kind = 'i';        // i, s, g or b, as they are written

  // "i=2253", "ns=2;s=Pump": printable.
  std::string written() const;
};
NodeId read_node_id(Reader& reader);

// Null is empty.
std::string_view read_string(Reader& reader);
// Elements of an array that are there at least; null is 0.
std::uint32_t read_count(Reader& reader);
// The text; the locale is passed over.
std::string_view read_localized(Reader& reader);
void skip_qualified(Reader& reader);
void skip_diagnostics(Reader& reader, int depth = 0);

// An object of a type that the receiver has to know: its id and its body, empty when it has none.
struct Extension {
  NodeId type;
  base::ByteView body;
};
Extension read_extension(Reader& reader);

// A value of any type. Scalars are told as details; the first text and extension are kept.
struct Value {
  std::string_view text;
  Extension extension;
};
Value read_variant(Reader& reader, Sink& sink, int depth = 0);
// With its status, which is kept, and its times.
Value read_data_value(Reader& reader, Sink& sink, std::uint32_t& status, int depth = 0);

}  // namespace dissect::opcua
