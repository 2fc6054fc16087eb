#include "workspace/software.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace bench {
namespace {

constexpr std::string_view kShell = "/usr/bin/dash";
constexpr Peer kTime{"ntp.plant.example", "192.0.2.123", "123", "udp"};
constexpr Peer kHub{"hub.plant.example", "192.0.2.10", "8883"};
constexpr Peer kUpdates{"updates.vendor.example", "198.51.100.40", "443"};
constexpr Peer kHistorian{"historian.plant.example", "192.0.2.31", "4840"};
constexpr Peer kRecorder{"", "<gateway>", "554"};
constexpr Peer kCloud{"ingest.cloud.example", "203.0.113.17", "443"};

std::vector<Job> make_common_jobs() {
  return {
      {9,
       {{"/usr/sbin/cron", "/usr/sbin/CRON -f -P", "/usr/sbin/cron", "/usr/sbin/cron -f -P",
         "/var/spool/cron"},
        {kShell, "/bin/sh -c /usr/local/bin/check-disk --warn 85 >/dev/null", "/usr/sbin/cron",
         "/usr/sbin/CRON -f -P", "/root"},
        {"/usr/bin/df", "df -P /var /data", kShell, "/bin/sh /usr/local/bin/check-disk --warn 85",
         "/root"}},
       {}},
      {5,
       {{"/usr/sbin/logrotate", "/usr/sbin/logrotate /etc/logrotate.conf", kShell,
         "/bin/sh /etc/cron.hourly/logrotate"},
        {"/usr/bin/gzip", "/bin/gzip -9 /var/log/syslog.<few>", "/usr/sbin/logrotate",
         "/usr/sbin/logrotate /etc/logrotate.conf", "/var/log"}},
       {},
       "/var/log/syslog.<few>.gz"},
      {4,
       {{"/usr/sbin/chronyd", "/usr/sbin/chronyd -F 1", "/usr/lib/systemd/systemd", "/sbin/init",
         "/", "chrony.service", "108", "_chrony"}},
       {kTime}},
      {3,
       {{"/usr/bin/apt-get", "apt-get -qq -o Dir::Cache=/var/cache/apt update", kShell,
         "/bin/sh /usr/lib/apt/apt.systemd.daily update", "/", "apt-daily.service"},
        {"/usr/lib/apt/methods/http", "/usr/lib/apt/methods/http", "/usr/bin/apt-get",
         "apt-get -qq -o Dir::Cache=/var/cache/apt update", "/", "apt-daily.service", "100",
         "_apt"}},
       {kUpdates},
       "/var/lib/apt/lists/partial/updates.vendor.example_Packages.<hex>"},
      {6,
       {{"/usr/bin/curl",
         "curl -sS --max-time 20 --data @/run/status/<hex>.json https://hub.plant.example/status",
         kShell, "/bin/sh /usr/local/bin/report-status", "/run/status", "status.service"}},
       {kHub}},
      {2,
       {{"/usr/bin/find", "find /tmp -xdev -name sess_* -mmin +60 -delete", kShell,
         "/bin/sh -c find /tmp -xdev -name sess_* -mmin +60 -delete", "/root"}},
       {}},
  };
}

DeviceKind camera() {
  return {
      "cam",
      30,
      "CV22 module",
      "video",
      {{14,
        {{"/opt/video/bin/segmenter",
          "/opt/video/bin/segmenter --in /dev/video0 --out /data/clips/<day>/<hex>.mp4 "
          "--seconds 60",
          "/opt/video/bin/recorder", "/opt/video/bin/recorder --config /etc/video.conf",
          "/data/clips", "video.service", "990", "video"},
         {"/usr/bin/ffmpeg",
          "ffmpeg -loglevel error -i /data/clips/<day>/<hex>.mp4 -vframes 1 "
          "/data/thumbs/<hex>.jpg",
          "/opt/video/bin/segmenter", "/opt/video/bin/segmenter --in /dev/video0", "/data",
          "video.service", "990", "video"}},
        {kRecorder}},
       {3,
        {{"/opt/video/bin/detect", "/opt/video/bin/detect --model person-<release> --frame <job>",
          "/opt/video/bin/recorder", "/opt/video/bin/recorder --config /etc/video.conf", "/",
          "video.service", "990", "video"}},
        {kCloud}}},
      {"tcp/554//opt/video/bin/recorder", "tcp/443//usr/sbin/nginx", "tcp/80//usr/sbin/nginx",
       "udp/3702//opt/video/bin/discovery"},
      {"Video/Capture/CMOS sensor 8 MP", "USB/Video/Integrated camera",
       "Storage/MemoryCard/SDXC card 128 GB"},
      {"ffmpeg/5.1.6", "nginx/1.22.1", "libopencv/4.6.0", "gstreamer/1.22.0", "live555/2023.1"}};
}

DeviceKind controller() {
  return {"plc",
          25,
          "i.MX8M Plus",
          "control",
          {{12,
            {{"/opt/control/bin/scan",
              "/opt/control/bin/scan --bus /dev/ttyS1 --unit <few> --cycle <job>",
              "/opt/control/bin/runtime", "/opt/control/bin/runtime /etc/control/program.bin",
              "/opt/control", "control.service", "991", "control"}},
            {kHistorian}},
           {4,
            {{"/usr/bin/python3.11",
              "python3 /opt/control/tools/export.py --from <unix> --table line_<few>",
              "/opt/control/bin/runtime", "/opt/control/bin/runtime /etc/control/program.bin",
              "/opt/control", "control.service", "991", "control"}},
            {kHistorian},
            "/opt/control/export/line_<few>.csv"}},
          {"tcp/502//opt/control/bin/runtime", "tcp/4840//opt/control/bin/runtime",
           "tcp/44818//opt/control/bin/runtime"},
          {"Serial/Uart/ttymxc1", "Serial/UsbSerial/FT232R", "Network/can/can0"},
          {"libmodbus/3.1.6", "open62541/1.3.5", "python3.11/3.11.2", "libpython3.11/3.11.2"}};
}

DeviceKind gateway() {
  return {"gw",
          15,
          "Atom x6413E",
          "edge",
          {{10,
            {{"/usr/bin/mosquitto_pub",
              "mosquitto_pub -h hub.plant.example -t site/<device>/batch -f /var/spool/edge/<hex>",
              "/opt/edge/bin/forward", "/opt/edge/bin/forward --spool /var/spool/edge",
              "/var/spool/edge", "edge.service", "992", "edge"}},
            {kHub, kCloud}},
           {6,
            {{"/usr/bin/docker", "docker exec collector-<few> /bin/healthcheck --quiet",
              "/usr/lib/systemd/systemd", "/sbin/init", "/", "collector-health.service"},
             {"/usr/bin/runc",
              "runc --root /run/docker/runtime-runc/moby exec --process "
              "/tmp/runc-process<job> <hex><hex>",
              "/usr/bin/containerd-shim-runc-v2", "containerd-shim-runc-v2 -namespace moby", "/",
              "docker.service"}},
            {}},
           {3,
            {{"/usr/sbin/wg", "wg show wg0 latest-handshakes", kShell,
              "/bin/sh /usr/local/bin/tunnel-watch", "/", "tunnel.service"}},
            {{"", "<gateway>", "51820", "udp"}}}},
          {"tcp/1883//usr/sbin/mosquitto", "tcp/8443//opt/edge/bin/api",
           "tcp/9100//usr/bin/exporter", "udp/51820/kernel", "tcp/2375//usr/bin/dockerd"},
          {"PCI/Ethernet/I225-LM", "PCI/NvmeController/NVMe 256 GB", "Network/wlan/wlp2s0"},
          {"docker/24.0.5", "containerd/1.6.20", "mosquitto/2.0.11", "wireguard-tools/1.0.2021",
           "runc/1.1.5", "prometheus-node-exporter/1.5.0"}};
}

DeviceKind panel() {
  return {
      "hmi",
      10,
      "RK3568",
      "kiosk",
      {{9,
        {{"/usr/lib/chromium/chromium",
          "/usr/lib/chromium/chromium --type=renderer --kiosk --renderer-client-id=<job>",
          "/usr/lib/chromium/chromium", "/usr/lib/chromium/chromium --kiosk https://line.example/",
          "/home/kiosk", "kiosk.service", "1001", "kiosk"}},
        {{"line.example", "192.0.2.77", "443"}}},
       {3,
        {{"/usr/bin/xset", "xset -display :0 dpms force on", kShell,
          "/bin/sh /usr/local/bin/wake-panel", "/home/kiosk", "kiosk.service", "1001", "kiosk"}},
        {}}},
      {"tcp/5900//usr/bin/x11vnc", "tcp/3389//usr/sbin/xrdp"},
      {"Input/Touch/Goodix panel", "USB/HumanInterface/Barcode reader", "USB/Storage/USB stick"},
      {"chromium/120.0.6099", "xserver-xorg-core/21.1.7", "x11vnc/0.9.16", "openbox/3.6.1"}};
}

DeviceKind meter() {
  return {
      "meter",
      20,
      "AM335x",
      "meter",
      {{10,
        {{"/usr/bin/read-meter", "read-meter --channel <few> --register 0x<hex>", "/usr/bin/meterd",
          "/usr/bin/meterd -c /etc/meterd.conf", "/", "meterd.service", "993", "meter"},
         {"/usr/bin/sqlite3", "sqlite3 /data/readings.db .backup /data/backup/<day>.db",
          "/usr/bin/meterd", "/usr/bin/meterd -c /etc/meterd.conf", "/data", "meterd.service",
          "993", "meter"}},
        {},
        "/data/readings.db-journal"},
       {5,
        {{"/usr/bin/uplink", "uplink --once --since <unix>", "/usr/bin/meterd",
          "/usr/bin/meterd -c /etc/meterd.conf", "/", "meterd.service", "993", "meter"}},
        {kCloud, kTime}}},
      {"tcp/20000//usr/bin/meterd", "udp/1153//usr/bin/meterd"},
      {"Serial/Uart/ttyS2", "Network/wlan/wwan0", "MMC/Disk/eMMC 8 GB"},
      {"modemmanager/1.20.4", "libqmi/1.32.2", "sqlite3/3.40.1"}};
}

constexpr std::array<std::string_view, 62> kCommonPackages = {"adduser/3.134",
                                                              "apt/2.6.1",
                                                              "base-files/12.4",
                                                              "bash/5.2.15",
                                                              "bsdutils/2.38.1",
                                                              "busybox/1.35.0",
                                                              "ca-certificates/20230311",
                                                              "chrony/4.3",
                                                              "coreutils/9.1",
                                                              "cron/3.0pl1",
                                                              "curl/7.88.1",
                                                              "dash/0.5.12",
                                                              "dbus/1.14.10",
                                                              "debianutils/5.7",
                                                              "diffutils/3.8",
                                                              "dpkg/1.21.22",
                                                              "e2fsprogs/1.47.0",
                                                              "findutils/4.9.0",
                                                              "gcc-12-base/12.2.0",
                                                              "gpgv/2.2.40",
                                                              "grep/3.8",
                                                              "gzip/1.12",
                                                              "hostname/3.23",
                                                              "ifupdown/0.8.41",
                                                              "init/1.65.2",
                                                              "iproute2/6.1.0",
                                                              "kmod/30",
                                                              "libacl1/2.3.1",
                                                              "libapparmor1/3.0.8",
                                                              "libblkid1/2.38.1",
                                                              "libbz2-1.0/1.0.8",
                                                              "libc6/2.36",
                                                              "libcap2/2.66",
                                                              "libcurl4/7.88.1",
                                                              "libdb5.3/5.3.28",
                                                              "libgcrypt20/1.10.1",
                                                              "libgnutls30/3.7.9",
                                                              "libidn2-0/2.3.3",
                                                              "liblzma5/5.4.1",
                                                              "libmount1/2.38.1",
                                                              "libpam-modules/1.5.2",
                                                              "libpcre2-8-0/10.42",
                                                              "libselinux1/3.4",
                                                              "libssl3/3.0.11",
                                                              "libsystemd0/252.17",
                                                              "libtinfo6/6.4",
                                                              "libudev1/252.17",
                                                              "libuuid1/2.38.1",
                                                              "libzstd1/1.5.4",
                                                              "linux-image/6.1.55",
                                                              "login/4.13",
                                                              "logrotate/3.21.0",
                                                              "mount/2.38.1",
                                                              "nftables/1.0.6",
                                                              "openssh-server/9.2p1",
                                                              "openssl/3.0.11",
                                                              "passwd/4.13",
                                                              "procps/4.0.2",
                                                              "sed/4.9",
                                                              "systemd/252.17",
                                                              "tar/1.34",
                                                              "zlib1g/1.2.13"};

constexpr std::array<std::string_view, 18> kAccounts = {
    "root", "daemon", "bin",   "sys",      "sync",   "games",  "man",  "lp",      "mail",
    "news", "uucp",   "proxy", "www-data", "backup", "nobody", "_apt", "_chrony", "sshd"};

// CCE, severity, what is wrong. The commonest findings on such devices.
constexpr std::array<std::array<std::string_view, 3>, 24> kFailedChecks = {{
    {"CCE-3522-0", "Important", "The partition for temporary files may hold devices"},
    {"CCE-4275-4", "Important", "The partition for temporary files may hold set-user-id programs"},
    {"CCE-4042-8", "Warning", "Removable media are mounted with execution allowed"},
    {"CCE-3561-8", "Critical", "IP forwarding is on"},
    {"CCE-4155-8", "Critical", "Redirects are sent to other hosts"},
    {"CCE-4236-6", "Critical", "Source routed packets are accepted"},
    {"CCE-4217-6", "Critical", "ICMP redirects are accepted"},
    {"CCE-4320-8", "Warning", "Packets with impossible addresses are not logged"},
    {"CCE-4265-5", "Critical", "SYN cookies are off"},
    {"CCE-4080-8", "Warning", "Reverse path filtering is off"},
    {"CCE-3845-5", "Important", "The SSH server takes password logins"},
    {"CCE-4387-7", "Critical", "The SSH server lets root log in"},
    {"CCE-4304-2", "Important", "Passwords never expire"},
    {"CCE-4180-6", "Warning", "Passwords may be changed at any time"},
    {"CCE-4097-2", "Critical", "Accounts with passwords of less than 14 characters are possible"},
    {"CCE-4185-5", "Important", "No boot loader password is set"},
    {"CCE-4292-9", "Important", "Changes of date and time are not audited"},
    {"CCE-4060-0", "Warning", "The login banner says which system this is"},
    {"CCE-4421-4", "Important", "Core dumps of set-user-id programs are allowed"},
    {"CCE-4247-3", "Critical", "Address space randomisation is not complete"},
    {"CCE-4365-3", "Warning", "Automatic mounting of media is on"},
    {"CCE-4491-7", "Informational", "No tool for the integrity of files is installed"},
    {"CCE-4464-4", "Important", "The service for printing runs"},
    {"CCE-4538-5", "Important", "The compiler is installed"},
}};

}  // namespace

