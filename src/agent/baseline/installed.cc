#include "agent/baseline/installed.h"

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

using base::Code;
using base::Result;

namespace {

constexpr const char* kDpkgStatus = "/var/lib/dpkg/status";
constexpr const char* kApkInstalled = "/lib/apk/db/installed";
constexpr const char* kOpkgFolders[] = {"/usr/lib/opkg", "/var/lib/opkg"};

// "/bin/su" and "/usr/bin/su" are one where /bin is a link.
std::string without_usr(std::string_view path) {
  for (const std::string_view top : {"/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib64/"}) {
    if (path.starts_with(top)) return std::string(path.substr(4));
  }
  return std::string(path);
}

struct Claims {
  std::set<std::string> open;  // in the form of without_usr

  void owned(std::string_view path) { open.erase(without_usr(path)); }
  Result<void> lists(const Host& host, const std::string& folder);
  void apk(std::string_view text);
};

// A file NAME.list for each package, with a path on each line.
Result<void> Claims::lists(const Host& host, const std::string& folder) {
  for (const std::string& name : TRY(list_optional(host, folder))) {
    if (!name.ends_with(".list") || open.empty()) continue;
    const std::string text = TRY(host.read(folder + "/" + name));
    each_line(text, [this](std::string_view line, int) {
      // opkg writes further columns after a tab.
      owned(line.substr(0, line.find('\t')));
    });
  }
  return {};
}

// "F:folder" and then "R:file" for each in it.
void Claims::apk(std::string_view text) {
  std::string folder;
  each_line(text, [&](std::string_view line, int) {
    if (line.starts_with("F:")) folder = "/" + std::string(line.substr(2));
    if (line.starts_with("R:")) owned(folder + "/" + std::string(line.substr(2)));
  });
}

}  // namespace

std::set<std::string> read_dpkg_status(std::string_view text) {
  std::set<std::string> names;
  std::string name;
  each_line(text, [&](std::string_view line, int) {
    if (line.starts_with("Package:")) {
      name = base::trim(line.substr(8));
    } else if (line.starts_with("Status:")) {
      const auto words = words_of(line.substr(7));
      if (words.size() == 3 && words[2] == "installed") names.insert(name);
    }
  });
  return names;
}

std::set<std::string> read_apk_installed(std::string_view text) {
  std::set<std::string> names;
  each_line(text, [&](std::string_view line, int) {
    if (line.starts_with("P:")) names.emplace(line.substr(2));
  });
  return names;
}

Result<Installed> read_installed(const Host& host) {
  Installed installed;
  for (const char* const folder : {"/var/lib/rpm", "/usr/lib/sysimage/rpm"}) {
    for (const std::string& name : TRY(list_optional(host, folder)))
      installed.rpm =
          installed.rpm || name == "rpmdb.sqlite" || name == "Packages" || name == "Packages.db";
  }
  const auto take = [&](const char* source, std::set<std::string> names) {
    if (names.empty()) return;
    installed.source = source;
    installed.packages.merge(names);
  };
  take("dpkg", read_dpkg_status(TRY(read_optional(host, kDpkgStatus))));
  for (const char* const folder : kOpkgFolders)
    take("opkg", read_dpkg_status(TRY(read_optional(host, std::string(folder) + "/status"))));
  take("apk", read_apk_installed(TRY(read_optional(host, kApkInstalled))));
  return installed;
}

Result<std::set<std::string>> without_package(const Host& host, std::set<std::string> paths) {
  const Installed installed = TRY(read_installed(host));
  if (installed.source.empty()) {
    return base::fail(
        Code::Unsupported, "package manifest", -1,
        installed.rpm ? "rpm's list of files is not read" : "no package manager found");
  }
  Claims claims;
  for (const std::string& path : paths)
    claims.open.insert(without_usr(path));
  TRY(claims.lists(host, "/var/lib/dpkg/info"));
  for (const char* const folder : kOpkgFolders)
    TRY(claims.lists(host, std::string(folder) + "/info"));
  claims.apk(TRY(read_optional(host, kApkInstalled)));
  std::erase_if(paths,
                [&](const std::string& path) { return !claims.open.contains(without_usr(path)); });
  return paths;
}

}  // namespace agent::baseline
