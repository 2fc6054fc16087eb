#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sigma/rule.h"

// Correlations as their documentation has them, written as plainly as possible: every window is
// looked at anew. For tests to compare the streaming engine with; shares no code with it.
namespace sigma::reference {

struct Happening {
  std::int64_t time = 0;  // seconds
  std::int64_t received = 0;
  std::int64_t count = 1;
  std::map<std::string, std::string, std::less<>> fields;
};

struct Found {
  std::string correlation;
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::int64_t events = 0;
  double value = 0;
  std::vector<std::string> group;
  auto operator<=>(const Found&) const = default;
};

class Correlations {
 public:
  Correlations(std::vector<Correlation> correlations, std::int64_t lateness)
      : correlations_(std::move(correlations)),
        lateness_(lateness),
        states_(correlations_.size()) {}

  using Key = std::vector<std::string>;

  void observe(const std::string& rule, const Happening& happening, std::vector<Found>& out) {
    advance(happening.received, out);
    tell(rule, happening, out);
  }

  // What is over first comes first, and what is listened to before who listens.
  void advance(std::int64_t received, std::vector<Found>& out) {
    while (true) {
      std::optional<std::pair<std::int64_t, std::size_t>> first;
      Key key;
      for (std::size_t i = 0; i < correlations_.size(); ++i) {
        for (const auto& [name, group] : states_[i]) {
          const std::pair due(group.received + timespan(i) + lateness_ + 1, i);
          if (due.first > received || (first && *first <= due)) continue;
          first = due;
          key = name;
        }
      }
      if (!first) return;
      const Group gone = states_[first->second][key];
      states_[first->second].erase(key);
      for (const Span& span : gone.spans)
        judge(first->second, key, span, gone.last_seen, received, out);
    }
  }

 private:
  struct Item {
    std::int64_t time = 0;
    std::size_t position = 0;
    std::int64_t count = 1;
    double number = 0;
    std::vector<std::string> texts;
  };
  struct Span {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::vector<Item> items;
  };
  struct Group {
    std::vector<Item> items;  // by time, of equal times in the order in which they came
    std::vector<Span> spans;  // by begin
    std::optional<std::int64_t> newest;
    std::optional<std::int64_t> closed_until;
    std::int64_t received = 0;
    Happening last_seen;
  };

  std::int64_t timespan(std::size_t i) const {
    return std::chrono::duration_cast<std::chrono::seconds>(correlations_[i].timespan).count();
  }

  bool at_once(const Correlation& correlation) const {
    if (correlation.type == CorrelationType::ValueAvg) return false;
    if (correlation.type == CorrelationType::ValuePercentile) return !correlation.percentile;
    for (const Bound& bound : correlation.bounds) {
      if (bound.kind != Bound::Kind::Greater && bound.kind != Bound::Kind::GreaterEqual)
        return false;
    }
    return true;
  }

  void tell(const std::string& rule, const Happening& happening, std::vector<Found>& out) {
    for (std::size_t i = 0; i < correlations_.size(); ++i) {
      for (std::size_t position = 0; position < correlations_[i].rules.size(); ++position) {
        if (correlations_[i].rules[position].text == rule) take(i, position, happening, out);
      }
    }
  }

  std::string field_name(const Correlation& correlation, std::size_t position,
                         const std::string& field) const {
    for (const Alias& alias : correlation.aliases) {
      for (const auto& [rule, name] : alias.fields) {
        if (alias.name.text == field && rule.text == correlation.rules[position].text)
          return name.text;
      }
    }
    return field;
  }

  void take(std::size_t i, std::size_t position, const Happening& happening,
            std::vector<Found>& out) {
    const Correlation& correlation = correlations_[i];
    Key key;
    for (const Mention& field : correlation.group_by) {
      const auto value = happening.fields.find(field_name(correlation, position, field.text));
      if (value == happening.fields.end()) return;
      key.push_back(value->second);
    }
    Item item{
        std::min(happening.time, happening.received + lateness_), position, happening.count, 0, {}};
    for (const Mention& field : correlation.fields) {
      const auto value = happening.fields.find(field_name(correlation, position, field.text));
      if (value == happening.fields.end()) return;
      item.texts.push_back(value->second);
      const bool number = correlation.type == CorrelationType::ValueSum ||
                          correlation.type == CorrelationType::ValueAvg || correlation.percentile;
      if (!number) continue;
      char* end = nullptr;
      item.number = std::strtod(value->second.c_str(), &end);
      if (value->second.empty() || *end != '\0') return;
    }
    Group& group = states_[i][key];
    const Happening before = group.last_seen;
    const bool taken = !at_once(correlation)
                           ? close_and_add(i, key, group, item, before, happening, out)
                       : correlation.type == CorrelationType::ValuePercentile
                           ? add_share(i, key, group, item, happening, out)
                           : add_sliding(i, key, group, item, happening, out);
    if (!taken) return;
    states_[i][key].received = happening.received;
    states_[i][key].last_seen = happening;
  }

