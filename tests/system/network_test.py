"""What vedette-sensor tells a hub: assets, conversations, transactions of interest and health, and nothing else."""
import json
import struct
import subprocess
import unittest

from harness import BIN, eventually, running_site
from sensor_test import Capture, plant

PATIENCE = 60
SECRET = "Geheim-4711"


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

    def test_a_capture_that_is_no_capture(self):
        with running_site() as site:
            config = self.sensor(site)
            path = site.folder / "none.pcap"
            path.write_bytes(b"no capture")
            self.assertEqual(self.send(config, path, code=1)["assets"], 0)


if __name__ == "__main__":
    unittest.main()
