"""What the hub records of operations and changes, as queries and the API see it, and that it survives a kill."""
import json
import socket
import unittest

from harness import eventually, running_site
from identity_test import Api
from mqtt import Client, process_create, security_message

PATIENCE = 90


class Operations(unittest.TestCase):
    def rows(self, site, query, count=1):
        return eventually(lambda: (lambda found: found if len(found) >= count else None)(site.kql(query)),
                          timeout=PATIENCE, interval=0.5, what=query)

    def test_every_field_is_a_column(self):
        with running_site() as site:
            connection = site.create_module("d1")
            with Client(site, connection) as client:
                self.assertEqual(client.connect(), 0)
                large = [process_create("x" * 100) for _ in range(30)]
                self.assertTrue(client.acknowledged(security_message(large)))
                self.assertTrue(client.acknowledged(security_message([process_create("small")])))
                self.assertTrue(client.acknowledged("telemetry", security=False))
                client.send(b"\xe0\x00")
            came = self.rows(site, 'IoTHubOperations | where OperationName == "deviceConnect" and DeviceId == "d1"')[0]
            self.assertTrue(came["TlsVersion"].startswith("TLSv1."), came)
            self.assertTrue(came["TlsCipher"])
            self.assertEqual((came["AuthScope"], came["AuthType"], came["AuthIssuer"], came["Protocol"]),
                             ("module", "sas", "iothub", "MQTT"))
            self.assertEqual(len(came["CredentialHash"]), 32)
            self.assertEqual((came["StatusCode"], came["Count"], came["SdkVersion"]), (200, 1, "test"))
            sent = self.rows(site, 'IoTHubOperations | where OperationName == "ingress" and DeviceId == "d1" '
                                   '| summarize Messages = sum(Count), Security = sum(SecurityMessages), '
                                   'Small = sum(SmallSecurityMessages), Units = sum(MeterUnits) | where Messages == 3')[0]
            self.assertEqual((sent["Security"], sent["Small"]), (2, 1))
            self.assertGreaterEqual(sent["Units"], 4)

    def test_queries_for_azures_resource_logs_run(self):
        with running_site() as site:
            connection = site.create_module("d1")
            with Client(site, connection, key="AAAA") as client:
                self.assertEqual(client.connect(), 5)
            found = self.rows(site, 'AzureDiagnostics | where ResourceProvider == "MICROSOFT.DEVICES" and ResourceType '
                                    '== "IOTHUBS" | where Category == "Connections" and Level == "Error" '
                                    '| extend parsed = parse_json(properties_s) | project '
                                    'DeviceId = tostring(parsed.deviceId), Protocol = tostring(parsed.protocol), '
                                    'Scope = tostring(parse_json(tostring(parsed.authType)).scope), ResultType')[0]
            self.assertEqual((found["DeviceId"], found["Protocol"], found["ResultType"]), ("d1", "mqtt", "401003"))

    def test_strangers_are_recorded_and_summed_up(self):
        with running_site() as site:
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", site.ports[0]), timeout=15) as stranger:
                    stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    while stranger.recv(4096):
                        pass
            with socket.create_connection(("127.0.0.1", site.ports[1]), timeout=15) as stranger:
                stranger.sendall(b"not TLS at all\r\n\r\n")
                while stranger.recv(4096):
                    pass
            found = self.rows(site, 'IoTHubOperations | where Reason == "tls_handshake" | summarize Times = sum(Count), '
                                    'Rows = count() by Protocol, CallerIpAddress | where Protocol == "HTTPS" or '
                                    'Times == 20 | sort by Protocol asc', count=2)
            self.assertEqual([row["Protocol"] for row in found], ["HTTPS", "MQTT"])
            self.assertEqual({row["CallerIpAddress"] for row in found}, {"127.0.0.1"})
            self.assertLess(found[1]["Rows"], 20)


