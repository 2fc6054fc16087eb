#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dissect/message.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::s7comm {

// One message as it is being read.
struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;

  void add(std::string_view space, std::string_view name, std::uint64_t first,
           std::uint32_t count) const {
    objects.add(message, sink, {space, name, first, count});
  }
  void issue(Issue::Kind kind, const char* what, std::uint32_t code = 0) const {
    sink.issue({kind, what, code, 0});
  }
  // Foreign text as a detail.
  void text(std::string_view name, std::string_view value) const;
  // The first failure of several is the message's.
  void fail(std::uint32_t code, std::string_view name) const;
};

// Return code, transport size, length and that many bytes, as items of reads and writes and the
// data of user data have them.
struct DataItem {
  std::uint8_t code = 0;
  std::uint8_t transport_size = 0;
  base::ByteView bytes;
};
enum class Show : std::uint8_t { Data, Nothing };
DataItem read_item(Reader& data, Decoding& to, Show show = Show::Data);

// Jobs and their acknowledgements: the parameters from the function on, and the data.
void read_job(std::uint8_t function, Reader& parameters, Reader& data, Decoding& to);
void read_answer(std::uint8_t function, Reader& parameters, Reader& data, Decoding& to);
// One variable as a read, a write or a cyclic service names it.
void read_variable(Reader& parameters, Decoding& to);

// What user data says of itself.
struct UserData {
  std::uint8_t type = 0;  // 0: unasked, 4: request, 8: response
  std::uint8_t group = 0;
  std::uint8_t subfunction = 0;
  std::uint8_t unit = 0;   // of several pieces, which belong together
  bool more = false;       // pieces follow
  bool continued = false;  // has a unit: the header is of the longer kind
};
UserData read_user_data(Reader& parameters, Decoding& to);
// The data of user data, put together: without return code, transport size and length.
void read_user_content(const UserData& about, base::ByteView content, Decoding& to);

// A system status list, from its id on: what it tells of the controller is evidence.
void read_status_list(Reader& list, Decoding& to);

}  // namespace dissect::s7comm
