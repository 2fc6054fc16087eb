#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

// The kernel's audit trail: its text records made into facts, and the way to get them.
namespace audit {

// Number of a record's type, as linux/audit.h and libaudit have them; names.h has their names.
using RecordType = std::uint16_t;

// One field of a record. Views point into the record's text.
struct Field {
  std::string_view name;
  std::string_view raw;  // as written: quotes included, hexadecimal not decoded
};

// The fields of a record's body, those within msg='...' (of records that user space sent) after the
// others. Threads: pure.
class Fields {
 public:
  // The body must outlive this. Of more than 8,192 fields the first are kept.
  explicit Fields(std::string_view body);

  // As written; nullopt: not there. The kernel's own fields win over those in msg='...'.
  std::optional<std::string_view> raw(std::string_view name) const;
  // Of a field of untrusted text: without its quotes, or decoded from hexadecimal. Empty for
  // "(null)", "(none)" and "?".
  std::optional<std::string> text(std::string_view name) const;
  // Of a decimal number; nullopt also when it is none. "unset" is 4294967295, as older kernels say.
  std::optional<std::int64_t> number(std::string_view name) const;
  const std::vector<Field>& all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// Untrusted text as the kernel and libaudit write it: "quoted", or hexadecimal when it holds a
// blank, a quote or a byte that is not printable ASCII. Anything else stays as it is.
std::string decode_text(std::string_view raw);

struct Record {
  RecordType type = 0;
  std::string body;  // after "audit(...): "
};

// What one event may not hold: the middle of a very long argv, or many paths.
struct Omitted {
  std::size_t records = 0;
  std::size_t argv_bytes = 0;  // of argv, NULs included, in EXECVE records of those
  std::size_t before = 0;      // index in `records` of the first EXECVE record behind them
};

// All records of one occurrence, in the order in which they came.
struct Event {
  std::uint64_t serial = 0;
  base::WallTime time;  // by the kernel's coarse clock: up to a tick early
  std::vector<Record> records;
  bool complete = true;  // false: some records may be missing

  Omitted omitted{};

  // The first record of the type; nullptr: none.
  const Record* find(RecordType type) const;
};

}  // namespace audit