const std::vector<DeviceKind>& device_kinds() {
  static const std::vector<DeviceKind> kinds = {camera(), controller(), gateway(), panel(),
                                                meter()};
  return kinds;
}

std::span<const Job> common_jobs() {
  static const std::vector<Job> jobs = make_common_jobs();
  return jobs;
}

std::span<const Program> operator_programs() {
  static const std::vector<Program> programs = {
      {"/usr/bin/bash", "-bash", "/usr/sbin/sshd", "sshd: operator@pts/0", "/home/operator",
       "ssh.service", "<uid>", "operator"},
      {"/usr/bin/ls", "ls --color=auto -la /var/log", "/usr/bin/bash", "-bash", "/home/operator",
       "ssh.service", "<uid>", "operator"},
      {"/usr/bin/systemctl", "systemctl status chrony.service", "/usr/bin/bash", "-bash",
       "/home/operator", "ssh.service", "<uid>", "operator"},
      {"/usr/bin/journalctl", "journalctl -u cron.service -n <job>", "/usr/bin/bash", "-bash",
       "/home/operator", "ssh.service", "<uid>", "operator"},
      {"/usr/bin/sudo", "sudo vi /etc/network/interfaces", "/usr/bin/bash", "-bash",
       "/home/operator", "ssh.service"},
      {"/usr/bin/scp", "scp -t /home/operator/firmware-<release>.<few>.bin", "/usr/bin/bash",
       "-bash -c scp", "/home/operator", "ssh.service", "<uid>", "operator"}};
  return programs;
}

