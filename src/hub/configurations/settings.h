#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

// What configurations want of the desired properties of a twin. Threads: pure.
namespace hub::configurations {

using Path = std::vector<std::string>;  // below properties.desired

// One path of a configuration's content and what is to be there.
struct Section {
  Path path;  // empty: all desired properties
  base::json::Value value;
};

// {"properties.desired.pump.speed": 4, ...}. Errors: Invalid (the detail says which path and why).
base::Result<std::vector<Section>> read_sections(const base::json::Value& object);

// Single values by their paths: what is neither an object nor inside an array. A null wants the
// property to be absent.
using Leaves = std::map<Path, base::json::Value>;

// What all configurations of one twin want together. Add the one of the highest priority first.
class Wanted {
 public:
  // False: all of it is overruled by what was added before. A path that was named before counts for
  // whoever named it first, with all that is below it; where paths only overlap, each value does.
  bool add(const std::vector<Section>& sections);
  const Leaves& leaves() const { return leaves_; }

 private:
  bool add_value(const Path& path, const base::json::Value& value);
  bool is_taken(const Path& path) const;

  Leaves leaves_;
  std::set<Path> sections_;
};

// The desired properties with `wanted` in place, and without what was `owned` but is not wanted any
// more; objects that this leaves empty go as well.
base::json::Value apply(const base::json::Value& desired, const std::set<Path>& owned,
                        const Leaves& wanted);
// What apply() put there: to be taken away when it is not wanted any more.
std::set<Path> owned_by(const Leaves& wanted);

// As kept on disk: [["pump","speed"],...]. Errors: Corrupt.
std::string paths_to_json(const std::set<Path>& paths);
base::Result<std::set<Path>> paths_from_json(std::string_view json);

}  // namespace hub::configurations
