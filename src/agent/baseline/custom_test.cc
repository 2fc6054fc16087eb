#include "agent/baseline/custom.h"

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "agent/baseline/pattern.h"
#include "agent/baseline/root_testing.h"
#include "base/hash.h"
#include "base/text.h"

namespace agent::baseline {
namespace {

std::string baseline_of(const std::string& audits) {
  return "<baseline BaselineId=\"T\"><audits>" + audits + "</audits></baseline>";
}

// One audit of the checks given.
Finding judged(const TestRoot& root, const std::string& checks,
               const std::string& attributes = "") {
  const auto baseline = read_custom(
      baseline_of("<audit description='d' msid='1' " + attributes + ">" + checks + "</audit>"));
  EXPECT_TRUE(baseline.has_value()) << baseline.error().to_string();
  if (!baseline) return {};
  Facts facts(root);
  return judge_audit(baseline->audits.front(), facts);
}

std::string_view verdict(const TestRoot& root, const std::string& check) {
  const Finding finding = judged(root, "<check distro='*' " + check + "/>");
  // What could not be found out says why.
  EXPECT_TRUE(finding.outcome.verdict != Verdict::Err || !finding.outcome.evidence.empty())
      << check;
  return verdict_name(finding.outcome.verdict);
}

struct CommandCase {
  const char* check;
  const char* verdict;
};

void expect_all(const TestRoot& root, const std::vector<CommandCase>& cases) {
  for (const CommandCase& one : cases)
    EXPECT_EQ(verdict(root, one.check), one.verdict) << one.check;
}

TEST(CustomChecks, LookForLines) {
  TestRoot root;
  root.file("/etc/fstab", "/dev/a /home ext4 nodev 0 1\n/dev/b /tmp ext4 defaults 0 1\n");
  root.file("/etc/pam.d/x", "password requisite pam_cracklib.so minlen=14 dcredit=-1\n");
  root.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\na:x:0:5::/:/bin/sh\n");
  root.file("/etc/modprobe.d/a.conf", "install udf /bin/true\n");
  root.file("/etc/audit/rules.d/d.rules", "-w /etc/docker -p wa\n");
  root.file("/etc/samba/smb.conf", "[global]\n min protocol = SMB2\n[share]\n path = /srv\n");
  expect_all(
      root,
      {
          {"command='CheckMatchingLines' path='/etc/fstab' regex='nodev'", "Pass"},
          {"command='CheckMatchingLines' path='/etc/fstab' regex='noexec'", "Fail"},
          {"command='CheckMatchingLines' path='/etc/fstab' filter='/tmp' regex='nodev'", "Fail"},
          {"command='CheckMatchingLines' path='/etc/none' regex='x'", "Fail"},
          {"command='CheckMatchingLinesIfExists' path='/etc/none' regex='x'", "Pass"},
          {"command='CheckMatchingLinesIfExists' path='/etc/fstab' regex='noexec'", "Fail"},
          {"command='CheckMatchingLinesAll' path='/etc/pam.d/x' filter='cracklib' "
           "regex='(minlen=1[4-9])|(dcredit=-1)'",
           "Pass"},
          {"command='CheckMatchingLinesAll' path='/etc/pam.d/x' filter='cracklib' "
           "regex='(minlen=1[4-9])|(ucredit=-1)'",
           "Fail"},
          {"command='CheckMatchingLinesAllIfExists' path='/etc/pam.d/none' regex='x'", "Pass"},
          {"command='CheckMatchingLinesAllIfExists' path='/etc/pam.d/x' regex='ucredit'", "Fail"},
          // Lines that the filter selects must have it...
          {"command='CheckNoMatchingLines' path='/etc/fstab' filter='\\s/home\\s' regex='nodev'",
           "Pass"},
          {"command='CheckNoMatchingLines' path='/etc/fstab' filter='\\s/tmp\\s' regex='nodev'",
           "Fail"},
          {"command='CheckNoMatchingLines' path='/etc/fstab' filter='\\s/var\\s' regex='nodev'",
           "Pass"},
          // ...accounts that it names are exempt...
          {"command='CheckNoMatchingLines' path='/etc/passwd' filter='^root' "
           "regex='^[^:]+:[^:]+:0:'",
           "Fail"},
          {"command='CheckNoMatchingLines' path='/etc/passwd' filter='^(root|a):' "
           "regex='^[^:]+:[^:]+:0:'",
           "Pass"},
          // ...and without one no line may match.
          {"command='CheckNoMatchingLines' path='/etc/fstab' regex='noexec'", "Pass"},
          {"command='CheckNoMatchingLines' path='/etc/fstab' regex='nodev'", "Fail"},
          {"command='CheckNoMatchingLines' path='/etc/none' regex='x'", "Err"},
          {"command='CheckNoMatchingLinesIfExists' path='/etc/none' regex='x'", "Pass"},
          {"command='CheckNoMatchingLinesIfExists' path='/etc/fstab' regex='nodev'", "Fail"},
          {"command='CheckMatchingLinesInDir' path='/etc/modprobe.d/' regex='^install\\s+udf'",
           "Pass"},
          {"command='CheckMatchingLinesInDir' path='/etc/modprobe.d/' regex='^install\\s+hfs'",
           "Fail"},
          {"command='CheckMatchingLinesInFiles' path='/etc/none|/etc/pam.d/x' regex='minlen'",
           "Pass"},
          {"command='CheckMatchingLinesInFiles' path='/etc/none|/etc/fstab' regex='minlen'",
           "Fail"},
          {"command='CheckMatchingLinesInAuditDRules' filter='' regex='^[-]w\\s+/etc/docker\\s'",
           "Pass"},
          {"command='CheckMatchingLinesInAuditDRules' filter='' regex='^[-]w\\s+/var'", "Fail"},
          {"command='CheckMatchingLinesSection' path='/etc/samba/smb.conf' expect='^\\[global\\]' "
           "key='^\\[.+\\]' regex='SMB2'",
           "Pass"},
          {"command='CheckMatchingLinesSection' path='/etc/samba/smb.conf' expect='^\\[global\\]' "
           "key='^\\[.+\\]' regex='path'",
           "Fail"},
          {"command='CheckMatchingLines' path='/etc/fstab' regex='(unclosed'", "Err"},
          {"command='CheckMatchingLines' path='/etc/fstab' regex='(a)\\1'", "Err"},
          {"command='CheckMatchingLines' path='/etc/fstab'", "Err"},
      });
}

TEST(CustomChecks, LookAtFilesAndAccounts) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  TestRoot root;
  root.file("/etc/passwd",
            "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n"
            "lp:x:7:7::/:/usr/sbin/nologin\n");
  root.file("/etc/group", "root:x:0:\nlp:x:7:\nshadow:x:42:\nada:x:1000:\n");
  root.file("/etc/shadow", "root:*:19000:0:9:7:::\nada:$6$a$b:99999:0:9:7:::\n", 0640, 0, 42);
  root.file("/etc/security/pwquality.conf", "minlen = 14\nminclass = 4\n");
  root.file("/etc/weak.conf", "minlen = 14\ndcredit = -1\n");
  root.folder("/root", 0700);
  root.folder("/home/ada", 0755, 1000, 1000);
  root.file("/home/ada/.profile", "", 0644, 1000, 1000);
  root.file("/home/ada/.forward", "", 0666, 1000, 1000);
  root.file("/lib/systemd/system/docker.service", "", 0644);
  root.file("/etc/docker/certs.d/r/ca.crt", "", 0444);
  root.file("/etc/docker/bad.d/r/ca.crt", "", 0644);
  expect_all(
      root,
      {
          {"command='CheckFileExists' path='/etc/passwd'", "Pass"},
          {"command='CheckFileExists' path='/etc/none'", "Fail"},
          {"command='CheckFileNotExists' path='/etc/none'", "Pass"},
          {"command='CheckFileNotExists' path='/etc/passwd'", "Fail"},
          {"command='CheckFileExistsRegex' path='/etc' regex='^sha'", "Pass"},
          {"command='CheckFileExistsRegex' path='/etc' regex='\\.log$'", "Fail"},
          {"command='CheckFileStats' path='/etc/shadow' owner='root' group='root,shadow' "
           "mode-mask='07137'",
           "Pass"},
          {"command='CheckFileStats' path='/etc/shadow' owner='root' group='root,shadow' "
           "mode-mask='07177'",
           "Fail"},
          {"command='CheckFileStats' path='/etc/shadow' owner='root' group='root'", "Fail"},
          {"command='CheckFileStats' path='/etc/passwd' mode='644'", "Pass"},
          {"command='CheckFileStats' path='/etc/shadow' mode='644'", "Fail"},
          {"command='CheckFileStats' path='/etc/shadow' mode='644' allow-stricter='true'", "Pass"},
          {"command='CheckFileStats' path='/etc/none' mode='644'", "Fail"},
          {"command='CheckFileStatsIfExists' path='/etc/none' mode='644'", "Pass"},
          {"command='CheckFileStatsIfExists' path='/etc/shadow' mode='600'", "Fail"},
          {"command='CheckDirStats' path='/etc/docker/certs.d/' mode='444' allow-stricter='true'",
           "Pass"},
          {"command='CheckDirStats' path='/etc/docker/bad.d/' mode='444' allow-stricter='true'",
           "Fail"},
          {"command='CheckUnitFileStats' path='docker.service' mode='644' allow-stricter='true'",
           "Pass"},
          {"command='CheckUnitFileStats' path='docker.service' mode='600' allow-stricter='true'",
           "Fail"},
          {"command='CheckUnitFileStats' path='none.service' mode='644'", "Fail"},
          {"command='CheckUserDirs' expect='exists'", "Pass"},
          {"command='CheckUserDirs' expect='owner'", "Pass"},
          {"command='CheckUserDirs' expect='FileNotExists' path='.netrc'", "Pass"},
          {"command='CheckUserDirs' expect='FileNotExists' path='.forward'", "Fail"},
          {"command='CheckUserDirs' expect='FileMatchPerm' regex='^\\.p' mode-mask='744'", "Pass"},
          {"command='CheckUserDirs' expect='FileMatchPerm' regex='^\\.' mode-mask='744'", "Fail"},
          {"command='CheckUserDirs' expect='wonder'", "Err"},
          {"command='CheckHomeDirectoryPermissions'", "Fail"},
          {"command='CheckGroupValidity'", "Pass"},
          {"command='CheckRootUID' path='/etc/passwd'", "Pass"},
          {"command='CheckSystemAccounts'", "Pass"},
          {"command='CheckNoDuplicateAccounts' path='/etc/passwd' variable='2'", "Pass"},
          {"command='CheckNoDuplicateAccounts' path='/etc/passwd' variable='1'", "Fail"},
          {"command='CheckNoDuplicateAccounts' path='/etc/passwd' variable='x'", "Err"},
          {"command='CheckShadowDate' key='2' expect='before' value='now' path='/etc/shadow'",
           "Fail"},
          {"command='CheckShadowDate' key='2' expect='after' value='now' path='/etc/shadow'",
           "Pass"},
          {"command='CheckPwQuality' path='/etc/security/pwquality.conf'", "Pass"},
          {"command='CheckPwQuality' path='/etc/weak.conf'", "Fail"},
      });
}

TEST(CustomChecks, LookAtTheSystem) {
  TestRoot root;
  root.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
  root.file("/etc/group", "root:x:0:\n");
  root.file("/var/lib/dpkg/status", "Package: rsyslog\nStatus: install ok installed\n");
  root.file("/lib/systemd/system/cron.service", "");
  root.link("/etc/systemd/system/multi-user.target.wants/cron.service",
            "/lib/systemd/system/cron.service");
  root.file("/proc/9/comm", "rsyslogd\n");
  root.file("/proc/9/cmdline", std::string("rsyslogd\0-n\0", 12));
  root.file("/proc/sys/net/ipv4/ip_forward", "1\n");
  root.file("/proc/sys/fs/suid_dumpable", "0\n");
  root.file("/proc/version", "Linux version 5.15 (x) #1-Ubuntu SMP\n");
  root.file("/proc/net/tcp", "head\n 0: 00000000:0949 00000000:0000 0A 0\n");
  root.file("/etc/ssh/sshd_config", "PermitRootLogin no\nCiphers aes256-ctr,aes128-ctr\n");
  root.file("/etc/environment", "PATH=/usr/bin:.:/bin\n");
  root.file("/sys/class/net/eth0/flags", "0x1103\n");
  FirewallFacts firewall;
  firewall.chains = {{.name = "filter INPUT", .hook = Hook::Input, .drops = true},
                     {.name = "filter FORWARD", .hook = Hook::Forward, .drops = false}};
  root.firewalls[IpFamily::V4] = firewall;
  expect_all(
      root,
      {
          {"command='CheckPackageInstalledRegexp' packagename='^r?syslog(-ng)?$'", "Pass"},
          {"command='CheckPackageInstalledRegexp' packagename='^syslog-ng$'", "Fail"},
          {"command='CheckPackageNotInstalled' packagename='telnetd'", "Pass"},
          {"command='CheckPackageNotInstalled' packagename='rsyslog'", "Fail"},
          {"command='CheckPackageNotInstalledRegexp' packagename='^r.*log$'", "Fail"},
          {"command='CheckPackageNotInstalledRegexp' packagename='^telnet'", "Pass"},
          {"command='CheckServiceEnabled' service='cron'", "Pass"},
          {"command='CheckServiceEnabled' service='auditd'", "Fail"},
          {"command='CheckServiceEnabled' service='rsyslog' expect='running'", "Pass"},
          {"command='CheckServiceDisabled' service='cron'", "Fail"},
          {"command='CheckServiceDisabled' service='rpcbind.service,rpcbind.socket'", "Pass"},
          {"command='CheckServiceStatus' service='rsyslog' expect='running'", "Pass"},
          {"command='CheckServiceStatus' service='syslog-ng' expect='running'", "Fail"},
          {"command='CheckSysctlOutput' regex='^fs\\.suid_dumpable\\s=\\s0$'", "Pass"},
          {"command='CheckSysctlOutput' regex='^net\\.ipv4\\.ip_forward\\s*=\\s*0\\s*$'", "Fail"},
          {"command='CheckSysctlOutput' regex='ip_forward = 1'", "Pass"},
          {"command='CheckIptablesStatus' regex='Chain\\sINPUT\\s\\(policy\\sDROP\\)'", "Pass"},
          {"command='CheckIptablesStatus' regex='Chain\\sFORWARD\\s\\(policy\\sDROP\\)'", "Fail"},
          {"command='CheckNoMatchingLinesNetstat' key='-ltn' filter='2377' "
           "regex='(?:0.0.0.0:|\\[::\\]:)2377'",
           "Fail"},
          {"command='CheckNoMatchingLinesNetstat' key='-ltn' filter='80' regex=':80 '", "Pass"},
          {"command='CheckNoMatchingLinesPSCommand' filter='rsyslogd' regex='-n'", "Fail"},
          {"command='CheckNoMatchingLinesPSCommand' filter='dockerd' regex='.'", "Pass"},
          {"command='VerifyKernelSource' regex='-Ubuntu '", "Pass"},
          {"command='VerifyKernelSource' regex='-Debian '", "Fail"},
          {"command='CheckNotMatchEnvVariable' user='root' variable='PATH' "
           "regex='^\\.:|:\\.:|:\\.$'",
           "Fail"},
          {"command='CheckNotMatchEnvVariable' user='root' variable='LD_PRELOAD' regex='.'",
           "Pass"},
          {"command='CheckMatchingConfigValue' exec-command='sshcheck' "
           "regex='(?i)^permitrootlogin[[:space:]]+no$'",
           "Pass"},
          {"command='CheckMatchingConfigValue' exec-command='sshcheck' "
           "regex='(?i)^loglevel[[:space:]]+verbose$'",
           "Fail"},
          {"command='CheckNoMatchingConfigValue' exec-command='sshcheck' regex='(?i)^ciphers.*cbc'",
           "Pass"},
          {"command='CheckNoMatchingConfigValue' exec-command='sshcheck' "
           "regex='(?i)^ciphers.*aes128'",
           "Fail"},
          {"command='CheckMatchingConfigValue' exec-command='rm -rf /' regex='x'", "Err"},
          {"command='CheckNoPromiscInterfaces'", "Fail"},
          {"command='CheckNoWirelessInterfaces'", "NotApplicable"},
          {"command='CheckAlwaysPass' justification='j'", "Pass"},
          {"command='CheckWonder'", "Err"},
          {"command=''", "Err"},
      });
}

TEST(CustomChecks, AskDockerThroughItsSocket) {
  TestRoot root;
  root.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
  root.file("/etc/group", "root:x:0:\n");
  root.file("/proc/7/comm", "dockerd\n");
  root.file("/proc/7/cmdline",
            std::string("dockerd\0--log-level=info\0-H\0tcp://0.0.0.0:2376\0--tlsverify\0", 59));
  root.file("/etc/docker/daemon.json",
            R"({"live-restore":true,"authorization-plugins":["p"],"tlskey":"/k"})");
  root.file("/k", "", 0400);
  root.docker_answers = {
      {"/info",
       R"({"Driver":"aufs","LoggingDriver":"journald","Swarm":{"LocalNodeState":"active"}})"},
      {"/version", R"({"Version":"18.09.1"})"},
      {"/swarm", R"({"Spec":{"EncryptionConfig":{"AutoLockManagers":false}}})"},
      {"/networks", R"([{"Id":"aa"}])"},
      {"/networks/aa",
       R"({"Driver":"bridge","Options":{"com.docker.network.bridge.enable_icc":"true"}})"},
      {"/containers/json", R"([{"Id":"c1"}])"},
      {"/containers/c1/json", R"({"Id":"c1","Name":"/web","AppArmorProfile":"docker-default",
        "HostConfig":{"Privileged":true,"SecurityOpt":["no-new-privileges"],"Ulimits":null},
        "Mounts":[{"Source":"/run/docker.sock"}],"NetworkSettings":{"Networks":{"bridge":{}}}})"}};
  expect_all(
      root,
      {
          {"command='CheckDockerInfo'", "Pass"},
          {"command='CheckDockerVersionAtLeast' version='18.09.2/18.09.2'", "Fail"},
          {"command='CheckDockerVersionAtLeast' version='18.09.1/18.09.2'", "Pass"},
          {"command='CheckDockerdFlagSet' key='log-level' value='info' type='string'", "Pass"},
          {"command='CheckDockerdFlagSet' key='live-restore' value='true' type='bool'", "Pass"},
          {"command='CheckDockerdFlagSet' key='authorization-plugin' regex='\\S+' type='string'",
           "Pass"},
          {"command='CheckDockerdFlagSet' key='userland-proxy' value='false' type='bool'", "Fail"},
          {"command='CheckDockerdFlagNotSet' key='live-restore' value='true' type='bool'", "Fail"},
          {"command='CheckDockerdFlagNotSet' key='experimental' value='true' type='bool'", "Pass"},
          {"command='CheckDockerTLSFlagsSet'", "Fail"},
          {"command='CheckDockerTLSFileStats' key='tlskey' mode='400' allow-stricter='true'",
           "Pass"},
          {"command='CheckDockerTLSFileStats' key='tlscert' mode='444'", "NotApplicable"},
          {"command='CheckNoMatchingLinesDockerInfo' filter='' regex='^Storage "
           "Driver:\\s*aufs\\s*$'",
           "Fail"},
          {"command='CheckNoMatchingLinesDockerInfo' regex='Logging\\sDriver:\\s*json-file\\s*$'",
           "Pass"},
          {"command='CheckNoMatchingLinesDockerContainerInspect' key='{{ .Id }}: Privileged={{ "
           ".HostConfig.Privileged }}' regex='true'",
           "Fail"},
          {"command='CheckNoMatchingLinesDockerContainerInspect' filter='Ulimits' regex='null'",
           "Fail"},
          {"command='CheckNoMatchingLinesDockerContainerInspect' filter='Mounts' regex='null'",
           "Pass"},
          {"command='CheckNoMatchingLinesDockerNetworkInspect' filter='icc' regex='true'", "Fail"},
          {"command='CheckNoMatchingLinesDockerNetworkInspect' filter='icc' regex='false'", "Pass"},
          {"command='CheckDockerSecOps' regex='no-new-privileges'", "Pass"},
          {"command='CheckDockerSecOps' regex='seccomp'", "Fail"},
          {"command='CheckDockerSockMount'", "Fail"},
          {"command='CheckDockerNotUsingDefaultBridge'", "Fail"},
          {"command='CheckMACEnabledDocker'", "Pass"},
          {"command='CheckDockerCommandOutputNotMatch' key='swarm unlock-key' regex='no unlock key "
           "is set' expect='true'",
           "Fail"},
          {"command='CheckDockerCommandOutputNotMatch' key='run x' regex='x'", "Err"},
      });
  root.docker_answers.clear();
  EXPECT_EQ(verdict(root, "command='CheckDockerSockMount'"), "Err");
}

TEST(CustomChecks, DependAndConcernOnlySomeSystems) {
  TestRoot root;
  root.file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
  root.file("/etc/a", "");
  root.file("/var/lib/dpkg/status", "Package: auditd\nStatus: install ok installed\n");
  root.file("/proc/5/comm", "smbd\n");
  const auto with = [&](const char* type, const char* value) {
    return verdict_name(
        judged(root, std::string("<check distro='*' command='CheckFileExists' path='/none'>"
                                 "<dependency type='") +
                         type + "'>" + value + "</dependency></check>")
            .outcome.verdict);
  };
  EXPECT_EQ(with("FileExists", "/etc/a"), "Fail");
  EXPECT_EQ(with("FileExists", "/etc/b"), "NotApplicable");
  EXPECT_EQ(with("FileNotExists", "/etc/a"), "NotApplicable");
  EXPECT_EQ(with("PackageInstalled", "audit(?:d)?$"), "Fail");
  EXPECT_EQ(with("PackageNotInstalled", "auditd"), "NotApplicable");
  EXPECT_EQ(with("ServiceStatus", "smb|running"), "Fail");
  EXPECT_EQ(with("ServiceStatus", "docker|running"), "NotApplicable");
  EXPECT_EQ(with("SystemDUnitExists", "docker.service"), "NotApplicable");
  EXPECT_EQ(with("Moon", "full"), "Err");
  EXPECT_EQ(
      judged(root, "<check distro='SLES' command='CheckFileExists' path='/none'/>").outcome.verdict,
      Verdict::NotApplicable);
  EXPECT_EQ(judged(root, "<check distro='Debian&gt;&lt;' command='CheckFileExists' path='/x'/>")
                .outcome.verdict,
            Verdict::Err);
  // All checks of an audit must pass; what is unknown weighs less than a failure.
  EXPECT_EQ(judged(root,
                   "<check command='CheckFileExists' path='/etc/a'/>"
                   "<check command='CheckWonder'/><check command='CheckFileExists' path='/none'/>")
                .outcome.verdict,
            Verdict::Fail);
  EXPECT_EQ(
      judged(root, "<check command='CheckFileExists' path='/etc/a'/><check command='CheckWonder'/>")
          .outcome.verdict,
      Verdict::Err);
}

TEST(CustomChecks, NameWhatTheyAreAndHowMuchTheyMatter) {
  TestRoot root;
  const auto finding = judged(root, "<check command='CheckAlwaysPass'/>",
                              "cceid='CCE-1-2' severity='Critical' ruleId='r' remediation='fix'");
  EXPECT_EQ(finding.cce, "CCE-1-2");
  EXPECT_EQ(finding.id, "r");
  EXPECT_EQ(finding.remedy, "fix");
  EXPECT_EQ(finding.severity, schema::BaselineSeverity::Critical);
  using enum schema::BaselineSeverity;
  const std::map<std::string, schema::BaselineSeverity> all = {
      {"Important", Important},         {"warning", Warning},
      {"Informational", Informational}, {"Optional", Informational},
      {"NotApplicable", Informational}, {"", Warning}};
  for (const auto& [text, severity] : all)
    EXPECT_EQ(
        judged(root, "<check command='CheckAlwaysPass'/>", "severity='" + text + "'").severity,
        severity)
        << text;
  EXPECT_EQ(judged(root, "<check command='CheckAlwaysPass'/>").cce, "1");
}

TEST(CustomFile, MustBeTheOneThatWasMeant) {
  TestRoot root;
  const std::string text =
      baseline_of("<audit description='d' msid='1'><check command='CheckAlwaysPass'/></audit>");
  root.file("/opt/checks.xml", text);
  root.file("/opt/bad.xml", "<baseline><audits></baseline>");
  root.file("/opt/other.xml", "<html/>");
  root.file("/opt/empty.xml", baseline_of("<audit msid='7'/>"));
  const std::string digest = base::hex_encode(base::sha256(base::as_bytes(text)));
  const auto problem = [&](const std::string& path, const std::string& hash) {
    Options options;
    options.custom_enabled = true;
    options.custom_path = path;
    options.custom_sha256 = hash;
    const Report report = run(root, options);
    return report.problems.empty() ? "" : report.problems[0].key + ": " + report.problems[0].text;
  };
  EXPECT_EQ(problem("/opt/checks.xml", digest), "");
  EXPECT_EQ(problem("/opt/checks.xml", ""), "");
  EXPECT_NE(problem("/opt/checks.xml", std::string(64, '0'))
                .find("FileHash: custom checks: the SHA-256 of /opt/checks.xml is " + digest),
            std::string::npos);
  EXPECT_NE(problem("/opt/none.xml", "").find("FilePath: open: /opt/none.xml: No such file"),
            std::string::npos);
  EXPECT_NE(problem("relative.xml", "").find("no absolute path"), std::string::npos);
  EXPECT_NE(problem("/opt/bad.xml", "").find("line 1: an end that fits no start"),
            std::string::npos);
  EXPECT_NE(problem("/opt/other.xml", "").find("no <baseline>"), std::string::npos);
  EXPECT_NE(problem("/opt/empty.xml", "").find("audit 7 has no check"), std::string::npos);
  EXPECT_NE(problem("/opt", "").find("no plain file"), std::string::npos);
}

TEST(CustomFile, IsReadAsPublished) {
  const char* shared = std::getenv("VEDETTE_SHARED");
  const char* const source = std::getenv("VEDETTE_SOURCE_DIR");
  const std::string base = shared != nullptr   ? shared
                           : source != nullptr ? std::string(source) + "/../shared"
                                               : "";
  std::map<std::string, int> commands;
  std::size_t audits = 0;
  for (const char* const name : {"oms_audits", "oms_docker_audits", "ssh_audits"}) {
    const auto text = os::read_file(base + "/reference/oms-baseline/" + name + ".xml");
    if (!text) GTEST_SKIP() << "no reference files in " << base << " (VEDETTE_SHARED)";
    const auto baseline = read_custom(*text);
    ASSERT_TRUE(baseline.has_value()) << name << ": " << baseline.error().to_string();
    TestRoot root;
    root.file("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    root.folder("/proc");
    Facts facts(root);
    for (const Audit& audit : baseline->audits) {
      ++audits;
      EXPECT_FALSE(audit.description.empty());
      for (const CustomCheck& check : audit.checks) {
        ++commands[check.command];
        EXPECT_TRUE(knows_command(check.command)) << check.command;
        EXPECT_TRUE(distro_matches(check.distro, Distro{.name = "debian", .version = {12}}))
            << check.distro;
        for (const char* const attribute : {"regex", "filter"})
          EXPECT_TRUE(Pattern::compile(check.get(attribute)).has_value()) << check.get(attribute);
      }
      const Finding finding = judge_audit(audit, facts);
      EXPECT_EQ(finding.outcome.evidence.find("unknown "), std::string::npos)
          << finding.outcome.evidence;
    }
  }
  EXPECT_EQ(audits, 276U);
  EXPECT_EQ(commands.size(), 56U);
  EXPECT_EQ(commands["CheckAlwaysPass"], 32);
  EXPECT_EQ(commands["CheckMatchingConfigValue"], 14);
}

TEST(Pattern, IsBoundedInTimeAndSize) {
  const auto evil = Pattern::compile("(a*)*b");
  ASSERT_TRUE(evil.has_value());
  EXPECT_FALSE(evil->found_in(std::string(100'000, 'a')));
  EXPECT_FALSE(Pattern::compile(std::string(Pattern::kMaxBytes + 1, 'a')).has_value());
  EXPECT_FALSE(Pattern::compile("((((a{1000}){1000}){1000}){1000})").has_value());
  EXPECT_TRUE(Pattern::compile("(?i)^X")->found_in("xy\xFFz"));
}

TEST(Pattern, SplitsAtTheOuterBars) {
  EXPECT_EQ(alternatives_of("(a|b)|c[|]d|e\\|f"),
            (std::vector<std::string>{"(a|b)", "c[|]d", "e\\|f"}));
  EXPECT_EQ(alternatives_of("a"), (std::vector<std::string>{"a"}));
}

}  // namespace
}  // namespace agent::baseline
