#include "detect/alert_relations.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "detect/alert_tables.h"
#include "sigma/pattern.h"

namespace detect {
namespace {

using base::Result;
using base::json::Value;

constexpr std::int64_t kMaxKeys = 128;     // of an alert
constexpr std::size_t kMaxCommand = 1024;  // bytes
constexpr std::size_t kMaxRelated = 500;   // alerts that are looked at for one
constexpr int kMaxDepth = 5;               // steps from alert to alert in a tree of processes
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kNear = 900 * kSecond;  // "at about the same time"

constexpr std::array<std::string_view, 10> kRelations = {
    "sameEvent",   "sameProcess", "parent",      "child",     "sibling",
    "processTree", "sameAddress", "sameCommand", "sameCause", "sameDevice"};

std::string member_text(const Value& object, std::string_view name) {
  const Value* member = object.find(name);
  if (member == nullptr || member->is_null()) return {};
  if (const std::string* text = member->if_string()) return *text;
  return member->if_int() != nullptr ? member->to_json() : std::string();
}

// Addresses that mean the same to nobody else.
bool is_own(std::string_view address) {
  static const std::array<sigma::Cidr, 7> kOwn = {*sigma::parse_cidr("0.0.0.0/8"),
                                                  *sigma::parse_cidr("127.0.0.0/8"),
                                                  *sigma::parse_cidr("::/128"),
                                                  *sigma::parse_cidr("::1/128"),
                                                  *sigma::parse_cidr("224.0.0.0/4"),
                                                  *sigma::parse_cidr("ff00::/8"),
                                                  *sigma::parse_cidr("255.255.255.255/32")};
  return std::ranges::any_of(
      kOwn, [&](const sigma::Cidr& block) { return sigma::in_cidr(block, address); });
}

void add_process_keys(std::vector<AlertKey>& keys, std::string_view device, const Value& details) {
  const Value* extra = details.find("ExtraDetails");
  const std::string boot = extra == nullptr ? std::string() : member_text(*extra, "BootId");
  const auto add = [&](KeyKind kind, const std::string& id) {
    // 0 is the kernel, 1 starts everything.
    if (id.empty() || id == "0" || id == "1") return;
    keys.push_back({kind, fmt::format("{}\n{}\n{}", device, boot, id)});
  };
  add(KeyKind::Process, member_text(details, "ProcessId"));
  std::string parent = member_text(details, "ParentProcessId");
  if (parent.empty() && extra != nullptr) parent = member_text(*extra, "ParentProcessId");
  add(KeyKind::Parent, parent);
}

// The id at the end of a process key.
std::string_view process_id(std::string_view key) {
  return key.substr(key.rfind('\n') + 1);
}

// One way in which a key of this alert leads to others.
struct Lead {
  KeyKind mine;
  KeyKind theirs;
  Relation relation;
};
constexpr std::array<Lead, 7> kLeads = {
    Lead{KeyKind::Event, KeyKind::Event, Relation::SameEvent},
    Lead{KeyKind::Process, KeyKind::Process, Relation::SameProcess},
    Lead{KeyKind::Parent, KeyKind::Process, Relation::Parent},
    Lead{KeyKind::Process, KeyKind::Parent, Relation::Child},
    Lead{KeyKind::Parent, KeyKind::Parent, Relation::Sibling},
    Lead{KeyKind::Address, KeyKind::Address, Relation::SameAddress},
    Lead{KeyKind::Command, KeyKind::Command, Relation::SameCommand}};

bool is_tree(Relation relation) {
  return relation == Relation::SameProcess || relation == Relation::Parent ||
         relation == Relation::Child || relation == Relation::Sibling;
}

std::string reason_text(Relation relation, std::string_view value) {
  switch (relation) {
    case Relation::SameEvent:
      return "Both stand on the same event.";
    case Relation::SameProcess:
      return fmt::format("Both are about process {}.", process_id(value));
    case Relation::Parent:
      return fmt::format("Its process {} started this one's.", process_id(value));
    case Relation::Child:
      return fmt::format("This one's process {} started its process.", process_id(value));
    case Relation::Sibling:
      return fmt::format("Process {} started the processes of both.", process_id(value));
    case Relation::SameAddress:
      return fmt::format("Both name the address {}.", value);
    case Relation::SameCommand:
      return "Both are about the same command line.";
    default:
      return {};
  }
}

std::string distance_text(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / kSecond;
  if (seconds < 1) return "at the same time";
  if (seconds < 120) return fmt::format("{} s apart", seconds);
  return fmt::format("{} min apart", seconds / 60);
}

// Collects what is found; an alert may be found in several ways.
class Search {
 public:
  Search(store::Sqlite& db, const Alert& alert) : db_(db), alert_(alert) {}

