#include "hub/retention/policy.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

namespace hub::retention {

bool Hold::overlaps(const Piece& piece) const {
  return (table.empty() || table == piece.table) && piece.last >= from && piece.first < to;
}

bool Hold::covers(const Piece& piece) const {
  return (device.empty() || !piece.by_device) && overlaps(piece) && piece.first >= from &&
         piece.last < to;
}

std::string_view to_string(Why why) {
  constexpr std::array<std::string_view, kWhys> kNames = {"age", "tableSize", "diskLimit"};
  return kNames[static_cast<std::size_t>(why)];
}

bool is_evidence(std::string_view table) {
  return table == "SecurityAlert" || table == "SecurityRecommendation" || table == "IoTHubAudit";
}

namespace {

class Planner {
 public:
  explicit Planner(const Request& request) : request_(request) {
    for (const Piece& piece : request.pieces)
      left_.push_back(&piece);
    std::ranges::sort(left_, [](const Piece* a, const Piece* b) {
      return std::tie(a->last, a->id) < std::tie(b->last, b->id);
    });
    plan_.disk_after = request.disk_used;
  }

  Plan run() {
    by_age();
    by_table_size();
    by_disk();
    see_others();
    return std::move(plan_);
  }

 private:
  // Takes the pieces for which `wanted` says so, the oldest first; it is asked for each that is
  // left.
  template <class Wanted>
  void take_where(Why why, const Wanted& wanted) {
    std::erase_if(left_, [&](const Piece* piece) {
      if (!wanted(*piece)) return false;
      take(*piece, why);
      return true;
    });
  }

  void take(const Piece& piece, Why why) {
    Step step{.piece = piece, .why = why, .keep = {}};
    if (piece.hot) step.before = oldest_of(piece);
    bool held = piece.only_held;
    for (const Hold& hold : request_.holds) {
      const bool of_table = hold.table.empty() || hold.table == piece.table;
      if (of_table && piece.keeps_current) step.table_holds.push_back(hold);
      if (!hold.overlaps(piece)) continue;
      step.keep.push_back(hold);
      held = held || hold.covers(piece);
    }
    if (!step.keep.empty() && held) {
      plan_.held.push_back(std::move(step));
      return;
    }
    // What no limit is about, as nobody holds it.
    if (piece.only_held && piece.keeps_current) return;
    if (step.whole()) plan_.disk_after -= std::min(plan_.disk_after, piece.bytes);
    plan_.steps.push_back(std::move(step));
  }

  // What is before it is too old; 0: nothing is.
  kql::Ticks oldest_of(const Piece& piece) const {
    const auto age = request_.settings.of(piece.table).max_age;
    return age.count() > 0 ? request_.now - age.count() * kql::kTicksPerSecond : 0;
  }

  void by_age() {
    take_where(Why::Age, [this](const Piece& piece) {
      return (piece.hot ? piece.first : piece.last) < oldest_of(piece);
    });
    // There is no other reason for these: nothing is known of their size, and they are the newest.
    std::erase_if(left_, [](const Piece* piece) { return piece->hot; });
  }

  void by_table_size() {
    // Without what goes for its age already. Held pieces count as gone: a hold must not push out
    // what is new.
    std::map<std::string_view, std::uint64_t> sizes;
    for (const Piece* piece : left_)
      sizes[piece->table] += piece->bytes;
    take_where(Why::TableSize, [&](const Piece& piece) {
      const std::uint64_t most = request_.settings.of(piece.table).max_bytes;
      std::uint64_t& size = sizes[piece.table];
      if (most == 0 || size <= most) return false;
      size -= piece.bytes;
      return true;
    });
  }

  void by_disk() {
    if (request_.settings.disk_max == 0) return;
    const Marks marks = marks_of(request_.settings.disk_max);
    if (plan_.disk_after > marks.start) {
      take_down_to(marks.goal, false);
      if (plan_.disk_after > marks.start && evidence_helps(marks.start))
        take_down_to(marks.goal, true);
    }
    plan_.fits = plan_.disk_after <= marks.start;
  }

  void take_down_to(std::uint64_t goal, bool evidence) {
    take_where(Why::DiskLimit, [&](const Piece& piece) {
      return plan_.disk_after > goal && is_evidence(piece.table) == evidence;
    });
  }

  // Whether it would be enough to drop all of it that nothing holds.
  bool evidence_helps(std::uint64_t enough) const {
    std::uint64_t free = 0;
    for (const Piece* piece : left_) {
      const auto overlaps = [&](const Hold& hold) { return hold.overlaps(*piece); };
      if (!piece->keeps_current && std::ranges::none_of(request_.holds, overlaps))
        free += piece->bytes;
    }
    return plan_.disk_after - std::min(plan_.disk_after, free) <= enough;
  }

  // What is not taken before a step is there when its turn comes.
  void see_others() {
    using Key = std::tuple<std::string_view, bool, std::uint64_t>;
    const auto key = [](const Piece& piece) { return Key(piece.table, piece.hot, piece.id); };
    std::set<Key> taken;
    for (Step& step : plan_.steps) {
      taken.insert(key(step.piece));
      if (!step.piece.keeps_current) continue;
      for (const Piece& piece : request_.pieces) {
        if (piece.table == step.piece.table && !taken.contains(key(piece)))
          step.others_from = std::min(step.others_from, piece.first);
      }
    }
  }

  const Request& request_;
  std::vector<const Piece*> left_;  // the oldest first
  Plan plan_;
};

}  // namespace

Plan make_plan(const Request& request) {
  return Planner(request).run();
}

}  // namespace hub::retention
