#pragma once

#include "dissect/sink.h"
#include "dissect/transaction.h"
#include "sensor/flow/flow.h"
#include "sensor/packet/packet.h"

namespace sensor::flow {

// Who hears what flows say. Everything passed is good during the call only.
class Listener {
 public:
  virtual ~Listener() = default;
  // A message is given to its parser, and was.
  virtual void message_begins(const Flow& flow, const dissect::Pdu& pdu) = 0;
  virtual void message_ends(const Flow& flow, const dissect::Pdu& pdu) = 0;
  virtual void transaction(const Flow& flow, const dissect::Transaction& transaction) = 0;
  virtual void evidence(const Flow& flow, const dissect::Pdu& pdu,
                        const dissect::Evidence& evidence) = 0;
  // Between messages (TCP), `pdu` has no bytes.
  virtual void issue(const Flow& flow, const dissect::Pdu& pdu, const dissect::Issue& issue) = 0;
  // For each packet of a flow, after its counts and before what it says. `flow.sightings` is the
  // listener's.
  virtual void seen(Flow& flow, dissect::Side side, const packet::Packet& packet) = 0;
  virtual void ended(const Flow& flow) = 0;
};

}  // namespace sensor::flow