  bool add_sliding(std::size_t i, const Key& key, Group& group, const Item& item,
                   const Happening& happening, std::vector<Found>& out) {
    const std::int64_t span = timespan(i);
    if (!group.items.empty()) {
      const std::int64_t newest = std::max(item.time, group.items.back().time);
      if (item.time < newest - span - lateness_) return false;
      std::erase_if(group.items,
                    [&](const Item& old) { return old.time < newest - span - lateness_; });
    }
    insert(group.items, item);
    group.received = happening.received;
    for (std::size_t end = 0; end < group.items.size(); ++end) {
      const std::int64_t last = group.items[end].time;
      // Windows that hold the new one, and end with some event.
      if (last < item.time || last > item.time + span) continue;
      if (last == item.time && !last_of(group.items, end, item)) continue;
      std::vector<Item> window;
      for (std::size_t k = 0; k <= end; ++k) {
        if (group.items[k].time >= last - span) window.push_back(group.items[k]);
      }
      const double value = value_of(correlations_[i], window);
      if (!satisfied(correlations_[i], value)) continue;
      if (correlations_[i].type == CorrelationType::TemporalOrdered) {
        const std::int64_t began = longest_course(window).second;
        std::erase_if(window, [&](const Item& one) { return one.time < began; });
      }
      group.items.erase(group.items.begin(),
                        group.items.begin() + static_cast<std::ptrdiff_t>(end) + 1);
      find(i, key, window, value, happening, happening.received, out);
      return true;
    }
    return true;
  }

  // Of the events of one moment, the new one came last.
  static bool last_of(const std::vector<Item>& items, std::size_t at, const Item& item) {
    return at + 1 == items.size() || items[at + 1].time > item.time;
  }

  bool add_share(std::size_t i, const Key& key, Group& group, const Item& item,
                 const Happening& happening, std::vector<Found>& out) {
    if (!group.items.empty()) {
      const std::int64_t newest = std::max(item.time, group.items.back().time);
      if (item.time < newest - lateness_) return false;
      std::erase_if(group.items, [&](const Item& old) { return old.time < newest - timespan(i); });
    }
    insert(group.items, item);
    std::int64_t all = 0;
    std::int64_t same = 0;
    for (const Item& one : group.items) {
      all += one.count;
      if (one.texts == item.texts) same += one.count;
    }
    const double share = 100.0 * static_cast<double>(same) / static_cast<double>(all);
    if (!satisfied(correlations_[i], share)) return true;
    out.push_back({correlations_[i].name, group.items.front().time, item.time, all, share, key});
    pass_on(i, key, item.time, happening, happening.received, out);
    return true;
  }

  bool close_and_add(std::size_t i, const Key& key, Group& group, const Item& item,
                     const Happening& before, const Happening& happening, std::vector<Found>& out) {
    if (group.closed_until && item.time <= *group.closed_until) return false;
    group.newest = group.newest ? std::max(*group.newest, item.time) : item.time;
    std::vector<Span> over;
    while (!group.spans.empty() && group.spans.front().end + lateness_ < *group.newest) {
      over.push_back(group.spans.front());
      group.closed_until = over.back().end;
      group.spans.erase(group.spans.begin());
    }
    const bool late = group.closed_until && item.time <= *group.closed_until;
    if (!late) {
      Span* home = nullptr;
      std::int64_t end = item.time + timespan(i);
      for (Span& span : group.spans) {
        if (item.time >= span.begin && item.time <= span.end) home = &span;
        // Times are whole seconds here, so the window ends before the next begins.
        if (span.begin > item.time) end = std::min(end, span.begin - 1);
      }
      if (home == nullptr) {
        group.spans.push_back({item.time, end, {}});
        std::ranges::sort(group.spans, {}, &Span::begin);
        home = &*std::ranges::find(group.spans, item.time, &Span::begin);
      }
      insert(home->items, item);
      group.received = happening.received;
    }
    for (const Span& span : over)
      judge(i, key, span, before, happening.received, out);
    return !late;
  }

