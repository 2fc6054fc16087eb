"""What vedette-sensor finds in the capture of a small plant (tools/plant), read from the file and played on a veth pair."""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

from harness import BIN, eventually

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools/plant"
CAPTURE = TOOLS / "plant.pcap"
sys.path.insert(0, str(TOOLS))
import network  # noqa: E402  pylint: disable=wrong-import-position

# By address: type, level, what it is (vendor, model or order code, firmware), and the industrial protocols it serves and uses.
DEVICES = {
    "10.20.30.11": ("PLC", 1, {"vendor": "Schneider Electric", "order code": "TM221CE24R", "firmware": "V1.10.2"}, {"modbus"},
                    set()),
    "10.20.30.12": ("PLC", 1, {"vendor": "Siemens", "model": "CPU 315-2 PN/DP", "order code": "6ES7 315-2EH14-0AB0",
                               "firmware": "V3.2.8", "name": "PRESS-LINE-2"}, {"s7comm"}, set()),
    "10.20.30.13": ("PLC", 1, {"vendor": "Rockwell Automation", "model": "1769-L33ER/A LOGIX5333ER", "firmware": "32.11",
                               "serial": "60b4f11c"}, {"enip"}, set()),
    "10.20.30.14": ("controller", 1, {"vendor": "American Auto-Matrix", "model": "AHU-Control 7", "firmware": "4.2.1",
                                      "name": "AHU-3", "location": "roof, north"}, {"bacnet"}, set()),
    "10.20.30.15": ("OPC server", 3, {"vendor": "Sterfive", "model": "Line gateway", "firmware": "2.186.4"}, {"opcua"}, {"modbus"}),
    "10.20.30.21": ("HMI", 2, {}, set(), {"enip", "modbus", "s7comm"}),
    # Nothing on the wire tells a historian from a panel that only reads.
    "10.20.30.22": ("HMI", 2, {"name": "Plant history"}, set(), {"bacnet", "opcua"}),
    "10.20.30.23": ("engineering station", 2, {}, set(), {"s7comm"}),
}
INDUSTRIAL = {"modbus", "s7comm", "enip", "bacnet", "opcua"}


def read(what):
    done = subprocess.run([BIN / "vedette-sensor", "read", CAPTURE, "--what", what], capture_output=True, timeout=120, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class PlantTest(unittest.TestCase):
    def test_its_devices_are_found(self):
        found = {one["ip"][0]: one for one in read("assets")}
        self.assertEqual(set(found), set(DEVICES))
        for address, (kind, level, known, serves, uses) in DEVICES.items():
            with self.subTest(address=address):
                one = found[address]
                self.assertEqual((one["type"]["value"], one["purdueLevel"]), (kind, level))
                fields = {field["fact"]: field["value"] for field in one.get("fields", [])}
                self.assertEqual({name: fields.get(name) for name in known}, known)
                self.assertEqual(set(one.get("serves", [])) & INDUSTRIAL, serves)
                self.assertEqual(set(one.get("uses", [])) & INDUSTRIAL, uses)
                self.assertEqual(one["programmingDevice"], address == "10.20.30.23")

    def test_what_was_done_is_told(self):
        told = read("transactions")
        done = {(one["client"].get("ip"), one["server"].get("ip"), one["protocol"], one["access"]) for one in told}
        for client, server, protocol, access in (("21", "11", "modbus", "write"), ("21", "12", "s7comm", "write"),
                                                 ("21", "13", "enip", "write"), ("23", "12", "s7comm", "stop"),
                                                 ("23", "12", "s7comm", "start"), ("22", "14", "bacnet", "read")):
            self.assertIn((f"10.20.30.{client}", f"10.20.30.{server}", protocol, access), done)
        # A gateway and a historian change nothing.
        self.assertEqual({one["access"] for one in told if one["client"].get("ip") in ("10.20.30.15", "10.20.30.22")} &
                         {"write", "stop", "start"}, set())

    def test_nothing_of_it_is_wrong(self):
        self.assertEqual(read("issues"), [])
        health = read("health")[0]
        self.assertEqual(health["packets"], len(network.read_pcap(CAPTURE)))
        self.assertEqual(health["packets_malformed"], 0)

    @unittest.skipIf(network.unshare() is None, "needs ip, unshare, and root or user namespaces")
    def test_it_can_be_played_to_a_sensor_that_listens(self):
        """As `make demo` does it, but for the hub; the interfaces are in no network but the sensor's."""
        with tempfile.TemporaryDirectory(prefix="vedette-plant-") as folder:
            status = pathlib.Path(folder) / "status.json"
            no_hub = socket.create_server(("127.0.0.1", 0))
            self.addCleanup(no_hub.close)
            program = subprocess.Popen(
                [TOOLS / "replay", CAPTURE, str(no_hub.getsockname()[1]), "--", BIN / "vedette-sensor", "run", "--what", "nothing",
                 "--state-dir", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(program.communicate)
            self.addCleanup(lambda: program.poll() is None and program.kill())
            packets = len(network.read_pcap(CAPTURE))
            self.assertEqual(program.stdout.readline(), f"played {packets} packets\n")

            def heard():
                return status.exists() and json.loads(status.read_text())["health"]["packets"] == packets

            eventually(heard, timeout=60, what="all packets counted")
            self.assertEqual([name for _, name in socket.if_nameindex() if name.startswith("plant")], [])
            program.send_signal(signal.SIGTERM)
            program.wait(60)
            self.assertEqual(json.loads(status.read_text())["state"], "stopped")


if __name__ == "__main__":
    unittest.main()
