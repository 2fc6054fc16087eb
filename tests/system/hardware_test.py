"""Devices that come and go on this machine are told as they do."""
import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

from harness import BIN, Failed, eventually


class Agent:
    """`vedette-agent run --print`, and what it printed."""

    def __init__(self, *args):
        self.folder = tempfile.TemporaryDirectory(prefix="vedette-test.")
        folder = pathlib.Path(self.folder.name)
        self.out_path, self.log_path = folder / "out", folder / "log"
        self.out, self.log = open(self.out_path, "wb"), open(self.log_path, "wb")
        self.process = subprocess.Popen([BIN / "vedette-agent", "run", "--print", *args], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.log)

        def ready():
            if self.process.poll() is not None:
                raise Failed(self.log_path.read_text(errors="replace")[-3000:])
            return self.events("SystemInformation") and self.listed()

        eventually(ready, what="the first snapshots")

    def events(self, name):
        found = []
        for line in self.out_path.read_text(errors="replace").splitlines():
            try:
                events = json.loads(line)["Events"]
            except ValueError:
                continue
            found += [event for event in events if event["Name"] == name]
        return found

    def items(self, name):
        return [item for event in self.events(name) for item in event["Payload"]]

    def listed(self):
        """Items of the list of all."""
        return [item for item in self.items("ConnectedHardware") if "Action" not in item["ExtraDetails"]]

    def changes(self, path):
        """What was told about the device at that path below /sys, in order."""
        return [item for item in self.items("ConnectedHardware")
                if "Action" in item["ExtraDetails"] and item["ExtraDetails"]["DevicePath"] == path]

    def actions(self, path):
        return [item["ExtraDetails"]["Action"] for item in self.changes(path)]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.out.close()
        self.log.close()
        self.folder.cleanup()


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True).stdout.strip()


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Hardware(unittest.TestCase):
    def start_agent(self, *args):
        agent = Agent(*args)
        self.addCleanup(agent.stop)
        return agent

    def attach(self, size=1 << 20):
        """A loop device; its name."""
        if not os.path.exists("/dev/loop-control"):
            self.skipTest("this kernel has no loop devices")
        file = tempfile.NamedTemporaryFile(prefix="vedette-disk.")
        self.addCleanup(file.close)
        file.truncate(size)
        node = run("losetup", "--find", "--show", file.name)
        name = node.rpartition("/")[2]
        self.addCleanup(run, "losetup", "--detach", node, check=False)
        return node, f"/devices/virtual/block/{name}", file.name

    def test_a_disk_that_is_attached_and_taken_away(self):
        agent = self.start_agent()
        node, path, backing = self.attach()
        eventually(lambda: agent.actions(path) == ["Added"], 5, what="the disk")
        item = agent.changes(path)[0]
        self.assertEqual((item["HardwareCategory"], item["HardwareSubCategory"]), ("Storage", "Loop"))
        self.assertEqual(item["HardwareName"], backing)
        self.assertEqual(item["ExtraDetails"]["SizeBytes"], str(1 << 20))
        self.assertEqual(item["ExtraDetails"]["DeviceNode"], node)
        run("losetup", "--detach", node)
        eventually(lambda: agent.actions(path) == ["Added", "Removed"], 5, what="its removal")
        # Of a device that is gone, only what was known of it can be told.
        self.assertEqual(agent.changes(path)[1]["HardwareName"], backing)

    def test_what_is_there_at_the_start_is_listed(self):
        _, path, backing = self.attach()
        agent = self.start_agent()
        listed = {item["ExtraDetails"]["DevicePath"]: item for item in agent.listed()}
        self.assertEqual(listed[path]["HardwareName"], backing)
        # Every network interface of the kernel but the loopback.
        names = {item["ExtraDetails"]["Interface"] for item in listed.values() if item["HardwareCategory"] == "Network"}
        self.assertEqual(names, {name for name in os.listdir("/sys/class/net")
                                 if pathlib.Path("/sys/class/net", name, "type").exists()} - {"lo"})
        self.assertEqual(agent.actions(path), [])

    def test_a_network_interface(self):
        agent = self.start_agent()
        self.addCleanup(run, "ip", "link", "del", "vdt7", check=False)
        self.addCleanup(run, "ip", "link", "del", "vdt8", check=False)
        run("ip", "link", "add", "vdt7", "address", "02:00:5e:00:53:07", "type", "veth", "peer", "name", "vdt9")
        eventually(lambda: agent.actions("/devices/virtual/net/vdt7") == ["Added"], 5, what="the interface")
        item = agent.changes("/devices/virtual/net/vdt7")[0]
        self.assertEqual(item["HardwareCategory"], "Network")
        self.assertEqual(item["ExtraDetails"]["MacAddress"], "02:00:5e:00:53:07")
        run("ip", "link", "set", "vdt7", "name", "vdt8")
        eventually(lambda: agent.changes("/devices/virtual/net/vdt8"), 5, what="its new name")
        renamed = agent.changes("/devices/virtual/net/vdt8")[0]["ExtraDetails"]
        self.assertEqual((renamed["Action"], renamed["FormerDevicePath"]),
                         ("Changed", "/devices/virtual/net/vdt7"))
        run("ip", "link", "del", "vdt8")
        eventually(lambda: agent.actions("/devices/virtual/net/vdt8") == ["Changed", "Removed"], 5, what="its removal")

    def test_one_that_is_there_for_a_moment_only(self):
        agent = self.start_agent()
        for number in range(5):
            run("ip", "link", "add", f"vdm{number}", "type", "veth", "peer", "name", f"vdn{number}")
            run("ip", "link", "del", f"vdm{number}")
        for number in range(5):
            path = f"/devices/virtual/net/vdm{number}"
            eventually(lambda: agent.actions(path) == ["Added", "Removed"], 5, what=path)

    def test_events_that_somebody_asked_the_kernel_for_change_nothing(self):
        agent = self.start_agent()
        node, path, _ = self.attach()
        eventually(lambda: agent.actions(path) == ["Added"], 5, what="the disk")
        for action in ("add", "change", "remove"):
            pathlib.Path("/sys" + path, "uevent").write_text(action + "\n")
        run("losetup", "--detach", node)
        eventually(lambda: "Removed" in agent.actions(path), 5, what="its removal")
        self.assertEqual(agent.actions(path), ["Added", "Removed"])

    def test_without_uevents_it_looks(self):
        agent = self.start_agent("--tier", "proc")
        node, path, _ = self.attach()
        eventually(lambda: agent.actions(path) == ["Added"], 15, what="the disk")
        self.assertEqual(agent.changes(path)[0]["ExtraDetails"]["FoundLater"], "true")
        run("losetup", "--detach", node)
        eventually(lambda: agent.actions(path) == ["Added", "Removed"], 15, what="its removal")


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class System(unittest.TestCase):
    def test_the_system_is_what_it_is(self):
        agent = Agent()
        self.addCleanup(agent.stop)
        item = agent.items("SystemInformation")[0]
        extra = item["ExtraDetails"]
        release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
        self.assertEqual(item["OSName"], release["NAME"].strip('"'))
        self.assertEqual(extra["DistributionId"], release["ID"].strip('"'))
        self.assertEqual(item["HostName"], os.uname().nodename)
        self.assertEqual(item["OsArchitecture"], os.uname().machine)
        self.assertEqual(extra["KernelRelease"], os.uname().release)
        self.assertEqual(extra["BootId"], pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        total = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
        self.assertEqual(item["TotalPhysicalMemoryInKB"], total)
        self.assertLess(item["FreePhysicalMemoryInKB"], total)
        offset = time.localtime().tm_gmtoff // 60
        self.assertEqual(extra["UtcOffsetMinutes"], str(offset))
        told = {one["name"]: one for one in json.loads(extra["NetworkInterfaces"])}
        shown = {one["ifname"]: one for one in json.loads(run("ip", "-j", "address"))}
        self.assertEqual(set(told), set(shown))
        for name, one in shown.items():
            if one.get("link_type") == "ether":
                self.assertEqual(told[name]["mac"], one["address"])
            self.assertEqual(sorted(told[name]["addresses"]),
                             sorted(f"{address['local']}/{address['prefixlen']}" for address in one["addr_info"]))


if __name__ == "__main__":
    unittest.main()
