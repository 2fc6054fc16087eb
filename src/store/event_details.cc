#include "store/event_details.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <deque>

#include "base/json.h"

namespace store {
namespace {

using schema::EventInfo;
using schema::EventName;
using schema::FieldKind;

constexpr std::string_view kLocal = R"("TimestampLocal":")";
constexpr std::string_view kUtc = R"(","TimestampUTC":")";

bool has_columns(const EventInfo& info) {
  return info.category == schema::Category::Triggered && info.type == schema::EventType::Security;
}

struct Columns {
  std::deque<std::string> names;  // stay where they are
  std::vector<EventColumn> columns;
  // For each event the column of each of its fields, -1: none.
  std::array<std::vector<std::int16_t>, schema::kEventNames> of_event;

  Columns() {
    for (std::size_t event = 0; event < schema::kEventNames; ++event) {
      const EventInfo& info = schema::event_info(static_cast<EventName>(event));
      if (!has_columns(info)) continue;
      for (const schema::Field& field : info.fields)
        add(field);
    }
    ASSERT(columns.size() <= kMaxEventColumns);
    for (std::size_t event = 0; event < schema::kEventNames; ++event) {
      for (const schema::Field& field : schema::event_info(static_cast<EventName>(event)).fields)
        of_event[event].push_back(find(field));
    }
  }

  static bool same_storage(FieldKind a, FieldKind b) {
    const auto number = [](FieldKind kind) {
      return kind == FieldKind::Integer || kind == FieldKind::Boolean;
    };
    return a == b || (!number(a) && !number(b));
  }
  std::int16_t find(const schema::Field& field) const {
    const auto found = std::ranges::find(columns, field.name, &EventColumn::field);
    if (found == columns.end() || !same_storage(found->kind, field.kind)) return -1;
    return static_cast<std::int16_t>(found - columns.begin());
  }
  void add(const schema::Field& field) {
    if (std::ranges::find(columns, field.name, &EventColumn::field) != columns.end()) return;
    names.push_back("f_" + std::string(field.name));
    columns.push_back({field.name, names.back(), field.kind});
  }
};

const Columns& all_columns() {
  static const Columns made;
  return made;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// The string with its quotes at the front of the text; empty when there is none.
std::string_view quoted_at(std::string_view text) {
  if (!text.starts_with('"')) return {};
  std::size_t at = 1;
  while (true) {
    at = text.find_first_of("\"\\", at);
    if (at == std::string_view::npos) return {};
    if (text[at] == '"') return text.substr(0, at + 1);
    at += 2;
  }
}

// A character that JSON strings of ours hold as it is, and that is one byte.
bool stands_for_itself(char c) {
  return c >= 0x20 && c < 0x7F && c != '\\';
}

// The value at the front of the text, whatever it is; empty when there is none. No more than its
// borders is looked at.
std::string_view value_at(std::string_view text) {
  if (text.starts_with('"')) return quoted_at(text);
  std::size_t depth = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      const std::string_view inner = quoted_at(text.substr(at));
      if (inner.empty()) return {};
      at += inner.size();
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
    if (depth == 0 && (c == '}' || c == ']')) break;
  }
  return depth == 0 ? text.substr(0, at) : std::string_view();
}

void append_digits(std::string& out, std::int64_t number, std::size_t width) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const auto size = static_cast<std::size_t>(end - digits);
  if (size < width) out.append(width - size, '0');
  out.append(digits, size);
}

void append_times(kql::Ticks time, std::int32_t offset, std::string& out) {
  out.append(kLocal);
  append_details_time(time, offset, out);
  out.append(kUtc);
  append_details_time(time, 0, out);
  out.push_back('"');
}

// The offset at the end of a time: Z or +hh:mm.
std::optional<std::int32_t> offset_of(std::string_view time) {
  if (time.ends_with('Z')) return 0;
  if (time.size() < 6) return std::nullopt;
  const std::string_view text = time.substr(time.size() - 6);
  const auto digit = [&text](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  const bool good = (text[0] == '+' || text[0] == '-') && text[3] == ':' && digit(1) && digit(2) &&
                    digit(4) && digit(5);
  if (!good) return std::nullopt;
  const std::int32_t minutes =
      (text[1] - '0') * 600 + (text[2] - '0') * 60 + (text[4] - '0') * 10 + (text[5] - '0');
  return text[0] == '-' ? -minutes : minutes;
}

// Takes the times off the text, where they are those that append_times() writes.
std::optional<std::int32_t> take_times(std::string_view& text, kql::Ticks time) {
  if (!text.starts_with(kLocal)) return kWithoutTimes;
  const std::string_view local = text.substr(kLocal.size());
  const auto offset = offset_of(local.substr(0, local.find('"')));
  if (!offset) return std::nullopt;
  thread_local std::string expected;
  expected.clear();
  append_times(time, *offset, expected);
  if (!take(text, expected)) return std::nullopt;
  return offset;
}

std::optional<std::string> text_of(const base::json::Value& object, std::string_view name) {
  const auto* member = object.find(name);
  const std::string* text = member == nullptr ? nullptr : member->if_string();
  return text == nullptr ? std::nullopt : std::optional(*text);
}

}  // namespace

