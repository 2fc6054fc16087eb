#pragma once

#include "dissect/protocol.h"

namespace dissect::coap {

// CoAP over UDP and TCP: resources read, written, observed and discovered, blocks, LwM2M's
// registrations, OSCORE's outer messages. Answers find their requests by token. A notification of
// what is observed stands for itself.
// Source: RFC 7252, 7641, 7959, 8132, 8323, 8613; OMA LwM2M 1.1 for /rd.
extern const Protocol kProtocol;

}  // namespace dissect::coap
