#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dissect/dnp3/link.h"
#include "dissect/dnp3/objects.h"
#include "dissect/sink.h"

namespace dissect::dnp3 {

// What is remembered between the fragments of one response.
struct Dialogue {
  std::uint8_t sequence = 0;  // of the request
  bool in_parts = false;      // more fragments follow
};

// Finds the request of a response: the pair of stations, and a number of theirs.
std::uint64_t dialogue_key(const LinkHeader& link, unsigned int number);

// One fragment of the application layer as one message. `found` is room that is used again.
// Source: IEEE 1815-2012, 4.2.
void read_fragment(base::ByteView fragment, const LinkHeader& link, Dialogue& dialogue,
                   Found& found, Sink& sink);

}  // namespace dissect::dnp3
