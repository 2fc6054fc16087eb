#!/usr/bin/env python3
"""What the network sensor costs beside programs that read captures, too; in one run on this machine.

    bench/sensor.py [--only speed,memory,malformed,live] [--rounds N] [--packets N] [--devices N] [--flows N] [--facts N]

speed      Both mixes of bench/capture_mix.py, from the page cache, by one worker at full depth (every message to field
           level, requests matched to responses, new facts told: `--what assets` also has evidence, sightings and the
           inventory), beside ndpiReader, which only classifies, tshark's fastest count of protocols, and tcpdump that
           copies the file, as the floor. Packets for each second of CPU, user and system, of all of the process, which
           is kept on one processor; the median of --rounds (5; tshark at most 3), in which all take turns. Needs
           VEDETTE_SHARED.
memory     The largest resident size with a generated capture of so many devices (10,000), flows (200,000) and different
           transactions (1,000,000), all of them at once, and what of it a bound cost.
malformed  Of the captures in pcaps/malformed, each read by itself with 2 GB of addresses and 20 s of CPU, those that
           neither crash nor exceed that. Needs VEDETTE_SHARED.
live       The most packets a second of the OT mix over a pair of interfaces into another network namespace of which
           none is lost, by one worker and by two, tcpreplay as the load: what the kernel dropped, and what was sent
           and not seen. Needs VEDETTE_SHARED and root.

Prints a table for each, as bench/RESULTS.md has them, and how far it is on standard error; what cannot be measured here
says why."""
import argparse
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
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
# Packets a second, tried upwards until one is lost; the last is as fast as tcpreplay can.
RATES = (50_000, 100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 600_000, 800_000, 1_000_000, 0)
SECONDS = 4
MOST_ADDRESSES, MOST_SECONDS = 2 << 30, 20
# Counters of what a bound of memory cost.
BOUNDS = ("flows_evicted", "tcp_bytes_given_up", "datagrams_crowded_out", "requests_crowded_out", "facts_forgotten")


class Unavailable(Exception):
    """Why something cannot be measured here."""


def need(*programs):
    missing = [one for one in programs if shutil.which(one) is None]
    if missing:
        raise Unavailable(f"needs {', '.join(missing)} (packages.txt, [bench])")


def need_captures():
    if not (capture_mix.SHARED / "pcaps/MANIFEST.tsv").is_file():
        raise Unavailable(f"no captures in {capture_mix.SHARED / 'pcaps'} (VEDETTE_SHARED says where they are)")


def note(text):
    print(f"sensor: {text}", file=sys.stderr, flush=True)


def mixed(kind, file, packets, most=20_000):
    """What capture_mix tells. In a process of its own, so that this one stays small: see Cost.resident."""
    note(f"mixing {kind}")
    told = subprocess.run([sys.executable, ROOT / "bench/capture_mix.py", kind, file, "--packets", str(packets), "--most", str(most)],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(told.stdout)


class Cost:
    """What a program that ran to its end took."""

    def __init__(self, words, processor=None):
        def prepare():
            normal_priority()
            if processor is not None:
                os.sched_setaffinity(0, {processor})

        begun = time.monotonic()
        # Whoever measures beside other work lowers this script's priority, not that of what is measured.
        process = subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, preexec_fn=prepare)
        errors = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.wall = time.monotonic() - begun
        self.cpu = used.ru_utime + used.ru_stime
        # The kernel counts what the process was before it became another program: a copy of this one.
        self.resident = used.ru_maxrss * 1024
        if process.returncode != 0:
            raise SystemExit(f"sensor: {' '.join(map(str, words))}: {errors.decode(errors='replace')[-400:]}")


def own_size():
    with open("/proc/self/statm", encoding="ascii") as told:
        return int(told.read().split()[1]) * resource.getpagesize()


def normal_priority():
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)


def megabytes(count):
    floor = own_size() * 1.05
    return f"{count / 1e6:,.0f} MB" if count > floor else f"under {floor / 1e6:,.0f} MB"


def health(*words):
    told = subprocess.run([SENSOR, "read", *map(str, words), "--what", "health"], capture_output=True, check=True, text=True)
    return json.loads(told.stdout)


