#!/usr/bin/env python3
"""CPU time of the server's process for each QoS 1 message over TLS: the hub, which acknowledges only what
is on disk, beside mosquitto, which keeps nothing. Same certificates, same load, one after the other,
several rounds in turn.

    bench/hub_vs_mosquitto.py [ROUNDS]

Prints a table and the ratio of the medians. LOAD_CONNECTIONS, LOAD_MESSAGES, LOAD_WINDOW and LOAD_BYTES
change the load."""
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
CONNECTIONS = int(os.environ.get("LOAD_CONNECTIONS", 50))
MESSAGES = int(os.environ.get("LOAD_MESSAGES", 200_000))
WINDOW = int(os.environ.get("LOAD_WINDOW", 32))
BYTES = int(os.environ.get("LOAD_BYTES", 256))


def load(port, ca, pid, *identity):
    answer = subprocess.run(
        [BENCH / "mqtt_load", "--port", str(port), "--ca", ca, "--pid", str(pid), "--messages", str(MESSAGES),
         "--window", str(WINDOW), "--bytes", str(BYTES), *map(str, identity)],
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
        strings = site.folder / "devices.connection"
        devices = [site.cli("device", "create", f"device-{i}")["connectionString"] for i in range(CONNECTIONS)]
        site.write_secret(strings, "\n".join(devices))
        folder = site.folder / "mosquitto"
        folder.mkdir()
        mosquitto = start_mosquitto(folder, site.hub_dir, site.ports[0] + 1)
        results = {"hub": [], "mosquitto": []}
        try:
            for _ in range(rounds):
                results["mosquitto"].append(load(site.ports[0] + 1, site.ca, mosquitto.pid, "--plain", CONNECTIONS))
                results["hub"].append(load(site.ports[0], site.ca, site.hub.process.pid, "--connection-strings",
                                           strings))
        finally:
            mosquitto.terminate()
            mosquitto.wait()
    print(f"{CONNECTIONS} connections, window {WINDOW}, {BYTES} bytes, {MESSAGES} messages, {rounds} rounds, TLS 1.3")
    print(f"{'server':<12}{'CPU us/message':>16}{'messages/s':>14}")
    medians = {}
    for name, runs in results.items():
        medians[name] = statistics.median(run["cpu_us_per_message"] for run in runs)
        print(f"{name:<12}{medians[name]:>16.2f}{statistics.median(run['per_second'] for run in runs):>14.0f}")
    print(f"ratio {medians['hub'] / medians['mosquitto']:.2f} (aim: below 2; the hub's messages are durable)")


if __name__ == "__main__":
    main()
