"""vedette-agent baseline on this very machine: facts known otherwise, and one fact changed at a time in
a mount name space of its own."""
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

import harness

AGENT = str(harness.BIN / "vedette-agent")
# What takes long, or changes while other tests run.
QUICK = ["--disable-group", "file-system"]
VOLATILE = {"time-sync", "log-file-perms", "net-promisc"}


def run(*args, prepare=None, alone=False):
    """The report, and the exit status. `prepare`: shell commands in a private mount name space before.
    `alone`: with a name space of processes, too, because mounts are asked of process 1, the device's own."""
    command = [AGENT, "baseline", "-o", "json", *args]
    if prepare:
        harness.need_private_mounts()
        script = f"set -e\nmount --make-rprivate /\n{prepare}\nexec \"$@\""
        spaces = ["--net" if "ip link" in prepare else "--uts", *(["--pid", "--fork", "--mount-proc"] if alone else [])]
        command = ["unshare", "--mount", *spaces, "sh", "-c", script, "sh", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if not done.stdout:
        raise harness.Failed(f"{command}: {done.returncode}: {done.stderr}")
    return json.loads(done.stdout), done.returncode


def results(report):
    return {check["id"]: check["result"] for check in report["checks"]}


@unittest.skipUnless(os.geteuid() == 0, "needs root for a mount name space and closed files")
class BaselineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = pathlib.Path(tempfile.mkdtemp(prefix="vedette-baseline."))
        cls.before, cls.status = run(*QUICK)
        cls.checks = {check["id"]: check for check in cls.before["checks"]}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch, ignore_errors=True)

    def covered(self, path, text, mode=0o644):
        """A shell line that puts a file with the text over `path`."""
        copy = self.scratch / path.strip("/").replace("/", "_")
        copy.write_text(text)
        copy.chmod(mode)
        return f"mount --bind {copy} {path}"

    def flips(self, prepare, check, expected):
        """Exactly that check comes out otherwise."""
        self.assertNotEqual(self.checks[check]["result"], expected, f"{check} is {expected} here already")
        after, _ = run(*QUICK, prepare=prepare)
        changed = {name: result for name, result in results(after).items()
                   if result != self.checks[name]["result"] and name not in VOLATILE}
        self.assertEqual(changed, {check: expected})

    def test_facts_known_otherwise(self):
        randomised = pathlib.Path("/proc/sys/kernel/randomize_va_space").read_text().strip()
        self.assertEqual(self.checks["sysctl-kernel-randomize-va-space"]["result"],
                         "Pass" if randomised == "2" else "Fail")
        self.assertEqual(self.checks["sysctl-kernel-randomize-va-space"]["evidence"].split(";")[0],
                         f"kernel.randomize_va_space = {randomised}")
        mode = stat.S_IMODE(os.lstat("/etc/passwd").st_mode)
        self.assertEqual(self.checks["perm-etc-passwd"]["result"], "Fail" if mode & ~0o644 else "Pass")
        uids = [line.split(":")[2] for line in pathlib.Path("/etc/passwd").read_text().splitlines() if not line.startswith("#")]
        self.assertEqual(self.checks["acct-dup-uid"]["result"], "Pass" if len(uids) == len(set(uids)) else "Fail")
        self.assertEqual(self.checks["mount-tmp-separate"]["result"], "Pass" if os.path.ismount("/tmp") else "Fail")

    @unittest.skipUnless(shutil.which("sshd") or os.path.exists("/usr/sbin/sshd"), "no SSH server installed")
    def test_agrees_with_sshd_itself(self):
        if not os.path.isdir("/run/sshd"):
            os.mkdir("/run/sshd")
            self.addCleanup(os.rmdir, "/run/sshd")
        told = subprocess.run(["/usr/sbin/sshd", "-T"], capture_output=True, text=True)
        if told.returncode != 0:
            self.skipTest(f"sshd -T: {told.stderr.strip()}")
        effective = dict(line.split(" ", 1) for line in told.stdout.splitlines() if " " in line)
        for check in ("PermitRootLogin", "MaxAuthTries", "LoginGraceTime", "ClientAliveInterval", "X11Forwarding",
                      "UsePAM", "MaxSessions", "MaxStartups", "PasswordAuthentication", "IgnoreRhosts", "LogLevel"):
            found = next(c for c in self.before["checks"] if c["evidence"].startswith(check + " "))
            ours = found["evidence"].split()[1]
            theirs = effective[check.lower()].replace("without-password", "prohibit-password")
            self.assertEqual(ours.lower(), theirs.lower(), found)

    def test_summary_and_status(self):
        counted = list(results(self.before).values())
        for result, count in self.before["summary"].items():
            self.assertEqual(counted.count(result), count)
        self.assertEqual(len(counted), 187 - 4)
        self.assertEqual(self.status, 1 if self.before["summary"]["Fail"] else 3 if self.before["summary"]["Err"] else 0)

    def test_one_mode_flips_one_check(self):
        self.flips(self.covered("/etc/passwd", pathlib.Path("/etc/passwd").read_text(), 0o666), "perm-etc-passwd", "Fail")

    def test_one_setting_of_ssh_flips_one_check(self):
        if "sshd-maxauthtries" not in self.checks or self.checks["sshd-maxauthtries"]["result"] != "Fail":
            self.skipTest("this machine's SSH server is set already")
        mode = stat.S_IMODE(os.stat("/etc/ssh/sshd_config").st_mode)
        text = "MaxAuthTries 3\n" + pathlib.Path("/etc/ssh/sshd_config").read_text()
        self.flips(self.covered("/etc/ssh/sshd_config", text, mode), "sshd-maxauthtries", "Pass")

    def test_an_account_with_id_zero_is_found(self):
        text = pathlib.Path("/etc/passwd").read_text() + "backdoor:x:0:0::/root:/usr/sbin/nologin\n"
        after, _ = run(*QUICK, prepare=self.covered("/etc/passwd", text))
        found = {check["id"]: check for check in after["checks"]}
        self.assertEqual(found["acct-uid0-unique"]["result"], "Fail")
        self.assertIn("backdoor", found["acct-uid0-unique"]["evidence"])

    def test_a_mount_option_flips_one_check(self):
        if self.checks["mount-tmp-separate"]["result"] == "Pass":
            self.skipTest("/tmp is a file system of its own here")
        mounted = "mount -t tmpfs -o {} vedette-test /tmp"
        without, _ = run(*QUICK, prepare=mounted.format("nodev,nosuid"), alone=True)
        with_it, _ = run(*QUICK, prepare=mounted.format("nodev,nosuid,noexec"), alone=True)
        before, after = results(without), results(with_it)
        changed = {name for name in after if after[name] != before[name] and name not in VOLATILE}
        self.assertEqual(changed, {"mount-tmp-noexec"})
        self.assertEqual((before["mount-tmp-noexec"], after["mount-tmp-noexec"]), ("Fail", "Pass"))
        self.assertEqual(after["mount-tmp-separate"], "Pass")

    @unittest.skipUnless(shutil.which("nft"), "needs nft")
    def test_a_rule_set_of_nftables(self):
        rules = ("ip link set lo up\nnft add table inet t\n"
                 "nft 'add chain inet t in { type filter hook input priority 0; policy drop; }'\n")
        closed = results(run(*QUICK, prepare=rules)[0])
        self.assertEqual((closed["fw-default-deny"], closed["fw-loopback-spoof"]), ("Pass", "Fail"))
        self.assertIn(closed["fw-default-deny-v6"], ("Pass", "NotApplicable"))
        guarded = results(run(*QUICK, prepare=rules + "nft add rule inet t in iifname != lo ip saddr 127.0.0.0/8 drop\n")[0])
        self.assertEqual(guarded["fw-loopback-spoof"], "Pass")
        other = results(run(*QUICK, prepare=rules + "nft add rule inet t in ip saddr 10.0.0.0/8 drop\n")[0])
        self.assertEqual(other["fw-loopback-spoof"], "Fail")
        opened = results(run(*QUICK, prepare=rules.replace("policy drop", "policy accept"))[0])
        self.assertEqual(opened["fw-default-deny"], "Fail")

    @unittest.skipUnless(shutil.which("iptables-legacy"), "needs iptables-legacy")
    def test_a_rule_set_of_the_old_iptables(self):
        rules = "ip link set lo up\niptables-legacy -P INPUT DROP\n"
        probe = subprocess.run(["unshare", "--net", "sh", "-c", rules], capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest(f"iptables-legacy does not work here: {probe.stderr.strip()}")
        closed = results(run(*QUICK, prepare=rules)[0])
        self.assertEqual((closed["fw-default-deny"], closed["fw-loopback-spoof"]), ("Pass", "Fail"))
        guarded = results(run(*QUICK, prepare=rules + "iptables-legacy -A INPUT ! -i lo -s 127.0.0.0/8 -j DROP\n")[0])
        self.assertEqual(guarded["fw-loopback-spoof"], "Pass")

    def test_a_stray_setuid_file_is_found(self):
        # Only the walk, over a root of our own; as root the same answer for the whole machine takes longer.
        root = self.scratch / "root"
        for folder in ("etc", "proc/self", "usr/local/bin", "var/lib/dpkg/info"):
            (root / folder).mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\n")
        (root / "var/lib/dpkg/status").write_text("Package: sudo\nStatus: install ok installed\n")
        (root / "var/lib/dpkg/info/sudo.list").write_text("/usr/bin/sudo\n")
        (root / "proc/self/mountinfo").write_text("1 1 0:1 / / rw - ext4 /dev/sda rw\n")
        self.assertEqual(results(run("--root", str(root))[0])["suid-unexpected"], "Pass")
        shell = root / "usr/local/bin/shell"
        shell.write_text("")
        shell.chmod(0o4755)
        report, _ = run("--root", str(root))
        found = {check["id"]: check for check in report["checks"]}
        self.assertEqual(found["suid-unexpected"]["evidence"], "1: /usr/local/bin/shell")

    def test_checks_of_ones_own(self):
        checks = self.scratch / "own.xml"
        checks.write_text('<baseline BaselineId="Own"><audits>'
                          '<audit description="There is a host name" msid="own.1" severity="Important">'
                          '<check distro="*" command="CheckMatchingLines" path="/proc/sys/kernel/hostname" regex="."/>'
                          '</audit><audit description="Nobody is called nobody" msid="own.2">'
                          '<check command="CheckNoMatchingLines" path="/etc/passwd" regex="^nobody:"/></audit>'
                          '</audits></baseline>')
        report, _ = run(*QUICK, "--checks", str(checks))
        found = {check["id"]: check for check in report["checks"] if check["group"] == "custom"}
        self.assertEqual(found["own.1"]["result"], "Pass")
        self.assertEqual(found["own.2"]["result"], "Fail")
        self.assertIn("nobody:x:", found["own.2"]["evidence"])
        checks.write_text("<baseline><audits>")
        report, _ = run(*QUICK, "--checks", str(checks))
        self.assertRegex(report["problems"][0]["text"], r"line 1: the end is missing")

    def test_groups_and_checks_can_be_left_out(self):
        report, _ = run(*QUICK, "--disable-group", "ssh", "--disable-check", "perm-etc-passwd")
        names = set(results(report))
        self.assertFalse({name for name in names if name.startswith("sshd-")})
        self.assertNotIn("perm-etc-passwd", names)
        self.assertIn("perm-etc-group", names)

    def test_starts_no_process(self):
        harness.need_private_mounts()
        # In a process name space of its own: the shell is 1, the agent 2, and what comes next 3.
        done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
                               f"{AGENT} baseline -o json >/dev/null; cat /proc/sys/kernel/ns_last_pid"],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.stdout.strip(), "3")

    def test_wrong_usage(self):
        for words in (["--nonsense", "x"], ["-o", "xml"], ["--checks"]):
            done = subprocess.run([AGENT, "baseline", *words], capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn("--disable-group NAME", done.stderr)

    def test_the_table_is_for_people(self):
        done = subprocess.run([AGENT, "baseline", *QUICK, "-o", "table"], capture_output=True, text=True)
        self.assertRegex(done.stdout, r"\n183 checks: \d+ passed, \d+ failed, \d+ not found out, \d+ not applicable\n$")
        self.assertTrue(re.search(r"^  (Pass|Fail) +Critical ", done.stdout, re.M))


if __name__ == "__main__":
    unittest.main()
