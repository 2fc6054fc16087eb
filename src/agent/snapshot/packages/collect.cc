#include "agent/snapshot/packages/collect.h"

#include <algorithm>
#include <array>
#include <memory>
#include <tuple>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/text.h"
#include "os/file.h"

namespace agent::snapshot::packages {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaxDatabase = 256U << 20U;
constexpr std::size_t kMaxStatusFiles = 16384;

// Values of SQLite's interface, which never change.
constexpr int kOk = 0;
constexpr int kRow = 100;
constexpr int kDone = 101;
constexpr int kReadOnly = 1;
constexpr int kUri = 0x40;

// The few functions that are needed of libsqlite3.
struct SqliteLibrary {
  void* handle = nullptr;
  int (*open)(const char*, void**, int, const char*) = nullptr;
  int (*close)(void*) = nullptr;
  int (*prepare)(void*, const char*, int, void**, const char**) = nullptr;
  int (*step)(void*) = nullptr;
  int (*finalize)(void*) = nullptr;
  const void* (*blob)(void*, int) = nullptr;
  int (*bytes)(void*, int) = nullptr;

  SqliteLibrary() = default;
  SqliteLibrary(const SqliteLibrary&) = delete;
  SqliteLibrary& operator=(const SqliteLibrary&) = delete;
  ~SqliteLibrary() {
    if (handle != nullptr) ::dlclose(handle);
  }
  bool load() {
    handle = ::dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return false;
    const auto find = [&](auto& function, const char* name) {
      function =
          reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(handle, name));
      return function != nullptr;
    };
    return find(open, "sqlite3_open_v2") && find(close, "sqlite3_close") &&
           find(prepare, "sqlite3_prepare_v2") && find(step, "sqlite3_step") &&
           find(finalize, "sqlite3_finalize") && find(blob, "sqlite3_column_blob") &&
           find(bytes, "sqlite3_column_bytes");
  }
};

Result<Packages> read_rows(const SqliteLibrary& sqlite, void* database) {
  void* statement = nullptr;
  if (sqlite.prepare(database, "SELECT blob FROM Packages ORDER BY hnum", -1, &statement,
                     nullptr) != kOk)
    return fail(Code::Corrupt, "rpm database", -1, "no table of packages");
  Packages out;
  int result = kRow;
  while ((result = sqlite.step(statement)) == kRow) {
    const auto* data = static_cast<const std::uint8_t*>(sqlite.blob(statement, 0));
    const auto size = static_cast<std::size_t>(std::max(sqlite.bytes(statement, 0), 0));
    auto package = data == nullptr ? Result<Package>(fail(Code::Malformed, "rpm header"))
                                   : read_rpm_header({data, size});
    if (!package) {
      ++out.malformed;
      continue;
    }
    if (out.list.size() == kMaxPackages) {
      out.cut = true;
      break;
    }
    out.list.push_back(std::move(*package));
  }
  sqlite.finalize(statement);
  if (result != kDone && result != kRow) return fail(Code::Corrupt, "rpm database", result);
  return out;
}

class Collection {
 public:
  explicit Collection(std::string root) : root_(std::move(root)) {}

  Inventory take() {
    read_os_release();
    text_database("dpkg", "/var/lib/dpkg/status");
    status_folder("/var/lib/dpkg/status.d");
    for (const char* path : {"/var/lib/opkg/status", "/usr/lib/opkg/status"})
      text_database("opkg", path);
    for (const char* path : {"/lib/apk/db/installed", "/usr/lib/apk/db/installed"})
      text_database("apk", path);
    rpm("/var/lib/rpm");
    rpm("/usr/lib/sysimage/rpm");
    auto& list = out_.packages;
    const auto key = [](const Package& one) {
      return std::tie(one.manager, one.name, one.architecture, one.version);
    };
    std::ranges::sort(list, {}, key);
    // A system without a package manager has software all the same.
    if (out_.managers.empty()) out_.unknown.emplace_back("*: no package database is known here");
    // Two paths may lead to one database.
    const auto rest = std::ranges::unique(list, {}, key);
    list.erase(rest.begin(), rest.end());
    return std::move(out_);
  }

 private:
  void has(const std::string& manager) {
    if (std::ranges::find(out_.managers, manager) == out_.managers.end())
      out_.managers.push_back(manager);
  }
  void unknown(const std::string& manager, const std::string& why) {
    has(manager);
    out_.unknown.push_back(manager + ": " + why);
  }
  void add(const std::string& manager, Packages packages) {
    has(manager);
    if (packages.malformed != 0)
      unknown(manager, fmt::format("{} entries could not be read", packages.malformed));
    if (packages.cut) unknown(manager, "more packages than are read");
    std::ranges::move(packages.list, std::back_inserter(out_.packages));
  }