  void judge(std::size_t i, const Key& key, const Span& span, const Happening& last_seen,
             std::int64_t received, std::vector<Found>& out) {
    const double value = value_of(correlations_[i], span.items);
    if (satisfied(correlations_[i], value))
      find(i, key, span.items, value, last_seen, received, out);
  }

  void find(std::size_t i, const Key& key, const std::vector<Item>& window, double value,
            const Happening& happening, std::int64_t received, std::vector<Found>& out) {
    std::int64_t events = 0;
    for (const Item& item : window)
      events += item.count;
    out.push_back(
        {correlations_[i].name, window.front().time, window.back().time, events, value, key});
    pass_on(i, key, window.back().time, happening, received, out);
  }

  void pass_on(std::size_t i, const Key& key, std::int64_t last, Happening happening,
               std::int64_t received, std::vector<Found>& out) {
    happening.time = last;
    happening.received = received;
    happening.count = 1;
    for (std::size_t k = 0; k < key.size(); ++k)
      happening.fields[correlations_[i].group_by[k].text] = key[k];
    tell(correlations_[i].name, happening, out);
  }

  static void insert(std::vector<Item>& items, const Item& item) {
    items.insert(std::ranges::upper_bound(items, item.time, {}, &Item::time), item);
  }

  static bool satisfied(const Correlation& correlation, double value) {
    if (correlation.bounds.empty()) return value == static_cast<double>(correlation.rules.size());
    bool all = true;
    for (const Bound& bound : correlation.bounds)
      all = all && bound.holds(value);
    return all;
  }

  static double value_of(const Correlation& correlation, const std::vector<Item>& items) {
    double count = 0;
    double sum = 0;
    std::set<std::vector<std::string>> texts;
    std::set<std::size_t> positions;
    std::vector<double> numbers;
    for (const Item& item : items) {
      count += static_cast<double>(item.count);
      sum += item.number * static_cast<double>(item.count);
      texts.insert(item.texts);
      positions.insert(item.position);
      numbers.push_back(item.number);
    }
    switch (correlation.type) {
      case CorrelationType::EventCount:
        return count;
      case CorrelationType::ValueCount:
        return static_cast<double>(texts.size());
      case CorrelationType::Temporal:
        return static_cast<double>(positions.size());
      case CorrelationType::TemporalOrdered:
        return longest_course(items).first;
      case CorrelationType::ValueSum:
        return sum;
      case CorrelationType::ValueAvg:
        return sum / count;
      case CorrelationType::ValuePercentile:
        break;
    }
    std::ranges::sort(numbers);
    const auto rank = static_cast<std::size_t>(
        std::ceil(*correlation.percentile / 100 * static_cast<double>(numbers.size())));
    return numbers[std::max<std::size_t>(rank, 1) - 1];
  }

  // The most rules in their order, and the latest time at which as many began.
  static std::pair<double, std::int64_t> longest_course(const std::vector<Item>& items) {
    std::pair<std::size_t, std::int64_t> longest = {0, 0};
    // Of each item: for so many rules up to it, the latest beginning.
    std::vector<std::map<std::size_t, std::int64_t>> begins(items.size());
    for (std::size_t a = 0; a < items.size(); ++a) {
      begins[a][1] = items[a].time;
      for (std::size_t b = 0; b < a; ++b) {
        if (items[b].position >= items[a].position) continue;
        for (const auto& [rules, began] : begins[b]) {
          const auto known = begins[a].find(rules + 1);
          begins[a][rules + 1] = known == begins[a].end() ? began : std::max(known->second, began);
        }
      }
      for (const auto& one : begins[a])
        longest = std::max(longest, std::pair<std::size_t, std::int64_t>(one));
    }
    return {static_cast<double>(longest.first), longest.second};
  }

  std::vector<Correlation> correlations_;  // what is listened to stands before who listens
  std::int64_t lateness_;
  std::vector<std::map<Key, Group>> states_;
};

}  // namespace sigma::reference
