#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/message.h"

// Pictures of a device's accounts, and how two of them differ; for the sources of this folder.
namespace detect::changes {

struct Group {
  std::string id;  // empty: the picture does not tell
  std::string name;
};

struct Account {
  std::string id;
  std::string name;
  std::vector<Group> groups;
  std::size_t item = 0;  // of the event that it was read from
};
using Picture = std::vector<Account>;

// nullopt: it is no whole picture.
std::optional<Picture> picture_of(const std::vector<schema::LocalUsers>& items);

// Whether the later picture misses what does not go by itself: root, or more than half of the
// accounts, three at least.
bool is_doubtful(const Picture& before, const Picture& after);

// The same account in two pictures.
struct Pair {
  const Account* before = nullptr;
  const Account* after = nullptr;
};
struct Difference {
  std::vector<Pair> same;
  std::vector<const Account*> gone;  // of the earlier picture
};
// Refers to both pictures.
Difference difference(const Picture& before, const Picture& after);

// Names of groups that `one` has and `other` has not, by name or number; groups named after the
// account itself do not count when it was renamed.
std::vector<std::string> groups_only_in(const Account& one, const Account& other);

// "root;adm".
std::string group_names(const Account& account);

}  // namespace detect::changes
