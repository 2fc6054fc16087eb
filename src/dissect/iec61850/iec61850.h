#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dissect/ber/ber.h"
#include "dissect/sink.h"

namespace dissect::iec61850 {

// What MMS, GOOSE and sampled values have in common.

// Values as MMS encodes them (ISO 9506-2, Data): structures and arrays are gone through, up to
// ber::kMaxDepth levels; each value is a detail, named by its type: boolean, bit_string, integer,
// unsigned, float, octet_string, visible_string, binary_time, mms_string, utc_time.
void show_data(const ber::Element& data, Sink& sink);

// Seconds and a fraction of 24 bits, which show_data() and others tell as seconds since 1970
// (IEC 61850-8-1, 8.1.3.6); none when it is not 8 bytes.
std::optional<double> utc_time(base::ByteView value);

// The header in front of GOOSE and sampled values (IEC 61850-8-1, annex C): APPID, length from
// there, two reserved words; then `apdu`, as far as the length says and bytes are there.
struct EthernetHeader {
  std::uint16_t appid = 0;
  std::uint16_t length = 0;
  std::uint16_t reserved1 = 0;  // its first bit: simulated
  std::uint16_t reserved2 = 0;
  base::ByteView apdu;
};
// None when it is shorter than the header, or the length than that.
std::optional<EthernetHeader> read_header(base::ByteView payload);
// As details, and an issue when there is less than the length says.
void show_header(const EthernetHeader& header, Sink& sink);

// FLOAT of MMS: the width of the exponent, and IEEE 754 in 4 or 8 bytes.
std::optional<double> floating(base::ByteView value);

}  // namespace dissect::iec61850
