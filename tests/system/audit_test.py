"""The audit tier on the kernel's real audit trail: beside a real auditd and without one."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import PrintingAgent, eventually

EXEC32 = r"""
/* A 32-bit program without a library: starts another one and ends. */
static int call(int number, const void* a, const void* b, const void* c) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
  return result;
}
void _start(void) {
  static const char* argv[] = {"from-32-bits", "a b", 0};
  static const char* envp[] = {0};
  call(11, "/bin/true", argv, envp);
  call(1, (const void*)1, 0, 0);
}
"""


def audit(*words):
    return subprocess.run(["auditctl", *words], capture_output=True, text=True, check=True).stdout


def our_rules():
    return [line for line in audit("-l").splitlines() if "key=vedette" in line or "-k vedette" in line]


def enabled():
    return int(audit("-s").split("\n")[0].split()[1])


@unittest.skipUnless(shutil.which("auditctl") and os.geteuid() == 0, "needs root and the package auditd")
class AuditTier(unittest.TestCase):
    def setUp(self):
        self.before = enabled()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def tearDown(self):
        self.assertEqual(our_rules(), [])
        self.assertEqual(enabled(), self.before)

    def agent(self):
        return PrintingAgent("--tier", "audit", "--data-dir", self.folder / "state")

    def argv_of(self, agent, check):
        def holds(item):
            return check(json.loads(item["ExtraDetails"].get("Argv", "[]")))

        return agent.wait_for("ProcessCreate", holds)[1]

    def test_no_argument_blinds_it(self):
        with self.agent() as agent:
            # Each longer than a record, plain and not; then one that is as ever.
            subprocess.run(["/bin/true", "blind-1", "x" * 20000, "end-1"], check=True)
            subprocess.run(["/bin/true", "blind-2", "y " * 40000, "end-2"], check=True)
            subprocess.run(["/bin/true", "blind-3", "", "quite usual"], check=True, cwd="/usr")
            for number, size in ((1, 20000), (2, 80000)):
                item = agent.wait_for("ProcessCreate", lambda i: f"blind-{number}" in i["CommandLine"])[1]
                self.assertTrue(item["CommandLine"].endswith(f"end-{number}"), item["CommandLine"][-60:])
                self.assertEqual(int(item["ExtraDetails"]["ArgvBytes"]), len("/bin/true\0blind-1\0\0end-1\0") + size)
            usual = self.argv_of(agent, lambda argv: argv[1:2] == ["blind-3"])
            self.assertEqual(json.loads(usual["ExtraDetails"]["Argv"]), ["/bin/true", "blind-3", "", "quite usual"])
            self.assertEqual(usual["ExtraDetails"]["Cwd"], "/usr")
            self.assertEqual(usual["ExtraDetails"]["Tier"], "Audit")
            self.assertEqual(usual["ParentProcessId"], os.getpid())
            self.assertEqual(usual["UserId"], "0")
            ended = agent.wait_for("ProcessTerminate", lambda i: i["ProcessId"] == usual["ProcessId"])[1]
            self.assertEqual(ended["ExitStatus"], 0)

    def test_a_signal_is_told(self):
        with self.agent() as agent:
            child = subprocess.Popen(["/bin/sleep", "30.5"])
            self.argv_of(agent, lambda argv: argv[1:] == ["30.5"])
            child.send_signal(signal.SIGKILL)
            child.wait()
            ended = agent.wait_for("ProcessTerminate", lambda i: i["ProcessId"] == child.pid)[1]
            self.assertEqual(ended["ExitStatus"], 137)

    def test_a_32_bit_program(self):
        program = self.folder / "exec32"
        made = subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-fno-pic", "-no-pie", "-fno-stack-protector",
                               "-x", "c", "-o", program, "-"], input=EXEC32, text=True, capture_output=True, check=False)
        if made.returncode != 0:
            self.skipTest(f"no 32-bit programs can be made here: {made.stderr[-200:]}")
        with self.agent() as agent:
            if subprocess.run([program], check=False).returncode != 0:
                self.skipTest("this kernel runs no 32-bit programs")
            item = self.argv_of(agent, lambda argv: argv == ["from-32-bits", "a b"])
            self.assertEqual(item["ExtraDetails"]["File"], "/bin/true")

    def test_connections(self):
        with self.agent() as agent:
            eventually(lambda: "connections.tier" in agent.program.log(), what="connections are watched")
            self.assertIn("tier=audit", agent.program.log())
            # On its way to a network for documentation: told though it never succeeds.
            attempt = socket.socket()
            self.addCleanup(attempt.close)
            attempt.setblocking(False)
            if attempt.connect_ex(("192.0.2.7", 7411)) != 115:
                self.skipTest("no route out of here")
            item = agent.wait_for("ConnectionCreate", lambda i: i["RemotePort"] == "7411")[1]
            self.assertEqual((item["RemoteAddress"], item["Direction"], item["Protocol"], item["ProcessId"]),
                             ("192.0.2.7", "Out", "tcp", os.getpid()))
            self.assertEqual(item["ExtraDetails"]["Attempt"], "true")
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.addCleanup(datagrams.close)
            datagrams.connect(("192.0.2.7", 7412))
            item = agent.wait_for("ConnectionCreate", lambda i: i["RemotePort"] == "7412")[1]
            self.assertEqual(item["Protocol"], "udp")

    def test_rules_of_a_killed_agent_go_and_others_stay(self):
        audit("-a", "always,exit", "-F", "arch=b64", "-S", "sethostname", "-k", "somebody-else")
        self.addCleanup(audit, "-D", "-k", "somebody-else")
        first = self.agent()
        first.__enter__()
        first.program.kill()
        shutil.rmtree(first.folder, ignore_errors=True)
        self.assertTrue(our_rules())
        with self.agent():
            rules = our_rules()
            self.assertTrue(rules)
            self.assertFalse([rule for rule in rules if str(first.program.process.pid) in rule])
        self.assertIn("somebody-else", audit("-l"))
        # The killed one had switched auditing on; nobody can know that any more.
        audit("-e", str(self.before))

    def test_beside_auditd(self):
        auditd = shutil.which("auditd")
        if auditd is None or int(audit("-s").split("pid ")[1].split()[0]) != 0:
            self.skipTest("needs the package auditd, and none that runs")
        config = self.folder / "audit"
        config.mkdir(mode=0o750)
        (config / "plugins.d").mkdir(mode=0o750)
        log = self.folder / "audit.log"
        (config / "auditd.conf").write_text(
            f"log_file = {log}\nlog_format = RAW\nflush = NONE\nmax_log_file = 8\nnum_logs = 2\n"
            f"max_log_file_action = ROTATE\nplugin_dir = {config}/plugins.d\nspace_left = 1\nadmin_space_left = 0\n"
            "space_left_action = IGNORE\nadmin_space_left_action = IGNORE\ndisk_full_action = IGNORE\n"
            "disk_error_action = IGNORE\n")
        (config / "auditd.conf").chmod(0o640)
        daemon = subprocess.Popen([auditd, "-n", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(audit, "-e", str(self.before))
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        try:
            eventually(lambda: daemon.poll() is not None or f"pid {daemon.pid}" in audit("-s"), what="auditd")
            if daemon.poll() is not None:
                self.skipTest(f"auditd does not run here: {daemon.stderr.read()[-300:]}")
            with self.agent() as agent:
                marker = f"beside-{time.time_ns()}"
                subprocess.run(["/bin/true", marker], check=True)
                self.argv_of(agent, lambda argv: argv[1:] == [marker])
                # The daemon keeps its place and has the records too.
                self.assertIn(f"pid {daemon.pid}", audit("-s"))
                eventually(lambda: marker in log.read_text(errors="replace"), what="auditd's own record")
                # As a daemon does that loads its rules.
                audit("-D")
                eventually(our_rules, what="our rules are put back")
                subprocess.run(["/bin/true", marker + "-again"], check=True)
                self.argv_of(agent, lambda argv: argv[1:] == [marker + "-again"])
        finally:
            daemon.terminate()
            daemon.wait()
            daemon.stderr.close()
            audit("-e", str(self.before))


if __name__ == "__main__":
    unittest.main()
