#!/usr/bin/env python3
"""What the network sensor costs beside programs that read captures, too; in one run on this machine.

    bench/sensor.py [--only speed,memory,live] [--rounds N] [--packets N] [--devices N] [--flows N] [--facts N]

speed   Both mixes of bench/capture_mix.py, from the page cache, by one worker at full depth (every message to field
        level, requests matched to responses, new facts told: `--what assets` also has evidence, sightings and the
        inventory), beside ndpiReader, which only classifies, tshark's fastest count of protocols, and tcpdump that
        copies the file, as the floor. Packets for each second of CPU, user and system, in all of the process; the
        best of --rounds (3), tshark once. Needs VEDETTE_SHARED.
memory  The largest resident size with a generated capture of so many devices (10,000), flows (200,000) and different
        transactions (1,000,000), all of them at once.
live    The most packets a second of the OT mix over a pair of interfaces into another network namespace of which
        none is lost, by one worker and by two, tcpreplay as the load. Needs root.

Prints a table for each; what cannot be measured here says why."""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import capture_mix  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
SENSOR = pathlib.Path(os.environ.get("VEDETTE_BIN", ROOT / "build/release/bin")) / "vedette-sensor"
SPACE, HERE, THERE = "vedette-bench", "vedbench0", "vedbench1"
# Tried upwards until a rate is lost, then between the last two.
RATES = (50_000, 100_000, 200_000, 300_000, 400_000, 600_000, 800_000, 1_000_000)
SECONDS = 4


class Unavailable(Exception):
    """Why something cannot be measured here."""


def need(*programs):
    missing = [one for one in programs if shutil.which(one) is None]
    if missing:
        raise Unavailable(f"needs {', '.join(missing)} (packages.txt, [bench])")


class Cost:
    """What a program that ran to its end took."""

    def __init__(self, words):
        begun = time.monotonic()
        # Whoever measures beside other work lowers this script's priority, not that of what is measured.
        process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   preexec_fn=normal_priority)
        errors = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - begun
        self.cpu = used.ru_utime + used.ru_stime
        self.resident = used.ru_maxrss * 1024
        if process.returncode != 0:
            raise SystemExit(f"sensor: {' '.join(map(str, words))}: {errors.decode(errors='replace')[-400:]}")


def normal_priority():
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def megabytes(count):
    return f"{count / 1e6:,.0f} MB"


def health(*words):
    told = subprocess.run([SENSOR, "read", *map(str, words), "--what", "health"], capture_output=True, check=True, text=True)
    return json.loads(told.stdout)


def speed(folder, given):
    need("tcpdump", "ndpiReader", "tshark")
    if not (capture_mix.SHARED / "pcaps/MANIFEST.tsv").is_file():
        raise Unavailable(f"no captures in {capture_mix.SHARED / 'pcaps'} (VEDETTE_SHARED says where they are)")
    for kind in ("ot", "it"):
        file = folder / f"{kind}.pcap"
        about = capture_mix.mix(kind, file, given.packets)
        told = health(file)
        assert told["packets"] == about["packets"], told
        print(f"\n{kind.upper()} mix: {about['captures']} captures {about['times']} times, {about['packets']:,} packets, "
              f"{about['bytes'] / about['packets']:.0f} bytes each, {told['flows']:,} flows, {told['messages']:,} messages; "
              f"SHA-256 {about['sha256'][:16]}")
        print("\n| command | packets/s of a core | Gbit/s | elapsed | memory |\n|---|---|---|---|---|", flush=True)
        for name, words, rounds in (
                ("`tcpdump -nn -r FILE -w /dev/null`", ["tcpdump", "-nn", "-r", file, "-w", "/dev/null"], given.rounds),
                ("**`vedette-sensor read FILE --what nothing`**", [SENSOR, "read", file, "--what", "nothing"], given.rounds),
                ("`vedette-sensor read FILE --what assets`", [SENSOR, "read", file, "--what", "assets"], given.rounds),
                ("`vedette-sensor read FILE --what transactions`", [SENSOR, "read", file], given.rounds),
                ("`ndpiReader -i FILE -q`", ["ndpiReader", "-i", file, "-q"], given.rounds),
                ("`tshark -n -r FILE -q -z io,phs`", ["tshark", "-n", "-r", file, "-q", "-z", "io,phs"], 1)):
            best = min((Cost(words) for _ in range(rounds)), key=lambda cost: cost.cpu)
            rate = about["packets"] / best.cpu
            print(f"| {name} | {rate:,.0f} | {about['bytes'] * 8 / best.cpu / 1e9:.2f} | {best.wall:.2f} s "
                  f"| {megabytes(best.resident)} |", flush=True)


def checked(words):
    """A header of IP with its checksum."""
    total = sum(struct.unpack(">10H", words))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return words[:10] + struct.pack(">H", total ^ 0xFFFF) + words[12:]


