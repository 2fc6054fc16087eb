#include <algorithm>

#include "sigma/correlator_state.h"
#include "sigma/saving.h"

namespace sigma {
namespace {

// Of what save() writes.
constexpr std::uint8_t kSavedVersion = 1;

}  // namespace

std::string saved_key(const std::string& correlation_id, std::string_view key) {
  return correlation_id + "\n" + std::string(key);
}

void Correlator::State::note(const Group& group) {
  if (tracking) changed.insert(saved_key(group.basis->correlation.id, group.key));
}

// When the group was heard of last.
void Correlator::State::start_before(const Group& group) {
  if (started) return;
  const auto span = std::chrono::floor<std::chrono::seconds>(group.basis->correlation.timespan +
                                                             options.lateness) +
                    std::chrono::seconds{2};
  const std::uint64_t ticks = static_cast<std::uint64_t>(span.count()) * kMaxDepth;
  wheel.start(group.due - std::min(group.due, ticks));
  started = true;
}

//   u8 version | text meaning | u64 due | values | carried | samples | window
std::string Correlator::State::value_of(const Group& group, const WriteKeepsake& write) const {
  base::ByteWriter out;
  out.u8(kSavedVersion);
  write_text(out, group.basis->meaning);
  out.u64le(group.due);
  out.u32le(static_cast<std::uint32_t>(group.values.size()));
  for (const std::string& value : group.values)
    write_text(out, value);
  out.u32le(static_cast<std::uint32_t>(group.carried.size()));
  for (const auto& text : group.carried) {
    out.u8(text ? 1 : 0);
    write_text(out, text.value_or(""));
  }
  out.u32le(static_cast<std::uint32_t>(group.samples.size()));
  for (const Sample& sample : group.samples) {
    write_time(out, sample.time);
    out.u32le(sample.position);
    write_text(out, write(*sample.keepsake));
  }
  group.window->save(out);
  return std::string(base::as_text(out.view()));
}

bool Correlator::save(const WriteKeepsake& write, std::size_t max_bytes,
                      std::vector<Changed>& changes) {
  State& state = *state_;
  if (!std::exchange(state.tracking, true)) {
    for (const Group& group : state.groups)
      state.note(group);
  }
  std::unordered_map<std::string_view, const Node*> by_id;
  for (const Node& node : state.nodes)
    by_id.emplace(node.linked->correlation.id, &node);
  std::size_t bytes = 0;
  while (!state.changed.empty() && bytes < max_bytes) {
    Changed change{std::move(state.changed.extract(state.changed.begin()).value()), std::nullopt};
    const std::size_t end = change.key.find('\n');
    const auto node = by_id.find(std::string_view(change.key).substr(0, end));
    if (node != by_id.end()) {
      const auto& groups = node->second->groups;
      const auto group = groups.find(std::string_view(change.key).substr(end + 1));
      if (group != groups.end()) change.value = state.value_of(*group->second, write);
    }
    bytes += change.key.size() + (change.value ? change.value->size() : 0);
    changes.push_back(std::move(change));
  }
  return !state.changed.empty();
}

// What stands behind the meaning.
base::Result<void> Correlator::State::read_group(base::Cursor& in, Group& group,
                                                 const ReadKeepsake& read) const {
  group.due = TRY(in.u64le());
  const std::size_t values = TRY(read_count(in, 4));
  for (std::size_t i = 0; i < values; ++i)
    group.values.push_back(TRY(read_text(in)));
  const std::size_t carried = TRY(read_count(in, 5));
  for (std::size_t i = 0; i < carried; ++i) {
    const bool there = TRY(in.u8()) != 0;
    std::string text = TRY(read_text(in));
    group.carried.push_back(there ? std::optional(std::move(text)) : std::nullopt);
  }
  const std::size_t samples = TRY(read_count(in, 16));
  for (std::size_t i = 0; i < samples; ++i) {
    Sample sample;
    sample.time = TRY(read_time(in));
    sample.position = TRY(in.u32le());
    const std::string text = TRY(read_text(in));
    sample.keepsake = read(text);
    if (!sample.keepsake || sample.position >= group.basis->rule_ids.size())
      return base::fail(base::Code::Malformed, "keepsake");
    group.samples.push_back(std::move(sample));
  }
  TRY(group.window->restore(in));
  if (!in.done() || group.values.size() != group.basis->correlation.group_by.size())
    return base::fail(base::Code::Malformed, "group");
  return {};
}

bool Correlator::restore(std::string_view key, std::string_view value, const ReadKeepsake& read) {
  State& state = *state_;
  state.tracking = true;
  const std::size_t end = key.find('\n');
  if (end == std::string_view::npos) return false;
  const std::string_view id = key.substr(0, end);
  const auto node = std::ranges::find_if(
      state.nodes, [&](const Node& each) { return each.linked->correlation.id == id; });
  if (node == state.nodes.end()) return false;
  base::Cursor in(base::as_bytes(value));
  const auto version = in.u8();
  const auto meaning = read_text(in);
  if (!version || *version != kSavedVersion || !meaning || *meaning != node->linked->meaning)
    return false;
  const std::string_view group_key = key.substr(end + 1);
  if (node->groups.contains(group_key)) return false;
  const auto index = static_cast<std::size_t>(node - state.nodes.begin());
  Group read_into;
  read_into.basis = node->linked;
  read_into.window = state.new_window(*node->linked);
  if (!state.read_group(in, read_into, read)) return false;
  state.start_before(read_into);
  Group& group = state.group_of(index, std::string(group_key), std::move(read_into.values));
  group.window = std::move(read_into.window);
  group.samples = std::move(read_into.samples);
  group.carried = std::move(read_into.carried);
  state.wheel.set(group, read_into.due);
  state.account(group);
  state.changed.erase(std::string(key));
  return true;
}

}  // namespace sigma
