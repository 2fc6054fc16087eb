#include "schema/read_event.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "schema/formats.h"
#include "schema/members.h"
#include "schema/members_of.h"

namespace schema {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

constexpr std::size_t kIdLength = 36;
constexpr std::string_view kHitCount = "HitCount";

// ---- values
// ---------------------------------------------------------------------------------------

std::optional<std::string_view> text_of(element value) {
  if (value.type() != element_type::STRING) return std::nullopt;
  return std::string_view(value);
}

// What JSON Schema calls an integer: any number without a fraction, 1.0 and 1e3 too. The nearest
// std::int64_t where it has none of its own.
std::optional<std::int64_t> integer_of(element value) {
  switch (value.type()) {
    case element_type::INT64:
      return std::int64_t(value);
    case element_type::UINT64:
      return std::numeric_limits<std::int64_t>::max();
    case element_type::DOUBLE: {
      const double number = double(value);
      if (std::trunc(number) != number) return std::nullopt;
      constexpr double kLimit = 9223372036854775808.0;  // 2^63
      if (number >= kLimit) return std::numeric_limits<std::int64_t>::max();
      if (number < -kLimit) return std::numeric_limits<std::int64_t>::min();
      return static_cast<std::int64_t>(number);
    }
    default:
      return std::nullopt;
  }
}

void read_text(const Field& field, element value, const Path& path, Report& report,
               std::string& out) {
  const std::optional<std::string_view> text = text_of(value);
  switch (field.kind) {
    case FieldKind::Ip:
      if (!text || (!is_ipv4(*text) && !is_ipv6(*text))) {
        return report.violation(path, "an IPv4 or IPv6 address", value);
      }
      break;
    case FieldKind::Id:
      if (!text || code_points(*text) != kIdLength) {
        return report.violation(path, "a text of 36 characters, a UUID", value);
      }
      break;
    default:
      if (!text) return report.violation(path, "a text", value);
  }
  out.assign(*text);
}

void read_value(const Field& field, element value, const Path& path, Report& report,
                std::string& out) {
  read_text(field, value, path, report, out);
}

void read_value(const Field&, element value, const Path& path, Report& report, std::int64_t& out) {
  const std::optional<std::int64_t> number = integer_of(value);
  if (!number) return report.violation(path, "a whole number", value);
  out = *number;
}

void read_value(const Field&, element value, const Path& path, Report& report, bool& out) {
  if (value.type() != element_type::BOOL) return report.violation(path, "true or false", value);
  out = bool(value);
}

// The field's agents write the raw word of their baseline engine: PASS, FAIL, MISS.
std::size_t lenient_baseline_result(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.values.size(); ++i) {
    if (base::equal_ignore_case(field.values[i], text)) return i;
  }
  return static_cast<std::size_t>(BaselineResult::Err);
}

template <class Enum>
  requires std::is_enum_v<Enum>
void read_value(const Field& field, element value, const Path& path, Report& report, Enum& out) {
  const std::optional<std::string_view> text = text_of(value);
  if (text) {
    const auto found = std::find(field.values.begin(), field.values.end(), *text);
    if (found != field.values.end()) {
      out = static_cast<Enum>(found - field.values.begin());
      return;
    }
    if constexpr (std::is_same_v<Enum, BaselineResult>) {
      if (report.lenient()) {
        report.used(Leniency::OtherBaselineResult, path);
        out = static_cast<Enum>(lenient_baseline_result(field, *text));
        return;
      }
    }
  }
  report.violation(path, one_of(field.values), value);
}

template <class T>
void read_value(const Field& field, element value, const Path& path, Report& report,
                std::optional<T>& out) {
  read_value(field, value, path, report, out.emplace());
}

// ---- ExtraDetails
// ---------------------------------------------------------------------------------

// Positions of the last member of each name.
using LastPositions = std::unordered_map<std::string_view, std::size_t>;

LastPositions last_positions(simdjson::dom::object object) {
  LastPositions last;
  std::size_t position = 0;
  for (const auto [key, value] : object)
    last[key] = position++;
  return last;
}

