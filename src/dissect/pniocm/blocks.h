#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::pniocm {

// What the blocks of one call say.
struct Found {
  std::array<Object, kMaxObjects> objects;
  std::size_t count = 0;
  bool left_out = false;
  Access access = Access::None;  // of records
  Operation command;             // of a control
  std::optional<std::uint32_t> slot;

  void add(const Object& object);
};

// Reads blocks until the end. Numbers in them are big-endian. What cannot be read is told as an
// issue and ends it. Source: IEC 61158-6-10, 5.2.
void read_blocks(Reader& reader, Sink& sink, Found& found);

}  // namespace dissect::pniocm
