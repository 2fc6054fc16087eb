#pragma once

#include "dissect/protocol.h"

namespace dissect::goose {

// GOOSE, by which protection devices tell each other events: who publishes which data set, with
// which settings, and its values. Told as a one-way operation on its control block, whose sub
// operation says when it is a simulation or needs commissioning.
// Sources: IEC 61850-8-1:2011, annex A.2 and annex C.
extern const Protocol kProtocol;

}  // namespace dissect::goose
