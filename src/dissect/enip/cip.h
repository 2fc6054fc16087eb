#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "dissect/message.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::enip {

// Where a message goes (volume 1, appendix C-1).
struct Path {
  std::optional<std::uint32_t> object_class;
  std::optional<std::uint32_t> instance;
  std::optional<std::uint32_t> attribute;
  std::optional<std::uint32_t> connection_point;
  std::string_view tag;               // symbols and their indexes, "Line.Speed[3]"
  std::optional<std::uint32_t> slot;  // the last link of a way through ports

  bool tagged() const { return !tag.empty(); }
};

// What is remembered of one service, to understand its response.
struct Target {
  std::uint8_t service = 0;
  bool tag = false;
  bool has_instance = false;
  bool io = false;  // of a Forward_Open: what is opened is cyclic
  std::uint8_t path_words = 0;
  std::uint16_t attribute = 0;
  std::uint32_t object_class = 0;
  std::uint32_t instance = 0;
  std::optional<std::uint16_t> slot;
};
struct Asked {
  std::uint64_t key = 0;  // 0: free
  bool routed = false;    // by Unconnected_Send
  Target target;
  std::vector<Target> parts;  // of a Multiple_Service_Packet
};

// Connections that were opened, by both ids; the oldest is forgotten first.
class Connections {
 public:
  struct Opened {
    std::uint32_t to_target = 0;
    std::uint32_t to_originator = 0;
    bool io = false;
  };
  void add(const Opened& opened) { opened_[next_++ % opened_.size()] = opened; }
  // 1 and above; 0: not known.
  std::size_t find(std::uint32_t id) const {
    for (std::size_t i = 0; i < opened_.size(); ++i) {
      if (id != 0 && (opened_[i].to_target == id || opened_[i].to_originator == id)) return i + 1;
    }
    return 0;
  }

 private:
  std::array<Opened, 16> opened_{};
  std::size_t next_ = 0;
};

// Reads CIP messages of one flow. Threads: one.
class Cip {
 public:
  // One message, a request or a response by its own mark. `key` finds the other.
  void take(base::ByteView bytes, std::uint64_t key, Sink& sink);
  const Connections& connections() const { return connections_; }

 private:
  struct Part {  // one service of a message
    std::uint64_t key = 0;
    std::optional<std::uint16_t> slot;
    int depth = 0;
  };

  void request(Reader& reader, const Part& part, Asked& asked, Sink& sink);
  void route(Reader& data, const Part& part, Asked& asked, Sink& sink);
  void services_asked(base::ByteView data, const Part& part, Asked& asked, Sink& sink);
  void response(Reader& reader, const Part& part, const Target* target, Asked* asked, Sink& sink);
  void services_answered(base::ByteView data, const Part& part, const Asked* asked, Sink& sink);
  void content_asked(const Path& path, Target& target, Reader& data, Message& message, Sink& sink);
  void content_answered(const Target& target, Reader& data, Message& message, Sink& sink);
  void identity_answered(const Target& target, Reader& data, Sink& sink);
  void read_path(Reader path, Path& to, Sink& sink);
  void logical_segment(std::uint8_t segment, Reader& path, Path& to, Sink& sink);
  void symbol_segment(std::string_view text, Path& to, Sink& sink);
  void add_object(const Path& path, std::uint32_t count, Message& message, Sink& sink);
  void ask_forward_open(bool large, Reader& data, Target& target, Message& message, Sink& sink);
  void answer_forward_open(const Target& target, Reader& data, Sink& sink);
  void forward_close(Reader& data, Sink& sink);
  Asked& remember(std::uint64_t key);
  Asked* find(std::uint64_t key);

  Objects objects_;
  Connections connections_;
  std::array<Asked, 16> asked_;
  std::size_t turn_ = 0;
};

// Values of attributes of the Identity object: evidence of who answers, or of what is in that slot.
struct Identity {
  std::uint16_t vendor = 0;
  std::uint16_t type = 0;
  std::uint16_t product = 0;
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint16_t status = 0;
  std::uint32_t serial = 0;
  std::string_view name;
};
// All of it, as Get_Attributes_All and ListIdentity have it. False: it ends too early.
bool read_identity(Reader& reader, Identity& identity);
void tell_identity(const Identity& identity, std::optional<std::uint16_t> slot, Sink& sink);
// Its values as details: those of ListIdentity, or those of the object.
enum class From : std::uint8_t { Encapsulation, Object };
void show_identity(const Identity& identity, From from, Sink& sink);
// One attribute, by number.
void tell_identity_attribute(std::uint16_t attribute, Reader& value,
                             std::optional<std::uint16_t> slot, Sink& sink);

// PCCC inside Execute_PCCC: what it does, and to which file.
void read_pccc(bool request, Reader& data, Objects& objects, Message& message, Sink& sink);

}  // namespace dissect::enip
