#pragma once

#include "dissect/protocol.h"

namespace dissect::tftp {

// TFTP: files asked for and sent, options, blocks, errors. A server answers from a port of its own,
// which is another flow: there, whoever sends blocks is the client of a transaction, and what they
// are of is not known.
// Source: RFC 1350, 2347, 2348, 2349, 7440.
extern const Protocol kProtocol;

}  // namespace dissect::tftp
