#include "dissect/dcerpc/dcerpc.h"

#include <memory>

#include "dissect/rpc/association.h"

namespace dissect::dcerpc {

namespace {

class DcerpcSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override { return rpc::frame(bytes); }
  void take(const Pdu& pdu, Sink& sink) override { association_.take(pdu.bytes, pdu.size, sink); }

 private:
  rpc::Association association_;
};

Match probe(const Sample& sample) {
  return rpc::match(sample.bytes);
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<DcerpcSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {135};

}  // namespace

constinit const Protocol kProtocol{"dcerpc", "DCE/RPC", false, kTransports,
                                   kPorts,   {},        probe, open};

}  // namespace dissect::dcerpc
