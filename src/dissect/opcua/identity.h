#pragma once

#include <string_view>

#include "dissect/opcua/decode.h"

namespace dissect::opcua {

// Descriptions of applications and servers, which are evidence when `about_sender`.
// Source: OPC 10000-4, 7.2 and 7.14; OPC 10000-5, 12.4 and 12.10.
void read_application(Reader& reader, bool about_sender, Sink& sink);
void read_endpoint(Reader& reader, Sink& sink);

// What a server answers for a node of its description.
bool tells_identity(const NodeId& node);
void tell_identity(std::uint32_t node, const Value& value, Sink& sink);

}  // namespace dissect::opcua
