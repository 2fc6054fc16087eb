#pragma once

#include <deque>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "sigma/correlator.h"
#include "sigma/link.h"
#include "sigma/timing_wheel.h"
#include "sigma/window.h"

// What correlations remember; for the sources of this folder. correlator.cc lets it grow and
// shrink, correlator_saving.cc writes it down and reads it.
namespace sigma {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

struct Sample {
  base::WallTime time;
  std::uint32_t position = 0;
  std::shared_ptr<const Keepsake> keepsake;
};

struct Group;
using Groups = std::list<Group>;  // the one that was idle longest stands first

// What is remembered of a correlation for one value of its group-by.
struct Group : TimingWheel::Hook {
  std::size_t correlation = 0;
  std::shared_ptr<const Linked> basis;  // whose correlation the window refers to
  std::string key;
  std::vector<std::string> values;
  std::unique_ptr<Window> window;
  std::vector<Sample> samples;
  // Of the event that came last, for who listens to a window that is judged later.
  std::vector<std::optional<std::string>> carried;
  std::size_t bytes = 0;
  Groups::iterator self;
};

struct Node {
  std::shared_ptr<const Linked> linked;
  bool at_once = true;
  std::unordered_map<std::string_view, Groups::iterator> groups;  // by their keys
};

// Under which a group is kept: ids hold no line break.
std::string saved_key(const std::string& correlation_id, std::string_view key);

struct Correlator::State {
  explicit State(Options correlator_options) : options(correlator_options) {}
  ~State() { clear(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Options options;
  std::deque<Node> nodes;
  std::unordered_map<std::string, std::vector<Listener>, StringHash, std::equal_to<>> listeners;
  Groups groups;
  TimingWheel wheel;
  bool started = false;
  std::size_t bytes = 0;
  CorrelatorCounters counters;
  bool tracking = false;                    // somebody saves
  std::unordered_set<std::string> changed;  // since that; by saved_key()

  void clear();
  void note(const Group& group);
  std::string value_of(const Group& group, const WriteKeepsake& write) const;
  base::Result<void> read_group(base::Cursor& in, Group& group, const ReadKeepsake& read) const;
  void start(base::WallTime received);
  void start_before(const Group& group);
  void feed(Listener listener, const Occurrence& occurrence, const FieldOf& field,
            std::vector<Firing>& out, const ValuesOf& values = {});
  void feed_group(Listener listener, Occurrence occurrence, const FieldOf& field,
                  std::vector<std::string> values, std::vector<Firing>& out);
  std::optional<Entry> entry_of(const Linked& linked, const Listener& listener,
                                const Occurrence& occurrence, const FieldOf& field);
  std::unique_ptr<Window> new_window(const Linked& linked) const;
  Group& group_of(std::size_t correlation, std::string key, std::vector<std::string> values);
  void remember(Group& group, const Listener& listener, const Occurrence& occurrence,
                const FieldOf& field);
  Firing firing_of(Group& group, const Satisfied& satisfied) const;
  void tell(std::size_t correlation, Firing firing, base::WallTime received, const FieldOf& field,
            std::vector<Firing>& out);
  void account(Group& group);
  void remove(Group& group);
  void evict(const Group& current);
  void expire(Group& group, base::WallTime received, std::vector<Firing>& out);
};

}  // namespace sigma
