// What the kernel tells of sockets: inet_diag answers and the text of /proc/net.
#include "agent/snapshot/ports/sockets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::snapshot::ports;
  if (const auto socket = read_diag({data, size}, Transport::Udp))
    (void)(socket->local_text() + socket->remote_text());
  const std::string_view text = base::as_text({data, size});
  (void)read_proc_sockets(text, Transport::Tcp, Family::V4, 64);
  (void)read_proc_sockets(text, Transport::Raw, Family::V6, 64);
  (void)read_proc_sctp(text, 64);
  return 0;
}
