// su, sudo, and who may have jobs run.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/baseline/lines.h"
#include "agent/baseline/verbs.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

Result<Outcome> su_restricted(Facts& facts, const Parameters&) {
  const auto stack = facts.pam("su");
  if (!stack && stack.error().code == Code::NotFound) return not_applicable("no /etc/pam.d/su");
  for (const PamEntry& entry : TRY_REF(stack)) {
    if (entry.type != "auth") continue;
    // What comes before and suffices lets everybody past, but for root itself.
    const bool decides = entry.control == "required" || entry.control == "requisite";
    if (entry.module == "pam_wheel.so" && decides && entry.has("use_uid") && !entry.has("deny"))
      return pass(entry.where);
    if (entry.control == "sufficient" && entry.module != "pam_rootok.so")
      return failed(
          fmt::format("{} suffices before any pam_wheel ({})", entry.module, entry.where));
  }
  return failed("no required pam_wheel.so with use_uid in /etc/pam.d/su");
}

Result<Outcome> sudo_default(Facts& facts, const Parameters& p) {
  const auto& answer = facts.sudoers();
  if (!answer && answer.error().code == Code::NotFound) return not_applicable("no sudo here");
  const Sudoers& sudoers = TRY_REF(answer);
  const auto found = sudoers.general(p.get("name"));
  if (!found) return failed(fmt::format("no \"Defaults {}\"", p.get("name")));
  if (found->negated)
    return failed(fmt::format("\"Defaults !{}\" in {}", found->name, found->where));
  return pass(found->where);
}

Result<Outcome> sudo_no_tag(Facts& facts, const Parameters& p) {
  const auto& answer = facts.sudoers();
  if (!answer && answer.error().code == Code::NotFound) return not_applicable("no sudo here");
  const Sudoers& sudoers = TRY_REF(answer);
  const std::string tag = std::string(p.get("tag")) + ":";
  Examples wrong;
  for (const Sudoers::Grant& grant : sudoers.grants) {
    // "NOPASSWD:" or "NOPASSWD :", but not as part of a longer word.
    std::string tight = grant.text;
    std::erase_if(tight, [](char c) { return c == ' ' || c == '\t'; });
    const std::size_t at = tight.find(tag);
    if (at == std::string::npos) continue;
    const bool within =
        at > 0 && ((tight[at - 1] >= 'A' && tight[at - 1] <= 'Z') || tight[at - 1] == '_');
    if (!within) wrong.add(fmt::format("{} ({})", grant.text, grant.where));
  }
  for (const Sudoers::Default& each : sudoers.defaults) {
    if (each.name == "authenticate" && each.negated)
      wrong.add(fmt::format("Defaults{} !authenticate ({})", each.scope, each.where));
  }
  return wrong.empty() ? pass() : failed(wrong.text());
}

struct Scheduler {
  const char* name;
  const char* allow;
  const char* deny;
  std::array<const char*, 3> programs;
};

Result<Outcome> cron_allow(Facts& facts, const Parameters&) {
  static constexpr std::array<Scheduler, 2> kSchedulers = {{
      {"cron",
       "/etc/cron.allow",
       "/etc/cron.deny",
       {"/usr/bin/crontab", "/usr/sbin/cron", "/usr/sbin/crond"}},
      {"at", "/etc/at.allow", "/etc/at.deny", {"/usr/bin/at", "/usr/sbin/atd", "/usr/bin/at"}},
  }};
  Examples wrong;
  bool any = false;
  for (const Scheduler& scheduler : kSchedulers) {
    bool there = false;
    for (const char* const program : scheduler.programs)
      there = there || TRY(exists(facts.host(), program));
    if (!there) continue;
    any = true;
    const bool allow = TRY(exists(facts.host(), scheduler.allow));
    const bool deny = TRY(exists(facts.host(), scheduler.deny));
    if (!allow) wrong.add(fmt::format("{}: {} does not exist", scheduler.name, scheduler.allow));
    if (deny) wrong.add(fmt::format("{}: {} exists", scheduler.name, scheduler.deny));
  }
  if (!any) return not_applicable("neither cron nor at is installed");
  return wrong.empty() ? pass() : failed(wrong.text());
}

constexpr std::array<Verb, 4> kVerbs = {{
    {"su-restricted", su_restricted},
    {"sudo-default", sudo_default},
    {"sudo-no-tag", sudo_no_tag},
    {"cron-allow", cron_allow},
}};

}  // namespace

std::span<const Verb> privilege_verbs() {
  return kVerbs;
}

}  // namespace agent::baseline
