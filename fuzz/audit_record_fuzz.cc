// Records of the kernel's audit trail: head, fields, arguments, addresses, assembly, and rules.
#include "audit/assembler.h"
#include "audit/execve.h"
#include "audit/names.h"
#include "audit/rules.h"
#include "audit/sockaddr.h"
#include "audit/socket.h"
#include "base/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  audit::Assembler assembler({.max_open = 4, .max_records = 4, .argv_head = 64, .argv_tail = 2},
                             [](const audit::Event& event) {
                               const audit::Arguments all = audit::read_arguments(event);
                               ASSERT(all.head <= all.bytes.size());
                               ASSERT(all.bytes.size() <= all.total);
                             });
  for (const std::string_view line : base::split(base::as_text(bytes), '\n')) {
    const auto read = audit::read_line(line);
    if (!read) continue;
    assembler.add(read->type, read->head, {});
    const audit::Fields fields(read->head.body);
    for (const audit::Field& field : fields.all()) {
      [[maybe_unused]] const std::string text = audit::decode_text(field.raw);
      [[maybe_unused]] const auto address = audit::read_saddr(field.raw);
    }
  }
  assembler.flush();
  [[maybe_unused]] const auto address = audit::read_socket_address(bytes);
  [[maybe_unused]] const auto status = audit::read_status(bytes);
  if (const auto rule = audit::read_rule(bytes)) {
    const auto again = audit::read_rule(audit::write_rule(*rule));
    ASSERT(again && *again == *rule);
  }
  return 0;
}
