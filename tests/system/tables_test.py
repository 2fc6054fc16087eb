"""The workspace's tables: events by their type, twins, health of agents, usage."""
import json
import unittest
import uuid

from harness import eventually, running_site
from mqtt import Client, process_create, security_message

PATIENCE = 60


def heartbeat(uptime):
    return {"Id": str(uuid.uuid4()), "TimestampLocal": f"2026-01-02T05:04:{uptime}.000+02:00",
            "TimestampUTC": f"2026-01-02T03:04:{uptime}.000Z", "Category": "Periodic", "Name": "Heartbeat",
            "EventType": "Operational", "IsEmpty": False, "PayloadSchemaVersion": "1.0",
            "Payload": [{"Tier": "Audit", "UptimeSeconds": uptime, "CollectedEvents": 5, "AcknowledgedEvents": 3,
                         "DroppedEvents": 1, "PendingEvents": 1, "KernelLostEvents": 0}]}


class Tables(unittest.TestCase):
    def rows(self, site, query, count=1):
        return eventually(lambda: (lambda found: found if len(found) >= count else None)(site.kql(query)),
                          timeout=PATIENCE, interval=0.3, what=query)

    def test_events_by_their_type_and_health_and_usage(self):
        with running_site() as site:
            with Client(site, site.create_module("d1")) as client:
                self.assertEqual(client.connect(), 0)
                started = process_create('say "hi"')
                started["Payload"][0]["ExtraDetails"] = {"Cwd": "/tmp", "HitCount": "4"}
                self.assertTrue(client.acknowledged(security_message([started, heartbeat(10), heartbeat(20)])))
            found = self.rows(site, 'ProcessCreate | project DeviceId, Executable, ProcessId, UserName, CommandLine, '
                                    'HitCount, Cwd = tostring(ExtraDetails.Cwd)')[0]
            self.assertEqual(found, {"DeviceId": "d1", "Executable": "/bin/sh", "ProcessId": 10, "UserName": "",
                                     "CommandLine": 'say "hi"', "HitCount": 4, "Cwd": "/tmp"})
            # The same by the ways that published queries take, and the text as it always was.
            found = site.kql('SecurityIoTRawEvent | where RawEventName == "ProcessCreate" | project EventDetails, '
                             'C = extractjson("$.CommandLine", EventDetails), '
                             'P = extractjson("$.ProcessId", EventDetails, typeof(long)), '
                             'T = extractjson("$.TimestampLocal", EventDetails, typeof(datetime)), '
                             'H = tolong(parse_json(EventDetails).ExtraDetails.HitCount)')[0]
            details = json.loads(found["EventDetails"])
            self.assertEqual(details["TimestampLocal"], "2026-01-02T03:04:05.000Z")
            self.assertEqual(details["CommandLine"], 'say "hi"')
            self.assertEqual((found["C"], found["P"], found["H"]), ('say "hi"', 10, 4))
            self.assertEqual(found["T"], "2026-01-02T03:04:05.0000000Z")
            self.assertEqual(site.kql('DefenderIoTRawEvent | where RawEventName == "ProcessCreate" | project '
                                      'C = tostring(EventDetails.CommandLine)'), [{"C": 'say "hi"'}])
            self.assertEqual(site.kql("AgentHealth | project DeviceId, Heartbeats, UptimeSeconds, Tier, PendingEvents"),
                             [{"DeviceId": "d1", "Heartbeats": 2, "UptimeSeconds": 20, "Tier": "Audit",
                               "PendingEvents": 1}])
            self.assertEqual(site.kql('Usage | where DataType == "SecurityIoTRawEvent" | summarize Rows = sum(RowCount), '
                                      'Exact = sum(ByteCount) by DeviceId, EventType | sort by EventType asc '
                                      '| project EventType, Rows, Exact = Exact > 100'),
                             [{"EventType": "Heartbeat", "Rows": 2, "Exact": True},
                              {"EventType": "ProcessCreate", "Rows": 1, "Exact": True}])
            names = [table["name"] for table in site.cli("table", "list")["items"]]
            for name in ("SecurityIoTRawEvent", "DefenderIoTRawEvent", "SecurityRecommendation", "DeviceTwins",
                         "Usage", "AgentHealth", "Login"):
                self.assertIn(name, names)
            columns = {column["name"]: column["type"] for column in site.cli("table", "show", "Login")["items"]}
            self.assertEqual((columns["Result"], columns["ProcessId"], columns["ExtraDetails"]),
                             ("string", "long", "dynamic"))

    def test_twins_are_told_once_through_kills(self):
        with running_site() as site:
            site.create_module("d1")
            update = lambda n: site.cli("device", "twin", "update", "d1", "--tags", json.dumps({"n": n}))
            for n in range(5):
                update(n)
            site.hub.kill()
            site.start_hub()
            update(5)
            site.hub.kill()
            site.start_hub()
            rows = self.rows(site, 'DeviceTwins | where DeviceId == "d1" and ModuleId == "" and Operation == "updated" '
                                   '| project N = tolong(Tags.n), Version, ChangedParts | sort by Version asc', 6)
            self.assertEqual([row["N"] for row in rows], list(range(6)))
            self.assertEqual(rows[0]["ChangedParts"], "Tags")
            self.assertEqual(site.kql('DeviceTwinsCurrent | where ModuleId == "" | project DeviceId, N = tolong(Tags.n)'),
                             [{"DeviceId": "d1", "N": 5}])
            site.cli("device", "delete", "d1", json_output=False)
            eventually(lambda: site.kql("DeviceTwinsCurrent | count")[0]["Count"] == 0, timeout=PATIENCE,
                       what="no twin of a deleted device, nor of its modules")
            last = site.kql('DeviceTwins | where DeviceId == "d1" and ModuleId == "" | top 1 by TimeGenerated desc')
            self.assertEqual(last[0]["Operation"], "deleted")


if __name__ == "__main__":
    unittest.main()
