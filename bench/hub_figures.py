#!/usr/bin/env python3
"""What the hub costs: security messages to the store, logins, idle connections, round trips, recovery.

    bench/hub_figures.py [PART ...]      parts: security connects idle round_trips recovery; without any: all

CONNECTIONS (20000), SECURITY_MESSAGES (30000), CONNECTS (6000), ROUND_TRIPS (2000) and JOURNAL_MB (1024) make it
smaller. CPU is that of the hub's process, all threads. Prints one line for each figure, and one table at the end."""
import concurrent.futures
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import threading
import time

from sites import allow_open_files, busy_site
import https
import mqtt
from harness import eventually

# Few devices do what thousands would: each has a rate, which is looked at, but none that it reaches.
for kind in ("TELEMETRY", "CONNECT", "TWIN_READ", "TWIN_UPDATE"):
    os.environ.setdefault(f"VEDETTE_LIMITS__IDENTITY__{kind}", "1000000")

BENCH = pathlib.Path(os.environ.get("VEDETTE_BENCH_BIN",
                                    pathlib.Path(__file__).resolve().parents[1] / "build/bench/bin"))
EVENTS = 12


def size(name, usual):
    return int(os.environ.get(name, usual))


def run(program, *args):
    answer = subprocess.run([BENCH / program, *map(str, args)], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SystemExit(f"hub_figures: {program}: {answer.stderr}")
    return json.loads(answer.stdout)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Api:
    """Our own API on one connection."""

    def __init__(self, site):
        self.connection = https.connect(site, timeout=120)
        self.token = https.service_token(site)

    def call(self, method, path, body=None):
        headers = {"Authorization": self.token, "Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = https.Answer(self.connection.getresponse())
        if answer.status >= 300:
            raise SystemExit(f"hub_figures: {method} {path}: {answer.status} {answer.body[:200]}")
        return answer


def make_devices(site, count):
    """A file of connection strings, one a line."""
    local = threading.local()

    def make(number):
        if not hasattr(local, "api"):
            local.api = Api(site)
        answer = local.api.call("PUT", f"/api/v1/devices/device-{number}", {"status": "enabled"})
        return answer.json()["connectionString"]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        strings = list(pool.map(make, range(count)))
    path = site.folder / "devices.connection"
    site.write_secret(path, "\n".join(strings))
    return path


def metric(api, name):
    text = api.call("GET", "/api/v1/metrics").body.decode()
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name + " "))


def until_stored(site, timeout=600):
    api = Api(site)
    eventually(lambda: metric(api, "vedette_journal_backlog_records") == 0, timeout, 0.2, "an empty journal")


def count_events(site):
    return site.kql("SecurityIoTRawEvent | count")[0]["Count"]


def security(report):
    messages = size("SECURITY_MESSAGES", 30_000)
    with busy_site() as site:
        strings = make_devices(site, 20)
        pid = site.hub.process.pid
        before, started = cpu_seconds(pid), time.monotonic()
        load = run("mqtt_load", "--port", site.ports[0], "--ca", site.ca, "--pid", pid, "--messages", messages,
                   "--warm-up", 1, "--window", 32, "--events", EVENTS, "--connection-strings", strings)
        until_stored(site)
        seconds, cpu = time.monotonic() - started, cpu_seconds(pid) - before
        found = count_events(site)
        if found != (messages + 1) * EVENTS:
            raise SystemExit(f"hub_figures: {found} events are stored of {(messages + 1) * EVENTS}")
    report("security messages: CPU until stored", f"{cpu / messages * 1e6:.0f} us each")
    report("security messages per core", f"{messages / cpu:.0f} /s")
    report("security messages: acknowledged, one client", f"{load['per_second']:.0f} /s")
    report("security messages: stored, one client", f"{messages / seconds:.0f} /s")


def connects(report):
    with busy_site() as site:
        strings = make_devices(site, 200)
        for protocol in ("mqtt", "amqp"):
            port = site.ports[0] if protocol == "mqtt" else site.amqp_port
            args = ["--port", port, "--ca", site.ca, "--pid", site.hub.process.pid, "--connection-strings", strings,
                    "--parallel", 32, *(["--amqp"] if protocol == "amqp" else [])]
            run("connect_load", *args, "--cycles", 500)
            load = run("connect_load", *args, "--cycles", size("CONNECTS", 6000))
            report(f"SAS logins over {protocol}: CPU", f"{load['cpu_us_per_connect']:.0f} us each")
            report(f"SAS logins over {protocol} per core", f"{1e6 / load['cpu_us_per_connect']:.0f} /s")
            report(f"SAS logins over {protocol}, one client", f"{load['per_second']:.0f} /s")


