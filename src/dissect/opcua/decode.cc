#include "dissect/opcua/decode.h"

#include <bit>

#include "dissect/text.h"

namespace dissect::opcua {

namespace {

constexpr int kMaxDepth = 8;

enum Type : std::uint8_t {
  kBoolean = 1,
  kFloat = 10,
  kDouble = 11,
  kString = 12,
  kGuid = 14,
  kByteString = 15,
  kXml = 16,
  kNodeId = 17,
  kExpandedNodeId = 18,
  kStatusCode = 19,
  kQualifiedName = 20,
  kLocalizedText = 21,
  kExtensionObject = 22,
  kDataValue = 23,
  kVariant = 24,
  kDiagnosticInfo = 25,
};

// Of types that are numbers; 0: others.
std::size_t number_size(unsigned int type) {
  static constexpr std::uint8_t kSizes[] = {0, 1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 0, 8};
  if (type == kStatusCode) return 4;
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

void read_number(Reader& reader, unsigned int type, Sink& sink) {
  const std::size_t size = number_size(type);
  const std::uint64_t bits = reader.little(size);
  switch (type) {
    case 2:
      return sink.real("value_signed", static_cast<std::int8_t>(bits));
    case 4:
      return sink.real("value_signed", static_cast<std::int16_t>(bits));
    case 6:
      return sink.real("value_signed", static_cast<std::int32_t>(bits));
    case 8:
      return sink.real("value_signed", static_cast<double>(static_cast<std::int64_t>(bits)));
    case kBoolean:
      return sink.number("value_boolean", bits);
    case kFloat:
      return sink.real("value_real",
                       static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
    case kDouble:
      return sink.real("value_real", std::bit_cast<double>(bits));
    default:
      return sink.number("value_unsigned", bits);
  }
}

void read_text(Reader& reader, unsigned int type, Sink& sink, Value& value) {
  std::string_view text;
  if (type == kLocalizedText) {
    text = read_localized(reader);
  } else {
    if (type == kQualifiedName) reader.skip(2);
    text = read_string(reader);
  }
  if (!reader) return;
  if (value.text.empty()) value.text = text;
  if (sink.wants_details()) sink.text("value_text", printable(text));
}

void read_element(Reader& reader, unsigned int type, Sink& sink, int depth, Value& value) {
  if (number_size(type) != 0) return read_number(reader, type, sink);
  switch (type) {
    case kString:
    case kQualifiedName:
    case kLocalizedText:
      return read_text(reader, type, sink, value);
    case kByteString:
    case kXml:
      return sink.bytes("value_bytes", base::as_bytes(read_string(reader)));
    case kGuid:
      return sink.bytes("value_guid", reader.bytes(16));
    case kNodeId:
    case kExpandedNodeId: {
      const NodeId node = read_node_id(reader);
      if (sink.wants_details()) sink.text("value_node", node.written());
      return;
    }
    case kExtensionObject: {
      const Extension extension = read_extension(reader);
      if (value.extension.body.empty()) value.extension = extension;
      return;
    }
    case kDataValue: {
      std::uint32_t status = 0;
      read_data_value(reader, sink, status, depth + 1);
      return;
    }
    case kVariant:
      read_variant(reader, sink, depth + 1);
      return;
    case kDiagnosticInfo:
      return skip_diagnostics(reader, depth + 1);
    default:
      return reader.fail();
  }
}

}  // namespace

std::string NodeId::written() const {
  std::string out = space == 0 ? std::string() : "ns=" + std::to_string(space) + ";";
  out += kind;
  out += '=';
  if (kind == 'i') {
    out += std::to_string(number);
  } else if (kind == 's') {
    out += printable(text, 128);
  } else {
    out += hex(base::as_bytes(text), 32);
  }
  return out;
}

NodeId read_node_id(Reader& reader) {
  NodeId node;
  const std::uint8_t encoding = reader.u8();
  switch (encoding & 0x3fU) {
    case 0:
      node.number = reader.u8();
      break;
    case 1:
      node.space = reader.u8();
      node.number = reader.u16le();
      break;
    case 2:
      node.space = reader.u16le();
      node.number = reader.u32le();
      break;
    case 3:
      node.kind = 's';
      node.space = reader.u16le();
      node.text = read_string(reader);
      break;
    case 4:
      node.kind = 'g';
      node.space = reader.u16le();
      node.text = reader.text(16);
      break;
    case 5:
      node.kind = 'b';
      node.space = reader.u16le();
      node.text = read_string(reader);
      break;
    default:
      reader.fail();
      break;
  }
  if ((encoding & 0x80U) != 0) read_string(reader);  // the name space by its name
  if ((encoding & 0x40U) != 0) reader.skip(4);       // the server
  return node;
}

std::string_view read_string(Reader& reader) {
  const std::uint32_t length = reader.u32le();
  if (length == 0xffffffffU) return {};
  return reader.text(length);
}

std::uint32_t read_count(Reader& reader) {
  const std::uint32_t count = reader.u32le();
  if (count == 0xffffffffU) return 0;
  // No element takes less than a byte.
  if (count > reader.remaining()) {
    reader.fail();
    return 0;
  }
  return count;
}

std::string_view read_localized(Reader& reader) {
  const std::uint8_t mask = reader.u8();
  if ((mask & 1U) != 0) read_string(reader);
  return (mask & 2U) != 0 ? read_string(reader) : std::string_view();
}

void skip_qualified(Reader& reader) {
  reader.skip(2);
  read_string(reader);
}

void skip_diagnostics(Reader& reader, int depth) {
  if (depth > kMaxDepth) return reader.fail();
  const std::uint8_t mask = reader.u8();
  for (const unsigned int index : {0x01U, 0x02U, 0x08U, 0x04U}) {
    if ((mask & index) != 0) reader.skip(4);
  }
  if ((mask & 0x10U) != 0) read_string(reader);
  if ((mask & 0x20U) != 0) reader.skip(4);
  if ((mask & 0x40U) != 0 && reader) skip_diagnostics(reader, depth + 1);
}

Extension read_extension(Reader& reader) {
  Extension extension;
  extension.type = read_node_id(reader);
  const std::uint8_t encoding = reader.u8();
  if (encoding == 1 || encoding == 2) {
    extension.body = base::as_bytes(read_string(reader));
  } else if (encoding != 0) {
    reader.fail();
  }
  return extension;
}

Value read_variant(Reader& reader, Sink& sink, int depth) {
  Value value;
  if (depth > kMaxDepth) {
    reader.fail();
    return value;
  }
  const std::uint8_t encoding = reader.u8();
  const unsigned int type = encoding & 0x3fU;
  if (type == 0) return value;
  if ((encoding & 0x80U) == 0) {
    read_element(reader, type, sink, depth, value);
    return value;
  }
  const std::uint32_t count = read_count(reader);
  for (std::uint32_t i = 0; i < count && reader; ++i)
    read_element(reader, type, sink, depth, value);
  if ((encoding & 0x40U) == 0) return value;
  const std::uint32_t dimensions = read_count(reader);
  for (std::uint32_t i = 0; i < dimensions && reader; ++i)
    reader.skip(4);
  return value;
}

Value read_data_value(Reader& reader, Sink& sink, std::uint32_t& status, int depth) {
  Value value;
  const std::uint8_t mask = reader.u8();
  sink.number("data_value_mask", mask);
  if ((mask & 0x01U) != 0) value = read_variant(reader, sink, depth);
  if ((mask & 0x02U) != 0) status = reader.u32le();
  if ((mask & 0x04U) != 0) reader.skip(8);
  if ((mask & 0x10U) != 0) reader.skip(2);
  if ((mask & 0x08U) != 0) reader.skip(8);
  if ((mask & 0x20U) != 0) reader.skip(2);
  return value;
}

}  // namespace dissect::opcua
