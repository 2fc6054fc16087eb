#include "detect/changes/local_users.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <set>

#include "base/json.h"
#include "base/text.h"
#include "detect/changes/accounts.h"
#include "detect/changes/watch.h"
#include "detect/evidence_text.h"

namespace detect::changes {
namespace {

using base::json::Value;
using base::json::Writer;

// Commands that were run since the last picture; the latest of them.
constexpr std::size_t kCommands = 16;

constexpr std::array<std::string_view, 2> kDeleting = {"userdel", "deluser"};
constexpr std::array<std::string_view, 8> kChanging = {
    "usermod", "gpasswd", "adduser", "useradd", "addgroup", "delgroup", "groupmod", "groupdel"};
// Members of these become root when they like, or read what only root should.
constexpr std::array<std::string_view, 9> kPrivileged = {"root", "sudo",   "wheel", "adm", "docker",
                                                         "disk", "shadow", "admin", "lxd"};

template <std::size_t N>
bool is_in(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

RuleInfo added_rule() {
  RuleInfo rule;
  rule.id = "6f97838b-3b00-424e-aadd-edc290e5475d";
  rule.title = "Local user added to one or more groups";
  rule.description =
      "An account of the device joined a group between two pictures of its accounts. Groups carry "
      "rights: some of them (sudo, docker, disk) are as good as being root. Intruders who have an "
      "account give it more rights this way, and keep them.";
  rule.severity = Severity::Low;
  rule.tactics = {"Persistence", "Privilege Escalation"};
  rule.techniques = {"T1098.007"};
  rule.false_positives = {"An administrator gave somebody rights",
                          "A package added its account to a group"};
  rule.remediation = {
      "Find out who changed the account, from the commands that came with the alert or the logins "
      "around that time, and whether it was meant.",
      "Where it was not, take the account out of the group: gpasswd --delete USER GROUP.",
      "Look at what the account did since, and at how whoever did it became root."};
  return rule;
}

RuleInfo removed_rule() {
  RuleInfo rule;
  rule.id = "2fedd524-238a-4a83-8caf-503042868b43";
  rule.title = "Local user deleted from one or more groups";
  rule.description =
      "An account of the device left a group between two pictures of its accounts, and still "
      "exists. Intruders take rights away from those who could stop them.";
  rule.severity = Severity::Low;
  rule.tactics = {"Impact"};
  rule.techniques = {"T1531", "T1098"};
  rule.false_positives = {"An administrator took rights away that were not needed any more"};
  rule.remediation = {"Find out who changed the account, and whether it was meant.",
                      "Where it was not, give the group back: gpasswd --add USER GROUP.",
                      "Look for what else whoever did it changed on the device."};
  return rule;
}

RuleInfo deleted_rule() {
  RuleInfo rule;
  rule.id = "b6167607-64cf-45e0-a879-dc0ff71951da";
  rule.title = "Local user deletion detected";
  rule.description =
      "An account that the device had is gone in the next picture of its accounts. Intruders "
      "delete accounts to lock others out, or those that they made to cover their way.";
  rule.severity = Severity::Low;
  rule.tactics = {"Impact"};
  rule.techniques = {"T1531"};
  rule.false_positives = {"An account was removed because nobody needs it any more",
                          "A package was purged with its account"};
  rule.remediation = {
      "Ask the device's operator whether the account was meant to go.",
      "Look at who deleted it, and at what the account did before.",
      "Where it was not meant, make it again, with new credentials, and look for others that "
      "appeared."};
  return rule;
}

// A command that changes accounts, and the words that it was given.
struct Command {
  bool deletes = false;
  std::set<std::string, std::less<>> words;
  Evidence evidence;
};

std::set<std::string, std::less<>> words_of(std::string_view line) {
  std::set<std::string, std::less<>> words;
  std::string word;
  for (const char c : line) {
    if (c == ' ' || c == '\t' || c == '\n') {
      if (!word.empty()) words.insert(std::move(word));
      word.clear();
    } else if (c != '\'' && c != '"') {
      word += c;
    }
  }
  if (!word.empty()) words.insert(std::move(word));
  return words;
}

// The program that changes accounts; empty: it is another. Debian's are scripts, which an
// interpreter runs.
std::string_view account_program(const schema::ProcessCreate& process) {
  const auto known = [](std::string_view name) {
    return is_in(kDeleting, name) || is_in(kChanging, name);
  };
  const std::string_view program = base_name(process.executable);
  if (known(program)) return program;
  if (!program.starts_with("perl") && !program.starts_with("python")) return {};
  std::size_t seen = 0;
  for (const std::string_view word : base::split(process.command_line, ' ')) {
    if (known(base_name(word))) return base_name(word);
    if (++seen == 4) break;
  }
  return {};
}

struct Device {
  bool known = false;  // there was a picture
  base::WallTime time{};
  Picture accounts;
  bool doubted = false;
  std::deque<Command> commands;
};

std::string text_of(const Device& device) {
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("known", device.known);
  writer.field("time", to_integer(device.time));
  writer.field("doubted", device.doubted);
  writer.key("accounts");
  writer.begin_array();
  for (const Account& account : device.accounts) {
    writer.begin_object();
    writer.field("id", account.id);
    writer.field("name", account.name);
    writer.key("groups");
    writer.begin_array();
    for (const Group& group : account.groups) {
      writer.begin_object();
      writer.field("id", group.id);
      writer.field("name", group.name);
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.key("commands");
  writer.begin_array();
  for (const Command& command : device.commands) {
    writer.begin_object();
    writer.field("deletes", command.deletes);
    writer.key("words");
    writer.begin_array();
    for (const std::string& word : command.words)
      writer.value(word);
    writer.end_array();
    writer.key("evidence");
    write_evidence(writer, command.evidence);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return text;
}

bool flag(const Value& value, std::string_view name) {
  const Value* member = value.find(name);
  return member != nullptr && member->if_bool() != nullptr && *member->if_bool();
}

std::span<const Value> list(const Value& value, std::string_view name) {
  const Value* member = value.find(name);
  if (member == nullptr || member->if_array() == nullptr) return {};
  return *member->if_array();
}

std::optional<Device> device_of(std::string_view text) {
  const auto value = base::json::parse(text);
  if (!value || value->if_object() == nullptr) return std::nullopt;
  Device device;
  device.known = flag(*value, "known");
  device.time = time_member(*value, "time");
  device.doubted = flag(*value, "doubted");
  for (const Value& each : list(*value, "accounts")) {
    Account account{std::string(each.text_or("id", "")), std::string(each.text_or("name", "")), {}};
    for (const Value& group : list(each, "groups")) {
      account.groups.push_back(
          {std::string(group.text_or("id", "")), std::string(group.text_or("name", ""))});
    }
    device.accounts.push_back(std::move(account));
  }
  for (const Value& each : list(*value, "commands")) {
    Command command;
    command.deletes = flag(each, "deletes");
    for (const Value& word : list(each, "words")) {
      if (word.if_string() != nullptr) command.words.insert(*word.if_string());
    }
    const Value* evidence = each.find("evidence");
    auto read = evidence == nullptr
                    ? base::Result<Evidence>(base::fail(base::Code::Malformed, "command"))
                    : read_evidence(*evidence);
    if (!read) return std::nullopt;
    command.evidence = std::move(*read);
    device.commands.push_back(std::move(command));
  }
  return device;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts)
    out += (out.empty() ? "" : ", ") + text;
  return out;
}

}  // namespace

struct LocalUserChanges::State {
  const RuleInfo added = added_rule();
  const RuleInfo removed = removed_rule();
  const RuleInfo deleted = deleted_rule();
  std::map<std::string, Device, std::less<>> devices;
  std::set<std::string, std::less<>> dirty;

  void on_process(const schema::Event& event, std::size_t item,
                  const schema::ProcessCreate& process, const Origin& origin);
  void on_picture(const schema::Event& event, const std::vector<schema::LocalUsers>& items,
                  const Origin& origin, std::vector<Finding>& findings);
  void compare(const Device& device, const Picture& after, const schema::Event& event,
               const Origin& origin, std::vector<Finding>& findings) const;
  void compare_groups(const Device& device, const Pair& pair, const schema::Event& event,
                      const Origin& origin, std::vector<Finding>& findings) const;
  Finding change(const RuleInfo& rule, const Device& device, const Account& account,
                 const Origin& origin) const;
  Finding gone(const Device& device, const Account& account, const schema::Event& event,
               const Origin& origin) const;
};

void LocalUserChanges::State::on_process(const schema::Event& event, std::size_t item,
                                         const schema::ProcessCreate& process,
                                         const Origin& origin) {
  const std::string_view program = account_program(process);
  if (program.empty()) return;
  std::string key = origin_key(origin);
  Device& device = devices[key];
  device.commands.push_back(
      {is_in(kDeleting, program), words_of(process.command_line), evidence_of(event, item)});
  if (device.commands.size() > kCommands) device.commands.pop_front();
  dirty.insert(std::move(key));
}

// The commands that name the account go with the finding.
Finding LocalUserChanges::State::change(const RuleInfo& rule, const Device& device,
                                        const Account& account, const Origin& origin) const {
  Finding finding = finding_of(rule, origin);
  finding.entity = account.name;
  for (const Command& command : device.commands) {
    if (command.words.contains(account.name)) finding.related.push_back(command.evidence);
  }
  std::ranges::stable_sort(finding.related, {}, &Evidence::time);
  return finding;
}

void LocalUserChanges::State::compare_groups(const Device& device, const Pair& pair,
                                             const schema::Event& event, const Origin& origin,
                                             std::vector<Finding>& findings) const {
  const auto joined_groups = groups_only_in(*pair.after, *pair.before);
  const auto left_groups = groups_only_in(*pair.before, *pair.after);
  const auto add = [&](const RuleInfo& rule, const std::vector<std::string>& groups,
                       const std::string& verb) {
    if (groups.empty()) return;
    Finding finding = change(rule, device, *pair.after, origin);
    finding.evidence = evidence_of(event, pair.after->item);
    const std::string before = group_names(*pair.before);
    for (const std::string& group : groups)
      finding.evidence.matched.push_back(
          {"GroupNames", group_names(*pair.after), "before: '" + before + "'", group});
    finding.why = "The account " + pair.after->name + " " + verb + " " + joined(groups) +
                  " since " + base::format_rfc3339(device.time, 0) + ".";
    if (!finding.related.empty()) finding.why += " Commands that name it were run in between.";
    if (&rule == &added && std::ranges::any_of(groups, [](const std::string& group) {
          return is_in(kPrivileged, group);
        })) {
      finding.rule.severity = Severity::Medium;
      finding.why += " With that it can become root, or read what only root should.";
    }
    findings.push_back(std::move(finding));
  };
  add(added, joined_groups, "joined");
  add(removed, left_groups, "left");
}

Finding LocalUserChanges::State::gone(const Device& device, const Account& account,
                                      const schema::Event& event, const Origin& origin) const {
  Finding finding = change(deleted, device, account, origin);
  finding.evidence = evidence_of(event, 0);
  finding.evidence.details_json.clear();
  Writer writer(finding.evidence.details_json);
  writer.begin_object();
  writer.field("UserName", account.name);
  writer.field("UserId", account.id);
  writer.field("GroupNames", group_names(account));
  writer.end_object();
  finding.evidence.matched.push_back(
      {"UserName", account.name, "there at " + base::format_rfc3339(device.time, 0) + ", now gone",
       ""});
  finding.why = "The account " + account.name + " (" + account.id + ") is gone since " +
                base::format_rfc3339(device.time, 0) + ".";
  finding.why += finding.related.empty() ? " No command that deletes it was seen."
                                         : " Commands that name it were run in between.";
  return finding;
}

void LocalUserChanges::State::compare(const Device& device, const Picture& after,
                                      const schema::Event& event, const Origin& origin,
                                      std::vector<Finding>& findings) const {
  const Difference difference = changes::difference(device.accounts, after);
  for (const Pair& pair : difference.same) {
    // A new account that took the number or the name of one that was deleted.
    const bool replaced =
        (pair.before->name != pair.after->name || pair.before->id != pair.after->id) &&
        std::ranges::any_of(device.commands, [&](const Command& command) {
          return command.deletes && command.words.contains(pair.before->name);
        });
    if (replaced) {
      findings.push_back(gone(device, *pair.before, event, origin));
    } else {
      compare_groups(device, pair, event, origin, findings);
    }
  }
  for (const Account* account : difference.gone)
    findings.push_back(gone(device, *account, event, origin));
}

void LocalUserChanges::State::on_picture(const schema::Event& event,
                                         const std::vector<schema::LocalUsers>& items,
                                         const Origin& origin, std::vector<Finding>& findings) {
  auto picture = picture_of(items);
  if (!picture) return;
  std::string key = origin_key(origin);
  Device& device = devices[key];
  if (device.known && event.time.utc < device.time) return;
  dirty.insert(std::move(key));
  if (device.known) {
    if (is_doubtful(device.accounts, *picture) && !std::exchange(device.doubted, true)) return;
    compare(device, *picture, event, origin, findings);
  }
  device.known = true;
  device.doubted = false;
  device.time = event.time.utc;
  device.accounts = std::move(*picture);
  std::erase_if(device.commands,
                [&](const Command& command) { return command.evidence.time <= event.time.utc; });
}

LocalUserChanges::LocalUserChanges() : state_(std::make_unique<State>()) {}
LocalUserChanges::~LocalUserChanges() = default;

std::vector<RuleInfo> LocalUserChanges::rules() const {
  return {state_->added, state_->removed, state_->deleted};
}

void LocalUserChanges::on_event(const schema::Event& event, const Origin& origin,
                                std::vector<Finding>& findings) {
  if (const auto* items = std::get_if<std::vector<schema::LocalUsers>>(&event.payload)) {
    state_->on_picture(event, *items, origin, findings);
  } else if (const auto* started =
                 std::get_if<std::vector<schema::ProcessCreate>>(&event.payload)) {
    for (std::size_t i = 0; i < started->size(); ++i)
      state_->on_process(event, i, (*started)[i], origin);
  }
}

void LocalUserChanges::on_operation(const store::OperationRow& operation, const Origin&,
                                    std::vector<Finding>&) {
  if (!deletes_device(operation)) return;
  const std::string prefix = std::string(operation.device_id) + "\n";
  auto at = state_->devices.lower_bound(prefix);
  while (at != state_->devices.end() && at->first.starts_with(prefix)) {
    state_->dirty.insert(at->first);
    at = state_->devices.erase(at);
  }
}

void LocalUserChanges::save(std::vector<MemoryChange>& changes) {
  for (const std::string& key : state_->dirty) {
    const auto device = state_->devices.find(key);
    MemoryChange change{key, std::nullopt};
    if (device != state_->devices.end()) change.value = text_of(device->second);
    changes.push_back(std::move(change));
  }
  state_->dirty.clear();
}

bool LocalUserChanges::restore(std::string_view key, std::string_view value) {
  auto device = device_of(value);
  if (!device) return false;
  state_->devices.insert_or_assign(std::string(key), std::move(*device));
  return true;
}

}  // namespace detect::changes