std::span<const EventColumn> event_columns() {
  return all_columns().columns;
}

void append_details_time(kql::Ticks time, std::int32_t offset_minutes, std::string& out) {
  using std::chrono::days;
  // Times that no calendar has are not those of a text that was split.
  time =
      std::clamp<kql::Ticks>(time, kql::kTicksPerDay, kql::kMaxDateTimeTicks - kql::kTicksPerDay);
  const kql::Ticks local = time + offset_minutes * kql::kTicksPerMinute;
  const kql::Ticks day = local / kql::kTicksPerDay;
  const kql::Ticks in_day = local % kql::kTicksPerDay;
  const std::chrono::year_month_day date(
      std::chrono::sys_days(days(day - kql::kUnixEpochTicks / kql::kTicksPerDay)));
  append_digits(out, static_cast<int>(date.year()), 4);
  out.push_back('-');
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_digits(out, in_day / kql::kTicksPerHour, 2);
  out.push_back(':');
  append_digits(out, in_day / kql::kTicksPerMinute % 60, 2);
  out.push_back(':');
  append_digits(out, in_day / kql::kTicksPerSecond % 60, 2);
  out.push_back('.');
  append_digits(out, in_day / kql::kTicksPerMillisecond % 1000, 3);
  if (offset_minutes == 0) {
    out.push_back('Z');
    return;
  }
  out.push_back(offset_minutes < 0 ? '-' : '+');
  append_digits(out, std::abs(offset_minutes) / 60, 2);
  out.push_back(':');
  append_digits(out, std::abs(offset_minutes) % 60, 2);
}

// --------------------------------------------------------------------------

// A string: as it stands between its quotes, or without its escapes where they are those that we
// write.
bool DetailsSplitter::take_text(std::string_view& text, Field& field) {
  const std::string_view quoted = quoted_at(text);
  if (quoted.empty()) return false;
  field.text = quoted.substr(1, quoted.size() - 2);
  if (!std::ranges::all_of(field.text, stands_for_itself)) {
    const auto value = base::json::parse(quoted);
    if (!value || value->if_string() == nullptr ||
        base::json::quoted(*value->if_string()) != quoted)
      return false;
    if (unescaped_count_ == unescaped_.size()) unescaped_.emplace_back();
    unescaped_[unescaped_count_] = *value->if_string();
    field.text = unescaped_[unescaped_count_++];
  }
  text.remove_prefix(quoted.size());
  return true;
}

bool DetailsSplitter::take_value(std::string_view& text, std::size_t column) {
  Field& field = fields_[column];
  const FieldKind kind = event_columns()[column].kind;
  if (kind == FieldKind::Boolean) {
    field.number = text.starts_with("true") ? 1 : 0;
    if (!take(text, "true") && !take(text, "false")) return false;
  } else if (kind == FieldKind::Integer) {
    const auto end = std::from_chars(text.data(), text.data() + text.size(), field.number);
    if (end.ec != std::errc()) return false;
    char digits[24];
    const auto again = std::to_chars(digits, digits + sizeof digits, field.number).ptr;
    const std::string_view written(digits, static_cast<std::size_t>(again - digits));
    if (!take(text, written)) return false;
  } else if (!take_text(text, field)) {
    return false;
  }
  present_ |= std::uint64_t{1} << column;
  return true;
}

// The hub writes: the times, the fields in their order, ExtraDetails.
bool DetailsSplitter::split_canonical(const EventInfo& info, std::span<const std::int16_t> columns,
                                      kql::Ticks time_stamp, std::string_view details) {
  std::string_view text = details;
  if (!take(text, "{")) return false;
  const auto form = take_times(text, time_stamp);
  if (!form) return false;
  bool comma = *form != kWithoutTimes;
  const auto next = [&](std::string_view key) {
    std::string_view ahead = text;
    if (comma && !take(ahead, ",")) return false;
    if (!take(ahead, key)) return false;
    text = ahead;
    comma = true;
    return true;
  };
  const auto keep = [&](std::string_view key) {
    const std::string_view value = value_at(text);
    if (value.empty()) return false;
    rest_text_.push_back(rest_text_.empty() ? '{' : ',');
    rest_text_.append(key).append(value);
    text.remove_prefix(value.size());
    return true;
  };
  const bool any = text != "}";
  for (std::size_t i = 0; i < info.fields.size(); ++i) {
    if (!next(info.fields[i].json_key)) {
      // An item always has it; see split_foreign().
      if (any && columns[i] >= 0 && info.fields[i].need == schema::Need::Required) return false;
      continue;
    }
    const bool good = columns[i] >= 0 ? take_value(text, static_cast<std::size_t>(columns[i]))
                                      : keep(info.fields[i].json_key);
    if (!good) return false;
  }
  constexpr std::string_view kExtra = R"("ExtraDetails":)";
  if (next(kExtra) && !keep(kExtra)) return false;
  if (text != "}") return false;
  if (!rest_text_.empty()) rest_text_.push_back('}');
  rest_ = rest_text_;
  form_ = form;
  return true;
}