std::vector<std::string> ports_of(const DeviceKind& kind) {
  std::vector<std::string_view> ports = {"tcp/22//usr/sbin/sshd", "udp/123//usr/sbin/chronyd",
                                         "udp/68//usr/sbin/dhclient",
                                         "tcp/53//usr/lib/systemd/systemd-resolved"};
  ports.insert(ports.end(), kind.ports.begin(), kind.ports.end());
  std::vector<std::string> items;
  for (const std::string_view port : ports) {
    const auto slash = port.find('/');
    const auto second = port.find('/', slash + 1);
    const auto program = port.substr(second + 1);
    items.push_back(fmt::format(
        R"("LocalAddress":"0.0.0.0","LocalPort":"{}","Protocol":"{}","ExtraDetails":)"
        R"({{"ProcessId":"<ppid>","Executable":"{}","CommandLine":"{} -D","ProcessUserId":"0"}})",
        port.substr(slash + 1, second - slash - 1), port.substr(0, slash), program, program));
  }
  return items;
}

std::vector<std::string> accounts_of(const DeviceKind& kind) {
  std::vector<std::string> items;
  const auto add = [&](std::string_view name, std::string_view id, std::string_view groups,
                       std::string_view extra) {
    items.push_back(
        fmt::format(R"("GroupIds":"{}","GroupNames":"{}","UserId":"{}","UserName":"{}",)"
                    R"("ExtraDetails":{{{}}})",
                    id, groups, id, name, extra));
  };
  int id = 0;
  for (const std::string_view name : kAccounts) {
    add(name, std::to_string(id++), name,
        R"("Shell":"/usr/sbin/nologin","Home":"/","LoginShell":"false","Password":"none")");
  }
  add(kind.service, "990", kind.service,
      R"("Shell":"/usr/sbin/nologin","Home":"/opt","LoginShell":"false","Password":"locked")");
  add("operator", "<uid>", "operator;adm;sudo",
      R"("Shell":"/bin/bash","Home":"/home/operator","Password":"set","PasswordScheme":"yescrypt",)"
      R"("Sudo":"true","SudoEverything":"true","AuthorizedKeys":"2")");
  return items;
}

