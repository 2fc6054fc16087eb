"""The units are ones that systemd accepts, and keep their programs as confined as they can be."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

UNITS = pathlib.Path(__file__).resolve().parents[2] / "packaging/systemd"
TOOL = shutil.which("systemd-analyze")


class Unit:
    """A service, and what else belongs to it. Classes below say which."""
    SERVICE = ""
    OTHERS = ()
    # systemd's exposure level, 0 to 100 (ten times what it prints), best is 0.
    MOST_EXPOSED = 0
    WEAKER = (("ProtectSystem=strict\n", ""), ("SystemCallFilter", "#SystemCallFilter"), ("NoNewPrivileges=yes\n", ""))

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-unit."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.text = (UNITS / self.SERVICE).read_text()
        self.unit = self.folder / self.SERVICE
        for name in (self.SERVICE, *self.OTHERS):
            # The programs stand elsewhere in a build tree.
            (self.folder / name).write_text(re.sub(r"/usr/sbin/vedette-[a-z-]+", shutil.which("true"),
                                                   (UNITS / name).read_text()))

    def analyze(self, *args, names=()):
        units = [str(self.folder / name) for name in names or (self.SERVICE,)]
        return subprocess.run([TOOL, *args, *units], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"})

    def change(self, *changes):
        text = self.unit.read_text()
        for old, new in changes:
            text = text.replace(old, new)
        self.unit.write_text(text)

    def test_systemd_accepts_it(self):
        answer = self.analyze("verify", names=(self.SERVICE, *self.OTHERS))
        # Other units of the machine may have their own faults.
        complaints = [line for line in (answer.stdout + answer.stderr).splitlines() if "vedette" in line]
        self.assertEqual((answer.returncode, complaints), (0, []), answer.stderr)

    def test_a_misspelt_option_would_be_noticed(self):
        self.change(("ProtectSystem=strict", "ProtectSystm=strict"))
        self.assertIn("ProtectSystm", self.analyze("verify").stderr)

    def test_it_stays_confined(self):
        answer = self.analyze("security", "--offline=true", f"--threshold={self.MOST_EXPOSED}", "--no-pager")
        self.assertEqual(answer.returncode, 0, answer.stdout[-2000:] + answer.stderr)
        level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer.stdout)
        print(f"exposure level {level.group(1)}", flush=True)
        # Some lines less of it are noticed.
        self.change(*self.WEAKER)
        weaker = self.analyze("security", "--offline=true", f"--threshold={self.MOST_EXPOSED}", "--no-pager")
        self.assertNotEqual(weaker.returncode, 0)

    def test_it_is_root_nowhere_and_keeps_no_write_access(self):
        self.assertNotIn("CAP_DAC_OVERRIDE", self.text)
        self.assertNotIn("ReadWritePaths", self.text)
        self.assertNotIn("User=root", self.text)
        self.assertRegex(self.text, r"(?m)^(User=vedette|DynamicUser=yes)")
        # What is ambient must be bounded, too, and nothing else.
        self.assertEqual(self.capabilities("Ambient"), self.capabilities("Bounding"))

    def capabilities(self, kind):
        return set(re.search(rf"^(?:{kind}Capabilities|Capability{kind}Set)=(.*)$", self.text, re.M).group(1).split())


@unittest.skipUnless(TOOL, "needs systemd-analyze")
class AgentUnit(Unit, unittest.TestCase):
    SERVICE = "vedette-agent.service"
    # What remains is what collecting needs: the named capabilities, sockets of all those families, and sight of all
    # processes and devices.
    MOST_EXPOSED = 42


@unittest.skipUnless(TOOL, "needs systemd-analyze")
class SensorUnit(Unit, unittest.TestCase):
    SERVICE = "vedette-sensor.service"
    OTHERS = ("vedette-sensor-open.socket", "vedette-sensor-open@.service")
    MOST_EXPOSED = 16

    def test_it_has_no_right_at_all(self):
        self.assertEqual(self.capabilities("Bounding"), set())
        self.assertNotIn("AF_PACKET", re.search(r"^RestrictAddressFamilies=(.*)$", self.text, re.M).group(1))


@unittest.skipUnless(TOOL, "needs systemd-analyze")
class SensorOpenUnit(Unit, unittest.TestCase):
    SERVICE = "vedette-sensor-open@.service"
    OTHERS = ("vedette-sensor-open.socket",)
    MOST_EXPOSED = 16

    def test_it_has_one_right(self):
        self.assertEqual(self.capabilities("Bounding"), {"CAP_NET_RAW"})

    def test_only_the_sensor_may_ask(self):
        unit = (UNITS / "vedette-sensor-open.socket").read_text()
        self.assertIn("\nSocketMode=0600\n", unit)
        self.assertIn("\nSocketUser=vedette-sensor\n", unit)
        sensor = (UNITS / "vedette-sensor.service").read_text()
        self.assertIn("\nUser=vedette-sensor\n", sensor)


if __name__ == "__main__":
    unittest.main()