  Result<void> run() {
    std::vector<std::string> frontier{alert_.id};
    seen_.insert(alert_.id);
    for (int depth = 0; depth < kMaxDepth && !frontier.empty(); ++depth) {
      std::vector<std::string> next;
      for (const std::string& id : frontier)
        TRY(follow(id, depth, next));
      frontier = std::move(next);
    }
    TRY(add_same_cause());
    return add_same_device();
  }

  Result<std::vector<RelatedAlert>> take(std::size_t limit) {
    std::vector<RelatedAlert> out;
    for (auto& [id, reasons] : found_) {
      auto alert = TRY(find_alert(db_, id));
      if (!alert || !alert->suppression.empty()) continue;
      std::ranges::sort(reasons, {}, &RelatedAlert::Reason::relation);
      out.push_back({std::move(*alert), std::move(reasons)});
    }
    std::ranges::sort(out, [](const RelatedAlert& a, const RelatedAlert& b) {
      const auto rank = [](const RelatedAlert& one) { return one.reasons.front().relation; };
      if (rank(a) != rank(b)) return rank(a) < rank(b);
      return a.alert.last_seen > b.alert.last_seen;
    });
    if (out.size() > limit) out.resize(limit);
    return out;
  }

 private:
  void add(const std::string& id, Relation relation, std::string text) {
    if (id == alert_.id || (found_.size() >= kMaxRelated && !found_.contains(id))) return;
    auto& reasons = found_[id];
    // Of each kind one says enough.
    const bool known =
        std::ranges::find(reasons, relation, &RelatedAlert::Reason::relation) != reasons.end();
    if (!known) reasons.push_back({relation, std::move(text)});
  }

  // What shares a key with that alert; beyond the first step only processes lead on.
  Result<void> follow(const std::string& from, int depth, std::vector<std::string>& next) {
    for (const Lead& lead : kLeads) {
      if (depth > 0 && !is_tree(lead.relation)) continue;
      // Ids of processes come again; addresses and commands are worth a longer look.
      const bool brief = is_tree(lead.relation);
      auto rows =
          TRY(db_.prepare("SELECT theirs.alert_id, mine.value FROM alert_key mine "
                          "JOIN alert_key theirs ON theirs.kind = ? AND theirs.value = mine.value "
                          "WHERE mine.alert_id = ? AND mine.kind = ? AND theirs.alert_id <> ? "
                          "AND abs(theirs.time - mine.time) <= ? LIMIT ?"));
      rows.bind_all(static_cast<int>(lead.theirs), from, static_cast<int>(lead.mine), from,
                    (brief ? 1 : 30) * kDay, static_cast<std::int64_t>(kMaxRelated));
      while (TRY(rows.step())) {
        const std::string id = rows.string(0);
        if (depth == 0) {
          add(id, lead.relation, reason_text(lead.relation, rows.text(1)));
        } else if (!found_.contains(id)) {
          add(id, Relation::Tree, "Its process is further away in the same tree of processes.");
        }
        if (is_tree(lead.relation) && seen_.size() < kMaxRelated && seen_.insert(id).second)
          next.push_back(id);
      }
    }
    return {};
  }

