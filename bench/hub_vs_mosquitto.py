#!/usr/bin/env python3
"""CPU time of the server's process for each QoS 1 message over TLS: the hub, which acknowledges only what
is on disk, beside mosquitto, which keeps nothing. Same certificates, same load, one after the other,
several rounds in turn.

    bench/hub_vs_mosquitto.py [ROUNDS]

Each load is CONNECTIONSxWINDOW, the window being the unacknowledged messages of one connection. The first is
the one that counts; the others show what it costs to be durable when there is little to do at once: a commit
that few messages share. LOADS="50x32 ..." and LOAD_BYTES change them. Prints the medians."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
from harness import running_site  # noqa: E402

BENCH = pathlib.Path(os.environ.get("VEDETTE_BENCH_BIN",
                                    pathlib.Path(__file__).resolve().parents[1] / "build/bench/bin"))
LOADS = [tuple(map(int, load.split("x"))) for load in os.environ.get("LOADS", "50x32 200x1 10x1").split()]
BYTES = int(os.environ.get("LOAD_BYTES", 256))


def load(shape, port, ca, pid, *identity):
    connections, window = shape
    # A commit on each turn makes small windows slow: fewer messages say as much.
    messages = min(200_000, 4_000 * connections * window)
    answer = subprocess.run(
        [BENCH / "mqtt_load", "--port", str(port), "--ca", ca, "--pid", str(pid), "--messages", str(messages),
         "--warm-up", str(messages // 10), "--window", str(window), "--bytes", str(BYTES), *map(str, identity)],
        capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SystemExit(f"hub_vs_mosquitto: {answer.stderr}")
    return json.loads(answer.stdout)


def start_mosquitto(folder, hub_dir, port):
    for name in ("server.pem", "server.key", "ca.pem"):
        shutil.copy(hub_dir / name, folder / name)
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key\n"
                      f"cafile {folder}/ca.pem\nallow_anonymous true\nmax_inflight_messages 0\nuser root\n")
    process = subprocess.Popen(["mosquitto", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], stderr=subprocess.DEVNULL,
                         check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("hub_vs_mosquitto: mosquitto did not start")
        time.sleep(0.05)
    return process


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    if not shutil.which("mosquitto"):
        print("skipped: mosquitto is not installed (packages.txt, section bench)")
        return
    with running_site() as site:
        most = max(connections for connections, _ in LOADS)
        devices = [site.cli("device", "create", f"device-{i}")["connectionString"] for i in range(most)]
        folder = site.folder / "mosquitto"
        folder.mkdir()
        port = site.ports[0] + 1
        mosquitto = start_mosquitto(folder, site.hub_dir, port)
        print(f"QoS 1, {BYTES} bytes, TLS 1.3, {rounds} rounds; the hub's messages are on disk when acknowledged")
        print(f"{'load':<10}{'hub us':>10}{'mosquitto us':>16}{'ratio':>8}{'hub /s':>12}{'mosquitto /s':>16}")
        try:
            for shape in LOADS:
                strings = site.folder / "devices.connection"
                site.write_secret(strings, "\n".join(devices[:shape[0]]))
                runs = {"hub": [], "mosquitto": []}
                for _ in range(rounds):
                    runs["mosquitto"].append(load(shape, port, site.ca, mosquitto.pid, "--plain", shape[0]))
                    runs["hub"].append(load(shape, site.ports[0], site.ca, site.hub.process.pid,
                                            "--connection-strings", strings))
                cpu = {name: statistics.median(run["cpu_us_per_message"] for run in of) for name, of in runs.items()}
                rate = {name: statistics.median(run["per_second"] for run in of) for name, of in runs.items()}
                print(f"{shape[0]}x{shape[1]:<7}{cpu['hub']:>10.2f}{cpu['mosquitto']:>16.2f}"
                      f"{cpu['hub'] / cpu['mosquitto']:>8.2f}{rate['hub']:>12.0f}{rate['mosquitto']:>16.0f}", flush=True)
        finally:
            mosquitto.terminate()
            mosquitto.wait()


if __name__ == "__main__":
    main()
