#!/usr/bin/env python3
"""Time from the PUBACK of a device's message to its alert readable through the API, while other devices send events.

    bench/ack_to_alert.py [EVENTS_PER_SECOND ...]      without any: 50000

LOAD_SECONDS (20) says for how long each. The load is security messages of 12 events on 20 connections, MQTT over TLS,
at a fixed rate. Beside it one device starts a harmless imitation of a miner again and again: each is acknowledged,
then GET /api/v1/alerts is asked over a kept-alive HTTPS connection until its alert is there; the alert is closed, so that
the next is a new one. Prints a line for each rate: what was reached, the times, the hub's CPU, and how long the load's own
acknowledgements took."""
import json
import os
import statistics
import subprocess
import sys
import time

from hub_figures import BENCH, EVENTS, Api, cpu_seconds, make_devices, metric, size, until_stored
from sites import busy_site
import mqtt

PROBE = "probe-1"


class Probe:
    """One device, and somebody who looks for its alert."""

    def __init__(self, site):
        self.site = site
        self.api = Api(site)
        self.device = mqtt.Client(site, site.create_module(PROBE))
        assert self.device.connect() == 0
        self.sent = 0

    def alerts(self):
        return self.api.call("GET", f"/api/v1/alerts?status=new&device={PROBE}&limit=5").json()["items"]

    def round(self):
        """Seconds from the acknowledgement until the alert was read."""
        self.sent += 1
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        miner = mqtt.process_create(f"cpuminer -o stratum+tcp://{self.sent}.example:3333",
                                    TimestampUTC=now, TimestampLocal=now)
        assert self.device.acknowledged(mqtt.security_message([miner])), "it was not acknowledged"
        acknowledged = time.perf_counter()
        while not (found := self.alerts()):
            if time.perf_counter() - acknowledged > 120:
                raise SystemExit("ack_to_alert: no alert for two minutes")
            time.sleep(0.005)
        took = time.perf_counter() - acknowledged
        for alert in found:
            self.api.call("PATCH", f"/api/v1/alerts/{alert['id']}", {"status": "closed", "comment": "bench"})
        return took


def measure(site, probe, strings, rate, seconds):
    pid = site.hub.process.pid
    messages = round(rate / EVENTS * seconds)
    load = subprocess.Popen([BENCH / "mqtt_load", "--port", str(site.ports[0]), "--ca", site.ca, "--pid", str(pid),
                             "--messages", str(messages), "--warm-up", "200", "--window", "64", "--events", str(EVENTS),
                             "--rate", str(rate / EVENTS), "--connection-strings", strings], stdout=subprocess.PIPE, text=True)
    time.sleep(2)  # past the warm-up, whose rate is another
    cpu, started, times, backlog = cpu_seconds(pid), time.monotonic(), [], 0
    own = os.times()
    while load.poll() is None:
        times.append(probe.round() * 1e3)
        backlog = max(backlog, metric(probe.api, "vedette_journal_backlog_records"))
    passed = time.monotonic() - started
    cores = (cpu_seconds(pid) - cpu) / passed
    ours = (sum(os.times()[:2]) - sum(own[:2])) / passed
    report = json.loads(load.stdout.read())
    if load.returncode != 0:
        raise SystemExit("ack_to_alert: the load failed")
    until_stored(site)
    times.sort()
    print(f"ack_to_alert wanted={rate:.0f}/s reached={report['per_second'] * EVENTS:.0f}/s alerts={len(times)} "
          f"median={statistics.median(times):.1f}ms p99={times[int(len(times) * 0.99)]:.1f}ms max={times[-1]:.1f}ms "
          f"hub={cores:.2f} cores, this={ours:.2f} cores, backlog up to {backlog:.0f} records, "
          f"load acknowledged p99={report['ack_p99_ms']:.1f}ms, machine's load {os.getloadavg()[0]:.1f}", flush=True)


def main():
    rates = [float(rate) for rate in sys.argv[1:]] or [50_000.0]
    with busy_site() as site:
        strings = make_devices(site, 20)
        probe = Probe(site)
        for _ in range(20):
            probe.round()
        for rate in rates:
            measure(site, probe, strings, rate, size("LOAD_SECONDS", 20))


main()
