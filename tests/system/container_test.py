"""Processes in groups named as container runtimes name them, with what these keep on disk; each event
names the container and its image. Mounts and the network are this process's own."""
import ctypes
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

from harness import PrintingAgent, eventually
from sandbox import Sandbox

CLONE_NEWNET = 0x40000000
HERE, THERE, PORT = "10.211.8.1", "10.211.8.2", 7451
STORAGE = "/var/lib/containers/storage/overlay-containers"
TASKS = "/run/containerd/io.containerd.runtime.v2.task"

# What runs in the container: listens, and on a line of input acts once more.
SERVER = textwrap.dedent(f"""
    import pathlib, socket, sys
    server = socket.create_server(("{HERE}", {PORT}))
    print("ready", flush=True)
    watched = sys.stdin.readline().strip()
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("{THERE}", {PORT}))
    pathlib.Path(watched).write_text("x")
    sys.stdin.readline()
""")


def unified():
    """Where the unified hierarchy is mounted, if a group can be made there."""
    for root in map(pathlib.Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")):
        if (root / "cgroup.procs").exists():
            probe = root / f"vedette-probe-{os.getpid()}"
            try:
                probe.mkdir()
                probe.rmdir()
            except OSError as error:
                raise unittest.SkipTest(f"{root}: no group can be made there: {error.strerror}") from None
            return root
    raise unittest.SkipTest("no unified control groups (cgroup2) are mounted here")


def write(path, content):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_docker(ident, image):
    write(f"/var/lib/docker/containers/{ident}/config.v2.json",
          {"State": {"Running": True}, "ID": ident, "Path": "/pump", "Name": "/pump", "Image": "sha256:" + "5" * 64,
           "Config": {"Hostname": ident[:12], "Env": ["PATH=/bin"], "Image": image}})


def write_stored(name, ident, image):
    metadata = json.dumps({"image-name": image, "image-id": "5" * 64, "name": "pump", "created-at": 1700000000})
    write(f"{STORAGE}/{name}",
          [{"id": ident, "names": ["pump"], "image": "5" * 64, "layer": "7" * 64, "metadata": metadata}])


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare") and shutil.which("ip"),
                     "needs root, util-linux and iproute2")
class ContainerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = unified()
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.close)
        subprocess.run(["mount", "-t", "tmpfs", "vedette", "/var/lib"], check=True)
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for words in (("add", "pump0", "type", "veth", "peer", "name", "pump1"), ("set", "pump0", "up"),
                      ("set", "pump1", "up")):
            subprocess.run(["ip", "link", *words], check=True)
        subprocess.run(["ip", "addr", "add", f"{HERE}/24", "dev", "pump0"], check=True)
        # So that packets leave without waiting for an answer of nobody.
        subprocess.run(["ip", "neigh", "add", THERE, "lladdr", "02:00:00:00:00:01", "dev", "pump0"], check=True)
        cls.idents = (f"{time.time_ns():x}".ljust(62, "a") + f"{n:02x}" for n in itertools.count())

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vedette-test.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def agent(self):
        return PrintingAgent("--data-dir", self.folder)

    def group(self, path):
        """A control group; it and those above it that are made for it go after the test."""
        group = self.root
        for part in path.split("/"):
            group = group / part
            if not group.exists():
                group.mkdir()
                self.addCleanup(group.rmdir)
        self.addCleanup(eventually, lambda: not (group / "cgroup.procs").read_text(), what="the group is empty")
        return group

    def start(self, group, *command, **options):
        """The command as first process of a pid namespace of its own, in the group."""
        script = f'echo $$ > {group}/cgroup.procs && exec unshare --pid --fork --kill-child "$@"'
        return subprocess.Popen(["/bin/sh", "-c", script, "sh", *command], **options)

    def created(self, agent, path):
        """ExtraDetails of the ProcessCreate of a process in such a group."""
        marker = f"in-container-{time.time_ns()}"
        self.assertEqual(self.start(self.group(path), "/bin/true", marker).wait(10), 0)
        item = agent.wait_for("ProcessCreate", lambda i: i["CommandLine"] == f"/bin/true {marker}")[1]
        return item["ExtraDetails"]

    def assert_container(self, details, ident, runtime, image):
        self.assertEqual((ident, runtime, image),
                         tuple(details.get(f"Container{key}") for key in ("Id", "Runtime", "Image")))

    def test_a_process_of_docker(self):
        ident = next(self.idents)
        write_docker(ident, "registry.example:5000/plant/pump:1.4")
        with self.agent() as agent:
            details = self.created(agent, f"docker-{ident}.scope")
        self.assert_container(details, ident, "docker", "registry.example:5000/plant/pump:1.4")
        self.assertNotEqual(details["PidNamespace"], str(os.stat("/proc/self/ns/pid").st_ino))
        self.assertEqual(details["Cgroup"], f"/docker-{ident}.scope")

    def test_processes_of_the_others(self):
        containerd, podman, crio, untold, unnamed = (next(self.idents) for _ in range(5))
        write(f"{TASKS}/k8s.io/{containerd}/config.json",
              {"ociVersion": "1.1.0", "root": {"path": "rootfs"},
               "annotations": {"io.kubernetes.cri.image-name": "quay.io/plant/pump:latest"}})
        write_stored("containers.json", crio, "docker.io/plant/pump:2")
        write_stored("volatile-containers.json", podman, "localhost/pump:3")
        write_docker(untold, "plant/pump")
        with self.agent() as agent:
            for path, ident, runtime, image in (
                    (f"cri-containerd-{containerd}.scope", containerd, "containerd", "quay.io/plant/pump:latest"),
                    (f"crio-{crio}.scope", crio, "crio", "docker.io/plant/pump:2"),
                    (f"libpod-{podman}.scope/container", podman, "podman", "localhost/pump:3"),
                    (f"kubepods/pod1/{untold}", untold, None, "plant/pump"),
                    (f"docker-{unnamed}.scope", unnamed, "docker", None)):
                with self.subTest(path=path):
                    self.assert_container(self.created(agent, path), ident, runtime, image)

    def test_what_a_process_of_docker_does(self):
        ident = next(self.idents)
        write_docker(ident, "plant/gauge:1")
        watched = pathlib.Path("/etc/cron.vedette-test")
        watched.mkdir()
        group = self.group(f"docker-{ident}.scope")
        with self.start(group, sys.executable, "-c", SERVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        text=True) as server:
            self.addCleanup(server.kill)
            self.assertEqual(server.stdout.readline(), "ready\n")
            with self.agent() as agent:
                eventually(lambda: "connections.tier" in agent.program.log(), what="connections are watched")
                eventually(lambda: "files.tier" in agent.program.log(), what="files are watched")
                server.stdin.write(f"{watched}/job\n")
                server.stdin.flush()
                for name, check in (("ListeningPorts", lambda i: i["LocalPort"] == str(PORT)),
                                    ("ConnectionCreate", lambda i: i["RemoteAddress"] == THERE),
                                    ("FileEvent", lambda i: i["Path"] == f"{watched}/job")):
                    with self.subTest(name=name):
                        item = agent.wait_for(name, check)[1]
                        self.assert_container(item["ExtraDetails"], ident, "docker", "plant/gauge:1")
                server.stdin.write("end\n")
                server.stdin.flush()
            self.assertEqual(server.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
