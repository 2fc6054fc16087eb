"""A process started on this machine becomes an alert that the API, the CLI and KQL show."""
import json
import subprocess
import time
import unittest

from harness import BIN, eventually, running_site


class Journey(unittest.TestCase):
    def test_a_process_start_becomes_an_alert(self):
        with running_site() as site:
            agent = site.start_agent(site.agent_config(site.create_module("press-7")))
            started = time.monotonic()
            # The lower tiers need a moment to see a process.
            linger = "" if agent.tier == "ebpf" else "; sleep 2"
            subprocess.run(["sh", "-c", "echo cpuminer-multi" + linger], stdout=subprocess.DEVNULL, check=True)
            alert = eventually(lambda: site.cli("alert", "list")["items"], what="alert")[0]
            self.assertLess(time.monotonic() - started, 15)
            self.assertEqual(alert["deviceId"], "press-7")
            self.assertEqual(alert["status"], "new")

            shown = site.cli("alert", "show", alert["id"])
            evidence = shown["evidence"][0]
            self.assertIn("cpuminer-multi", json.dumps(evidence["matched"]))
            self.assertTrue(shown["remediation"])
            self.assertTrue(shown["whyFlagged"])

            # The alert's state is durable a moment before the workspace has its rows.
            rows = eventually(lambda: site.kql('SecurityIoTRawEvent | where RawEventName == "ProcessCreate" '
                            '| extend D = parse_json(EventDetails) '
                            '| where tostring(D.CommandLine) has "cpuminer-multi" '
                            '| project DeviceId, CommandLine = tostring(D.CommandLine)'), what="rows")
            self.assertEqual({row["DeviceId"] for row in rows}, {"press-7"})

            alerts = site.kql("SecurityAlert | project SystemAlertId, ProviderName, AlertSeverity, CompromisedEntity")
            self.assertIn(alert["id"], [row["SystemAlertId"] for row in alerts])
            # The query that the alert carries shows it.
            self.assertTrue(site.kql(shown["query"]))

            # Close it: the state changes, history says who.
            site.cli("alert", "close", alert["id"], "--comment", "a drill")
            closed = site.cli("alert", "show", alert["id"])
            self.assertEqual(closed["status"], "closed")
            self.assertIn("a drill", json.dumps(closed["history"]))
            agent.stop()
            site.hub.stop()

    def test_a_login_link_leaves_the_running_hub_alone(self):
        with running_site() as site:
            # Another process opens and closes the hub's state while the hub has it open.
            for number in range(3):
                link = subprocess.run([BIN / "vedette-hub", "login-link", "--data-dir", site.hub_dir],
                                      capture_output=True, text=True, check=True).stdout
                self.assertRegex(link, r"^https://127\.0\.0\.1:\d+/login#token=\S+\n$")
                site.cli("device", "create", f"device-{number}")
            self.assertEqual(len(site.cli("device", "list")["items"]), 3)
            site.hub.stop()

    def test_the_agent_collects_without_a_hub_and_delivers_later(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            site.hub.stop()
            agent = site.start_agent(config)
            marker = f"offline-{time.time_ns()}"
            subprocess.run(["sh", "-c", f": {marker}; sleep 1"], check=True)
            site.start_hub()
            query = f'SecurityIoTRawEvent | where EventDetails contains "{marker}" and RawEventName == "ProcessCreate"'
            eventually(lambda: site.kql(query), timeout=60, what="the event from before the hub was there")
            agent.stop()


if __name__ == "__main__":
    unittest.main()
