#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dissect/message.h"
#include "dissect/opcua/decode.h"

namespace dissect::opcua {

// A service by the numbers of its messages' encodings. Source: OPC 10000-6, annex A (NodeIds.csv).
struct Service {
  std::uint32_t request = 0;
  std::uint32_t response = 0;
  std::string_view name;
  Access access = Access::None;
};
inline constexpr std::uint32_t kServiceFault = 397;
// Null: unknown. `id` may be of either message.
const Service* find_service(std::uint32_t id);

// Of the usual status codes; otherwise by their gravity.
std::string_view status_name(std::uint32_t status);
inline bool is_bad(std::uint32_t status) {
  return (status >> 30U) >= 2;
}

// Nodes of a server that say who it is, as a Read asked for them.
struct Asked {
  std::uint32_t place = 0;  // among the nodes asked for
  std::uint32_t node = 0;   // of name space 0
};
inline constexpr std::size_t kMaxAsked = 16;

// What the body of a service says; used again for the next one.
struct Found {
  std::array<std::string, kMaxObjects> names;  // what objects view
  std::array<Object, kMaxObjects> objects;
  std::size_t count = 0;
  bool left_out = false;
  Operation detail;
  Access access = Access::None;  // where it is not the service's
  std::uint32_t result = 0;  // the first that is bad, of the service or of one of its operations
  std::vector<Asked> asked;  // of a Read

  void clear();
  void node(const NodeId& node);
};

// The body behind the type of the message. `asked` is what the request asked for, as far as it was
// seen. What cannot be read makes `reader` fail; what was found before stays.
void read_request(Reader& reader, const Service& service, Sink& sink, Found& found);
void read_response(Reader& reader, const Service& service, const std::vector<Asked>& asked,
                   Sink& sink, Found& found);

}  // namespace dissect::opcua
