#pragma once

#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "dissect/iec104/type.h"
#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::iec104 {

// The header of an application service data unit. Source: IEC 60870-5-101:2003, 7.2.
struct AsduHeader {
  std::uint8_t type = 0;
  std::uint8_t count = 0;
  bool sequence = false;  // one address, elements that follow each other
  std::uint8_t cause = 0;
  bool negative = false;
  bool test = false;
  std::uint8_t originator = 0;
  std::uint16_t address = 0;  // common address of the station

  static constexpr std::size_t kSize = 6;
  static AsduHeader read(Reader& reader);
};

// Bytes that follow the header; nothing when that depends on what is there.
inline constexpr std::size_t kAddressSize = 3;
std::size_t objects_size(const AsduHeader& header, const Type& type);

// Reads an ASDU, tells its details and issues, and gives one message, if it is one.
void read_asdu(base::ByteView bytes, Sink& sink);

// One object behind its address; what it asks for becomes `operation`. Source: 7.2.6.
void read_elements(Reader& reader, const Type& type, Sink& sink, Operation& operation);

}  // namespace dissect::iec104
