#pragma once

#include "dissect/protocol.h"

namespace dissect::sip {

// SIP over UDP and TCP: who calls whom, registrations and their users, answers, where media go.
// Source: RFC 3261, 3265, 3428; SDP: RFC 8866.
extern const Protocol kProtocol;

// RTSP 1.0 and 2.0 over TCP: what streams of cameras are described, set up and played; their
// packets within the connection are passed by. Source: RFC 2326, 7826; SDP: RFC 8866.
extern const Protocol kRtsp;

}  // namespace dissect::sip
