"""What vedette-sensor needs of memory: malformed captures do not make it grow, twenty times as many need no more than two
times; a large plant stays within the bound that is documented, and flows beyond it are counted."""
import json
import os
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

from harness import BIN
from sensor_test import SHARED, Capture, ethernet, ipv4

# What allocators and tables that double may add between the second reading and the last.
SLACK = 24 << 20
# Of all that a sensor holds while it reads, whatever it reads.
MOST = 512 << 20
# Of addresses, and of CPU for one run, in seconds.
MOST_ADDRESSES, MOST_SECONDS = 2 << 30, 120
# Of a sensor with as many flows as it keeps at most.
MOST_FLOWS, MOST_PLANT = 200_000, 1_000_000_000
MALFORMED = 73
BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench/sensor.py"


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))


def modbus(number):
    return struct.pack(">HHHBBHH", number, 0, 6, 1, 3, number % 500, 2)


def s7(number):
    return bytes.fromhex("0300001f02f080320100") + bytes([number >> 8 & 255, number & 255]) + \
        bytes.fromhex("00000e00000401120a1002000100018400000000")[:19]


def dns(number):
    return struct.pack(">HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0) + b"\x06device\x05plant\x00\x00\x01\x00\x01"


def iec104(number):
    return bytes([0x68, 14, number << 1 & 254, 0, 0, 0, 100, 1, 6, 0, 1, 0, 0, 0, 0, 20])


def tls(number):
    return bytes.fromhex("160301002f0100002b0303") + bytes([number & 255]) * 32 + bytes.fromhex("00000213010100")


STREAMS = ((502, modbus), (102, s7), (2404, iec104), (443, tls), (80, lambda number: b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number),
           (445, lambda number: b"\0\0\0\x40\xfeSMB" + bytes(60)))
DATAGRAMS = ((53, dns), (47808, lambda number: bytes.fromhex("810a001101040275") + bytes([number & 255]) + b"\x0c\x0c\x02\0\0\x01\x19\x4d"),
             (161, lambda number: bytes.fromhex("302602010004067075626c6963a01902") + bytes([1, number & 127]) + b"\x02\x01\0\x02\x01\0\x30\x0b"))


def broken(chance, data):
    """With bytes changed, cut off, doubled or made up, as a fuzzer without any knowledge would have it."""
    data = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        how = chance.randrange(5)
        at = chance.randrange(len(data)) if data else 0
        if how == 0 and data:
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif how == 1:
            del data[at:]
        elif how == 2:
            data[at:at] = data[at:at + chance.randrange(1, 64)]
        elif how == 3 and data:
            data[at] ^= 1 << chance.randrange(8)
        else:
            data += chance.randbytes(chance.randrange(1, 200))
    return bytes(data)


def malformed(seed, packets):
    """A capture of hosts that say nearly what protocols have, with gaps, repetitions and headers that are wrong, too."""
    chance = random.Random(seed)
    capture = Capture()
    for number in range(packets):
        client, server = chance.randrange(1, 200), chance.randrange(200, 220)
        if chance.randrange(3):
            port, make = chance.choice(STREAMS)
            if chance.randrange(20) == 0:
                capture.next.pop((client, server, (50000, port)), None)
            capture.tcp(client, server, (50000, port), broken(chance, make(number)), chance.choice((0x18, 0x18, 0x18, 2, 1, 4)))
        else:
            port, make = chance.choice(DATAGRAMS)
            payload = broken(chance, make(number))
            capture.add(ethernet(client, server, 0x0800, ipv4(client, server, 17, struct.pack(
                ">HHHH", chance.randrange(1024, 4096), port, 8 + len(payload), 0) + payload)))
        if chance.randrange(8) == 0:
            capture.frames[-1] = broken(chance, capture.frames[-1])
    return capture.pcap()


def damaged(chance, capture):
    """A capture whose file is wrong: bits turned, sizes of records made up, an end that is missing."""
    capture = bytearray(capture)
    for _ in range(chance.randrange(1, 200)):
        capture[chance.randrange(len(capture))] ^= 1 << chance.randrange(8)
    at = 24
    for _ in range(chance.randrange(1, 2000)):
        size = struct.unpack_from("<I", capture, at + 8)[0]
        if size > 65535 or at + 32 + size > len(capture):
            break
        at += 16 + size
    struct.pack_into("<I", capture, at + chance.choice((8, 12)), chance.choice((0, 1, 65536, 0x7FFFFFFF, 0xFFFFFFFF, 70000)))
    return bytes(capture[:chance.randrange(len(capture) // 2, len(capture))])


class SensorMemoryTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-sensor-memory-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def resident(self, files, what):
        """The largest resident size, in bytes; what could not be read to its end is no failure here."""
        process = subprocess.Popen([BIN / "vedette-sensor", "read", *files, "--what", what], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, preexec_fn=limit)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertIn(process.returncode, (0, 1), f"{what} of {len(files)} files")
        return used.ru_maxrss * 1024

    def check_growth(self, few, many, what):
        before, after = self.resident(few, what), self.resident(many, what)
        self.assertLess(after, before + SLACK, f"--what {what}: {before >> 20} MiB with {len(few)} files, {after >> 20} with {len(many)}")
        self.assertLess(after, MOST)

    def test_the_corpus(self):
        files = sorted(path for path in (SHARED / "pcaps/malformed").rglob("*") if path.is_file())
        if files:
            self.assertGreaterEqual(len(files), MALFORMED)
        else:
            self.skipTest(f"no captures in {SHARED / 'pcaps/malformed'} (VEDETTE_SHARED says where they are)")
        for what in ("nothing", "assets"):
            with self.subTest(what=what):
                self.check_growth(files * 2, files * 20, what)

    def test_made_up(self):
        made = []
        for seed in range(20):
            made.append(self.folder / f"{seed}.pcap")
            made[-1].write_bytes(malformed(seed, 4000))
        for what in ("nothing", "assets"):
            with self.subTest(what=what):
                self.check_growth(made[:2], made, what)

    def test_files_that_are_wrong(self):
        made = []
        for seed in range(20):
            made.append(self.folder / f"{seed}.pcap")
            made[-1].write_bytes(damaged(random.Random(seed), malformed(seed, 2000)))
        self.check_growth(made[:2] * 2, made * 20, "assets")

    def test_a_large_plant(self):
        path, flows = self.folder / "plant.pcap", MOST_FLOWS + 5_000
        made = subprocess.run([sys.executable, BENCH, "--plant", path, "--devices=10000", f"--flows={flows}", f"--facts={flows}"],
                              stdout=subprocess.PIPE, check=True)
        told = json.loads(subprocess.run([BIN / "vedette-sensor", "read", path, "--what", "health"], capture_output=True,
                                         check=True).stdout)
        self.assertEqual(told["packets"], int(made.stdout))
        self.assertEqual((told["flows"], told["messages"]), (flows, 2 * flows))
        self.assertEqual(told["flows_evicted"], flows - MOST_FLOWS)
        self.assertLess(self.resident([path], "assets"), MOST_PLANT)


if __name__ == "__main__":
    unittest.main()
