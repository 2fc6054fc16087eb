"""vedette-sensor without any right: a helper opens the interface, and what is left to the sensor is little."""
import array
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import BIN, Program, eventually, running_site
from sensor_test import Capture

NOBODY = 65534
CAP_NET_RAW = 13
HELPER = "vedette-sensor-open"
REQUEST, ANSWER = b"VSO1", b"VSA1"
MEBI = 1 << 20
MISSING = [name for name in ("unshare", "nsenter", "setpriv", "ip") if not shutil.which(name)]


def request(interface, count=1, mebibytes=4):
    return REQUEST + struct.pack(">HI", count, mebibytes) + interface.encode()


def grant_net_raw(path):
    """What `setcap cap_net_raw=ep` does."""
    os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << CAP_NET_RAW, 0, 0, 0))


def proc_status(pid):
    """{name: text} of each thread."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(dict(line.split(":", 1) for line in (task / "status").read_text().splitlines()))
    return [{name: text.strip() for name, text in one.items()} for one in found]


@unittest.skipIf(os.geteuid() != 0 or MISSING, f"needs root to begin with, and {MISSING or 'nothing else'}")
class SensorRightsTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-rights-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        # Where another user can reach them.
        for name in ("vedette-sensor", HELPER):
            shutil.copy2(BIN / name, self.folder / name)
            (self.folder / name).chmod(0o755)
        self.sensor = self.folder / "vedette-sensor"
        self.state = self.folder / "state"
        self.state.mkdir()
        os.chown(self.state, NOBODY, NOBODY)

    def with_file_capability(self):
        try:
            grant_net_raw(self.folder / HELPER)
        except OSError as error:
            self.skipTest(f"no file capabilities in {self.folder}: {error}")
        if os.statvfs(self.folder).f_flag & os.ST_NOSUID:
            self.skipTest(f"{self.folder} is mounted nosuid")

    def start(self, *arguments, setup="true", namespaces=()):
        """The sensor as a user without rights; `setup` is run before, by root."""
        drop = f'{setup} && exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$0" "$@"'
        within = (*(("unshare", *namespaces) if namespaces else ()), "sh", "-c", drop)
        program = Program(self.folder, str(self.sensor), ["run", *arguments], within=within)
        self.addCleanup(lambda: program.process.poll() is None and program.kill())
        return program

    def status(self):
        path = self.state / "status.json"
        return json.loads(path.read_text()) if path.exists() else None

    def check_protected(self, program):
        pid = program.process.pid
        threads = proc_status(pid)
        self.assertGreater(len(threads), 1)
        for one in threads:
            self.assertEqual((one["NoNewPrivs"], one["Seccomp"]), ("1", "2"), one)
            self.assertEqual({one[name].strip("0") for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")}, {""}, one)
            self.assertEqual(one["Uid"].split(), [str(NOBODY)] * 4)
        # The interface is where the filter expects it.
        self.assertTrue(os.readlink(f"/proc/{pid}/fd/256").startswith("socket:"))
        told = eventually(self.status, timeout=60, what="a status")["protection"]
        self.assertTrue(told["noNewPrivileges"] and told["systemCalls"], told)
        self.assertEqual((told["user"], told["capabilities"]), (NOBODY, ""), told)
        self.assertEqual(told["files"], told["landlock"] > 0, told)
        return told

    def finish(self, program):
        program.process.send_signal(signal.SIGTERM)
        self.assertEqual(program.process.wait(60), 0, program.log())
        program.close()
        return program.lines()

    def test_a_helper_with_a_file_capability(self):
        self.with_file_capability()
        links = "ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up"
        for workers in (1, 3):
            with self.subTest(workers=workers):
                program = self.start("--interface", "v0", "--state-dir", self.state, "--what", "transactions",
                                     "--workers", workers, setup=links, namespaces=("--net",))
                program.ready()
                told = self.check_protected(program)
                self.assertEqual(told["interfaceOpenedBy"], str(self.folder / HELPER))
                self.send_modbus(program.process.pid, "v1")
                eventually(lambda: (self.status() or {}).get("health", {}).get("packets", 0) >= 8, timeout=60,
                           what="packets counted")
                seen = [one for one in self.finish(program) if one.get("protocol") == "modbus"]
                self.assertEqual([one["access"] for one in seen], ["write", "write", "write"])
                self.assertEqual(self.status()["state"], "stopped")
                (self.state / "status.json").unlink()

    @staticmethod
    def send_modbus(pid, interface):
        """Frames of a capture, out of the other end of the sensor's link."""
        capture = Capture()
        capture.tcp(1, 9, (50000, 502), b"", 0x02)
        capture.tcp(9, 1, (502, 50000), b"", 0x12)
        for number in range(1, 4):
            capture.modbus(1, 9, number, struct.pack(">BHH", 6, 7, number), struct.pack(">BHH", 6, 7, number))
        script = ("import json,socket,sys\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\ns.bind((sys.argv[1],0))\n"
                  "for f in json.load(sys.stdin): s.send(bytes.fromhex(f))")
        subprocess.run(["nsenter", "-t", str(pid), "-n", "python3", "-c", script, interface], check=True, timeout=60,
                       input=json.dumps([frame.hex() for frame in capture.frames]).encode())

    def test_with_a_hub(self):
        self.with_file_capability()
        with running_site() as site:
            key = site.create_module("sensor-1", "vedette-sensor")
            secret, ca, config = (self.folder / name for name in ("connection", "ca.pem", "sensor.toml"))
            site.write_secret(secret, key)
            os.chown(secret, NOBODY, NOBODY)
            shutil.copy(site.ca, ca)
            ca.chmod(0o644)
            config.write_text(f'[capture]\ninterface = "lo"\n[hub]\nconnection_string_file = "{secret}"\n'
                              f'ca_file = "{ca}"\n[state]\ndir = "{self.state}"\n'
                              '[deliver]\nhealth_every = "1s"\nassets_every = "1s"\nconversations_every = "1s"\n')
            program = self.start("--config", config)
            program.ready()
            self.check_protected(program)
            # Its own connection to the hub is what it hears.
            eventually(lambda: site.kql("NetworkAsset | where IpAddress == '127.0.0.1' | take 1"), timeout=90,
                       what="an asset")
            eventually(lambda: site.kql("SensorHealth | where Packets > 0 and AcknowledgedEvents > 0 | take 1"),
                       timeout=90, what="its health")
            # A hub that comes back is found again from within.
            site.hub.stop()
            eventually(lambda: not self.status()["hub"]["online"], timeout=60, what="the hub missed")
            site.start_hub()
            eventually(lambda: self.status()["hub"]["online"], timeout=180, what="the hub found again")
            self.finish(program)
            self.assertNotIn("EPERM", program.log())
            self.assertNotIn("not permitted", program.log())

    def test_it_resolves_names(self):
        """A name server of ours, in a network of its own, tells where the hub is; and is believed."""
        self.with_file_capability()
        secret, config, resolver = (self.folder / name for name in ("connection", "sensor.toml", "resolv.conf"))
        secret.write_text("HostName=hub.plant.example;DeviceId=s;ModuleId=vedette-sensor;SharedAccessKey=a2V5a2V5a2V5a2V5\n")
        secret.chmod(0o600)
        os.chown(secret, NOBODY, NOBODY)
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:2\n")
        config.write_text(f'[capture]\ninterface = "lo"\n[hub]\nconnection_string_file = "{secret}"\n'
                          f'[state]\ndir = "{self.state}"\n')
        heard = self.folder / "heard"
        heard.mkdir()
        server = self.folder / "server.py"
        server.write_text(NAME_SERVER)
        setup = (f'mount --bind "{resolver}" /etc/resolv.conf && ip link set lo up && '
                 f'{{ python3 "{server}" "{heard}" & }} && until test -e "{heard}/ready"; do sleep 0.1; done')
        program = self.start("--config", config, setup=setup, namespaces=("--net", "--mount"))
        try:
            program.ready()
            eventually((heard / "asked").exists, timeout=60, what="a question about hub.plant.example")
            eventually((heard / "connected").exists, timeout=60, what="a connection to what was answered")
            self.check_protected(program)
        finally:
            (heard / "end").touch()
        self.finish(program)

    @contextlib.contextmanager
    def socket_unit(self, *arguments):
        """What systemd does with the socket unit: a helper for each connection."""
        path = self.folder / "helper.socket"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen(4)
        ended = []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    ended.append(subprocess.run([BIN / HELPER, *arguments], stdin=connection, timeout=60, check=False,
                                                capture_output=True).returncode)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield path, ended
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()

    def test_a_helper_behind_a_socket(self):
        with self.socket_unit("--only", "lo") as (path, ended):
            program = self.start("--interface", "lo", "--state-dir", self.state, "--helper", path, "--what", "flows")
            program.ready()
            self.assertEqual(self.check_protected(program)["interfaceOpenedBy"], str(path))
            self.finish(program)
        self.assertEqual(ended, [0])

    def test_a_helper_refuses_other_interfaces(self):
        with self.socket_unit("--only", "eth-of-plant") as (path, ended):
            program = self.start("--interface", "lo", "--helper", path)
            self.assertEqual(program.process.wait(60), 1)
            program.close()
            self.assertIn("not one that the helper was started for", program.log())
        self.assertEqual(ended, [1])

    def test_without_any_helper_it_says_what_to_do(self):
        for there in (True, False):
            with self.subTest(helper=there):
                if not there:
                    (self.folder / HELPER).unlink()
                program = self.start("--interface", "lo", "--helper", self.folder / HELPER)
                self.assertEqual(program.process.wait(60), 1)
                program.close()
                self.assertIn(f"setcap cap_net_raw=ep {self.folder / HELPER}", program.log())
                self.assertIn("vedette-sensor-open.socket", program.log())
                (self.folder / "vedette-sensor.log").unlink()

    def test_what_a_helper_is_while_it_lives(self):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with mine, theirs:
            helper = subprocess.Popen([BIN / HELPER], stdin=theirs)
            self.addCleanup(lambda: helper.poll() is None and helper.kill())

            def confined():
                one = proc_status(helper.pid)[0]
                return one if one["NoNewPrivs"] == "1" else None

            one = eventually(confined, what="a confined helper")
            self.assertEqual({int(one[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")}, {1 << CAP_NET_RAW}, one)
            self.assertEqual(one["Uid"].split(), [str(NOBODY)] * 4)
            mine.send(request("lo", 2))
            answer, descriptors, flags, _ = socket.recv_fds(mine, 512, 8)
            self.assertEqual((answer, len(descriptors), flags & socket.MSG_CTRUNC), (ANSWER + b"\0", 2, 0))
            for fd in descriptors:
                with socket.socket(fileno=fd) as opened:
                    self.assertEqual((opened.family, opened.getsockname()[0]), (socket.AF_PACKET, "lo"))
            self.assertEqual(helper.wait(30), 0)

    def converse(self, message, descriptors=()):
        """The helper's answer to a message, and its exit code."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with mine:
            with theirs:
                helper = subprocess.Popen([BIN / HELPER], stdin=theirs, stderr=subprocess.DEVNULL)
            if message is not None:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
                mine.sendmsg([message], ancillary)
            else:
                mine.shutdown(socket.SHUT_WR)
            with contextlib.suppress(subprocess.TimeoutExpired):
                helper.wait(30)
            try:
                answer, got, _, _ = socket.recv_fds(mine, 512, 8)
            except ConnectionResetError:
                answer, got = b"", []
            self.assertEqual(list(got), [])
            return answer, helper.wait(30)

    def test_what_a_helper_refuses(self):
        hostile = {"unknown": b"hello", "empty name": request(""), "path": request("../../etc/passwd"),
                   "end of text": request("lo\0x"), "none": request("lo", 0), "too many": request("lo", 65),
                   "too large": request("lo", 1, 4097), "more than there is": request("lo", 64, 4096),
                   "too small": request("lo", 1, 1), "no such": request("nosuch0"), "cut": REQUEST + b"\0"}
        for name, message in hostile.items():
            with self.subTest(name):
                answer, code = self.converse(message)
                self.assertEqual((answer[:4], code), (ANSWER, 1))
                self.assertNotEqual(answer[4:5], b"\0")
        for name, arguments in {"too long": (request("lo") + bytes(100),), "nothing": (None,),
                                "descriptors": (request("lo"), [0, 1, 2])}.items():
            with self.subTest(name):
                self.assertEqual(self.converse(*arguments), (b"", 1))

    def test_a_helper_needs_its_socket(self):
        for arguments, code in (((), 1), (("--only",), 2), (("--only", "a/b"), 2), (("lo",), 2)):
            done = subprocess.run([BIN / HELPER, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, code, arguments)
            self.assertIn(b"vedette-sensor-open:", done.stderr)


# Answers each question for an address with 127.0.0.1, and takes connections of the hub's port.
NAME_SERVER = """
import pathlib, selectors, socket, sys
heard = pathlib.Path(sys.argv[1])
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
hub = socket.create_server(("127.0.0.1", 8883))
pick = selectors.DefaultSelector()
for one in (names, hub):
    pick.register(one, selectors.EVENT_READ)
(heard / "ready").touch()
while not (heard / "end").exists():
    for key, _ in pick.select(0.2):
        if key.fileobj is hub:
            hub.accept()[0].close()
            (heard / "connected").touch()
            continue
        question, client = names.recvfrom(512)
        is_address = question[-4:-2] == b"\\0\\1"
        answer = question[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if is_address else b"\\0\\0") + b"\\0\\0\\0\\0" + question[12:]
        if is_address:
            answer += b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes([127, 0, 0, 1])
        names.sendto(answer, client)
        if b"plant" in question:
            (heard / "asked").touch()
"""

if __name__ == "__main__":
    unittest.main()