def commands(file, rounds):
    """Name, command and rounds of each."""
    return (("`tcpdump -nn -r FILE -w /dev/null`", ["tcpdump", "-nn", "-r", file, "-w", "/dev/null"], rounds),
            ("**`vedette-sensor read FILE --what nothing`**", [SENSOR, "read", file, "--what", "nothing"], rounds),
            ("`vedette-sensor read FILE --what assets`", [SENSOR, "read", file, "--what", "assets"], rounds),
            ("`vedette-sensor read FILE --what transactions`", [SENSOR, "read", file], rounds),
            ("`ndpiReader -i FILE -q`", ["ndpiReader", "-i", file, "-q"], rounds),
            ("`tshark -n -r FILE -q -z io,phs`", ["tshark", "-n", "-r", file, "-q", "-z", "io,phs"], min(rounds, 3)))


def speed_of(kind, folder, given):
    file = folder / f"{kind}.pcap"
    about = mixed(kind, file, given.packets)
    told = health(file)  # which also takes the file into the page cache
    if told["packets"] != about["packets"]:
        raise SystemExit(f"sensor: {about['packets']} packets were written and {told['packets']} read")
    runs = commands(file, given.rounds)
    costs = {name: [] for name, _, _ in runs}
    processor = max(os.sched_getaffinity(0))
    for turn in range(given.rounds):
        note(f"{kind}: round {turn + 1} of {given.rounds}")
        for name, words, rounds in runs:
            if turn < rounds:
                costs[name].append(Cost(words, processor))
    print(f"\n{kind.upper()} mix: {about['captures']} captures, {about['times']} times: {about['packets']:,} packets, "
          f"{about['bytes'] / about['packets']:.0f} bytes each, {told['flows']:,} flows, {told['messages']:,} messages; "
          f"SHA-256 {about['sha256'][:16]}")
    print("\n| command | packets/s of a core | slowest to fastest round | Gbit/s | elapsed | memory |\n|---|---|---|---|---|---|")
    for name, _, _ in runs:
        each = sorted(cost.cpu for cost in costs[name])
        cpu = statistics.median(each)
        print(f"| {name} | {about['packets'] / cpu:,.0f} | {about['packets'] / each[-1]:,.0f} to {about['packets'] / each[0]:,.0f} "
              f"| {about['bytes'] * 8 / cpu / 1e9:.2f} | {statistics.median(cost.wall for cost in costs[name]):.2f} s "
              f"| {megabytes(max(cost.resident for cost in costs[name]))} |", flush=True)
    file.unlink()


def speed(folder, given):
    need("tcpdump", "ndpiReader", "tshark")
    need_captures()
    for kind in ("ot", "it"):
        speed_of(kind, folder, given)


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


def made_plant(file, given):
    """Packets of the generated capture, made in a process of its own for the same reason as mixed()."""
    note("generating a plant")
    sizes = [f"--{name}={getattr(given, name)}" for name in ("devices", "flows", "facts")]
    told = subprocess.run([sys.executable, __file__, "--plant", file, *sizes], stdout=subprocess.PIPE, check=True)
    return int(told.stdout)


def memory(folder, given):
    file = folder / "plant.pcap"
    made = made_plant(file, given)
    print(f"\nGenerated: {given.devices:,} devices, {given.flows:,} flows, {given.facts:,} facts, {made:,} packets\n")
    print("| `vedette-sensor read FILE --what assets` | memory at most | packets/s of a core | what bounds cost |\n|---|---|---|---|",
          flush=True)
    for workers in (1, 2):
        note(f"memory: {workers} worker{'s' if workers > 1 else ''}")
        told = health(file, "--workers", workers)
        if told["packets"] != made or told["messages"] != made:
            raise SystemExit(f"sensor: {made} packets were written, {told['packets']} read, {told['messages']} understood")
        cost = Cost([SENSOR, "read", file, "--what", "assets", "--workers", workers])
        evicted = ", ".join(f"{name} {told[name]:,}" for name in BOUNDS if told.get(name)) or "nothing"
        print(f"| {workers} worker{'s' if workers > 1 else ''} | **{megabytes(cost.resident)}** | {made / cost.cpu:,.0f} | {evicted} |",
              flush=True)
    file.unlink()