std::vector<std::string> firewall_of(const DeviceKind& kind) {
  std::vector<std::string> items;
  const auto add = [&](std::string_view action, std::string_view source, std::string_view port,
                       std::string_view rule) {
    items.push_back(fmt::format(
        R"("Priority":{},"Direction":"In","ChainName":"input","Enabled":true,"Action":"{}",)"
        R"("SourceAddress":"{}","DestinationPort":"{}","Protocol":"tcp","ExtraDetails":)"
        R"({{"Source":"nftables","Family":"inet","Table":"filter","Hook":"input","Rule":"{}",)"
        R"("Packets":"<bytes>"}})",
        items.size(), action, source, port, rule));
  };
  add("Allow", "any", "*", "ct state established,related accept");
  add("Allow", "192.0.2.0/24", "22", "ip saddr 192.0.2.0/24 tcp dport 22 accept");
  for (const std::string_view port : kind.ports) {
    const auto number = base::split(port, '/')[1];
    add("Allow", "<gateway>", number, fmt::format("tcp dport {} accept", number));
  }
  add("Deny", "any", "*", "policy drop");
  return items;
}

std::vector<std::string> hardware_of(const DeviceKind& kind) {
  std::vector<std::string_view> devices = {"Network/ethernet/eth0", "Storage/Disk/Flash 16 GB",
                                           "USB/Hub/Root hub 2.0", "USB/Hub/Root hub 3.0",
                                           "Input/Switch/Power button"};
  devices.insert(devices.end(), kind.hardware.begin(), kind.hardware.end());
  std::vector<std::string> items;
  for (const std::string_view device : devices) {
    const auto parts = base::split(device, '/');
    items.push_back(
        fmt::format(R"("HardwareCategory":"{}","HardwareSubCategory":"{}","HardwareName":"{}",)"
                    R"("ExtraDetails":{{"SerialNumber":"<serial>-{}","Driver":"{}"}})",
                    parts[0], parts[1], parts[2], items.size(), parts[1]));
  }
  return items;
}

