// Whole capture files, through all of the sensor: container, headers, fragments, flows, streams,
// every parser, what is told. With one worker, and what it says must be there to be read.
#include <cstdint>

#include "dissect/all/list.h"
#include "sensor/engine/engine.h"
#include "sensor/packet/capture_file.h"

namespace {

class Bytes final : public sensor::capture::PacketSource {
 public:
  explicit Bytes(base::ByteView bytes) : bytes_(bytes) {}
  base::Result<Next> next(sensor::packet::RawPacket& packet) override {
    using Kind = sensor::packet::CaptureFile::Step::Kind;
    for (;;) {
      const auto step = format_.step(bytes_);
      if (step.kind == Kind::Need || step.kind == Kind::Bad) return Next::End;
      ASSERT(step.size > 0);
      bytes_ = bytes_.subspan(std::min(step.size, bytes_.size()));
      if (step.kind != Kind::Packet) continue;
      packet = step.packet;
      return Next::Packet;
    }
  }
  std::uint64_t lost() override { return 0; }

 private:
  base::ByteView bytes_;
  sensor::packet::CaptureFile format_;
};

class Heard final : public sensor::engine::Consumer {
 public:
  void take(const sensor::engine::Record& record) override {
    ASSERT(record.position >= position);
    position = record.position;
  }
  std::uint64_t position = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const sensor::flow::Registry kRegistry(dissect::all::protocols());
  sensor::engine::Settings settings;
  settings.worker.fields = true;
  settings.worker.all_transactions = true;
  // Small bounds are reached.
  settings.worker.tracker.flows = 16;
  settings.worker.tracker.reassembly = 4096;
  Bytes bytes(base::ByteView(data, size));
  Heard heard;
  sensor::engine::Engine engine(kRegistry, heard, settings);
  (void)engine.run(bytes);
  return 0;
}