def survives(path):
    """Whether the sensor reads it to an end of its own making, and its largest resident size."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))

    process = subprocess.Popen([SENSOR, "read", path, "--what", "fields"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=limit)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode in (0, 1), used.ru_maxrss * 1024


def malformed(_folder, _given):
    need_captures()
    files = sorted(path for path in (capture_mix.SHARED / "pcaps/malformed").rglob("*") if path.is_file())
    note(f"{len(files)} malformed captures")
    told = [(path, *survives(path)) for path in files]
    print("\n| malformed captures | survived | memory at most |\n|---|---|---|")
    print(f"| {len(told)} | **{sum(good for _, good, _ in told)}** | {megabytes(max(size for _, _, size in told))} |", flush=True)
    for path, good, _ in told:
        if not good:
            print(f"not survived: {path.name}", flush=True)


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
        # Nothing but what is sent goes over it: no router is asked for.
        ip("link", "set", HERE, "addrgenmode", "none", "mtu", "9000", "up")
        ip("-n", SPACE, "link", "set", THERE, "addrgenmode", "none", "mtu", "9000", "up")
        yield
    finally:
        subprocess.run(["ip", "link", "del", HERE], capture_output=True, check=False)
        ip("netns", "del", SPACE)


def settled(state):
    """The sensor's counters when it has written them twice without another packet."""
    before = None
    for _ in range(30):
        time.sleep(2.5)  # its status is written every two seconds
        told = json.loads((state / "status.json").read_text())["health"]
        now = told.get("packets", 0), told.get("packets_lost", 0)
        if now == before and now != (0, 0):
            return
        before = now


def listen(folder, workers, file, rate):
    """Packets sent, dropped by the kernel, sent and not seen, and the rate that was reached. Rate 0: as fast as can be."""
    state = pathlib.Path(tempfile.mkdtemp(dir=folder))
    process = subprocess.Popen(
        ["ip", "netns", "exec", SPACE, SENSOR, "run", "--interface", THERE, "--method", "ring", "--workers", str(workers),
         "--what", "nothing", "--state-dir", state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=normal_priority)
    try:
        if b"ready" not in process.stdout.readline():
            raise Unavailable(f"the sensor does not listen: {process.stderr.read().decode(errors='replace')[-300:]}")
        pace = [f"--pps={rate}"] if rate else ["--topspeed"]
        sent = subprocess.run(["tcpreplay", "-q", "-K", "--unique-ip", *pace, f"--limit={(rate or 500_000) * SECONDS}", "--loop=1000",
                               "-i", HERE, file], capture_output=True, text=True, check=False, preexec_fn=normal_priority)
        words = sent.stdout.split()
        if "Actual:" not in words:
            raise Unavailable(f"tcpreplay: {sent.stderr[-300:]}")
        count = int(words[words.index("Actual:") + 1])
        reached = float(words[words.index("pps", words.index("Rated:")) - 1])
        settled(state)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    told = json.loads((state / "status.json").read_text())["health"]
    return count, told["packets_lost"], count - told["packets"], reached


def live(folder, given):
    need_captures()
    file = folder / "live.pcap"
    with pair():
        about = mixed("ot", file, min(given.packets, 100_000), 1_000)
        print(f"\nLive, a pair of interfaces, the OT mix ({about['packets']:,} packets, {about['bytes'] / about['packets']:.0f} bytes "
              f"each) again and again for {SECONDS} s at each rate\n")
        print("| | packets/s without loss | first loss at | sent | dropped by the kernel | not seen |\n|---|---|---|---|---|---|",
              flush=True)
        for workers in (1, 2):
            name, good, fastest = f"{workers} worker{'s' if workers > 1 else ''}", 0.0, False
            for rate in RATES:
                if fastest and rate:
                    continue
                note(f"live: {name}, {f'{rate:,} /s' if rate else 'as fast as it goes'}")
                count, dropped, unseen, reached = listen(folder, workers, file, rate)
                if dropped or unseen:
                    print(f"| {name} | **{good:,.0f}** | {reached:,.0f} | {count:,} | {dropped:,} | {unseen:,} |", flush=True)
                    break
                good = max(good, reached)
                fastest = rate != 0 and reached < rate * 0.9
            else:
                print(f"| {name} | **{good:,.0f}** | none: tcpreplay sends no faster | {count:,} | 0 | 0 |", flush=True)


PARTS = {"speed": speed, "memory": memory, "malformed": malformed, "live": live}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", default=",".join(PARTS))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--packets", type=int, default=500_000)
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--flows", type=int, default=200_000)
    options.add_argument("--facts", type=int, default=1_000_000)
    options.add_argument("--plant", type=pathlib.Path, help="only write the capture of `memory` there")
    given = options.parse_args()
    if given.plant:
        print(plant(given.plant, given.devices, given.flows, given.facts))
        return
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
