#pragma once

#include <cstdint>
#include <string>

#include "dissect/message.h"
#include "dissect/modbus/functions.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::modbus {

// What is remembered of a request until it is answered.
struct Asked {
  std::uint32_t key = 0;  // 0: free
  std::uint8_t code = 0;
  std::uint16_t sub = 0;
  std::uint16_t address = 0;
  std::uint16_t quantity = 0;
};

// One message as it is being read. `objects` is scratch.
struct Decoding {
  Message& message;
  Sink& sink;
  Object* objects;  // kMaxObjects of them
  std::size_t object_count = 0;

  void add(std::string_view space, std::uint64_t first, std::uint32_t count);
  void issue(Issue::Kind kind, const char* what, std::uint32_t code = 0) const {
    sink.issue({kind, what, code, 0});
  }
};

// The body, which is what follows the function code, of a request; `asked` is filled for its
// response.
void read_request(std::uint8_t code, Reader& body, Decoding& to, Asked& asked);

// The body of a response that is no exception. `asked` is its request; null: not seen.
void read_response(std::uint8_t code, Reader& body, Decoding& to, const Asked* asked);

}  // namespace dissect::modbus
