#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::dnp3 {

// What the objects of one fragment say; used again for the next one.
struct Found {
  std::array<Object, kMaxObjects> objects;
  std::size_t count = 0;
  bool left_out = false;
  std::uint16_t first = 0;  // group << 8 | variation of the first object; 0: none
  Operation command;        // of the first command: "latch on"
  Status failure;           // of the first that failed; Unknown: none did
  std::string file;         // what objects with a name view

  void clear();
  void add(const Object& object);
};

// The header of a run of objects. Source: IEEE 1815-2012, 4.2.2.7.
struct ObjectHeader {
  std::uint8_t group = 0;
  std::uint8_t variation = 0;
  std::uint8_t qualifier = 0;
  std::uint32_t first = 0;
  std::uint64_t count = 0;
  bool ranged = false;  // `first` and `count` number the points
  bool all = false;     // no range

  std::uint16_t id() const { return static_cast<std::uint16_t>(group << 8 | variation); }
  // Bytes of what is before each object: its index, or its size.
  std::size_t index_width() const;
  std::size_t size_width() const;
};

// Reads all objects that are left. `from_outstation` says whom identity is about. What cannot be
// read further is told as an issue and ends it.
void read_objects(Reader& reader, unsigned int function, bool from_outstation, Sink& sink,
                  Found& found);

// Objects that have a layout of their own; `object` is one of them, without what comes before it.
// Source: IEEE 1815-2012, A.1, A.27, A.45.
void read_attribute(Reader& object, const ObjectHeader& header, bool from_outstation, Sink& sink);
void read_file(Reader& object, const ObjectHeader& header, Sink& sink, Found& found);
void read_authentication(Reader& object, const ObjectHeader& header, Sink& sink, Found& found);

}  // namespace dissect::dnp3
