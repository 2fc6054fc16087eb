#include "detect/changes/accounts.h"

#include <algorithm>

#include "base/text.h"
#include "detect/changes/watch.h"

namespace detect::changes {
namespace {

constexpr std::string_view kRoot = "0";
constexpr std::size_t kManyGone = 3;

std::vector<Group> groups_of(const schema::LocalUsers& item) {
  std::vector<Group> groups;
  for (const std::string_view name : base::split(item.group_names, ';')) {
    const std::string_view trimmed = base::trim(name);
    if (!trimmed.empty()) groups.push_back({{}, std::string(trimmed)});
  }
  std::vector<std::string_view> ids;
  for (const std::string_view id : base::split(item.group_ids, ';')) {
    if (!base::trim(id).empty()) ids.push_back(base::trim(id));
  }
  // Numbers that do not go with the names say nothing.
  if (ids.size() != groups.size()) return groups;
  for (std::size_t i = 0; i < ids.size(); ++i)
    groups[i].id = ids[i];
  return groups;
}

bool says_more_than_none(std::string_view count) {
  return !count.empty() && count != "0";
}

std::size_t count_missing(const Picture& before, const Picture& after) {
  return static_cast<std::size_t>(std::ranges::count_if(before, [&](const Account& account) {
    return std::ranges::none_of(after, [&](const Account& other) {
      return other.id == account.id || other.name == account.name;
    });
  }));
}

bool has_root(const Picture& picture) {
  return std::ranges::find(picture, kRoot, &Account::id) != picture.end();
}

// Pairs those that `alike` holds for, each once.
template <class Alike>
void pair_up(std::vector<const Account*>& before, std::vector<const Account*>& after,
             std::vector<Pair>& pairs, Alike alike) {
  std::erase_if(before, [&](const Account* one) {
    const auto other =
        std::ranges::find_if(after, [&](const Account* each) { return alike(*one, *each); });
    if (other == after.end()) return false;
    pairs.push_back({one, *other});
    after.erase(other);
    return true;
  });
}

}  // namespace

std::optional<Picture> picture_of(const std::vector<schema::LocalUsers>& items) {
  if (items.empty()) return std::nullopt;
  Picture picture;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const schema::LocalUsers& item = items[i];
    for (const std::string_view unread : {"UnreadAccounts", "UnreadGroups"}) {
      if (says_more_than_none(extra(item.extra_details, unread))) return std::nullopt;
    }
    picture.push_back({item.user_id, item.user_name, groups_of(item), i});
  }
  return picture;
}

bool is_doubtful(const Picture& before, const Picture& after) {
  if (has_root(before) && !has_root(after)) return true;
  const std::size_t missing = count_missing(before, after);
  return missing >= kManyGone && missing * 2 > before.size();
}

Difference difference(const Picture& before, const Picture& after) {
  Difference out;
  std::vector<const Account*> others;
  for (const Account& account : before)
    out.gone.push_back(&account);
  for (const Account& account : after)
    others.push_back(&account);
  pair_up(out.gone, others, out.same, [](const Account& one, const Account& other) {
    return one.id == other.id && one.name == other.name;
  });
  pair_up(out.gone, others, out.same,
          [](const Account& one, const Account& other) { return one.id == other.id; });
  pair_up(out.gone, others, out.same,
          [](const Account& one, const Account& other) { return one.name == other.name; });
  return out;
}

std::vector<std::string> groups_only_in(const Account& one, const Account& other) {
  std::vector<std::string> out;
  for (const Group& group : one.groups) {
    const bool shared = std::ranges::any_of(other.groups, [&](const Group& each) {
      return each.name == group.name || (!group.id.empty() && each.id == group.id);
    });
    const bool own = one.name != other.name && group.name == one.name;
    if (!shared && !own) out.push_back(group.name);
  }
  return out;
}

std::string group_names(const Account& account) {
  std::string text;
  for (const Group& group : account.groups)
    text += (text.empty() ? "" : ";") + group.name;
  return text;
}

}  // namespace detect::changes
