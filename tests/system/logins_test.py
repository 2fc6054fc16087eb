"""Real logins on this machine, through each source that can tell of them, become one event each."""
import contextlib
import json
import os
import pathlib
import pty
import select
import shutil
import subprocess
import time
import unittest

from harness import BIN, Failed, eventually, running_site
from sandbox import Sandbox

SSHD = "/usr/sbin/sshd"
JOURNALD = "/lib/systemd/systemd-journald"
NEEDED = [SSHD, "/usr/bin/ssh", "/usr/bin/su", "/usr/bin/sudo", "/usr/bin/busybox", "/usr/bin/login"]
KEYS = pathlib.Path("/run/keys")
PASSWORD = "right-horse-7"
ACCOUNT, OTHER = "vedjoe", "vedamy"


def drive(command, answers, account=None, patience=20):
    """Runs a command on a terminal of its own and answers its prompts; its exit status."""
    pid, terminal = pty.fork()
    if pid == 0:
        if account is not None:
            os.setgid(account)
            os.setuid(account)
        os.execvp(command[0], command)
    seen, answers, deadline = b"", list(answers), time.monotonic() + patience
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        if answers and answers[0][0].encode() in seen:
            seen = seen.split(answers[0][0].encode(), 1)[1]
            os.write(terminal, answers.pop(0)[1].encode() + b"\n")
    else:
        os.kill(pid, 9)
        raise Failed(f"{command} did not end; it last said {seen[-500:]}")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Agent:
    """`vedette-agent run --print`, and the Login events that it printed."""

    def __init__(self, *args):
        self.state = pathlib.Path("/run/agent")
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir()
        self.out_path, self.log_path = self.state / "out", self.state / "log"
        self.out, self.log = open(self.out_path, "wb"), open(self.log_path, "wb")
        self.process = subprocess.Popen([BIN / "vedette-agent", "run", "--print", *args], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.log)
        # It prints a first snapshot when it watches.
        eventually(lambda: b"SystemInformation" in self.out_path.read_bytes() or self.process.poll() is not None,
                   what="agent")
        if self.process.poll() is not None:
            raise Failed(self.log_path.read_text(errors="replace")[-3000:])

    def logins(self):
        found = []
        for line in self.out_path.read_text(errors="replace").splitlines():
            try:
                events = json.loads(line)["Events"]
            except ValueError:
                continue
            for event in events:
                if event["Name"] == "Login":
                    found += [{**item, "Time": event["TimestampUTC"]} for item in event["Payload"]]
        return [item for item in found if item.get("UserName") in (ACCOUNT, OTHER, "vednobody")]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.out.close()
        self.log.close()


def brief(item):
    """What counts: action, service, account, whether it worked."""
    extra = item["ExtraDetails"]
    return (extra["Action"], extra.get("Service"), item["UserName"], item["Result"])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(all(map(os.path.exists, NEEDED)), f"needs {', '.join(NEEDED)}")
