"""What vedette-sensor tells a hub: assets, conversations, transactions of interest and health, and nothing else."""
import datetime
import json
import struct
import subprocess
import unittest
import uuid

import mqtt
from harness import BIN, eventually, running_site
from sensor_test import START, Capture, plant

PATIENCE = 60
SECRET = "Geheim-4711"


def connection_create(seconds, **fields):
    """As an agent of that time told it."""
    time = datetime.datetime.fromtimestamp(START + seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    item = {"Protocol": "tcp", "ProcessId": 77, "UserId": "1000"}
    item.update(fields)
    return {"Id": str(uuid.uuid4()), "TimestampLocal": time, "TimestampUTC": time, "Category": "Triggered",
            "Name": "ConnectionCreate", "EventType": "Security", "IsEmpty": False, "PayloadSchemaVersion": "1.0",
            "Payload": [item]}


def processes(flow, end):
    return [one["executable"] for one in flow[end]["processes"]]


class NetworkTest(unittest.TestCase):
    def sensor(self, site, name="sensor-1", extra=""):
        """The configuration of a sensor that the hub knows."""
        key = site.create_module(name, "vedette-sensor")
        return site.agent_config(key, name, extra)

    def send(self, config, *captures, code=0):
        done = subprocess.run([BIN / "vedette-sensor", "send", *map(str, captures), "--config", str(config)],
                              capture_output=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stderr.decode(errors="replace"))
        return json.loads(done.stdout)

    def test_a_capture_reaches_the_tables(self):
        with running_site() as site:
            config = self.sensor(site)
            capture = site.folder / "plant.pcap"
            capture.write_bytes(plant())
            said = self.send(config, capture)
            self.assertEqual(said["event"], "sent")
            self.assertEqual(said["assets"], 3)
            self.assertEqual((said["dropped"], said["pending"], said["leftOut"]), (0, 0, 0))
            self.assertEqual(said["collected"], said["acknowledged"])

            # An asset is told when it is seen, and again when more is known of it.
            def stored():
                rows = site.kql("NetworkAsset | summarize arg_max(LastSeen, *) by AssetId | order by AssetId asc")
                return rows if len(rows) == 3 and rows[1]["AssetType"] else None

            assets = eventually(stored, timeout=PATIENCE, what="three assets")
            self.assertEqual([one["IpAddress"] for one in assets], ["10.0.0.1", "10.0.0.2", "10.0.0.9"])
            self.assertEqual(assets[2]["AssetType"], "PLC")
            self.assertEqual(assets[2]["Serves"], "modbus")
            self.assertEqual(assets[2]["MacAddress"], "00:1d:9c:00:00:09")
            self.assertEqual({one["DeviceId"] for one in assets}, {"sensor-1"})

            talks = site.kql("NetworkConversation | summarize Flows=sum(Flows), Messages=sum(Messages), "
                             "Packets=sum(ClientPackets)+sum(ServerPackets) by ClientAddress, ServerAddress, ServerPort, "
                             "ApplicationProtocol | order by ClientAddress asc")
            self.assertEqual([(one["ClientAddress"], one["ServerPort"], one["ApplicationProtocol"], one["Flows"])
                              for one in talks], [("10.0.0.1", "502", "modbus", 1), ("10.0.0.2", "502", "modbus", 1)])
            self.assertEqual(sum(one["Packets"] for one in talks), 88)

            done = site.kql("NetworkTransaction | project Access, Operation, Objects, Outcome, Unit, ClientAddress "
                            "| order by Access desc")
            self.assertEqual([(one["Access"], one["Outcome"], one["ClientAddress"]) for one in done],
                             [("write", "Ok", "10.0.0.1"), ("read", "Failed", "10.0.0.1")])
            self.assertEqual([one["Unit"] for one in done], [1, 1])
            self.assertIn("holding registers 7", done[0]["Objects"])

            # The same capture again: the hub has all of it already.
            before = site.kql("SecurityIoTRawEvent | where RawEventName startswith 'Network' | count")[0]["Count"]
            again = self.send(config, capture)
            self.assertEqual(again["pending"], 0)
            # What comes later is stored later.
            later = Capture()
            later.modbus(5, 9, 7, struct.pack(">BHH", 6, 1, 1), struct.pack(">BHH", 6, 1, 1))
            capture.write_bytes(later.pcap())
            self.send(config, capture)
            eventually(lambda: site.kql("NetworkTransaction | where ClientAddress == '10.0.0.5'"), timeout=PATIENCE,
                       what="the later write")
            after = site.kql("SecurityIoTRawEvent | where RawEventName startswith 'Network' and EventDetails !contains "
                             "'10.0.0.5' and EventDetails !contains 'IsGone' | count")[0]["Count"]
            self.assertEqual(after, before + 1, "only the server is told again, as it was seen later")

    def test_only_metadata_leaves(self):
        with running_site() as site:
            config = self.sensor(site)
            capture = Capture()
            body = f"user=operator&password={SECRET}".encode()
            capture.tcp(1, 9, (50001, 80), b"POST /login HTTP/1.1\r\nHost: plc\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            capture.tcp(9, 1, (80, 50001), b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            for number in range(1, 4):
                capture.modbus(1, 9, number, struct.pack(">BHHB", 16, 20, 2, 4) + SECRET[:4].encode(),
                               struct.pack(">BHH", 16, 20, 2))
            path = site.folder / "web.pcap"
            path.write_bytes(capture.pcap())
            self.send(config, path)
            eventually(lambda: site.kql("NetworkTransaction | where Access == 'write' | count")[0]["Count"] > 0,
                       timeout=PATIENCE, what="the writes")
            self.assertEqual(site.kql(f"search '{SECRET}' | count")[0]["Count"], 0)
            self.assertEqual(site.kql("SecurityIoTRawEvent | where EventDetails contains 'Gehe' | count")[0]["Count"], 0)

    def agent(self, site, device, *events):
        """A device whose agent says that."""
        with mqtt.Client(site, site.create_module(device)) as client:
            self.assertEqual(client.connect(), 0)
            self.assertTrue(client.acknowledged(mqtt.security_message(events)))

    def test_flows_name_processes_and_sites_stay_apart(self):
        """Two plants with the same private addresses, each with a sensor and an agent on 10.0.0.1."""
        with running_site() as site:
            for place in ("north", "south"):
                config = self.sensor(site, f"sensor-{place}")
                capture = site.folder / f"{place}.pcap"
                capture.write_bytes(plant())
                self.send(config, capture)
                self.agent(site, f"hmi-{place}", connection_create(
                    1, LocalAddress="10.0.0.1", LocalPort="50000", RemoteAddress="10.0.0.9", RemotePort="502",
                    Direction="Out", Executable=f"/opt/{place}/hmi"), connection_create(
                    9_000, LocalAddress="10.0.0.1", LocalPort="50001", RemoteAddress="10.0.0.9", RemotePort="502",
                    Direction="Out", Executable="/usr/bin/later"))

            def seen(device):
                return site.cli("network", "flows", "--device", device)

            found = eventually(lambda: (lambda now: now["others"] and now)(seen("hmi-north")), timeout=PATIENCE,
                               what="assets with the address")
            self.assertEqual(found["assets"], [], "without sites nobody knows which it is")
            self.assertEqual({one["why"] for one in found["others"]}, {"ambiguous"})
            for place in ("north", "south"):
                for device in (f"sensor-{place}", f"hmi-{place}"):
                    site.cli("device", "twin", "update", device, "--tags", json.dumps({"site": place}))
            for place in ("north", "south"):
                found = eventually(lambda place=place: (lambda now: now["flows"] and now["flows"][0]["client"]["processes"]
                                                        and now)(seen(f"hmi-{place}")), timeout=PATIENCE, what="its flows")
                self.assertEqual([(one["sensor"]["deviceId"], one["device"]) for one in found["assets"]],
                                 [(f"sensor-{place}", {"deviceId": f"hmi-{place}", "basis": "site"})])
                self.assertEqual([one["why"] for one in found["others"]], ["otherSite"])
                self.assertEqual(len(found["flows"]), 1)
                flow = found["flows"][0]
                self.assertEqual((flow["server"]["address"], flow["serverPort"], flow["applicationProtocol"]),
                                 ("10.0.0.9", 502, "modbus"))
                self.assertEqual(processes(flow, "client"), [f"/opt/{place}/hmi"], "not the later one")
                table = site.cli("network", "flows", "--device", f"hmi-{place}", "-o", "table",
                                 json_output=False)
                self.assertIn(f"/opt/{place}/hmi (1000)", table)

            # The server of both has no agent; each sensor's picture of it tells its own client.
            servers = site.cli("network", "assets", "--type", "plc", "--protocol", "modbus")["items"]
            self.assertEqual([one["ipAddress"] for one in servers], ["10.0.0.9", "10.0.0.9"])
            for server in servers:
                place = server["site"]
                talks = site.cli("network", "flows", server["id"])["items"]
                self.assertEqual(sorted(one["client"]["address"] for one in talks), ["10.0.0.1", "10.0.0.2"])
                named = [one for one in talks if one["client"]["address"] == "10.0.0.1"]
                self.assertEqual(named[0]["client"]["deviceId"], f"hmi-{place}")
                self.assertEqual(processes(named[0], "client"), [f"/opt/{place}/hmi"])
            shown = site.cli("network", "asset", servers[0]["id"])
            self.assertEqual((shown["purdueLevel"], shown["macAddress"]), (1, "00:1d:9c:00:00:09"))
            # The vendor of its card is known where ieee-data is installed.
            said = [one for one in shown["evidence"] if one["source"] != "oui"]
            self.assertEqual(said, [], "reads and writes say nothing of who answers them")

            # A restarted hub knows the same of them.
            before = site.cli("network", "assets")
            site.hub.stop()
            site.start_hub()
            self.assertEqual(site.cli("network", "assets"), before)
            # What belonged to a device goes with it.
            site.cli("device", "delete", "sensor-north", json_output=False)
            eventually(lambda: site.cli("network", "assets")["total"] == 3, timeout=PATIENCE, what="its assets gone")

    def test_a_capture_that_is_no_capture(self):
        with running_site() as site:
            config = self.sensor(site)
            path = site.folder / "none.pcap"
            path.write_bytes(b"no capture")
            self.assertEqual(self.send(config, path, code=1)["assets"], 0)


if __name__ == "__main__":
    unittest.main()
