#include "detect/trial/cases.h"

#include <algorithm>

namespace detect::trial {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;

namespace {

// What is set before anything else happens at that time.
bool is_setting(const Step& step) {
  return step.name == "Rule";
}

Result<void> read_steps(const Value& event, std::vector<Step>& out) {
  const Value* list = event.find("Events");
  if (list == nullptr) list = event.find("events");
  if (list == nullptr && event.if_array() != nullptr) list = &event;
  if (list == nullptr) {
    out.push_back(TRY(read_step(event)));
    return {};
  }
  if (list->if_array() == nullptr)
    return fail(Code::Malformed, "Events", -1, "expected a list, found " + list->to_json());
  for (const Value& one : *list->if_array())
    TRY(read_steps(one, out));
  return {};
}

}  // namespace

Result<Case> read_case(const Value& object) {
  if (object.if_object() == nullptr)
    return fail(Code::Malformed, "case", -1, "expected an object, found " + object.to_json());
  Case out;
  out.id = object.text_or("id", "");
  if (out.id.empty()) return fail(Code::Malformed, "case", -1, "expected 'id', found none");
  out.alert = object.text_or("alert", "");
  out.kind = object.text_or("kind", "alert");
  out.note = object.text_or("note", "");
  if (const Value* positive = object.find("positive")) {
    if (const bool* flag = positive->if_bool()) out.positive = *flag;
  }
  const Value* event = object.find("event");
  if (event == nullptr) event = object.find("events");
  if (event == nullptr) return fail(Code::Malformed, "case", -1, "expected 'event', found none");
  TRY(read_steps(*event, out.steps));
  std::ranges::stable_sort(out.steps, [](const Step& a, const Step& b) {
    const auto place = [](const Step& step) {
      return std::pair(step.after.value_or(std::chrono::nanoseconds(0)), !is_setting(step));
    };
    return place(a) < place(b);
  });
  for (Step& step : out.steps) {
    if (!step.after) step.after = std::chrono::nanoseconds(0);
    if (step.device_id.empty()) step.device_id = out.id;
  }
  return out;
}

Verdict judge(Trial& trial, const Case& one) {
  Verdict out;
  trial.reset();
  for (const Step& step : one.steps) {
    if (const auto taken = trial.add(step); !taken && out.problem.empty())
      out.problem = taken.error().to_string();
  }
  trial.finish();
  bool found = false;
  for (const Raised& raised : trial.take()) {
    const bool named = is_called(raised.finding.rule, one.alert);
    found = found || named;
    const std::string& name = named ? one.alert : raised.finding.rule.title;
    if (std::ranges::find(out.raised, name) == out.raised.end()) out.raised.push_back(name);
  }
  out.right = out.problem.empty() && one.positive.has_value() && *one.positive == found;
  return out;
}

}  // namespace detect::trial
