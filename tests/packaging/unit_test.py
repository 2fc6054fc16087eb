"""The agent's unit is one that systemd accepts, and keeps the agent as confined as it can be."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging/systemd/vedette-agent.service"
# systemd's exposure level, 0 to 100 (ten times what it prints), best is 0. What remains is what collecting needs:
# the named capabilities, sockets of all those families, and sight of all processes and devices.
MOST_EXPOSED = 42
TOOL = shutil.which("systemd-analyze")


@unittest.skipUnless(TOOL, "needs systemd-analyze")
class Unit(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-unit."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.unit = self.folder / UNIT.name
        # The program stands elsewhere in a build tree.
        self.unit.write_text(UNIT.read_text().replace("/usr/sbin/vedette-agent", shutil.which("true")))

    def analyze(self, *args):
        return subprocess.run([TOOL, *args, str(self.unit)], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})

    def test_systemd_accepts_it(self):
        answer = self.analyze("verify")
        # Other units of the machine may have their own faults.
        complaints = [line for line in (answer.stdout + answer.stderr).splitlines() if "vedette" in line]
        self.assertEqual((answer.returncode, complaints), (0, []), answer.stderr)

    def test_a_misspelt_option_would_be_noticed(self):
        self.unit.write_text(self.unit.read_text().replace("ProtectSystem=strict", "ProtectSystm=strict"))
        self.assertIn("ProtectSystm", self.analyze("verify").stderr)

    def test_it_stays_confined(self):
        answer = self.analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager")
        self.assertEqual(answer.returncode, 0, answer.stdout[-2000:] + answer.stderr)
        level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
        print(f"exposure level {level.group(1)}", flush=True)
        # One line less of it is noticed.
        self.unit.write_text(self.unit.read_text().replace("ProtectSystem=strict\n", "")
                             .replace("SystemCallFilter", "#SystemCallFilter").replace("NoNewPrivileges=yes\n", ""))
        weaker = self.analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager")
        self.assertNotEqual(weaker.returncode, 0)

    def test_it_is_set_uid_nowhere_and_keeps_no_write_access(self):
        text = UNIT.read_text()
        self.assertNotIn("CAP_DAC_OVERRIDE", text)
        self.assertNotIn("ReadWritePaths", text)
        self.assertNotIn("User=root", text)
        # What is ambient must be bounded, too, and nothing else.
        ambient = set(re.search(r"^AmbientCapabilities=(.*)$", text, re.M).group(1).split())
        bounded = set(re.search(r"^CapabilityBoundingSet=(.*)$", text, re.M).group(1).split())
        self.assertEqual(ambient, bounded)


if __name__ == "__main__":
    unittest.main()