bool has_repeats(const ExtraDetails& details) {
  // Few names are compared with each other; many take a table, since a message may hold thousands.
  constexpr std::size_t kFew = 16;
  if (details.size() > kFew) {
    std::unordered_map<std::string_view, bool> seen;
    return std::any_of(details.begin(), details.end(), [&](const auto& detail) {
      return !seen.emplace(detail.first, true).second;
    });
  }
  for (std::size_t i = 1; i < details.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (details[i].first == details[j].first) return true;
    }
  }
  return false;
}

void keep_last(ExtraDetails& details) {
  std::unordered_map<std::string, std::size_t> last;
  for (std::size_t i = 0; i < details.size(); ++i)
    last[details[i].first] = i;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < details.size(); ++i) {
    if (last[details[i].first] != i) continue;
    if (kept != i) details[kept] = std::move(details[i]);
    ++kept;
  }
  details.resize(kept);
}

void read_extra_details(element value, const Path& path, Report& report, ExtraDetails& out) {
  if (value.type() != element_type::OBJECT)
    return report.violation(path, "an object of texts", value);
  const simdjson::dom::object object(value);
  out.reserve(object.size());
  std::optional<LastPositions> last;
  std::size_t position = 0;
  for (const auto [key, detail] : object) {
    const std::size_t here = position++;
    const Path there(path, key);
    if (const auto text = text_of(detail)) {
      out.emplace_back(key, *text);
      continue;
    }
    if (!last) last = last_positions(object);
    if (last->at(key) != here) continue;  // a later member of this name counts instead
    const auto count = integer_of(detail);
    if (report.lenient() && key == kHitCount && count) {
      report.used(Leniency::IntegerHitCount, there);
      out.emplace_back(key, std::to_string(*count));
      continue;
    }
    report.violation(there, "a text", detail);
    if (report.full()) return;
  }
  if (has_repeats(out)) keep_last(out);
}

// ---- items
// ----------------------------------------------------------------------------------------

// The names of an item's members: its fields, then ExtraDetails.
template <class Item>
constexpr auto kItemNames = [] {
  constexpr std::size_t kFields = Binding<Item>::kFields.size();
  std::array<std::string_view, kFields + 1> names;
  for (std::size_t i = 0; i < kFields; ++i)
    names[i] = Binding<Item>::kFields[i].name;
  names[kFields] = "ExtraDetails";
  return names;
}();

std::string expected_of(const Field& field) {
  switch (field.kind) {
    case FieldKind::Text:
      return "a text";
    case FieldKind::Integer:
      return "a whole number";
    case FieldKind::Boolean:
      return "true or false";
    case FieldKind::Ip:
      return "an IPv4 or IPv6 address";
    case FieldKind::Id:
      return "a UUID";
    case FieldKind::Enum:
      return one_of(field.values);
  }
  return {};
}

// A required field that agents in the field are known to leave out.
std::optional<Leniency> known_omission(EventName event, std::string_view field) {
  if (event == EventName::FirewallConfiguration && field == "Action")
    return Leniency::MissingFirewallAction;
  if (event == EventName::LocalUsers && field.starts_with("Group"))
    return Leniency::MissingUserGroups;
  return std::nullopt;
}

template <class Member>
void read_missing(EventName event, const Field& field, const Path& path, Report& report,
                  Member& out) {
  if (field.need == Need::Optional) return;
  const std::optional<Leniency> omission =
      report.lenient() ? known_omission(event, field.name) : std::nullopt;
  if (!omission) return report.missing(path, field.name, expected_of(field));
  report.used(*omission, Path(path, field.name));
  if constexpr (std::is_same_v<Member, FirewallAction>) out = FirewallAction::Other;
}

void check_any_of(const EventInfo& info, std::uint32_t present, const Path& path, Report& report) {
  for (const std::uint32_t mask : info.any_of) {
    if ((mask & present) != 0) continue;
    if (report.lenient() && info.name == "Login") {
      report.used(Leniency::MissingLoginUser, path);
      continue;
    }
    std::string names;
    for (std::size_t i = 0; i < info.fields.size(); ++i) {
      if ((mask >> i & 1U) == 0) continue;
      names.append(names.empty() ? "" : " or ").append(info.fields[i].name);
    }
    report.violation(path, names, std::string("neither"));
  }
}

