#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "detect/trial/trial.h"

// Cases: something that happens at a device, and the alert that it is or is not to raise.
namespace detect::trial {

struct Case {
  std::string id;
  std::string alert;             // the name of an alert, in any of its forms
  std::string kind;              // alert, custom, recommendation, operational
  std::optional<bool> positive;  // whether it is to be raised; absent: the case only asks
  std::string note;
  std::vector<Step> steps;  // by time; custom alerts before what happens at the same
};

// {"id":..,"alert":..,"kind":..,"positive":true,"event":{..}}; the event may be a sequence:
// {"Name":"Sequence","Events":[..]}. Errors: Malformed.
base::Result<Case> read_case(const base::json::Value& object);

struct Verdict {
  std::vector<std::string> raised;  // the case's own name where it was raised, titles of the rest
  bool right = false;
  std::string problem;  // why a step could not be taken; such a case is never right
};

// Plays the case from the beginning, on a device of its own.
Verdict judge(Trial& trial, const Case& one);

}  // namespace detect::trial
