#!/usr/bin/env python3
"""CPU time of the server's process for each QoS 1 message over TLS: the hub, which acknowledges only what
is on disk, beside mosquitto, which keeps nothing. Same certificates, same load, one after the other,
several rounds in turn. The hub charges each message to its limits, which are out of reach.

    bench/hub_vs_mosquitto.py [ROUNDS]

Then mosquitto as it keeps messages: persistence, for a subscriber that is away, written once a second (it has
nothing nearer to durable). Each round with a new one, as its file is written anew each time.

Each load is CONNECTIONSxWINDOW, the window being the unacknowledged messages of one connection. The first is
the one that counts; the others show what it costs to be durable when there is little to do at once: a commit
that few messages share. LOADS="50x32 ..." and LOAD_BYTES change them. Prints the medians."""
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from sites import busy_site

# Few devices do what thousands would: each has a rate, which is looked at, but none that it reaches.
for kind in ("TELEMETRY", "CONNECT", "TWIN_READ", "TWIN_UPDATE"):
    os.environ.setdefault(f"VEDETTE_LIMITS__IDENTITY__{kind}", "1000000")

BENCH = pathlib.Path(os.environ.get("VEDETTE_BENCH_BIN",
                                    pathlib.Path(__file__).resolve().parents[1] / "build/bench/bin"))
LOADS = [tuple(map(int, load.split("x"))) for load in os.environ.get("LOADS", "50x32 200x1 10x1").split()]
BYTES = int(os.environ.get("LOAD_BYTES", 256))


def load(shape, port, ca, pid, *identity, most=200_000):
    connections, window = shape
    # A commit on each turn makes small windows slow: fewer messages say as much.
    messages = min(most, 4_000 * connections * window)
    answer = subprocess.run(
        [BENCH / "mqtt_load", "--port", str(port), "--ca", ca, "--pid", str(pid), "--messages", str(messages),
         "--warm-up", str(messages // 10), "--window", str(window), "--bytes", str(BYTES), *map(str, identity)],
        capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SystemExit(f"hub_vs_mosquitto: {answer.stderr}")
    return json.loads(answer.stdout)


KEEPING = "persistence true\npersistence_location {folder}/\nautosave_interval 1\nmax_queued_messages 0\n"


@contextlib.contextmanager
def mosquitto(site, name, extra=""):
    """A broker with the hub's certificate: its process and port."""
    folder, port = site.folder / name, site.ports[0] + 1
    folder.mkdir()
    for file in ("server.pem", "server.key", "ca.pem"):
        shutil.copy(site.hub_dir / file, folder / file)
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
                      f"cafile {folder}/ca.pem\nallow_anonymous true\nmax_inflight_messages 0\nuser root\n" +
                      extra.format(folder=folder))
    process = subprocess.Popen(["mosquitto", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], stderr=subprocess.DEVNULL,
                             check=False).returncode != 0:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("hub_vs_mosquitto: mosquitto did not start")
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def keeping(site, shape, number):
    """One run of mosquitto with persistence."""
    with mosquitto(site, f"keeping-{number}", KEEPING) as (process, port):
        subprocess.run(["mosquitto_sub", "-p", str(port), "-h", "localhost", "--cafile", site.ca, "-i", "away", "-c", "-q", "1",
                        "-t", "devices/#", "-E"], check=True, timeout=30)
        return load(shape, port, site.ca, process.pid, "--plain", shape[0], most=100_000)


def median(runs, what):
    return statistics.median(run[what] for run in runs)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if not shutil.which("mosquitto"):
        print("skipped: mosquitto is not installed (packages.txt, section bench)")
        return
    with busy_site() as site:
        most = max(connections for connections, _ in LOADS)
        devices = [site.cli("device", "create", f"device-{i}")["connectionString"] for i in range(most)]
        print(f"QoS 1, {BYTES} bytes, TLS 1.3, {rounds} rounds; the hub's messages are on disk when acknowledged")
        print(f"{'load':<10}{'hub us':>10}{'mosquitto us':>16}{'ratio':>8}{'hub /s':>12}{'mosquitto /s':>16}")
        with mosquitto(site, "mosquitto") as (broker, port):
            for shape in LOADS:
                strings = site.folder / "devices.connection"
                site.write_secret(strings, "\n".join(devices[:shape[0]]))
                hub, other = [], []
                for _ in range(rounds):
                    other.append(load(shape, port, site.ca, broker.pid, "--plain", shape[0]))
                    hub.append(load(shape, site.ports[0], site.ca, site.hub.process.pid, "--connection-strings", strings))
                cpu = [median(runs, "cpu_us_per_message") for runs in (hub, other)]
                print(f"{shape[0]}x{shape[1]:<7}{cpu[0]:>10.2f}{cpu[1]:>16.2f}{cpu[0] / cpu[1]:>8.2f}"
                      f"{median(hub, 'per_second'):>12.0f}{median(other, 'per_second'):>16.0f}", flush=True)
        runs = [keeping(site, LOADS[0], number) for number in range(rounds)]
        print(f"{LOADS[0][0]}x{LOADS[0][1]}, mosquitto with persistence: {median(runs, 'cpu_us_per_message'):.2f} us, "
              f"{median(runs, 'per_second'):.0f} /s")


if __name__ == "__main__":
    main()
