#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "dissect/address.h"
#include "dissect/evidence.h"
#include "dissect/message.h"
#include "dissect/sink.h"

namespace dissect::bacnet {

// Which of the parameters of a service follow.
enum class Part : std::uint8_t { Request, Unconfirmed, Ack, Error };

// What the parameters of a service say; used again for the next one.
struct Found {
  std::array<Object, kMaxObjects> objects;
  std::size_t count = 0;
  bool left_out = false;
  Operation detail;              // state of a reinitialization ...
  Access access = Access::None;  // refined by it
  Status failure;                // of an error
  bool broken = false;           // tags that cannot be

  void clear();
};

// About whom the device speaks: nobody the sensor can tell apart when `told` is false.
struct Speaker {
  bool told = true;
  About about = About::Sender;
  IpAddress ip;
};

// Walks the parameters. Depth and size are bounded by the input; passwords are passed over.
// `whole` says that nothing of them is missing. Source: ANSI/ASHRAE 135-2020, 20.2, 21.
void read_service(base::ByteView bytes, unsigned int service, Part part, bool whole,
                  const Speaker& speaker, Sink& sink, Found& found);

}  // namespace dissect::bacnet
