#pragma once

// What tests make messages of: values in DER, UTF-16, numbers with the lowest byte first.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "dissect/testing.h"

namespace dissect::auth::testing {

inline std::string raw(std::string_view hex) {
  return std::string(base::as_text(dissect::testing::bytes_of(hex)));
}

// More than eight bytes: zeros behind them.
inline std::string le(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i, value >>= 8U)
    out += static_cast<char>(value & 0xffU);
  return out;
}

inline std::string be(std::uint64_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = bytes; i > 0; --i)
    out += static_cast<char>(value >> (8 * (i - 1)) & 0xffU);
  return out;
}

inline std::string utf16(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    out += '\0';
  }
  return out;
}

// A DER value; the length in as few bytes as it takes.
inline std::string tlv(std::uint8_t tag, std::initializer_list<std::string_view> parts) {
  std::string content;
  for (const std::string_view part : parts)
    content += part;
  std::string out(1, static_cast<char>(tag));
  if (content.size() >= 256) {
    out += static_cast<char>(0x82);
    out += be(content.size(), 2);
  } else if (content.size() >= 128) {
    out += static_cast<char>(0x81);
    out += be(content.size(), 1);
  } else {
    out += be(content.size(), 1);
  }
  return out + content;
}

inline std::string der_int(std::uint32_t value) {
  return tlv(0x02, {be(value, value < 0x80 ? 1 : value < 0x8000 ? 2 : 5)});
}

// A field of an NTLM message: length, room, offset.
inline std::string ntlm_field(std::size_t length, std::size_t offset) {
  return le(length, 2) + le(length, 2) + le(offset, 4);
}

// NTLM's second message: the server "PLC-HOST" of the domain "PLANT", Windows 10.0.17763.
inline std::string ntlm_challenge() {
  const std::string name = utf16("PLANT");
  const auto pair = [](std::uint16_t id, std::string_view text) {
    return le(id, 2) + le(2 * text.size(), 2) + utf16(text);
  };
  const std::string target = pair(2, "PLANT") + pair(1, "PLC-HOST") + pair(4, "plant.example") +
                             pair(3, "plc-host.plant.example") + le(0, 4);
  constexpr std::size_t kFixed = 56;
  return std::string("NTLMSSP\0", 8) + le(2, 4) + ntlm_field(name.size(), kFixed) +
         le(0x02000001, 4) + le(0x1122334455667788, 8) + le(0, 8) +
         ntlm_field(target.size(), kFixed + name.size()) + raw("0a 00 63 45 00 00 00 0f") + name +
         target;
}

// NTLM's third message: "PLANT\ann" at "ANN-PC".
inline std::string ntlm_proof() {
  const std::string domain = utf16("PLANT");
  const std::string user = utf16("ann");
  const std::string host = utf16("ANN-PC");
  const std::string answer(24, 'x');
  constexpr std::size_t kFixed = 72;
  std::size_t at = kFixed;
  std::string out = std::string("NTLMSSP\0", 8) + le(3, 4) + ntlm_field(0, at);
  std::string payload;
  const auto add = [&](const std::string& content) {
    out += ntlm_field(content.size(), at);
    at += content.size();
    payload += content;
  };
  add(answer);
  add(domain);
  add(user);
  add(host);
  out += ntlm_field(0, at) + le(0x02000001, 4) + raw("06 01 b1 1d 00 00 00 0f");
  return out + payload;
}

inline const std::string& oid_spnego() {
  static const std::string kOid = raw("06 06 2b 06 01 05 05 02");
  return kOid;
}
inline const std::string& oid_ntlm() {
  static const std::string kOid = raw("06 0a 2b 06 01 04 01 82 37 02 02 0a");
  return kOid;
}
inline const std::string& oid_kerberos() {
  static const std::string kOid = raw("06 09 2a 86 48 86 f7 12 01 02 02");
  return kOid;
}

// SPNEGO's first message around a token.
inline std::string spnego_offer(const std::string& mechanism, const std::string& token) {
  return tlv(0x60, {oid_spnego(), tlv(0xa0, {tlv(0x30, {tlv(0xa0, {tlv(0x30, {mechanism})}),
                                                        tlv(0xa2, {tlv(0x04, {token})})})})});
}
// ... and a later one. Results: 0 accepted, 1 goes on, 2 refused.
inline std::string spnego_reply(std::uint8_t result, const std::string& token) {
  const std::string state = tlv(0xa0, {tlv(0x0a, {be(result, 1)})});
  if (token.empty()) return tlv(0xa1, {tlv(0x30, {state})});
  return tlv(0xa1, {tlv(0x30, {state, tlv(0xa2, {tlv(0x04, {token})})})});
}

// Kerberos' EncryptedData, PrincipalName and Ticket.
inline std::string encrypted(std::uint32_t type) {
  return tlv(0x30, {tlv(0xa0, {der_int(type)}), tlv(0xa1, {der_int(2)}),
                    tlv(0xa2, {tlv(0x04, {std::string(32, 'e')})})});
}
inline std::string principal(std::uint32_t type, std::initializer_list<std::string_view> names) {
  std::string list;
  for (const std::string_view name : names)
    list += tlv(0x1b, {name});
  return tlv(0x30, {tlv(0xa0, {der_int(type)}), tlv(0xa1, {tlv(0x30, {list})})});
}
inline std::string ticket(std::string_view realm, const std::string& service, std::uint32_t type) {
  return tlv(0x61, {tlv(0x30, {tlv(0xa0, {der_int(5)}), tlv(0xa1, {tlv(0x1b, {realm})}),
                               tlv(0xa2, {service}), tlv(0xa3, {encrypted(type)})})});
}
inline std::string ap_request(const std::string& of) {
  return tlv(0x6e, {tlv(0x30, {tlv(0xa0, {der_int(5)}), tlv(0xa1, {der_int(14)}),
                               tlv(0xa2, {raw("03 05 00 20 00 00 00")}), tlv(0xa3, {of}),
                               tlv(0xa4, {encrypted(18)})})});
}

}  // namespace dissect::auth::testing