def idle(report):
    wanted = size("CONNECTIONS", 20_000)
    count = min(wanted, allow_open_files(wanted + 2_000) - 500)
    with busy_site() as site:
        strings = make_devices(site, count)
        # Each protocol with a hub that has just begun, over the same identities.
        for protocol in ("mqtt", "amqp"):
            site.hub.stop()
            hub = site.start_hub()
            port = site.ports[0] if protocol == "mqtt" else site.amqp_port
            load = run("connect_load", "--port", port, "--ca", site.ca, "--pid", hub.process.pid,
                       "--connection-strings", strings, "--hold", 10, *(["--amqp"] if protocol == "amqp" else []))
            report(f"{count} idle TLS connections, {protocol}: memory", f"{load['bytes_per_connection'] / 1024:.1f} KiB each")
            report(f"{count} idle TLS connections, {protocol}: CPU", f"{load['idle_cores'] * 100:.1f} % of a core")


class Device(mqtt.Client):
    def subscribe(self, *filters):
        body = struct.pack(">H", 1) + b"".join(mqtt.text(item) + b"\x00" for item in filters)
        self.send(mqtt.packet(0x82, body))
        assert self.read()[0] == 0x90

    def say(self, topic, payload):
        self.send(mqtt.packet(0x30, mqtt.text(topic) + payload))

    def heard(self):
        kind, body = self.read()
        assert kind & 0xF0 == 0x30, hex(kind)
        length = struct.unpack(">H", body[:2])[0]
        return body[2:2 + length].decode()


def times(report, name, seconds):
    seconds.sort()
    report(f"{name}: p50", f"{statistics.median(seconds) * 1e3:.2f} ms")
    report(f"{name}: p99", f"{seconds[int(len(seconds) * 0.99)] * 1e3:.2f} ms")


def timed(count, do):
    found = []
    for number in range(count):
        started = time.perf_counter()
        do(number)
        found.append(time.perf_counter() - started)
    return found


def answer_methods(device, count):
    for _ in range(count):
        request = device.heard().rpartition("=")[2]
        device.say(f"$iothub/methods/res/200/?$rid={request}", b'{"ok":true}')


def round_trips(report):
    count = size("ROUND_TRIPS", 2000)
    with busy_site() as site:
        string = site.cli("device", "create", "press-1")["connectionString"]
        with Device(site, string) as device:
            assert device.connect() == 0
            device.subscribe("$iothub/twin/res/#", "$iothub/methods/POST/#")

            def patch(number):
                device.say(f"$iothub/twin/PATCH/properties/reported/?$rid={number}", b'{"count":%d}' % number)
                assert device.heard().startswith("$iothub/twin/res/204/"), "refused"

            timed(50, patch)
            times(report, "twin patch, reported", timed(count, patch))
            answering = threading.Thread(target=answer_methods, args=(device, count + 50))
            answering.start()
            api = Api(site)

            def call(_):
                api.call("POST", "/api/v1/devices/press-1/methods", {"method": "ping", "payload": {"n": 1}})

            timed(50, call)
            times(report, "direct method, REST to device and back", timed(count, call))
            answering.join()


def recovery(report):
    megabytes = size("JOURNAL_MB", 1024)
    with busy_site() as site:
        site.hub.kill()
        made = run("journal_fill", "--data-dir", site.hub_dir, "--bytes", megabytes << 20, "--events", EVENTS)
        started = time.monotonic()
        site.start_hub()
        ready = time.monotonic() - started
        until_stored(site)
        stored = time.monotonic() - started
        found = count_events(site)
        cpu = cpu_seconds(site.hub.process.pid)
        if found != made["events"]:
            raise SystemExit(f"hub_figures: {found} events are stored of {made['events']}")
    report(f"{megabytes} MB of journal after SIGKILL: devices are served", f"{ready:.1f} s")
    report(f"{megabytes} MB of journal ({made['events']} events): all stored", f"{stored:.1f} s, {cpu:.1f} s of CPU")


def main():
    parts = {"security": security, "connects": connects, "round_trips": round_trips, "recovery": recovery,
             "idle": idle}
    wanted = sys.argv[1:] or list(parts)
    table = []

    def report(name, figure):
        table.append((name, figure))
        print(f"{name:<75}{figure}", flush=True)

    for name in wanted:
        parts[name](report)
    print("\n| | |\n|---|---|")
    for row in table:
        print("| {} | {} |".format(*row))


if __name__ == "__main__":
    main()