class Logins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox()
        cls.sandbox.add_account(ACCOUNT, PASSWORD)
        cls.sandbox.add_account(OTHER, PASSWORD)
        cls.uid = int(subprocess.check_output(["id", "-u", ACCOUNT]))
        sudoers = pathlib.Path("/etc/sudoers.d/vedette-test")
        sudoers.write_text(f"{ACCOUNT} ALL=(ALL) ALL\n")
        sudoers.chmod(0o440)
        pathlib.Path("/run/sshd").mkdir()
        KEYS.mkdir()
        for name in ("host", "good", "bad"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEYS / name], check=True)
        home = pathlib.Path(f"/home/{ACCOUNT}/.ssh")
        home.mkdir(mode=0o700)
        shutil.copy(KEYS / "good.pub", home / "authorized_keys")
        subprocess.run(["chown", "-R", ACCOUNT, home], check=True)
        (KEYS / "sshd_config").write_text(
            f"HostKey {KEYS}/host\nPidFile none\nUsePAM yes\nPasswordAuthentication yes\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin no\nPrintMotd no\nPort 0\n")

    @classmethod
    def tearDownClass(cls):
        cls.sandbox.close()

    def setUp(self):
        for name in ("auth.log", "wtmp", "btmp", "lastlog"):
            pathlib.Path("/var/log", name).unlink(missing_ok=True)
        for name in ("/var/log/wtmp", "/var/log/btmp", "/run/utmp"):
            path = pathlib.Path(name)
            path.touch()
            path.chmod(0o600 if name.endswith("btmp") else 0o664)
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def program(self, *command):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            process.terminate()
            process.wait(10)

        self.stack.callback(end)
        return process

    def start_log(self):
        self.program("busybox", "syslogd", "-n", "-O", "/var/log/auth.log")
        eventually(lambda: os.path.exists("/dev/log") and os.path.exists("/var/log/auth.log"), what="syslogd")
        self.stack.callback(lambda: os.path.exists("/dev/log") and os.unlink("/dev/log"))

    def start_journal(self):
        """journald itself; it needs no systemd around it."""
        pathlib.Path("/etc/systemd").mkdir(exist_ok=True)
        # Auditing stays as it is, and the kernel's own log is nobody's here.
        pathlib.Path("/etc/systemd/journald.conf").write_text(
            "[Journal]\nStorage=volatile\nAudit=\nReadKMsg=no\nForwardToSyslog=no\n")
        pathlib.Path("/run/systemd/journal").mkdir(parents=True, exist_ok=True)
        self.program(JOURNALD)
        eventually(lambda: os.path.exists("/run/systemd/journal/dev-log"), what="journald")
        os.symlink("/run/systemd/journal/dev-log", "/dev/log")
        self.stack.callback(os.unlink, "/dev/log")
        self.stack.callback(shutil.rmtree, "/run/systemd/journal")
        self.stack.callback(shutil.rmtree, "/run/log/journal", ignore_errors=True)

    def start_sshd(self):
        # Port 0 is not for sshd: the kernel picks one that is free, and it is sshd's a moment later.
        import socket
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        config = (KEYS / "sshd_config").read_text().replace("Port 0", f"Port {self.port}")
        (KEYS / "sshd_config.run").write_text(config)
        self.program(SSHD, "-D", "-f", str(KEYS / "sshd_config.run"), "-o", "ListenAddress=127.0.0.1",
                     "-o", "ListenAddress=::1")

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", int(self.port))) == 0

        eventually(listens, what="sshd")

    def start_agent(self, *args):
        agent = Agent(*args)
        self.stack.callback(agent.stop)
        return agent

    def ssh(self, answers, *args, account=ACCOUNT, host="127.0.0.1", command=()):
        return drive(["ssh", "-F", "none", "-p", self.port, "-o", "StrictHostKeyChecking=no", "-o",
                      "UserKnownHostsFile=/dev/null", *args, f"{account}@{host}", *command], answers)

    def by_password(self, *passwords, **kwargs):
        answers = [("assword:", password) for password in passwords]
        return self.ssh(answers, "-o", "PubkeyAuthentication=no", command=["true"], **kwargs)

    def by_key(self, key="good", **kwargs):
        return self.ssh([], "-i", str(KEYS / key), "-o", "PasswordAuthentication=no", "-o", "BatchMode=yes", **kwargs)

    def do_everything(self):
        """Each way in once; what it should make."""
        self.assertEqual(self.by_password("wrong", "wrong again", PASSWORD), 0)
        self.assertEqual(self.by_key(host="::1", command=["true"]), 0)
        self.assertNotEqual(self.by_key("bad", command=["true"]), 0)
        self.assertNotEqual(self.by_password("x", "y", "z", account="vednobody"), 0)
        self.assertNotEqual(drive(["su", OTHER], [("assword:", "wrong")], self.uid), 0)
        self.assertEqual(drive(["su", "-c", "true", OTHER], [("assword:", PASSWORD)], self.uid), 0)
        self.assertNotEqual(drive(["sudo", "-k", "true"], [(f"for {ACCOUNT}:", "wrong")] * 3, self.uid, 40), 0)
        self.assertEqual(drive(["sudo", "-k", "true"], [(f"for {ACCOUNT}:", PASSWORD)], self.uid), 0)
        drive(["login"], [("login:", ACCOUNT), ("assword:", "wrong"), ("login:", ACCOUNT), ("assword:", PASSWORD),
                          ("$", "exit")])
        return [("Login", "sshd", ACCOUNT, "Fail")] * 3 + [("Login", "sshd", ACCOUNT, "Success")] * 2 + [
            ("Logout", "sshd", ACCOUNT, "Success")] * 2 + [("Login", "sshd", "vednobody", "Fail")] * 3 + [
            ("Login", "su", OTHER, "Fail"), ("Login", "su", OTHER, "Success"), ("Logout", "su", OTHER, "Success")] + [
            ("Login", "sudo", ACCOUNT, "Fail")] * 3 + [
            ("Login", "sudo", ACCOUNT, "Success"), ("Logout", "sudo", ACCOUNT, "Success"),
            ("Login", "login", ACCOUNT, "Fail"), ("Login", "login", ACCOUNT, "Success"),
            ("Logout", "login", ACCOUNT, "Success")]

    def check_everything(self, agent, source):
        expected = sorted(self.do_everything())
        try:
            eventually(lambda: len(agent.logins()) >= len(expected), timeout=60, what=f"{len(expected)} logins")
        except Failed:
            pass  # the comparison says which are missing
        time.sleep(5)  # for those that are too many
        found = agent.logins()
        self.assertEqual(sorted(map(brief, found)), expected, json.dumps(found, indent=1))
        self.check_details(found, source)
        agent.stop()

    def check_details(self, found, source):
        def of(*what):
            return [item for item in found if brief(item) == what]

        for item in of("Login", "sshd", ACCOUNT, "Success") + of("Login", "sshd", "vednobody", "Fail"):
            self.assertIn(item["RemoteAddress"], ("127.0.0.1", "::1"))
            # No record has it: it is read from the process, if that still lives by then.
            self.assertEqual(item.get("LocalPort", self.port), self.port)
            self.assertTrue(1024 <= int(item["RemotePort"]) <= 65535, item)
            self.assertEqual(item["Executable"], SSHD)
            self.assertGreater(item["ProcessId"], 1)
        keyed = [item for item in of("Login", "sshd", ACCOUNT, "Success") if item["RemoteAddress"] == "::1"]
        self.assertEqual(len(keyed), 1)
        if "log" in source:
            self.assertEqual(keyed[0]["ExtraDetails"]["Method"], "publickey")
            self.assertIn("ED25519 SHA256:", keyed[0]["ExtraDetails"]["Key"])
            for item in of("Login", "sshd", "vednobody", "Fail"):
                self.assertEqual(item["ExtraDetails"]["InvalidUser"], "true")
        for item in of("Logout", "sshd", ACCOUNT, "Success"):
            self.assertIn("DurationSeconds", item["ExtraDetails"])
            self.assertIn(item["RemoteAddress"], ("127.0.0.1", "::1"))
        for result in ("Fail", "Success"):
            item = of("Login", "su", OTHER, result)[0]
            self.assertEqual(item["ExtraDetails"]["ByUserName"], ACCOUNT)
            self.assertTrue(item["ExtraDetails"]["Tty"].startswith("pts/"))
        granted = of("Login", "sudo", ACCOUNT, "Success")[0]
        self.assertEqual(granted["ExtraDetails"]["TargetUserName"], "root")
        self.assertEqual({item["UserId"] for item in of("Login", "login", ACCOUNT, "Success")}, {str(self.uid)})
        for item in found:
            for one in item["ExtraDetails"]["Sources"].split(","):
                self.assertIn(one, source, item)

    def test_the_audit_trail_tells(self):
        self.start_sshd()
        agent = self.start_agent("--tier", "audit")
        self.check_everything(agent, ["audit"])

    def test_the_log_tells(self):
        self.start_log()
        self.start_sshd()
        agent = self.start_agent()
        self.check_everything(agent, ["log", "audit"])

    @unittest.skipUnless(os.path.exists(JOURNALD), f"needs {JOURNALD}")
    def test_the_journal_tells(self):
        self.start_journal()
        self.start_sshd()
        agent = self.start_agent()
        # Anyone may write to the journal; that makes no login of it.
        forged = f"Accepted password for {ACCOUNT} from 192.0.2.66 port 6666 ssh2"
        drive(["logger", "-p", "auth.info", "-t", "sshd", forged], [], self.uid)
        self.check_everything(agent, ["log", "audit"])

    def test_what_was_logged_meanwhile_is_told_once(self):
        self.start_log()
        self.start_sshd()
        with running_site() as site:
            def stored():
                return site.kql('SecurityIoTRawEvent | where RawEventName == "Login" | extend D = parse_json(EventDetails) '
                                f'| where tostring(D.UserName) == "{ACCOUNT}" '
                                '| project Address = tostring(D.RemoteAddress), Action = tostring(D.ExtraDetails.Action)')

            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            self.assertEqual(self.by_key(command=["true"]), 0)
            eventually(lambda: len(stored()) >= 2, what="the first login")
            agent.stop()
            self.assertEqual(self.by_key(host="::1", command=["true"]), 0)
            os.rename("/var/log/auth.log", "/var/log/auth.log.1")
            time.sleep(1.1)
            self.assertEqual(self.by_key(host="::1", command=["true"]), 0)
            agent = site.start_agent(config)
            eventually(lambda: len(stored()) >= 6, timeout=60, what="the logins of meanwhile")
            time.sleep(3)
            self.assertEqual(sorted((row["Address"], row["Action"]) for row in stored()),
                             [("127.0.0.1", "Login"), ("127.0.0.1", "Logout")] +
                             [("::1", "Login")] * 2 + [("::1", "Logout")] * 2)
            agent.stop()
            site.hub.stop()

    def test_a_burst_counts_each(self):
        self.start_log()
        self.start_sshd()
        agent = self.start_agent()
        count = 12
        attempts = [subprocess.Popen(["python3", "-c",
                                      "import sys; sys.path.insert(0, sys.argv[1]); import logins_test as t;"
                                      "l = t.Logins(); l.port = sys.argv[2]; l.by_password('a', 'b', 'c')",
                                      str(pathlib.Path(__file__).parent), self.port],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count // 3)]
        for attempt in attempts:
            attempt.wait(60)
        eventually(lambda: len(agent.logins()) >= count, what="a burst")
        time.sleep(5)
        self.assertEqual([brief(item) for item in agent.logins()], [("Login", "sshd", ACCOUNT, "Fail")] * count)

    def test_the_log_may_be_rotated(self):
        self.start_log()
        self.start_sshd()
        agent = self.start_agent()
        self.assertEqual(self.by_key(command=["true"]), 0)
        os.rename("/var/log/auth.log", "/var/log/auth.log.1")
        # busybox goes on in the old one until the next second.
        self.assertEqual(self.by_key(command=["true"]), 0)
        time.sleep(1.1)
        self.assertEqual(self.by_key(command=["true"]), 0)
        self.assertTrue(os.path.exists("/var/log/auth.log"))
        eventually(lambda: len(agent.logins()) >= 6, what="three logins and logouts")
        time.sleep(2)
        self.assertEqual(sorted(map(brief, agent.logins())), [("Login", "sshd", ACCOUNT, "Success")] * 3 +
                         [("Logout", "sshd", ACCOUNT, "Success")] * 3)

    def test_wtmp_and_btmp_tell_where_nothing_else_does(self):
        self.start_sshd()
        agent = self.start_agent("--tier", "proc")
        self.assertEqual(self.ssh([("$", "exit")], "-i", str(KEYS / "good")), 0)
        self.assertNotEqual(self.by_password("wrong", "wrong", "wrong"), 0)
        eventually(lambda: len(agent.logins()) >= 5, what="wtmp and btmp")
        time.sleep(2)
        found = agent.logins()
        self.assertEqual(sorted(map(brief, found)), [("Login", "sshd", ACCOUNT, "Fail")] * 3 +
                         [("Login", "sshd", ACCOUNT, "Success"), ("Logout", "sshd", ACCOUNT, "Success")])
        for item in found:
            self.assertEqual(item["RemoteAddress"], "127.0.0.1")
            self.assertEqual(item["ExtraDetails"]["Sources"], "utmp")


if __name__ == "__main__":
    unittest.main()
