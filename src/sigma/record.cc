#include "sigma/record.h"

#include <algorithm>

#include "base/result.h"

namespace sigma {
namespace {

std::vector<std::string_view> names_of_commands() {
  std::vector<std::string_view> names;
  for (const shell::FieldInfo& field : shell::fields())
    names.push_back(field.name);
  return names;
}

}  // namespace

std::optional<schema::EventName> Source::event() const {
  if (index_ >= schema::kEventNames) return std::nullopt;
  return static_cast<schema::EventName>(index_);
}

std::string_view Source::name() const {
  constexpr std::array<std::string_view, 3> kNames = {"Command", "HubOperation", "HubAudit"};
  const auto known = event();
  return known ? schema::to_string(*known) : kNames.at(index_ - schema::kEventNames);
}

std::vector<std::string_view> Source::fields() const {
  if (const auto known = event()) {
    std::vector<std::string_view> names;
    for (const schema::Field& field : schema::event_info(*known).fields)
      names.push_back(field.name);
    return names;
  }
  if (*this == hub_operation()) return {kOperationFields.begin(), kOperationFields.end()};
  if (*this == hub_audit()) return {kAuditFields.begin(), kAuditFields.end()};
  return names_of_commands();
}

Record::Record(Source source) : source_(source) {
  ASSERT(!source.event());
  ranges_.resize(source.fields().size());
}

void Record::clear() {
  std::ranges::fill(ranges_, Range());
  values_.clear();
  properties_.clear();
  numbers_.clear();
  time_ = {};
}

void Record::add(std::size_t field, std::string_view value) {
  Range& range = ranges_.at(field);
  if (range.count == 0) range.begin = static_cast<std::uint32_t>(values_.size());
  ASSERT(range.begin + range.count == values_.size());
  values_.push_back(value);
  ++range.count;
}

void Record::add_number(std::size_t field, std::int64_t number) {
  add(field, numbers_.emplace_back(std::to_string(number)));
}

void Record::add_property(std::string_view name, std::string_view value) {
  properties_.emplace_back(name, value);
}

std::span<const std::string_view> Record::values(std::size_t field) const {
  const Range& range = ranges_[field];
  return std::span(values_).subspan(range.begin, range.count);
}

std::optional<std::string_view> Record::property(std::string_view name) const {
  const auto found =
      std::ranges::find(properties_, name, &decltype(properties_)::value_type::first);
  if (found == properties_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> Subject::property(std::string_view name) const {
  if (record_ == nullptr) return std::nullopt;
  return record_->property(name);
}

}  // namespace sigma
