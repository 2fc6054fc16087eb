"""Recommendations: from devices' pictures and the hub's own settings to rows, exceptions and a score."""
import unittest
import uuid

from harness import eventually, running_site
from mqtt import Client, security_message

PATIENCE = 60


def picture(name, time, payload):
    return {"Id": str(uuid.uuid4()), "TimestampLocal": time, "TimestampUTC": time, "Category": "Periodic", "Name": name,
            "EventType": "Security", "IsEmpty": not payload, "PayloadSchemaVersion": "1.0", "Payload": payload}


def ports(time, *open_ports):
    return picture("ListeningPorts", time, [{"Protocol": "tcp", "LocalAddress": "0.0.0.0", "LocalPort": str(port)}
                                            for port in open_ports])


class Posture(unittest.TestCase):
    def state(self, site, name, device=None):
        if device is None:
            return {item["name"]: item["state"] for item in site.cli("recommendation", "list")["items"]}[name]
        found = {item["recommendation"]: item["state"] for item in site.cli("recommendation", "device", device)["items"]}
        return found.get(name)

    def wait_for(self, site, name, state, device=None):
        eventually(lambda: self.state(site, name, device) == state, timeout=PATIENCE, interval=0.2,
                   what=f"{name} is {state}")

    def states_told(self, site, name):
        return [row["RecommendationState"] for row in site.kql(
            f'SecurityRecommendation | where RecommendationName == "{name}" | sort by TimeGenerated asc '
            '| project RecommendationState')]

    def test_a_port_is_found_accepted_and_closed(self):
        with running_site() as site:
            key = site.create_module("d1")
            found = [ports("2026-01-02T03:04:05.000Z", 22, 8888)]
            with Client(site, key) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message(found)))
            self.wait_for(site, "IoT_OpenPorts", "active", "d1")
            shown = site.cli("recommendation", "show", "IoT_OpenPorts")
            self.assertEqual((shown["unhealthy"], shown["healthy"], shown["severity"]), (1, 0, "Medium"))
            self.assertLess(site.cli("score")["percent"], 100)
            self.assertEqual([item["key"] for item in site.cli("recommendation", "items", "IoT_OpenPorts")["items"]],
                             ["tcp/22", "tcp/8888"])
            device = site.cli("recommendation", "devices", "IoT_OpenPorts", "--item", "tcp/8888")["items"][0]
            self.assertIn("sudo ss -Htlnp 'sport = :8888'", device["items"][1]["commands"])
            # What the connection said.
            self.wait_for(site, "IoT_VulnerableTLSCipherSuite", "resolved", "d1")

            preview = site.cli("recommendation", "dismiss", "IoT_OpenPorts", "--device", "d1", "--dry-run")
            self.assertEqual((preview["items"], preview["devices"], preview["examples"]), (2, 1, ["d1"]))
            self.assertNotEqual(site.cli("recommendation", "dismiss", "IoT_OpenPorts", check=False).returncode, 0)
            made = site.cli("recommendation", "dismiss", "IoT_OpenPorts", "--device", "d1", "--reason", "a test bench")
            self.wait_for(site, "IoT_OpenPorts", "dismissed", "d1")

            # What is known survives a crash, and what is told again changes nothing.
            site.hub.kill()
            site.start_hub()
            self.assertEqual(self.state(site, "IoT_OpenPorts", "d1"), "dismissed")
            with Client(site, key) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message(found)))
                site.cli("recommendation", "restore", made["id"], json_output=False)
                self.wait_for(site, "IoT_OpenPorts", "active", "d1")
                self.assertTrue(client.acknowledged(security_message([ports("2026-01-02T04:04:05.000Z")])))
                self.wait_for(site, "IoT_OpenPorts", "resolved", "d1")
            told = eventually(lambda: (lambda rows: rows if len(rows) >= 4 else None)(
                self.states_told(site, "IoT_OpenPorts")), timeout=PATIENCE, interval=0.3, what="rows")
            self.assertEqual(told, ["Active", "Dismissed", "Active", "Resolved"])
            row = site.kql('SecurityRecommendation | where RecommendationName == "IoT_OpenPorts" '
                           '| top 1 by TimeGenerated asc | project DeviceId, RecommendationDisplayName, '
                           'RecommendationSeverity, Ports = parse_json(tostring('
                           'RecommendationAdditionalData.OpenPorts))')[0]
            self.assertEqual((row["DeviceId"], row["RecommendationDisplayName"], row["RecommendationSeverity"]),
                             ("d1", "Open Ports on device", "Medium"))
            self.assertEqual([port["LocalPort"] for port in row["Ports"]], ["22", "8888"])
            actions = [entry["OperationName"] for entry in eventually(
                lambda: site.kql('IoTHubAudit | where OperationName startswith "recommendation." and Result == "ok" '
                                 '| sort by AuditId asc | project OperationName'), timeout=PATIENCE, interval=0.3,
                what="the audit")]
            self.assertEqual(actions, ["recommendation.exception.create", "recommendation.exception.delete"])

    def test_the_hub_itself_is_assessed(self):
        with running_site() as site:
            self.wait_for(site, "IoT_IPFilter_DenyAll", "active")
            self.wait_for(site, "IoT_DiagnosticLogs", "active")  # operations are kept for 90 days
            site.cli("ip-filter", "add", "here", "allow", "127.0.0.0/8", json_output=False)
            self.wait_for(site, "IoT_IPFilter_PermissiveRule", "active")
            site.cli("ip-filter", "default", "deny", json_output=False)
            self.wait_for(site, "IoT_IPFilter_DenyAll", "resolved")

    def test_modules_of_an_edge_device_are_assessed(self):
        with running_site() as site:
            site.cli("device", "create", "gateway")
            site.cli("module", "create", "gateway", "$edgeAgent")
            options = '{"HostConfig":{"Privileged":true}}'
            site.cli("module", "twin", "update", "gateway", "$edgeAgent", "--desired",
                     '{"modules":{"pump":{"settings":{"createOptions":' + repr_json(options) + '}}}}')
            self.wait_for(site, "IoT_PrivilegedDockerOptions", "active", "gateway")
            self.assertEqual([group["securityGroup"] for group in site.cli("score", "--groups")["items"]], ["default"])
            site.cli("device", "delete", "gateway", json_output=False)
            self.wait_for(site, "IoT_PrivilegedDockerOptions", "resolved")


def repr_json(text):
    return '"' + text.replace('"', '\\"') + '"'


if __name__ == "__main__":
    unittest.main()
