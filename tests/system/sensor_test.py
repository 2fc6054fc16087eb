"""vedette-sensor on captures that are made here, on those it is given, and on the loopback interface."""
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

from harness import BIN, Program, eventually

SHARED = pathlib.Path(os.environ.get("VEDETTE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared"))
START = 1_700_000_000


def ethernet(source, target, kind, payload):
    return bytes([0, 0x1D, 0x9C, 0, 0, target, 0, 0x1D, 0x9C, 0, 0, source]) + struct.pack(">H", kind) + payload


def ipv4(source, target, protocol, payload):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return header + bytes([10, 0, 0, source, 10, 0, 0, target]) + payload


class Capture:
    """A capture in which hosts 10.0.0.N talk by TCP."""

    def __init__(self):
        self.frames = []
        self.next = {}

    def add(self, frame):
        self.frames.append(frame)

    def tcp(self, source, target, ports, payload, flags=0x18):
        key = (source, target, ports)
        sequence = self.next.get(key, 100)
        header = struct.pack(">HHIIBBHHH", *ports, sequence, 0, 0x50, flags, 8192, 0, 0)
        self.next[key] = sequence + len(payload) + (flags & 2) // 2
        self.add(ethernet(source, target, 0x0800, ipv4(source, target, 6, header + payload)))

    def modbus(self, client, server, number, request, response, port=502):
        for source, target, ports, pdu in ((client, server, (50000, port), request),
                                           (server, client, (port, 50000), response)):
            self.tcp(source, target, ports, struct.pack(">HHHB", number, 0, len(pdu) + 1, 1) + pdu)

    def pcap(self):
        out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
        for number, frame in enumerate(self.frames):
            out.append(struct.pack("<IIII", START + number, 0, len(frame), len(frame)) + frame)
        return b"".join(out)


def plant():
    capture = Capture()
    for client in (1, 2):
        capture.tcp(client, 9, (50000, 502), b"", 0x02)
        capture.tcp(9, client, (502, 50000), b"", 0x12)
    for number in range(1, 41):
        capture.modbus(1 + number % 2, 9, number, struct.pack(">BHH", 3, 10, 2), bytes([3, 4, 0, 1, 0, number]))
    capture.modbus(1, 9, 99, struct.pack(">BHH", 6, 7, 42), struct.pack(">BHH", 6, 7, 42))
    capture.modbus(1, 9, 100, struct.pack(">BHH", 3, 9999, 1), bytes([0x83, 2]))
    return capture.pcap()


class SensorTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-sensor-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def sensor(self, *arguments, code=0):
        done = subprocess.run([BIN / "vedette-sensor", *map(str, arguments)], capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stderr.decode(errors="replace"))
        return done

    def lines(self, *arguments):
        return [json.loads(line) for line in self.sensor(*arguments).stdout.splitlines()]

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_transactions(self):
        told = self.lines("read", self.write("plant.pcap", plant()))
        self.assertEqual(len(told), 42)
        write = [one for one in told if one["access"] == "write"]
        self.assertEqual(len(write), 1)
        self.assertEqual(write[0]["client"]["ip"], "10.0.0.1")
        self.assertEqual(write[0]["server"], {"mac": "00:1d:9c:00:00:09", "ip": "10.0.0.9", "port": 502})
        self.assertEqual(write[0]["answerPacket"], write[0]["packet"] + 1)
        self.assertEqual(write[0]["answerMicroseconds"], 1_000_000)
        refused = [one for one in told if one["outcome"] == "failed"]
        self.assertEqual([one["status"]["code"] for one in refused], [2])

    def test_devices_and_flows(self):
        path = self.write("plant.pcap", plant())
        devices = {one["ip"][0]: one for one in self.lines("read", path, "--what", "assets")}
        self.assertEqual(sorted(devices), ["10.0.0.1", "10.0.0.2", "10.0.0.9"])
        self.assertEqual(devices["10.0.0.9"]["type"]["value"], "PLC")
        self.assertEqual(devices["10.0.0.9"]["serves"], ["modbus"])
        self.assertEqual(devices["10.0.0.2"]["type"]["value"], "HMI")
        flows = self.lines("read", path, "--what", "flows")
        self.assertEqual([one["protocol"] for one in flows], ["modbus", "modbus"])
        self.assertTrue(all(one["serverKnown"] for one in flows))

    def test_the_same_with_many_workers_and_twice(self):
        path = self.write("plant.pcap", plant())
        for what in ("transactions", "assets", "flows", "fields", "evidence", "issues", "health"):
            one = self.sensor("read", path, "--what", what).stdout
            self.assertTrue(one or what in ("issues", "evidence"), what)
            for workers in (1, 4):
                self.assertEqual(self.sensor("read", path, "--what", what, "--workers", workers).stdout, one, what)

    def test_what_is_wrong_is_said_and_the_rest_is_read(self):
        whole = self.write("plant.pcap", plant())
        cut = self.write("cut.pcap", plant()[:-7])
        none = self.write("none.pcap", b"no capture")
        done = self.sensor("read", none, cut, self.folder / "absent.pcap", whole, "--what", "health", code=1)
        health = json.loads(done.stdout)
        self.assertEqual(health["packets"], 2 * 88 - 1)
        for name in ("none.pcap", "cut.pcap", "absent.pcap"):
            self.assertIn(name, done.stderr.decode())
        self.sensor("read", whole, "--what", "everything", code=2)
        self.sensor("read", whole, "--what", "assets", "-o", "zeek", code=2)
        self.sensor("read", code=2)
        self.sensor("listen", code=2)

    def test_damaged_captures(self):
        """Bits turned in a good capture: nothing of it may end the program badly."""
        good = plant()
        for seed in range(40):
            bad = bytearray(good)
            for step in range(1, 30):
                bad[24 + (seed * 7919 + step * step * 104729) % (len(bad) - 24)] ^= 1 << (step + seed) % 8
            path = self.write("bad.pcap", bytes(bad))
            done = subprocess.run([BIN / "vedette-sensor", "read", path, "--what", "fields"], capture_output=True,
                                  timeout=60, check=False)
            self.assertIn(done.returncode, (0, 1))
            for line in done.stdout.splitlines():
                json.loads(line)

    def test_malformed_captures_of_others(self):
        folder = SHARED / "pcaps/malformed"
        if not folder.is_dir():
            self.skipTest(f"no captures in {folder} (VEDETTE_SHARED says where they are)")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        done = subprocess.run([BIN / "vedette-sensor", "read", *files, "--what", "fields"], capture_output=True, timeout=300,
                              check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr[-2000:])

    def test_configuration(self):
        config = self.write("sensor.toml", b'[capture]\ninterface = "lo"\nworkers = 2\n[state]\ndir = "state"\n')
        self.sensor("check-config", "--config", config)
        config = self.write("wrong.toml", b'[capture]\ninterfaces = "lo"\nworkers = 0\n')
        done = self.sensor("check-config", "--config", config, code=1)
        self.assertIn("capture.interfaces", done.stderr.decode())
        self.assertIn("capture.workers", done.stderr.decode())
        done = self.sensor("check-config", "--interface", "nosuch0", code=1)
        self.assertIn("nosuch0", done.stderr.decode())

    def listen(self, *arguments):
        """A sensor on the loopback interface hears a Modbus request to a port that nobody serves it on."""
        state = self.folder / "state"
        program = Program(self.folder, "vedette-sensor",
                          ["run", "--interface", "lo", "--state-dir", state, "--what", "flows", *arguments])
        self.addCleanup(lambda: program.process.poll() is None and program.kill())
        try:
            program.ready()
        except Exception:
            if "CAP_NET_RAW" in program.log() or "permission" in program.log():
                self.skipTest("capturing needs CAP_NET_RAW")
            raise
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            server.bind(("127.0.0.1", 0))
            port = server.getsockname()[1]

            def heard():
                client.sendto(b"vedette", server.getsockname())
                status = json.loads((state / "status.json").read_text()) if (state / "status.json").exists() else {}
                return status.get("health", {}).get("packets", 0) > 0

            eventually(heard, timeout=60, interval=0.2, what="packets counted")
        table = self.sensor("status", "--state-dir", state).stdout.decode()
        self.assertIn("running", table)
        program.process.send_signal(signal.SIGTERM)
        program.process.wait(60)
        program.close()
        self.assertEqual(program.process.returncode, 0, program.log())
        ports = {one.get("server", {}).get("port") for one in program.lines()} | \
                {one.get("client", {}).get("port") for one in program.lines()}
        self.assertIn(port, ports)
        self.assertEqual(json.loads((state / "status.json").read_text())["state"], "stopped")

    def test_ring(self):
        self.listen("--method", "ring")

    def test_two_workers_share_an_interface(self):
        self.listen("--method", "ring", "--workers", "2")

    def test_libpcap(self):
        self.listen("--method", "libpcap")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip"), "needs root, unshare and ip")
    def test_a_silent_interface_can_be_left(self):
        """Where no packet ever comes, a sensor starts, knows that time passes and stops when asked."""
        for method in ("ring", "libpcap"):
            with self.subTest(method=method):
                state = self.folder / f"silent-{method}"
                program = Program(self.folder, "vedette-sensor",
                                  ["run", "--interface", "lo", "--state-dir", state, "--method", method],
                                  within=("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'))
                self.addCleanup(lambda program=program: program.process.poll() is None and program.kill())
                program.ready()
                eventually(lambda: (state / "status.json").exists(), timeout=60, what="a status")
                program.stop(timeout=60)
                self.assertEqual(json.loads((state / "status.json").read_text())["health"]["packets"], 0)


if __name__ == "__main__":
    unittest.main()