def plant(out, devices, flows, facts):
    """A capture of controllers and their clients: `flows` streams of Modbus, `facts` reads of different registers, each
    with its answer, all streams going on at once. The number of packets."""
    servers = max(1, devices // 10)
    clients = devices - servers
    rounds = -(-facts // flows)

    def address(device):
        return bytes([10, device >> 16, device >> 8 & 255, device & 255])

    def hardware(device):
        return bytes([0, 0x1D, 0x9C, device >> 16, device >> 8 & 255, device & 255])

    def head(source, target, size):
        network = struct.pack(">BBHHHBBH", 0x45, 0, 40 + size, 0, 0x4000, 64, 6, 0) + address(source) + address(target)
        return hardware(target) + hardware(source) + b"\x08\x00" + checked(network)

    streams = []
    for number in range(flows):
        client, port = number % clients + servers, 20000 + number // clients
        server = (number * 7 + number // clients) % servers
        streams.append((head(client, server, 12), struct.pack(">HH", port, 502),
                        head(server, client, 11), struct.pack(">HH", 502, port)))
    made, told, tick = 0, 0, 0
    record, tcp, modbus = struct.Struct("<IIII"), struct.Struct(">IIBBHHH"), struct.Struct(">HHHBBHH")
    with open(out, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for turn in range(rounds):
            gathered = []
            for number in range(min(flows, facts - told)):
                asks, there, answers, back = streams[number]
                request = asks + there + tcp.pack(1 + 12 * turn, 1 + 11 * turn, 0x50, 0x18, 8192, 0, 0) + \
                    modbus.pack(turn, 0, 6, 1, 3, 100 + turn, 1)
                response = answers + back + tcp.pack(1 + 11 * turn, 13 + 12 * turn, 0x50, 0x18, 8192, 0, 0) + \
                    modbus.pack(turn, 0, 5, 1, 3, 0x0200, 7)[:11]
                for frame in (request, response):
                    tick += 10
                    gathered.append(record.pack(1_700_000_000 + tick // 1_000_000, tick % 1_000_000, len(frame), len(frame)))
                    gathered.append(frame)
                made += 2
            told += min(flows, facts - told)
            file.write(b"".join(gathered))
    return made


def memory(folder, given):
    file = folder / "plant.pcap"
    made = plant(file, given.devices, given.flows, given.facts)
    told = health(file)
    assert told["packets"] == made and told["flows"] == given.flows and told["messages"] == made, told
    print(f"\nGenerated: {given.devices:,} devices, {given.flows:,} flows, {given.facts:,} facts, {made:,} packets\n")
    print("| `vedette-sensor read FILE --what assets` | memory at most | packets/s of a core |\n|---|---|---|", flush=True)
    for workers in (1, 2):
        cost = Cost([SENSOR, "read", file, "--what", "assets", "--workers", workers])
        print(f"| {workers} worker{'s' if workers > 1 else ''} | **{megabytes(cost.resident)}** | {made / cost.cpu:,.0f} |",
              flush=True)
    file.unlink()


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def pair():
    """Two interfaces that are each other's cable, the second in a network namespace of its own."""
    if os.geteuid() != 0:
        raise Unavailable("needs root")
    need("ip", "tcpreplay")
    subprocess.run(["ip", "netns", "del", SPACE], capture_output=True, check=False)
    ip("netns", "add", SPACE)
    try:
        ip("link", "add", HERE, "type", "veth", "peer", "name", THERE, "netns", SPACE)
        ip("link", "set", HERE, "mtu", "9000", "up")
        ip("-n", SPACE, "link", "set", THERE, "mtu", "9000", "up")
        yield
    finally:
        subprocess.run(["ip", "link", "del", HERE], capture_output=True, check=False)
        ip("netns", "del", SPACE)


def listen(folder, workers, file, rate):
    """Packets that were sent and lost, and the rate that was reached."""
    state = pathlib.Path(tempfile.mkdtemp(dir=folder))
    process = subprocess.Popen(
        ["ip", "netns", "exec", SPACE, SENSOR, "run", "--interface", THERE, "--method", "ring", "--workers", str(workers),
         "--what", "nothing", "--state-dir", state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=normal_priority)
    try:
        if b"ready" not in process.stdout.readline():
            raise Unavailable(f"the sensor does not listen: {process.stderr.read().decode(errors='replace')[-300:]}")
        sent = subprocess.run(["tcpreplay", "-q", "-K", "--unique-ip", f"--pps={rate}", f"--limit={rate * SECONDS}", "--loop=1000",
                               "-i", HERE, file], capture_output=True, text=True, check=False, preexec_fn=normal_priority)
        words = sent.stdout.split()
        if "Actual:" not in words:
            raise Unavailable(f"tcpreplay: {sent.stderr[-300:]}")
        count = int(words[words.index("Actual:") + 1])
        reached = float(words[words.index("pps", words.index("Rated:")) - 1])
        time.sleep(1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    told = json.loads((state / "status.json").read_text())["health"]
    return count, max(told["packets_lost"], count - told["packets"]), reached


def live(folder, given):
    file = folder / "live.pcap"
    capture_mix.mix("ot", file, 100_000, 1_000)
    with pair():
        print("\n| live, a pair of interfaces | packets/s without loss | next rate tried: sent, lost |\n|---|---|---|", flush=True)
        for workers in (1, 2):
            good, bad = 0.0, "none"
            for rate in RATES:
                count, lost, reached = listen(folder, workers, file, rate)
                if lost != 0:
                    bad = f"{reached:,.0f} /s: {count:,}, {lost:,}"
                    break
                good = max(good, reached)
                if reached < rate * 0.9:
                    bad = "tcpreplay sends no faster"
                    break
            print(f"| {workers} worker{'s' if workers > 1 else ''} | **{good:,.0f}** | {bad} |", flush=True)


PARTS = {"speed": speed, "memory": memory, "live": live}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", default=",".join(PARTS))
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--packets", type=int, default=500_000)
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--flows", type=int, default=200_000)
    options.add_argument("--facts", type=int, default=1_000_000)
    given = options.parse_args()
    parts = given.only.split(",")
    unknown = set(parts) - set(PARTS)
    if unknown:
        options.error(f"--only: there is no {', '.join(sorted(unknown))}")
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"load average {load}, {os.cpu_count()} processors", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-bench-sensor-"))
    try:
        for part in parts:
            try:
                PARTS[part](folder, given)
            except Unavailable as why:
                print(f"\n{part}: not measured: {why}", flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
