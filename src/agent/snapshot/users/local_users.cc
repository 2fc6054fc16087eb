#include "agent/snapshot/users/local_users.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/snapshot/users/accounts.h"
#include "agent/snapshot/users/sudoers.h"
#include "base/text.h"
#include "os/file.h"

namespace agent::snapshot::users {

using base::Code;
using base::Result;
using schema::set;

namespace {

constexpr std::size_t kMaxFile = 8U << 20U;
constexpr std::size_t kMaxKeysFile = 1U << 20U;
constexpr std::size_t kMaxText = 512;  // of one value

// The file systems of this device; a home elsewhere may be slow, or gone.
constexpr std::array<long, 7> kLocal = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                        TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                        SQUASHFS_MAGIC};
constexpr long kUbifs = 0x24051905;
constexpr long kJffs2 = 0x72b6;

bool on_this_device(const std::string& path) {
  struct statfs info{};
  if (::statfs(path.c_str(), &info) != 0) return false;
  return std::ranges::find(kLocal, static_cast<long>(info.f_type)) != kLocal.end() ||
         info.f_type == kUbifs || info.f_type == kJffs2;
}

// A regular file's text: a user may have put a pipe there, or a link to anywhere.
Result<std::string> read_users_file(const std::string& path, std::size_t limit) {
  const os::Fd file = TRY(os::open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::fail_errno("stat");
  if (!S_ISREG(info.st_mode)) return base::fail(Code::Invalid, "no regular file");
  if (static_cast<std::size_t>(info.st_size) > limit) return base::fail(Code::TooLarge, "file");
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(text.data()), text.size());
  text.resize(TRY(os::read_at(file.get(), out, 0)));
  return text;
}

std::string shown(std::string text) {
  if (text.size() > kMaxText) text.resize(kMaxText);
  return base::to_utf8(text);
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  const std::string whole = name.data();
  return whole.substr(0, whole.find('.'));
}

bool no_login(const std::string& shell) {
  const std::string_view name = std::string_view(shell).substr(shell.rfind('/') + 1);
  return name == "nologin" || name == "false" || name == "sync" || name == "halt" ||
         name == "shutdown";
}

// Everything that was read, once for a picture.
struct Files {
  Table<Account> accounts;
  Table<Group> groups;
  std::map<std::string, Shadow, std::less<>> shadow;
  std::vector<GroupShadow> gshadow;
  std::optional<Sudoers> sudoers;  // nullopt: could not be read
  bool has_sudo = true;            // there is such a file
  bool has_shadow = true;
  std::string shadow_unknown;  // why
  std::string gshadow_unknown;
  std::string sudo_unknown;
  std::vector<std::string> services;
};

class Picture {
 public:
  explicit Picture(std::string root) : root_(std::move(root)) {}

  Result<void> read();
  std::vector<schema::LocalUsers> items() const;
  std::string reason() const;

 private:
  Result<std::string> file(const std::string& path) const {
    return os::read_file(root_ + path, kMaxFile);
  }
  void read_shadows();
  void read_sudo();
  std::vector<const Group*> groups_of(const Account& account) const;
  schema::LocalUsers item_of(const Account& account) const;
  void describe_password(const Account& account, schema::ExtraDetails& extra) const;
  void describe_dates(const Shadow& shadow, schema::ExtraDetails& extra) const;
  void describe_sudo(const Account& account, const std::vector<const Group*>& groups,
                     schema::ExtraDetails& extra) const;
  void describe_keys(const Account& account, schema::ExtraDetails& extra) const;

