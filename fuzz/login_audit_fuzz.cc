// Audit records about logins: whatever follows "audit(...): ".
#include "agent/logins/audit_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  audit::Record record;
  record.body.assign(reinterpret_cast<const char*>(data), size);
  for (const audit::RecordType type : agent::logins::login_records()) {
    record.type = type;
    [[maybe_unused]] const auto read = agent::logins::read_audit(record);
  }
  return 0;
}