std::vector<std::string> failed_checks_of(const DeviceKind& kind) {
  std::vector<std::string> items;
  std::size_t number = kind.prefix.size();
  for (const auto& [cce, severity, description] : kFailedChecks) {
    // Each kind of device passes some.
    if (++number % 5 == 0) continue;
    items.push_back(
        fmt::format(R"("Description":"{}","CceId":"{}","Result":"Fail","Error":"","Severity":"{}")",
                    description, cce, severity));
  }
  return items;
}

std::vector<std::string> packages_of(const DeviceKind& kind) {
  std::vector<std::string_view> packages(kCommonPackages.begin(), kCommonPackages.end());
  packages.insert(packages.end(), kind.packages.begin(), kind.packages.end());
  std::vector<std::string> items;
  for (const std::string_view package : packages) {
    const auto slash = package.find('/');
    const auto name = package.substr(0, slash);
    const std::string version = fmt::format("{}-<release>", package.substr(slash + 1));
    items.push_back(
        fmt::format(R"("PackageName":"{}","Version":"{}","Architecture":"arm64",)"
                    R"("PackageManager":"dpkg","Purl":"pkg:deb/debian/{}@{}?arch=arm64")",
                    name, version, name, version));
  }
  return items;
}

std::string system_of(const DeviceKind& kind) {
  return fmt::format(
      R"("OSName":"Debian GNU/Linux","OSVersion":"12.<release>","OsArchitecture":"aarch64",)"
      R"("HostName":"<device>","BootDevice":"/dev/mmcblk0p2","TotalPhysicalMemoryInKB":2014208,)"
      R"("FreePhysicalMemoryInKB":<bytes>,"TotalVirtualMemoryInKB":2014208,)"
      R"("FreeVirtualMemoryInKB":<bytes>,"ExtraDetails":{{"KernelRelease":"6.1.0-<release>-arm64",)"
      R"("DeviceTreeModel":"{}","SerialNumber":"<serial>","Processors":"4","BootId":"<boot>",)"
      R"("TimeZone":"Etc/UTC","Container":"none"}})",
      kind.board);
}

}  // namespace bench
