#!/usr/bin/env python3
"""Time from execve to the alert readable through the API, with the real hub and agent on this machine.

    bench/exec_to_alert.py [COUNT]

Each round starts one harmless imitation of a miner, polls GET /api/v1/alerts over one kept-alive HTTPS
connection until the alert of that round is there, and closes it, so that the next round makes a new one.
Prints one line: count, median, p99 and maximum in milliseconds."""
import http.client
import json
import pathlib
import ssl
import statistics
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/system"))
from harness import running_site  # noqa: E402
from mqtt import parse_connection_string, sas  # noqa: E402


class Api:
    """The REST API with the service's shared access signature."""

    def __init__(self, site):
        parts = parse_connection_string(site.credentials["serviceConnectionString"])
        host = parts["HostName"].partition(":")[0]
        token = sas(host, parts["SharedAccessKey"]) + "&skn=" + parts["SharedAccessKeyName"]
        self.headers = {"Authorization": token, "Content-Type": "application/json"}
        self.connection = http.client.HTTPSConnection("localhost", site.ports[1],
                                                      context=ssl.create_default_context(cafile=site.ca))

    def call(self, method, path, body=None):
        self.connection.request(method, "/api/v1" + path, json.dumps(body) if body is not None else None, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode(errors='replace')}")
        return json.loads(text) if text else None


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with running_site() as site:
        agent = site.start_agent(site.agent_config(site.create_module()))
        api = Api(site)
        times = []
        for number in range(count):
            started = time.perf_counter()
            subprocess.run(["sh", "-c", f"echo cpuminer-multi {number}"], stdout=subprocess.DEVNULL, check=True)
            while True:
                items = [item for item in api.call("GET", "/alerts?status=new")["items"]]
                if items:
                    break
                time.sleep(0.002)
            times.append((time.perf_counter() - started) * 1000)
            for item in items:
                api.call("PATCH", "/alerts/" + urllib.parse.quote(item["id"]), {"status": "closed", "comment": "bench"})
        times.sort()
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(f"exec_to_alert tier={agent.tier} count={count} median={statistics.median(times):.0f}ms "
              f"p99={p99:.0f}ms max={times[-1]:.0f}ms")


main()