template <class Item>
void read_item(element value, const Path& path, Report& report, Item& out) {
  if (value.type() != element_type::OBJECT) return report.violation(path, "an object", value);
  constexpr EventName kEvent = Binding<Item>::kName;
  constexpr std::size_t kFields = Binding<Item>::kFields.size();
  MembersOf<kFields + 1> members;
  members.read(simdjson::dom::object(value), kItemNames<Item>, path, report);
  std::size_t index = 0;
  for_each_member(out, [&](const Field& field, auto& member) {
    if (const element* found = members.find(index++)) {
      read_value(field, *found, Path(path, field.name), report, member);
    } else {
      read_missing(kEvent, field, path, report, member);
    }
  });
  if (const element* extra = members.find(kFields)) {
    read_extra_details(*extra, Path(path, "ExtraDetails"), report, out.extra_details);
  }
  check_any_of(event_info(kEvent), members.present(), path, report);
}

template <class Item>
void read_items(simdjson::dom::array array, const Path& path, Report& report, Allowance& allowance,
                Payload& out) {
  std::vector<Item> items;
  if (allowance.keep == Keep::Items) items.reserve(std::min<std::size_t>(array.size(), 1024));
  std::size_t index = 0;
  for (const element value : array) {
    if (allowance.keep == Keep::Items && allowance.items-- == 0) {
      allowance.items = 0;
      return report.violation(path,
                              "at most " + std::to_string(kMaxPayloadItems) + " items in a message",
                              std::string("more"));
    }
    Item item;
    read_item(value, Path(path, index++), report, item);
    if (report.full()) return;
    if (allowance.keep == Keep::Items) items.push_back(std::move(item));
  }
  out = std::move(items);
}

using ReadItems = void (*)(simdjson::dom::array, const Path&, Report&, Allowance&, Payload&);

// read_items for each event, in the order of EventName.
constexpr auto kReaders = []<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
  return std::array<ReadItems, sizeof...(kIndex)>{
      read_items<typename std::variant_alternative_t<kIndex, Payload>::value_type>...};
}(std::make_index_sequence<kEventNames>());

// ---- the event
// ------------------------------------------------------------------------------------

enum Member : std::uint8_t {
  Id,
  Local,
  Utc,
  CategoryMember,
  Name,
  Type,
  Empty,
  Version,
  Items,
  Count
};
constexpr std::array<std::string_view, Count> kMemberNames{
    "Id",        "TimestampLocal", "TimestampUTC",         "Category", "Name",
    "EventType", "IsEmpty",        "PayloadSchemaVersion", "Payload"};
constexpr std::array<std::string_view, Count> kMemberExpected{
    "a UUID",           "a time",
    "a time",           "Periodic or Triggered",
    "the event's name", "Security, Operational or Diagnostic",
    "true or false",    "\"1.0\"",
    "an array"};

class EventReader {
 public:
  EventReader(const Path& path, Report& report, Allowance& allowance, Event& out)
      : path_(path), report_(report), allowance_(allowance), out_(out) {}

  void read(element value) {
    if (value.type() != element_type::OBJECT)
      return report_.violation(path_, "an object, an event", value);
    members_.read(simdjson::dom::object(value), kMemberNames, path_, report_);
    for (std::size_t i = 0; i < Count; ++i) {
      if (members_.find(i) == nullptr) report_.missing(path_, kMemberNames[i], kMemberExpected[i]);
    }
    read_identity();
    read_time();
    const std::optional<EventName> name = read_name();
    read_fixed(Version, "1.0");
    if (!name) {
      check_payload_shape();
      return;
    }
    const EventInfo& info = event_info(*name);
    read_category(info);
    read_fixed(Type, to_string(info.type));
    read_payload(*name, info);
  }

 private:
  Path at(Member member) const { return Path(path_, kMemberNames[member]); }

  void read_identity() {
    const element* value = members_.find(Id);
    if (value == nullptr) return;
    const auto text = text_of(*value);
    const auto id = text ? read_id(*text) : std::nullopt;
    if (!id) return report_.violation(at(Id), "a text of 36 characters, a UUID", *value);
    out_.id = *id;
  }