// Any other text: what of it belongs into columns is there as well.
void DetailsSplitter::split_foreign(std::string_view details, const EventInfo* info,
                                    std::span<const std::int16_t> columns) {
  present_ = 0;
  unescaped_count_ = 0;
  form_ = std::nullopt;
  rest_ = details;
  const auto value = base::json::parse(details);
  const auto* members = value ? value->if_object() : nullptr;
  const auto all = event_columns();
  unescaped_.resize(std::max(unescaped_.size(), all.size()));
  if (value) {
    written_local_ = text_of(*value, "TimestampLocal");
    written_utc_ = text_of(*value, "TimestampUTC");
  }
  for (std::size_t i = 0; members != nullptr && i < all.size(); ++i) {
    const auto found = std::ranges::find(*members, all[i].field, &base::json::Member::name);
    if (found == members->end() || found->value.is_null()) continue;
    const std::string* given = found->value.if_string();
    std::string& text = unescaped_[i];
    text = given != nullptr ? *given : found->value.to_json();
    Field& field = fields_[i];
    if (all[i].kind == FieldKind::Integer) {
      const auto end = std::from_chars(text.data(), text.data() + text.size(), field.number);
      if (end.ec != std::errc() || end.ptr != text.data() + text.size()) continue;
    } else if (all[i].kind == FieldKind::Boolean) {
      if (text != "true" && text != "false") continue;
      field.number = text == "true" ? 1 : 0;
    }
    field.text = text;
    present_ |= std::uint64_t{1} << i;
  }
  // What an event always has is never NULL in its rows.
  for (std::size_t i = 0; info != nullptr && i < columns.size(); ++i) {
    if (columns[i] < 0 || info->fields[i].need != schema::Need::Required) continue;
    const auto column = static_cast<std::size_t>(columns[i]);
    const FieldKind kind = all[column].kind;
    if (field(column) != nullptr || kind == FieldKind::Integer || kind == FieldKind::Boolean)
      continue;
    fields_[column].text = {};
    present_ |= std::uint64_t{1} << column;
  }
}

void DetailsSplitter::split(std::string_view event, kql::Ticks time_stamp,
                            std::string_view details) {
  present_ = 0;
  unescaped_count_ = 0;
  rest_text_.clear();
  written_local_.reset();
  written_utc_.reset();
  const auto name = schema::event_name(event);
  const EventInfo* info = name ? &schema::event_info(*name) : nullptr;
  std::span<const std::int16_t> columns;
  if (name) columns = all_columns().of_event[static_cast<std::size_t>(*name)];
  if (info != nullptr && split_canonical(*info, columns, time_stamp, details)) return;
  split_foreign(details, info, columns);
}

// --------------------------------------------------------------------------

void DetailsJoiner::join(std::string_view event, kql::Ticks time_stamp, std::int32_t form,
                         std::string_view rest, Fields fields, std::string& out) {
  if (info_ == nullptr || event_ != event) {
    const auto name = schema::event_name(event);
    event_ = event;
    info_ = name ? &schema::event_info(*name) : nullptr;
    if (name) columns_ = all_columns().of_event[static_cast<std::size_t>(*name)];
  }
  if (info_ == nullptr) {
    // An event that a newer program knew: what it kept as text is all there is to say.
    out.append(rest.empty() ? "{}" : rest);
    return;
  }
  out.push_back('{');
  const std::size_t begin = out.size();
  if (form != kWithoutTimes) append_times(time_stamp, form, out);
  if (!rest.empty()) rest = rest.substr(1, rest.size() - 2);
  const auto comma = [&] {
    if (out.size() != begin) out.push_back(',');
  };
  for (std::size_t i = 0; i < info_->fields.size(); ++i) {
    const std::string_view key = info_->fields[i].json_key;
    if (columns_[i] < 0) {
      if (!rest.starts_with(key)) continue;
      const std::size_t size = key.size() + value_at(rest.substr(key.size())).size();
      comma();
      out.append(rest.substr(0, size));
      rest.remove_prefix(std::min(size + 1, rest.size()));
      continue;
    }
    const auto column = static_cast<std::size_t>(columns_[i]);
    const DetailsSplitter::Field* field = fields[column];
    if (field == nullptr) continue;
    comma();
    out.append(key);
    const FieldKind kind = event_columns()[column].kind;
    if (kind == FieldKind::Integer) {
      append_digits(out, field->number, 0);
    } else if (kind == FieldKind::Boolean) {
      out.append(field->number != 0 ? "true" : "false");
    } else {
      base::json::append_quoted(out, field->text);
    }
  }
  if (!rest.empty()) {
    comma();
    out.append(rest);
  }
  out.push_back('}');
}

}  // namespace store
