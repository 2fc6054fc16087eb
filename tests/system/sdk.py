"""Microsoft's SDKs as clients of the hub under test: the drivers in tests/sdk, run by Node.js.

The SDKs know no other ports than 443, 5671 and 8883. So a test module that uses them calls setup() in its
setUpModule: from then on this process and those it starts are in a network of their own, where all ports
are free, and where nothing can reach the outside."""
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Failed, Site, eventually

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "sdk"
MQTT_PORT, AMQP_PORT, HTTPS_PORT = 8883, 5671, 443
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000


def install():
    """The packages of package-lock.json, when they are missing or others."""
    installed = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    with open(pathlib.Path(tempfile.gettempdir()) / f"vedette-sdk.{os.getuid()}.lock", "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
            return
        answer = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                                cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False)
        if answer.returncode == 0:
            return
    message = f"npm ci in {FOLDER} failed, so Microsoft's SDKs are not there to test with:\n{answer.stderr[-2000:]}"
    # Without a network there is nothing to test with; where changes are judged, that is no excuse.
    if os.environ.get("CI") or not any(word in answer.stderr for word in ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED")):
        raise Failed(message)
    raise unittest.SkipTest(message)


def own_network():
    """Puts this process into a network with nothing but loopback, all of whose ports it may use."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET | (CLONE_NEWUSER if uid != 0 else 0)) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    if uid != 0:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    siocsifflags, iff_up = 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sh22x", b"lo", iff_up))


def setup():
    if not shutil.which("node") or not shutil.which("npm"):
        raise Failed("Microsoft's SDKs need Node.js and npm (scripts/setup test installs them)")
    install()
    own_network()


class SdkError(Exception):
    """What the SDK told its caller."""

    def __init__(self, error):
        super().__init__(f"{error['name']}: {error['message']}")
        self.name = error["name"]
        self.message = error["message"]
        self.status = error.get("status")


class Driver:
    """A driver of tests/sdk, for instance device.js. Use as a context manager."""

    def __init__(self, site, script="device.js"):
        environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(site.ca), "NODE_NO_WARNINGS": "1",
                       # The hub listens on 127.0.0.1; Node.js may try ::1 first.
                       "NODE_OPTIONS": "--dns-result-order=ipv4first"}
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(["node", FOLDER / script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._errors, text=True, env=environment)
        self._answers = {}
        self._news = []
        self._changed = threading.Condition()
        self._last_id = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def _read(self):
        for line in self._process.stdout:
            if not line.startswith("{"):
                continue
            said = json.loads(line)
            with self._changed:
                if "id" in said:
                    self._answers[said["id"]] = said
                else:
                    self._news.append(said)
                self._changed.notify_all()
        with self._changed:
            self._answers[None] = True
            self._changed.notify_all()

    def rest(self):
        """Makes it ready for somebody else; False: it cannot be used any more."""
        try:
            self.call("close", timeout=15)
        except SdkError:
            pass
        except Failed:
            return False
        with self._changed:
            self._news.clear()
        return True

    def start(self, verb, **args):
        """Begins a command; finish() gives its answer."""
        if "id" in args:
            raise ValueError("id is the command's own: the answer would be taken for another's")
        self._last_id += 1
        self._process.stdin.write(json.dumps({"id": self._last_id, "verb": verb, **args}) + "\n")
        self._process.stdin.flush()
        return self._last_id

    def finish(self, command, timeout=60.0):
        deadline = time.monotonic() + timeout
        with self._changed:
            while command not in self._answers:
                if None in self._answers:
                    self._errors.seek(0)
                    raise Failed(f"the driver ended:\n{self._errors.read()[-3000:]}")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise Failed(f"the SDK did not answer within {timeout} s")
            answer = self._answers.pop(command)
        if "error" in answer:
            raise SdkError(answer["error"])
        return answer["value"]

    def call(self, verb, timeout=60.0, **args):
        return self.finish(self.start(verb, **args), timeout)

    def news(self, event, timeout=60.0, where=lambda _: True):
        """The next news of that kind, which is then no news any more."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, item in enumerate(self._news):
                    if item["event"] == event and where(item):
                        return self._news.pop(index)
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise Failed(f"no {event} within {timeout} s; there was {self._news}")


class TestCase(unittest.TestCase):
    """One hub for all: what a test does to it concerns its own devices only."""

    hub_arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.idle = {}
        cls.site = cls.enterClassContext(Site())
        cls.site.ports = (MQTT_PORT, HTTPS_PORT)
        cls.site.amqp_port = AMQP_PORT
        cls.site.start_hub(*cls.hub_arguments)

    @classmethod
    def tearDownClass(cls):
        for drivers in cls.idle.values():
            for driver in drivers:
                driver.kill()

    @contextlib.contextmanager
    def driver(self, script="device.js"):
        """A driver that tests before may have used: starting one takes long."""
        idle = self.idle.setdefault(script, [])
        driver = idle.pop() if idle else Driver(self.site, script)
        try:
            yield driver
        except BaseException:
            driver.kill()
            raise
        if driver.rest():
            idle.append(driver)
        else:
            driver.kill()

    def device(self, name):
        return self.site.cli("device", "create", name)["connectionString"]

    def records(self, device, query):
        return eventually(lambda: self.site.kql(f'IoTHubOperations | where DeviceId == "{device}" | {query}'),
                          what=f"records of {device}: {query}")

    def security_events(self, device, marker):
        """Those that carry the marker, as they were stored."""
        return eventually(lambda: self.site.kql(f'SecurityIoTRawEvent | where DeviceId == "{device}" and '
                                                f'EventDetails has "{marker}"'), what=f"event {marker} of {device}")