  std::string root_;
  Files files_;
};

Result<void> Picture::read() {
  files_.accounts = read_passwd(TRY(file("/etc/passwd")));
  files_.groups = read_group(TRY(file("/etc/group")));
  read_shadows();
  read_sudo();
  if (const auto text = file("/etc/nsswitch.conf"); text)
    files_.services = other_services(*text, "passwd");
  if (files_.accounts.foreign) files_.services.emplace_back("compat");
  return {};
}

void Picture::read_shadows() {
  if (const auto text = file("/etc/shadow"); text) {
    for (Shadow& entry : read_shadow(*text).entries) {
      std::string name = entry.name;
      files_.shadow.emplace(std::move(name), std::move(entry));
    }
  } else {
    files_.has_shadow = text.error().code != Code::NotFound;
    files_.shadow_unknown = text.error().to_string();
  }
  if (const auto text = file("/etc/gshadow"); text) {
    files_.gshadow = read_gshadow(*text).entries;
  } else if (text.error().code != Code::NotFound) {
    files_.gshadow_unknown = text.error().to_string();
  }
}

void Picture::read_sudo() {
  const std::string path = "/etc/sudoers";
  const auto probe = file(path);
  if (!probe && probe.error().code == Code::NotFound) {
    files_.has_sudo = false;
    return;
  }
  if (!probe) {
    files_.sudo_unknown = probe.error().to_string();
    return;
  }
  const SudoersFiles files{
      [this](const std::string& name) { return file(name); },
      [this](const std::string& folder) { return os::list_dir(root_ + folder); }, host_name()};
  files_.sudoers = read_sudoers(path, files);
  if (!files_.sudoers->unread.empty()) files_.sudo_unknown = files_.sudoers->unread.front();
}

// The primary group first, then the others in the order of the file.
std::vector<const Group*> Picture::groups_of(const Account& account) const {
  std::vector<const Group*> groups;
  for (const Group& group : files_.groups.entries) {
    if (group.gid != account.gid) continue;
    groups.push_back(&group);
    break;
  }
  for (const Group& group : files_.groups.entries) {
    if (group.gid != account.gid &&
        std::ranges::find(group.members, account.name) != group.members.end())
      groups.push_back(&group);
  }
  return groups;
}

void Picture::describe_dates(const Shadow& shadow, schema::ExtraDetails& extra) const {
  if (shadow.changed) {
    set(extra, "PasswordChanged",
        *shadow.changed == 0 ? "must change" : date_of_days(*shadow.changed));
    constexpr std::int64_t kNever = 99999;
    if (*shadow.changed != 0 && shadow.max_days && *shadow.max_days < kNever)
      set(extra, "PasswordExpires", date_of_days(*shadow.changed + *shadow.max_days));
  }
  if (shadow.expires) set(extra, "AccountExpires", date_of_days(*shadow.expires));
}

void Picture::describe_password(const Account& account, schema::ExtraDetails& extra) const {
  if (account.password != Password::Elsewhere) {
    // Where there is a hash, everybody may read it.
    set(extra, "Password", std::string(password_name(account.password)));
    if (!account.scheme.empty()) set(extra, "PasswordScheme", account.scheme);
    set(extra, "PasswordInPasswd", "true");
    return;
  }
  const auto found = files_.shadow.find(account.name);
  if (found == files_.shadow.end()) {
    if (!files_.shadow_unknown.empty() && files_.has_shadow) {
      set(extra, "Password", "unknown");
      set(extra, "PasswordUnknown", files_.shadow_unknown);
    } else {
      // As login does: a password that is to be found nowhere lets nobody in.
      set(extra, "Password", "none");
      set(extra, "ShadowMissing", "true");
    }
    return;
  }
  const Shadow& shadow = found->second;
  set(extra, "Password", std::string(password_name(shadow.password)));
  if (!shadow.scheme.empty()) set(extra, "PasswordScheme", shadow.scheme);
  describe_dates(shadow, extra);
}

void Picture::describe_sudo(const Account& account, const std::vector<const Group*>& groups,
                            schema::ExtraDetails& extra) const {
  if (!files_.has_sudo) return set(extra, "Sudo", "false");
  const SudoGrant grant = files_.sudoers ? grant_of(*files_.sudoers, account, groups) : SudoGrant{};
  // A file that could not be read may allow what the others do not.
  const bool known = files_.sudoers && files_.sudo_unknown.empty();
  set(extra, "Sudo", grant.allowed ? "true" : known ? "false" : "unknown");
  if (!known) set(extra, "SudoUnknown", files_.sudo_unknown);
  if (!grant.allowed) return;
  set(extra, "SudoSource", shown(fmt::format("{}", fmt::join(grant.sources, "; "))));
  set(extra, "SudoCommands", shown(fmt::format("{}", fmt::join(grant.commands, ", "))));
  if (grant.everything) set(extra, "SudoEverything", "true");
  if (grant.no_password) set(extra, "SudoNoPassword", "true");
}

void Picture::describe_keys(const Account& account, schema::ExtraDetails& extra) const {
  if (account.home.empty() || account.home == "/" || account.home.front() != '/') return;
  const std::string home = root_ + account.home;
  struct stat info{};
  // The folder above is not inside an automounted home, so looking at it does not mount one.
  if (!on_this_device(home.substr(0, home.rfind('/') + 1)))
    return set(extra, "AuthorizedKeys", "unknown");
  if (::lstat(home.c_str(), &info) != 0) {
    set(extra, "HomeMissing", "true");
    return;
  }
  if (!S_ISDIR(info.st_mode) || !on_this_device(home)) {
    if (!S_ISDIR(info.st_mode)) return;
    return set(extra, "AuthorizedKeys", "unknown");
  }
  std::size_t keys = 0;
  for (const char* name : {"/.ssh/authorized_keys", "/.ssh/authorized_keys2"}) {
    const auto text = read_users_file(home + name, kMaxKeysFile);
    if (text) {
      keys += count_keys(*text);
    } else if (text.error().code != Code::NotFound && text.error().at != ENOTDIR) {
      return set(extra, "AuthorizedKeys", "unknown");
    }
  }
  set(extra, "AuthorizedKeys", std::to_string(keys));
}

schema::LocalUsers Picture::item_of(const Account& account) const {
  const std::vector<const Group*> groups = groups_of(account);
  schema::LocalUsers item;
  item.user_name = account.name;
  item.user_id = std::to_string(account.uid);
  const bool primary_named = !groups.empty() && groups.front()->gid == account.gid;
  if (!primary_named) {
    // A number without a name keeps its place in both lists.
    item.group_ids = std::to_string(account.gid);
    item.group_names = std::to_string(account.gid);
  }
  for (const Group* group : groups) {
    const char* separator = item.group_ids.empty() ? "" : ";";
    item.group_ids += separator + std::to_string(group->gid);
    item.group_names += separator + group->name;
  }
  auto& extra = item.extra_details;
  set(extra, "Shell", account.shell.empty() ? "/bin/sh" : account.shell);
  if (no_login(account.shell)) set(extra, "LoginShell", "false");
  set(extra, "Home", account.home);
  if (!account.comment.empty()) set(extra, "Comment", shown(account.comment));
  describe_password(account, extra);
  const std::string* password = schema::find(extra, "Password");
  set(extra, "Locked",
      *password == "unknown" ? "unknown"
                             : (*password == "locked" || *password == "none" ? "true" : "false"));
  describe_sudo(account, groups, extra);
  describe_keys(account, extra);
  if (account.uid == 0 && account.name != "root") set(extra, "SecondRoot", "true");
  const auto same = std::ranges::count(files_.accounts.entries, account.uid, &Account::uid);
  if (same > 1) set(extra, "SharedUserId", "true");
  std::string administers;
  for (const GroupShadow& group : files_.gshadow) {
    if (std::ranges::find(group.administrators, account.name) != group.administrators.end())
      administers += (administers.empty() ? "" : ";") + group.name;
  }
  if (!administers.empty()) set(extra, "AdministersGroups", administers);
  return item;
}

std::vector<schema::LocalUsers> Picture::items() const {
  std::vector<schema::LocalUsers> items;
  items.reserve(files_.accounts.entries.size());
  for (const Account& account : files_.accounts.entries)
    items.push_back(item_of(account));
  if (items.empty()) return items;
  auto& first = items.front().extra_details;
  if (!files_.services.empty())
    set(first, "OtherServices", fmt::format("{}", fmt::join(files_.services, " ")));
  if (files_.accounts.malformed != 0)
    set(first, "UnreadAccounts", std::to_string(files_.accounts.malformed));
  if (files_.groups.malformed != 0)
    set(first, "UnreadGroups", std::to_string(files_.groups.malformed));
  return items;
}

std::string Picture::reason() const {
  std::string reason;
  const auto note = [&](std::string_view what, const std::string& why) {
    if (!why.empty()) reason += fmt::format("{}{}: {}", reason.empty() ? "" : "; ", what, why);
  };
  note("shadow", files_.shadow_unknown);
  note("gshadow", files_.gshadow_unknown);
  note("sudoers", files_.sudo_unknown);
  return reason;
}

class LocalUsersSnapshot final : public Snapshot {
 public:
  explicit LocalUsersSnapshot(std::string root) : root_(std::move(root)) {}
  schema::EventName event() const override { return schema::EventName::LocalUsers; }
  SourceReport source() const override { return report_; }

  Result<schema::Payload> take() override {
    report_.tier = "none";
    Picture picture(root_);
    TRY(picture.read());
    report_.tier = "files";
    report_.reason = picture.reason();
    return schema::Payload(picture.items());
  }

 private:
  std::string root_;
  SourceReport report_{.event = schema::EventName::LocalUsers, .tier = "none", .reason = {}};
};

}  // namespace

std::unique_ptr<Snapshot> make(const std::string& root) {
  return std::make_unique<LocalUsersSnapshot>(root);
}

}  // namespace agent::snapshot::users