  void text_database(const std::string& manager, const std::string& path) {
    const auto text = os::read_file(root_ + path, kMaxDatabase);
    if (!text && text.error().code == Code::NotFound) return;
    if (!text) return unknown(manager, text.error().to_string());
    add(manager, manager == "apk" ? read_apk(*text) : read_control(*text, manager));
  }

  // Images without a package manager keep a file for each package.
  void status_folder(const std::string& path) {
    const auto names = os::list_dir(root_ + path);
    if (!names) {
      if (names.error().code != Code::NotFound) unknown("dpkg", names.error().to_string());
      return;
    }
    if (names->size() > kMaxStatusFiles) return unknown("dpkg", "more files than are read");
    for (const std::string& name : *names) {
      if (name.ends_with(".md5sums")) continue;
      text_database("dpkg", path + "/" + name);
    }
  }

  void rpm(const std::string& folder) {
    const std::string path = root_ + folder;
    if (os::file_exists(path + "/rpmdb.sqlite")) {
      auto read = read_rpm_sqlite(path + "/rpmdb.sqlite");
      if (!read) return unknown("rpm", read.error().to_string());
      return add("rpm", std::move(*read));
    }
    if (os::file_exists(path + "/Packages.db")) {
      const auto file = os::read_file(path + "/Packages.db", kMaxDatabase);
      if (!file) return unknown("rpm", file.error().to_string());
      auto read = read_ndb(base::as_bytes(*file));
      if (!read) return unknown("rpm", read.error().to_string());
      return add("rpm", std::move(*read));
    }
    if (os::file_exists(path + "/Packages"))
      unknown("rpm", "its database is a Berkeley DB, which is not read");
  }

  void read_os_release() {
    auto text = os::read_file(root_ + "/etc/os-release", 65536);
    if (!text) text = os::read_file(root_ + "/usr/lib/os-release", 65536);
    if (!text) return;
    for (const std::string_view line : base::split(*text, '\n')) {
      const std::size_t equals = line.find('=');
      if (equals == std::string_view::npos) continue;
      std::string_view value = base::trim(line.substr(equals + 1));
      if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
        value.remove_prefix(1);
        value.remove_suffix(1);
      }
      const std::string_view name = line.substr(0, equals);
      if (name == "ID") out_.os_id = base::to_utf8(value);
      if (name == "VERSION_ID") out_.os_version = base::to_utf8(value);
      if (name == "PRETTY_NAME") out_.os_name = base::to_utf8(value);
    }
  }

  std::string root_;
  Inventory out_;
};

// Text of a package URL: unlike elsewhere, colons stand for themselves.
std::string encoded(std::string_view text) {
  std::string out;
  for (const std::string_view part : base::split(text, ':'))
    out += base::percent_encode(part) + ":";
  out.pop_back();
  return out;
}

}  // namespace

Inventory collect(const std::string& root) {
  return Collection(root).take();
}

Result<Packages> read_rpm_sqlite(const std::string& file) {
  SqliteLibrary sqlite;
  if (!sqlite.load())
    return fail(Code::Unsupported, "rpm database", -1, "libsqlite3.so.0 is not installed");
  // Without a log of changes nobody is writing, and nothing needs to be made beside the file.
  struct stat log{};
  const bool busy = ::stat((file + "-wal").c_str(), &log) == 0 && log.st_size > 0;
  std::string uri = "file:";
  for (const std::string_view part : base::split(file, '/')) {
    if (!part.empty()) uri += "/" + base::percent_encode(part);
  }
  uri += busy ? "?mode=ro" : "?mode=ro&immutable=1";
  void* database = nullptr;
  const int opened = sqlite.open(uri.c_str(), &database, kReadOnly | kUri, nullptr);
  auto read = opened == kOk ? read_rows(sqlite, database)
                            : Result<Packages>(fail(Code::Io, "rpm database", opened));
  if (database != nullptr) sqlite.close(database);
  return read;
}

std::string purl_of(const Package& package, const Inventory& inventory) {
  const std::string type = package.manager == "dpkg" ? "deb" : package.manager;
  std::string purl = "pkg:" + type;
  if (!inventory.os_id.empty()) purl += "/" + encoded(base::to_lower(inventory.os_id));
  std::string_view version = package.version;
  // Of rpm the epoch is a qualifier.
  if (type == "rpm" && !package.epoch.empty()) version.remove_prefix(package.epoch.size() + 1);
  purl += fmt::format("/{}@{}", encoded(package.name), encoded(version));
  char separator = '?';
  const auto qualify = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    purl += fmt::format("{}{}={}", separator, name, encoded(value));
    separator = '&';
  };
  qualify("arch", package.architecture);
  if (!inventory.os_id.empty() && !inventory.os_version.empty())
    qualify("distro", inventory.os_id + "-" + inventory.os_version);
  if (type == "rpm") qualify("epoch", package.epoch);
  return purl;
}

}  // namespace agent::snapshot::packages
