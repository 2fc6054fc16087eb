#include "agent/baseline/check.h"

#include "agent/baseline/lines.h"

namespace agent::baseline {

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::Pass:
      return "Pass";
    case Verdict::Fail:
      return "Fail";
    case Verdict::Err:
      return "Err";
    case Verdict::NotApplicable:
      return "NotApplicable";
  }
  return "";
}

std::string_view Parameters::get(std::string_view name) const {
  for (const auto& [key, value] : all_) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string_view> Parameters::words(std::string_view name) const {
  return words_of(get(name));
}

}  // namespace agent::baseline
