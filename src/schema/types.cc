#include "schema/types.h"

namespace schema {

std::string_view to_string(Category category) {
  return category == Category::Periodic ? "Periodic" : "Triggered";
}

std::string_view to_string(EventType type) {
  switch (type) {
    case EventType::Security:
      return "Security";
    case EventType::Operational:
      return "Operational";
    case EventType::Diagnostic:
      return "Diagnostic";
  }
  return {};
}

const std::string* find(const ExtraDetails& details, std::string_view name) {
  for (const auto& [key, value] : details) {
    if (key == name) return &value;
  }
  return nullptr;
}

void set(ExtraDetails& details, std::string_view name, std::string value) {
  for (auto& [key, present] : details) {
    if (key == name) {
      present = std::move(value);
      return;
    }
  }
  details.emplace_back(name, std::move(value));
}

}  // namespace schema
