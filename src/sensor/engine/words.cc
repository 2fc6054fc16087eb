#include "sensor/engine/words.h"

#include <fmt/format.h>

namespace sensor::engine {

std::string transport_text(const dissect::FlowInfo& flow) {
  switch (flow.transport) {
    case dissect::Transport::Tcp:
      return "tcp";
    case dissect::Transport::Udp:
      return "udp";
    case dissect::Transport::Ip:
      return fmt::format("ip {}", flow.selector);
    case dissect::Transport::Link:
      return fmt::format("0x{:04x}", flow.selector);
  }
  return {};
}

std::string object_text(const dissect::NamedObject& object) {
  std::string text(object.space);
  if (!object.name.empty()) text += (text.empty() ? "" : " ") + object.name;
  if (object.count == 1) text += fmt::format(" {}", object.first);
  if (object.count > 1)
    text += fmt::format(" {}-{}", object.first, object.first + object.count - 1);
  return text;
}

std::string operation_text(const dissect::Operation& operation) {
  return operation.name.empty() ? std::to_string(operation.code) : std::string(operation.name);
}

}  // namespace sensor::engine
