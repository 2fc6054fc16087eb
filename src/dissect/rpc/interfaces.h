#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/message.h"

namespace dissect::rpc {

struct Procedure {
  std::uint16_t number = 0;
  std::string_view name;
  Access access = Access::None;
};

// What a Windows computer, or an OPC server, offers to others. Constant data.
struct Interface {
  std::string_view uuid;         // "367abb81-9844-35f1-ad32-98f038001003"
  std::string_view name;         // "svcctl"
  Access access = Access::None;  // of procedures that are not in the list
  std::span<const Procedure> procedures;

  // Null: not known.
  const Procedure* procedure(std::uint16_t number) const;
};

// Null: not known. Sources: MS-SCMR, MS-SAMR, MS-LSAD, MS-LSAT, MS-NRPC, MS-SRVS, MS-WKST, MS-RRP,
// MS-RSP, MS-TSCH, MS-DRSR, MS-RPRN, MS-DCOM, MS-WMI, MS-EVEN, MS-EVEN6, MS-EFSR, MS-DFSNM; C706
// appendix O; OPC Data Access 2.05A and 3.0.
const Interface* find_interface(std::string_view uuid);

// A UUID as messages carry it: the first three parts in the message's order. Empty: not 16 bytes.
std::string uuid_text(base::ByteView bytes, bool little);

}  // namespace dissect::rpc