  Result<void> add_same_cause() {
    auto rows = TRY(
        db_.prepare("SELECT id, device_id FROM alert WHERE rule_id = ? AND entity = ? AND "
                    "entity <> '' AND device_id <> ? AND last_seen >= ? AND first_seen <= ? AND "
                    "suppression = '' ORDER BY last_seen DESC LIMIT 100"));
    rows.bind_all(alert_.rule.id, alert_.entity, alert_.device_id,
                  to_integer(alert_.first_seen) - kDay, to_integer(alert_.last_seen) + kDay);
    while (TRY(rows.step())) {
      add(rows.string(0), Relation::SameCause,
          fmt::format("The same was found on {}.", rows.text(1)));
    }
    return {};
  }

  Result<void> add_same_device() {
    const std::int64_t first = to_integer(alert_.first_seen);
    const std::int64_t last = to_integer(alert_.last_seen);
    auto rows = TRY(
        db_.prepare("SELECT id, first_seen, last_seen FROM alert WHERE device_id = ? AND id <> ? "
                    "AND last_seen >= ? AND first_seen <= ? AND suppression = '' "
                    "ORDER BY last_seen DESC LIMIT 100"));
    rows.bind_all(alert_.device_id, alert_.id, first - kNear, last + kNear);
    while (TRY(rows.step())) {
      const std::int64_t apart =
          std::max({rows.integer(1) - last, first - rows.integer(2), std::int64_t{0}});
      add(rows.string(0), Relation::SameDevice,
          fmt::format("On the same device, {}.", distance_text(apart)));
    }
    return {};
  }

  store::Sqlite& db_;
  const Alert& alert_;
  std::set<std::string> seen_;  // whose keys were followed
  std::map<std::string, std::vector<RelatedAlert::Reason>> found_;
};

}  // namespace

std::string_view to_string(Relation relation) {
  return kRelations[static_cast<std::size_t>(relation)];
}

std::vector<AlertKey> keys_of(std::string_view device_id, const Evidence& evidence) {
  std::vector<AlertKey> keys;
  if (evidence.event_id != base::Guid())
    keys.push_back(
        {KeyKind::Event, fmt::format("{}\n{}", device_id, evidence.event_id.to_string())});
  const auto details = base::json::parse(evidence.details_json);
  if (!details) return keys;
  add_process_keys(keys, device_id, *details);
  for (const std::string_view name : {"RemoteAddress", "CallerIpAddress"}) {
    std::string address = member_text(*details, name);
    if (!address.empty() && !is_own(address))
      keys.push_back({KeyKind::Address, std::move(address)});
  }
  const std::string command = member_text(*details, "CommandLine");
  // A bare program says nothing about why it runs.
  if (command.contains(' ')) keys.push_back({KeyKind::Command, command.substr(0, kMaxCommand)});
  return keys;
}

Result<void> add_keys(store::Sqlite& db, std::string_view alert_id, std::string_view device_id,
                      const Evidence& evidence) {
  for (const AlertKey& key : keys_of(device_id, evidence)) {
    TRY(db.run(
        "INSERT INTO alert_key(kind, value, alert_id, time) SELECT ?1, ?2, ?3, ?4 "
        "WHERE (SELECT count(*) FROM alert_key WHERE alert_id = ?3) < ?5 "
        "ON CONFLICT(kind, value, alert_id) DO UPDATE SET time = excluded.time",
        static_cast<int>(key.kind), key.value, alert_id, to_integer(evidence.time), kMaxKeys));
  }
  return {};
}

Result<std::vector<RelatedAlert>> find_related(store::Sqlite& db, const Alert& alert,
                                               std::size_t limit) {
  Search search(db, alert);
  TRY(search.run());
  return search.take(limit);
}

}  // namespace detect