class Audit(unittest.TestCase):
    def wait_for(self, site, query, wanted):
        eventually(lambda: [tuple(row.values()) for row in site.kql(query)] == wanted, timeout=PATIENCE, interval=0.5,
                   what=f"{query} to say {wanted}; it says {site.kql(query)}")

    def test_changes_made_and_refused_survive_a_kill_once_each(self):
        with running_site() as site:
            api = Api(site)
            self.assertEqual(api.call("PUT", "/ip-filter", {"rules": [], "default": "perhaps"})[0], 400)
            self.assertEqual(api.call("PUT", "/ip-filter", {"rules": [], "default": "allow"})[0], 200)
            self.assertEqual(api.call("PUT", "/certificates/root", {"certificate": "none"})[0], 400)
            self.assertEqual(api.call("PUT", "/policies/own", {"rights": ["RegistryRead"]})[0], 201)
            site.hub.kill()
            conf = site.hub_dir / "conf.d"
            conf.mkdir()
            (conf / "own.toml").write_text('[tls]\nmin_version = "1.3"\n')
            site.start_hub()
            changes = ('IoTHubAudit | where Category in ("ipFilter", "certificate", "policy") '
                       '| sort by AuditId asc | project OperationName, ResultType, StatusCode, Identity')
            actor = "policy:service" if "SharedAccessKeyName=service;" in site.credentials[
                "serviceConnectionString"] else "policy:iothubowner"
            self.wait_for(site, changes, [("ipFilter.put", "Failure", 400, actor), ("ipFilter.put", "Success", 200, actor),
                                          ("certificate.put", "Failure", 400, actor),
                                          ("policy.put", "Success", 201, actor)])
            self.wait_for(site, 'IoTHubAudit | where OperationName == "settings.put" and Target == "tls" | project '
                                'Identity, After = tostring(Properties.after["tls.min_version"])',
                          [("system", "1.3")])
            starts = site.kql('IoTHubAudit | where OperationName == "hub.start" | sort by AuditId asc')
            self.assertEqual(len(starts), 2)
            picture = starts[1]["Properties"]
            picture = json.loads(picture) if isinstance(picture, str) else picture
            self.assertEqual(picture["tls"]["minVersion"], "1.3")
            self.assertEqual(picture["ipFilter"]["default"], "allow")
            self.assertIn("own", picture["policies"])
            self.assertEqual(site.kql("IoTHubAudit | summarize Rows = count(), Ids = dcount(AuditId)")[0]["Rows"],
                             len(api.call("GET", "/audit?limit=100")[1]["items"]))


class Activity(unittest.TestCase):
    def test_what_was_seen_survives_a_kill(self):
        with running_site() as site:
            connection = site.create_module("d1")
            site.create_module("d2")
            with Client(site, connection) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message([process_create("small")])))
                client.send(b"\xe0\x00")
            api = Api(site)
            eventually(lambda: api.call("GET", "/activity?smallPercent=10")[1]["items"], timeout=PATIENCE,
                       what="the small message to count")
            site.hub.kill()
            site.start_hub()
            found = api.call("GET", "/activity?smallPercent=10")[1]["items"]
            self.assertEqual([(item["deviceId"], item["moduleId"]) for item in found], [("d1", "azureiotsecurity")])
            self.assertEqual((found[0]["securityMessagesToday"], found[0]["smallSecurityMessagesToday"]), (1, 1))
            self.assertLess(abs(found[0]["clockAheadMs"]), 120_000)
            silent = site.cli("device", "activity", "--silent", "72")
            silent = silent["items"] if isinstance(silent, dict) else silent
            self.assertEqual({(item["deviceId"], item.get("moduleId")) for item in silent},
                             {("d1", None), ("d2", None), ("d2", "azureiotsecurity")})
            shown = site.cli("module", "show", "d1", "azureiotsecurity")
            self.assertIsNotNone(shown["activity"]["lastSecurityMessage"])


if __name__ == "__main__":
    unittest.main()
