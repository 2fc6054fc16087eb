"""vedette-sensor on one end of a pair of interfaces, an agent on this machine and a hub: what goes over the wire is
found with the process behind it; settings come by twin; an outage of the hub loses nothing and doubles nothing."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import unittest

from harness import Program, eventually, running_site

PATIENCE = 90
OBJECT = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"
# Answers writes of single registers, whoever asks.
SERVER = textwrap.dedent("""
    import socket, struct
    server = socket.create_server(("::", 502), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        client = server.accept()[0]
        while head := client.recv(7, socket.MSG_WAITALL):
            client.sendall(head + client.recv(struct.unpack(">H", head[4:6])[0] - 1, socket.MSG_WAITALL))
        client.close()
""")


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


class Plant:
    """A network of its own with a Modbus server in it, behind a pair of interfaces."""
    HERE = {4: "10.211.8.1", 6: "fd5e:8::1"}
    THERE = {4: "10.211.8.2", 6: "fd5e:8::2"}

    def __enter__(self):
        self.link = f"vp{os.getpid()}"[:13]
        self.server = subprocess.Popen(["unshare", "--net", sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
        try:
            assert self.server.stdout.readline() == "ready\n"
            inside = ["nsenter", "--net", "--target", str(self.server.pid)]
            run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self.server.pid))
            for within, link, ends in (([], self.link, self.HERE), (inside, "eth0", self.THERE)):
                run(*within, "ip", "addr", "add", ends[4] + "/24", "dev", link)
                run(*within, "ip", "-6", "addr", "add", ends[6] + "/64", "dev", link, "nodad")
                run(*within, "ip", "link", "set", link, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "link", "delete", self.link], check=False, capture_output=True)
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()

    def write(self, registers, family=4):
        """Writes these registers over one connection; its local port."""
        with socket.create_connection((self.THERE[family], 502), timeout=30) as client:
            for register in registers:
                frame = struct.pack(">HHHBBHH", register, 0, 6, 1, 6, register, 1)
                client.sendall(frame)
                assert client.recv(len(frame), socket.MSG_WAITALL) == frame
            return client.getsockname()[1]


@unittest.skipUnless(os.geteuid() == 0 and all(map(shutil.which, ("ip", "unshare", "nsenter"))),
                     "needs root, iproute2 and util-linux")
class NetworkLiveTest(unittest.TestCase):
    @staticmethod
    def start_sensor(site, plant):
        config = site.agent_config(site.create_module("sensor-1", "vedette-sensor"), "sensor",
                                   '[deliver]\nassets_every = "PT1S"\n')
        sensor = Program(site.folder, "vedette-sensor", ["run", "--interface", plant.link, "--config", config])
        site.programs.append(sensor)
        sensor.ready()
        return sensor

    @staticmethod
    def set(site, device, module, **settings):
        """By the module's twin; waits until all are in effect."""
        desired = {OBJECT: {name: {"value": value} for name, value in settings.items()}}
        site.cli("module", "twin", "update", device, module, "--desired", json.dumps(desired))

        def reported():
            found = site.cli("module", "twin", "show", device, module)["properties"]["reported"].get(OBJECT, {})
            return all(found.get(name, {}).get("value") == value for name, value in settings.items())

        eventually(reported, timeout=PATIENCE, what=f"{list(settings)} in effect")

    def test_a_flow_names_its_process(self):
        with Plant() as plant, running_site() as site:
            config = site.agent_config(site.create_module("press-1"))
            agent = site.start_agent(config)
            sensor = self.start_sensor(site, plant)
            self.set(site, "press-1", "azureiotsecurity", lowPriorityMessageFrequency="PT1S",
                     highPriorityMessageFrequency="PT1S")
            self.set(site, "sensor-1", "vedette-sensor", networkConversationFrequency="PT1S",
                     lowPriorityMessageFrequency="PT1S", networkTransactions=["write"])
            for family in (4, 6):
                with self.subTest(family=family):
                    plant.write([family], family)

                    def seen(family=family):
                        # A sensor's time is that of its packets: another one passes it.
                        plant.write([100 + family], family)
                        now = site.cli("network", "flows", "--device", "press-1")
                        flows = [one for one in now["flows"] if one["server"]["address"] == plant.THERE[family]
                                 and one["serverPort"] == 502]
                        return (now, flows[0]) if flows and flows[0]["client"]["processes"] else None

                    found, flow = eventually(seen, timeout=PATIENCE, interval=0.5, what="a flow with its process")
                    self.assertEqual(flow["client"]["address"], plant.HERE[family])
                    self.assertEqual(flow["client"]["deviceId"], "press-1")
                    self.assertEqual(flow["applicationProtocol"], "modbus")
                    process = flow["client"]["processes"][0]
                    self.assertEqual(process["executable"], os.path.realpath(sys.executable))
                    self.assertEqual(process["userId"], "0")
                    self.assertIsNone(flow["server"]["deviceId"], "no agent there")
                    here = [one for one in found["assets"] if plant.HERE[family] in one["ipAddresses"]]
                    self.assertEqual([one["device"]["deviceId"] for one in here], ["press-1"])
            agent.stop()
            sensor.stop(timeout=60)

    def test_an_outage_of_the_hub_loses_nothing(self):
        with Plant() as plant, running_site() as site:
            sensor = self.start_sensor(site, plant)
            self.set(site, "sensor-1", "vedette-sensor", lowPriorityMessageFrequency="PT1S",
                     highPriorityMessageFrequency="PT1S", heartbeatFrequency="PT1S")
            plant.write(range(0, 20))
            site.hub.stop()
            plant.write(range(20, 60))
            site.start_hub()
            plant.write(range(60, 80))

            def writes():
                return site.kql("NetworkTransaction | where Access == 'write' | summarize Times=count() by Objects")

            eventually(lambda: len(writes()) == 80, timeout=PATIENCE, interval=0.5, what="80 writes")
            sensor.stop(timeout=60)
            rows = writes()
            self.assertEqual(sorted(one["Objects"] for one in rows),
                             sorted(f"holding registers {number}" for number in range(80)))
            self.assertEqual({one["Times"] for one in rows}, {1}, "nothing twice")
            health = site.kql("SensorHealth | summarize arg_max(TimeGenerated, *)")[0]
            self.assertEqual(health.get("LeftOut"), 0)


if __name__ == "__main__":
    unittest.main()
