#include "shell/programs.h"

#include <algorithm>
#include <array>
#include <utility>

namespace shell {
namespace {

// Sorted by name. Sources: the manuals of sudo, doas, util-linux, coreutils, findutils, procps,
// busybox, runit, s6, strace and systemd.
constexpr std::array kWrappers = std::to_array<Wrapper>({
    {"busybox", {"", ""}},
    {"catchsegv", {"", ""}},
    {"chpst", {"uUbemdopfcrtl/", ""}},
    {"chroot", {"", ""}, 1},
    {"chrt", {"TPD", "--sched-runtime --sched-period --sched-deadline"}, 1},
    {"command", {"", ""}},
    {"cpulimit", {"lpPe", "--limit --pid --path --exe"}},
    {"dbus-launch", {"", "--config-file"}},
    {"dbus-run-session", {"", "--config-file --dbus-daemon"}},
    {"doas", {"uC", ""}},
    {"dumb-init", {"r", "--rewrite"}},
    {"env", {"uC", "--unset --chdir"}, 0, true},
    {"exec", {"a", ""}},
    {"fakeroot", {"lsib", "--lib --faked"}},
    {"firejail", {"", ""}},
    {"flock", {"wE", "--timeout --wait --conflict-exit-code"}, 1},
    {"gosu", {"", ""}, 1},
    {"ionice", {"cnpPu", "--class --classdata"}},
    {"linux32", {"", ""}},
    {"linux64", {"", ""}},
    {"ltrace", {"aAeEFlnopsuwx", ""}},
    {"nice", {"n", "--adjustment"}},
    {"nohup", {"", ""}},
    {"nsenter", {"tSG", "--target --setuid --setgid"}},
    {"numactl", {"iNCmplP", ""}},
    {"parallel", {"jIaSnNLPXCd", "--jobs --arg-file --colsep --delimiter --joblog --results"}},
    {"pkexec", {"", "--user"}},
    {"proxychains", {"f", ""}},
    {"proxychains4", {"f", ""}},
    {"runuser", {"ugGsw", "--user --group --supp-group --shell --whitelist-environment"}},
    {"s6-setuidgid", {"", ""}, 1},
    {"script", {"EIOBTocm", "--echo --log-in --log-out --log-io --log-timing --command"}},
    {"setarch", {"", ""}, 1},
    {"setpriv",
     {"", "--reuid --regid --groups --securebits --pdeathsig --inh-caps --bounding-set"}},
    {"setsid", {"", ""}},
    {"setuidgid", {"", ""}, 1},
    {"softlimit", {"mdsflcorpt", ""}},
    {"sshpass", {"pfdP", ""}},
    {"start-stop-daemon",
     {"xnucCpgNPIkdrRsa",
      "--name --user --chuid --pidfile --group --nicelevel --procsched --iosched --umask --chdir "
      "--chroot --retry --signal --output --ppid --pid"}},
    {"stdbuf", {"ioe", "--input --output --error"}},
    {"strace", {"abeEIoOpPsSuUX", ""}},
    {"su-exec", {"", ""}, 1},
    {"sudo",
     {"ugpCrtTUDRh",
      "--user --group --prompt --close-from --role --type --chdir --chroot --host "
      "--command-timeout --other-user"},
     0,
     true},
    {"systemd-cat", {"tp", "--identifier --priority --stderr-priority --level-prefix"}},
    {"systemd-run",
     {"upMHEdt",
      "--unit --property --description --slice --host --machine --service-type --uid --gid --nice "
      "--working-directory --setenv --on-active --on-boot --on-startup --on-unit-active "
      "--on-unit-inactive --on-calendar --timer-property --path-property --socket-property"}},
    {"taskset", {"", ""}, 1},
    {"time", {"fo", "--format --output"}},
    {"timeout", {"sk", "--signal --kill-after"}, 1},
    {"tini", {"peg", ""}},
    {"torify", {"", ""}},
    {"torsocks", {"", ""}},
    {"toybox", {"", ""}},
    {"tsocks", {"", ""}},
    {"unbuffer", {"", ""}},
    {"unshare",
     {"RwSG", "--root --wd --setuid --setgid --propagation --setgroups --map-user --map-group"}},
    {"valgrind", {"", ""}},
    {"watch", {"nq", "--interval --equexit"}},
    {"xargs",
     {"aEIdLnPs",
      "--arg-file --delimiter --max-lines --max-args --max-procs --max-chars --eof "
      "--process-slot-var"}},
    {"xvfb-run", {"efnpsw", "--server-num --server-args --error-file --auth-file"}},
});

using NamedTakes = std::pair<std::string_view, Takes>;
// Sources: the manuals of coreutils, shadow, wget, curl, openssh, netcat and others.
constexpr std::array kTakes = std::to_array<NamedTakes>({
    {"aria2c",
     {"dojsxkiUTl",
      "--dir --out --split --max-connection-per-server --input-file --user-agent --header --log"}},
    {"axel", {"nosUHT", "--output --num-connections --max-speed --header --user-agent"}},
    {"base32", {"w", "--wrap"}},
    {"base64", {"w", "--wrap"}},
    {"chmod", {"", "--reference"}},
    {"chown", {"", "--reference --from"}},
    {"cp", {"tS", "--target-directory --suffix"}},
    {"curl",
     {"AbcCdDeEFhHKmoPQrtTuUwxXyYz",
      "--user-agent --cookie --cookie-jar --continue-at --data --data-raw --data-binary "
      "--data-urlencode --data-ascii --json --dump-header --referer --cert --key --cacert --capath "
      "--form --form-string --header --config --max-time --connect-timeout --output --output-dir "
      "--quote --range --upload-file --user --proxy --proxy-user --request --retry --retry-delay "
      "--retry-max-time --resolve --connect-to --interface --limit-rate --write-out --url "
      "--unix-socket --max-redirs --speed-time --speed-limit --time-cond --proto --proto-default "
      "--proto-redir --dns-servers --socks5 --socks5-hostname --socks4 --socks4a --oauth2-bearer "
      "--pinnedpubkey --ciphers --tls-max --trace --trace-ascii --stderr --netrc-file "
      "--create-file-mode"}},
    {"dbclient", {"pilLRbcm", ""}},
    {"dd", {"", ""}},
    {"fetch", {"BhoSTNiw", ""}},
    {"ftpget", {"upP", "--username --password --port"}},
    {"ftpput", {"upP", "--username --password --port"}},
    {"groupadd", {"gKpRP", "--gid --key --password --root --prefix"}},
    {"install", {"gmoStT", "--group --mode --owner --suffix --target-directory"}},
    {"ln", {"tS", "--target-directory --suffix"}},
    {"mkdir", {"m", "--mode"}},
    {"mv", {"tS", "--target-directory --suffix"}},
    {"nc",
     {"bceiIgGOpPqsTVwWxXM",
      "--exec --sh-exec --lua-exec --proxy --proxy-type --proxy-auth --source-port --source --wait "
      "--delay --idle-timeout --output"}},
    {"nc.openbsd", {"bIiMmOPpqsTVWwXx", ""}},
    {"nc.traditional", {"ceGgiopqsw", ""}},
    {"ncat",
     {"cegiopqstwxdmo",
      "--exec --sh-exec --lua-exec --proxy --proxy-type --proxy-auth --source-port --source --wait "
      "--delay --idle-timeout --output --allow --deny --max-conns"}},
    {"netcat", {"bceiIgGOpPqsTVwWxXM", ""}},
    {"plink", {"DLNPRSilmr", ""}},
    {"rm", {"", ""}},
    {"scp", {"cDFiJloPSX", ""}},
    {"sed", {"efls", "--expression --file --line-length"}},
    {"sftp", {"aBbcDFiJlOoPRSsX", ""}},
    {"shred", {"ns", "--iterations --size --random-source"}},
    {"socat", {"bDhlrRtTL", ""}},
    {"ssh", {"bBcDEeFIiJLlmOopPQRSWw", ""}},
    {"tee", {"", ""}},
    {"telnet", {"bDeklnSX", ""}},
    {"tftp", {"blrgm", ""}},
    {"touch", {"drt", "--date --reference --time"}},
    {"truncate", {"rs", "--reference --size"}},
    {"unlink", {"", ""}},
    {"useradd",
     {"bcdefgGkKpsuRPZ",
      "--base-dir --comment --home-dir --home --expiredate --inactive --gid --groups --skel --key "
      "--password --shell --uid --root --prefix --selinux-user"}},
    {"usermod",
     {"cdefgGlpRPsuvVwWZ",
      "--comment --home --expiredate --inactive --gid --groups --login --password --root --prefix "
      "--shell --uid --add-subuids --del-subuids --selinux-user"}},
    {"wget",
     {"OoaePtTwQUADRIXilBYnd",
      "--output-document --output-file --append-output --execute --directory-prefix --tries "
      "--timeout --wait --quota --user-agent --header --post-data --post-file --body-data "
      "--body-file --method --user --password --http-user --http-password --referer "
      "--load-cookies --save-cookies --input-file --base --certificate --private-key "
      "--ca-certificate --limit-rate --bind-address --dns-timeout --connect-timeout "
      "--read-timeout --progress --level --accept --reject --domains --include-directories"}},
    {"xxd", {"bcgilosnR", ""}},
});

using Pair = std::pair<std::string_view, std::string_view>;
// Without their versions.
constexpr std::array kInterpreters = std::to_array<Pair>({
    {"ash", "sh"},      {"awk", "awk"},       {"bash", "sh"},          {"bun", "node"},
    {"csh", "sh"},      {"dash", "sh"},       {"deno", "node"},        {"expect", "tcl"},
    {"fish", "sh"},     {"gawk", "awk"},      {"hush", "sh"},          {"ipython", "python"},
    {"jruby", "ruby"},  {"ksh", "sh"},        {"lksh", "sh"},          {"lua", "lua"},
    {"luajit", "lua"},  {"mawk", "awk"},      {"mksh", "sh"},          {"nawk", "awk"},
    {"node", "node"},   {"nodejs", "node"},   {"original-awk", "awk"}, {"pdksh", "sh"},
    {"perl", "perl"},   {"php", "php"},       {"php-cgi", "php"},      {"pwsh", "powershell"},
    {"pypy", "python"}, {"python", "python"}, {"rbash", "sh"},         {"rscript", "r"},
    {"ruby", "ruby"},   {"sh", "sh"},         {"static-sh", "sh"},     {"tclsh", "tcl"},
    {"tcsh", "sh"},     {"wish", "tcl"},      {"yash", "sh"},          {"zsh", "sh"},
});

constexpr std::array kLanguages = std::to_array<Language>({
    {"awk",
     {"FvfeEil", "--field-separator --assign --file --source --exec --include"},
     "e",
     "--source",
     "",
     "fE",
     true},
    {"lua", {"el", ""}, "e", "", "", ""},
    {"node",
     {"eprC", "--eval --print --require --import --loader --conditions"},
     "ep",
     "--eval --print",
     "",
     ""},
    {"perl", {"eEIMmFC", ""}, "eE", "", "", ""},
    {"php",
     {"cdfrBRFEStz", "--run --file --define --server --docroot"},
     "rBRE",
     "--run",
     "St",
     "fF"},
    {"powershell",
     {"", "-Command -File -EncodedCommand -ExecutionPolicy"},
     "",
     "-Command -c",
     "",
     ""},
    {"python", {"cmWXQ", ""}, "c", "", "m", ""},
    {"r", {"e", ""}, "e", "", "", ""},
    {"ruby", {"eIrCEKFT", ""}, "e", "", "", ""},
    {"tcl", {"cf", ""}, "c", "", "", "f"},
});

constexpr std::array<std::string_view, 13> kMultiCall = {"box",
                                                         "busybox",
                                                         "coreutils",
                                                         "java",
                                                         "kmod",
                                                         "lvm",
                                                         "systemctl",
                                                         "toybox",
                                                         "dropbearmulti",
                                                         "vim.basic",
                                                         "vim.tiny",
                                                         "xtables-legacy-multi",
                                                         "xtables-nft-multi"};

using NamedFetcher = std::pair<std::string_view, Fetcher>;
constexpr std::array kFetchers = std::to_array<NamedFetcher>({
    {"aria2c", Fetcher::Named},
    {"axel", Fetcher::Named},
    {"curl", Fetcher::Curl},
    {"fetch", Fetcher::Named},
    {"ftpget", Fetcher::Ftpget},
    {"GET", Fetcher::Printer},
    {"git", Fetcher::Git},
    {"http", Fetcher::Named},
    {"https", Fetcher::Named},
    {"links", Fetcher::Printer},
    {"lwp-download", Fetcher::Named},
    {"lwp-request", Fetcher::Printer},
    {"lynx", Fetcher::Printer},
    {"nc", Fetcher::Net},
    {"nc.openbsd", Fetcher::Net},
    {"nc.traditional", Fetcher::Net},
    {"ncat", Fetcher::Net},
    {"netcat", Fetcher::Net},
    {"rsync", Fetcher::Copy},
    {"scp", Fetcher::Copy},
    {"sftp", Fetcher::Copy},
    {"tftp", Fetcher::Tftp},
    {"w3m", Fetcher::Printer},
    {"wget", Fetcher::Wget},
    {"wget2", Fetcher::Wget},
});

using NamedFiles = std::pair<std::string_view, Files>;
constexpr std::array kFiles = std::to_array<NamedFiles>({
    {"cp", Files::Copies},
    {"dd", Files::Dd},
    {"gcp", Files::Copies},
    {"install", Files::Copies},
    {"ln", Files::Links},
    {"mv", Files::Copies},
    {"perl", Files::SedLike},
    {"rsync", Files::Last},
    {"scp", Files::Last},
    {"sed", Files::SedLike},
    {"symlink", Files::Links},
    {"tee", Files::Tee},
    {"touch", Files::All},
    {"truncate", Files::All},
});

constexpr std::array<std::string_view, 52> kTakesFiles = {
    "attr",  "bzip2",    "cat",     "chattr", "chgrp", "chmod", "chown",  "cp",      "cut",
    "dd",    "ed",       "emacs",   "ex",     "file",  "gpg",   "gpg2",   "gunzip",  "gzip",
    "head",  "insmod",   "install", "less",   "ln",    "ls",    "mkdir",  "more",    "mv",
    "nano",  "openssl",  "pico",    "rm",     "rmdir", "sed",   "setcap", "setfacl", "sha256sum",
    "shred", "source",   "srm",     "stat",   "strip", "tac",   "tail",   "tar",     "tee",
    "touch", "truncate", "unlink",  "unzip",  "vi",    "vim",   "zip"};

constexpr std::array<std::string_view, 21> kTakesHosts = {
    "dbclient",       "dig",    "ftp",    "ftpget", "host",     "nc",   "nc.openbsd",
    "nc.traditional", "ncat",   "netcat", "nmap",   "nslookup", "ping", "ping6",
    "plink",          "rlogin", "rsh",    "ssh",    "telnet",   "tftp", "traceroute"};

template <class Table, class Get>
auto* find_in(const Table& table, std::string_view name, Get get) {
  const auto found = std::ranges::lower_bound(table, name, {}, get);
  return found != table.end() && get(*found) == name ? &*found : nullptr;
}
constexpr auto kFirst = [](const auto& pair) { return pair.first; };
constexpr auto kName = [](const auto& entry) { return entry.name; };

static_assert(std::ranges::is_sorted(kWrappers, {}, kName));
static_assert(std::ranges::is_sorted(kTakes, {}, kFirst));
static_assert(std::ranges::is_sorted(kInterpreters, {}, kFirst));
static_assert(std::ranges::is_sorted(kLanguages, {}, kName));
static_assert(std::ranges::is_sorted(kFiles, {}, kFirst));
static_assert(std::ranges::is_sorted(kTakesFiles));
static_assert(std::ranges::is_sorted(kTakesHosts));

}  // namespace

bool takes_letter(const Takes& takes, char letter) {
  return takes.letters.find(letter) != std::string_view::npos;
}

bool takes_word(const Takes& takes, std::string_view word) {
  if (word.empty()) return false;
  for (std::size_t at = takes.words.find(word); at != std::string_view::npos;
       at = takes.words.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool begins = at == 0 || takes.words[at - 1] == ' ';
    if (begins && (end == takes.words.size() || takes.words[end] == ' ')) return true;
  }
  return false;
}

const Wrapper* find_wrapper(std::string_view name) {
  return find_in(kWrappers, name, kName);
}

const Takes* find_takes(std::string_view name) {
  const auto* found = find_in(kTakes, name, kFirst);
  return found == nullptr ? nullptr : &found->second;
}

std::string_view interpreter_of(std::string_view name) {
  if (name == "Rscript") return "r";
  const std::size_t end = name.find_last_not_of("0123456789.-");
  if (end == std::string_view::npos) return {};
  const auto* found = find_in(kInterpreters, name.substr(0, end + 1), kFirst);
  if (found != nullptr) return found->second;
  // pypy3.9-v7.3, python3-dbg, perl5.36-x86_64-linux-gnu.
  for (const std::string_view language : {"python3", "python2", "perl5", "pypy3"}) {
    if (name.starts_with(language) && name.find('-') != std::string_view::npos &&
        name.find('-') <= language.size() + 5 && !name.ends_with("-config"))
      return language.starts_with("perl") ? "perl" : "python";
  }
  return {};
}

bool is_shell(std::string_view name) {
  return interpreter_of(name) == "sh";
}

const Language* find_language(std::string_view interpreter) {
  return find_in(kLanguages, interpreter, kName);
}

bool is_multi_call(std::string_view executable_name) {
  return std::ranges::find(kMultiCall, executable_name) != kMultiCall.end();
}

Fetcher fetcher_of(std::string_view name) {
  const auto found = std::ranges::find(kFetchers, name, kFirst);
  return found == kFetchers.end() ? Fetcher::None : found->second;
}

Files files_of(std::string_view name) {
  const auto* found = find_in(kFiles, name, kFirst);
  return found == nullptr ? Files::None : found->second;
}

bool takes_files(std::string_view name) {
  return std::ranges::binary_search(kTakesFiles, name);
}

bool takes_hosts(std::string_view name) {
  return std::ranges::binary_search(kTakesHosts, name);
}

}  // namespace shell
