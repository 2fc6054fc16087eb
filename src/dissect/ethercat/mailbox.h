#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dissect/ams/dialogue.h"
#include "dissect/objects.h"
#include "dissect/sink.h"

namespace dissect::ethercat {

inline constexpr std::size_t kMailboxHeader = 6;

// What a message of a mailbox tells of a slave (from the answers to SDO uploads).
struct MailboxContext {
  Objects& objects;
  Message& message;
  Sink& sink;
  Evidence slave;  // whose facts are told: about, address and slot are set
};

// Whether data in memory are a mailbox: its header, with nothing that cannot be.
bool is_mailbox(base::ByteView data);
// One message of a mailbox, its header included: fields as details, objects, what it does. AoE
// tells its own message through `ams`; then false.
bool read_mailbox(base::ByteView data, MailboxContext& to, ams::Dialogue& ams);

}  // namespace dissect::ethercat