  std::optional<base::OffsetTime> read_timestamp(Member member) {
    const element* value = members_.find(member);
    if (value == nullptr) return std::nullopt;
    const auto text = text_of(*value);
    const auto time = text ? parse_date_time(*text) : std::nullopt;
    if (!time) report_.violation(at(member), "a time such as 2026-03-01T08:30:00.250Z", *value);
    return time;
  }

  void read_time() {
    const auto local = read_timestamp(Local);
    const auto utc = read_timestamp(Utc);
    if (local && utc) out_.time = base::OffsetTime{utc->utc, local->offset};
  }

  std::optional<EventName> read_name() {
    const element* value = members_.find(Name);
    if (value == nullptr) return std::nullopt;
    const auto text = text_of(*value);
    const auto name = text ? event_name(*text) : std::nullopt;
    if (name && (report_.mode() != Mode::Classic || event_info(*name).origin == Origin::Classic))
      return name;
    report_.violation(at(Name), one_of(names()), *value);
    return std::nullopt;
  }

  std::vector<std::string_view> names() const {
    std::vector<std::string_view> all;
    for (std::size_t i = 0; i < kEventNames; ++i) {
      const EventInfo& info = event_info(static_cast<EventName>(i));
      if (report_.mode() != Mode::Classic || info.origin == Origin::Classic)
        all.push_back(info.name);
    }
    return all;
  }

  void read_fixed(Member member, std::string_view wanted) {
    const element* value = members_.find(member);
    if (value == nullptr || text_of(*value) == wanted) return;
    report_.violation(at(member), "\"" + std::string(wanted) + "\"", *value);
  }

  void read_category(const EventInfo& info) {
    const element* value = members_.find(CategoryMember);
    if (value == nullptr) return;
    out_.aggregated = report_.lenient() && info.category == Category::Triggered &&
                      text_of(*value) == "Aggregated";
    if (out_.aggregated) {
      report_.used(Leniency::AggregatedCategory, at(CategoryMember));
    } else {
      read_fixed(CategoryMember, to_string(info.category));
    }
  }

  void check_payload_shape() {
    const element* value = members_.find(Items);
    if (value != nullptr && value->type() != element_type::ARRAY) {
      report_.violation(at(Items), "an array", *value);
    }
    const element* empty = members_.find(Empty);
    if (empty != nullptr && empty->type() != element_type::BOOL) {
      report_.violation(at(Empty), "true or false", *empty);
    }
  }

  void read_payload(EventName name, const EventInfo& info) {
    check_payload_shape();
    const element* value = members_.find(Items);
    if (value == nullptr || value->type() != element_type::ARRAY) return;
    const simdjson::dom::array array(*value);
    read_emptiness(info, array);
    kReaders[static_cast<std::size_t>(name)](array, at(Items), report_, allowance_, out_.payload);
  }

  void read_emptiness(const EventInfo& info, simdjson::dom::array items) {
    const element* value = members_.find(Empty);
    if (value == nullptr || value->type() != element_type::BOOL) return;
    if (bool(*value)) {
      if (info.category == Category::Periodic) return;
      if (report_.lenient()) return report_.used(Leniency::EmptyTriggered, at(Empty));
      report_.violation(at(Empty), "false, for a Triggered event", *value);
    } else if (items.size() == 0) {
      report_.violation(at(Items), "at least one item, since IsEmpty is false",
                        std::string("an empty array"));
    }
  }

  const Path& path_;
  Report& report_;
  Allowance& allowance_;
  Event& out_;
  MembersOf<Count> members_;
};

}  // namespace

void read_event(element value, const Path& path, Report& report, Allowance& allowance, Event& out) {
  EventReader(path, report, allowance, out).read(value);
}

std::optional<base::Guid> read_id(std::string_view text) {
  if (const auto id = base::Guid::parse(text)) return *id;
  if (code_points(text) != kIdLength) return std::nullopt;
  return base::Guid::derived("security message id", text);
}

}  // namespace schema
