"""Takes the agent's pictures of a machine's state, in namespaces of this process's own."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import sandbox
from harness import BIN, Failed, eventually

CLONE_NEWNET = 0x40000000
SETTINGS = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration"
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, stdin=None):
    answer = subprocess.run(list(map(str, command)), input=stdin, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failed(f"{command} ended with {answer.returncode}: {answer.stderr}")
    return answer.stdout


def enter(descriptor, kind):
    if _libc.setns(descriptor, kind) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def tools(*names):
    missing = [name for name in names if shutil.which(name) is None]
    return unittest.skipIf(missing, f"needs {', '.join(missing)}")


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Snapshots(unittest.TestCase):
    """A folder for each test, and what it starts stopped."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def own_network(self):
        before = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.addCleanup(os.close, before)
        if _libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        self.addCleanup(enter, before, CLONE_NEWNET)
        run("ip", "link", "set", "lo", "up")

    def own_files(self):
        """Copies of /etc, and empty /home and /run."""
        before = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        folder = os.getcwd()
        made = sandbox.Sandbox()

        def leave():
            made.close()
            # The copies go with their namespace, when nobody is in it any more.
            enter(before, sandbox.CLONE_NEWNS)
            os.close(before)
            os.chdir(folder)

        self.addCleanup(leave)
        return made

    def twin(self, **settings):
        """A file of desired properties that turns off what takes long and is not looked at here."""
        wanted = {"eventPriorityOSBaseline": "Off", "eventPriorityProcessCreate": "Off",
                  "eventPriorityProcessTerminate": "Off", "eventPriorityConnectionCreate": "Off", **settings}
        path = self.folder / "twin.json"
        path.write_text(json.dumps({SETTINGS: {key: {"value": value} for key, value in wanted.items()}}))
        return path

    def start(self, *args, before=(), twin=None, program=BIN / "vedette-agent"):
        out, log = self.folder / "out", self.folder / "log"
        command = [*before, program, "run", "--print", "--for", "120", "--twin", twin or self.twin(), *args]
        with open(out, "wb") as out_file, open(log, "wb") as log_file:
            agent = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=out_file, stderr=log_file)

        def stop():
            if agent.poll() is None:
                agent.terminate()
            try:
                agent.wait(20)
            except subprocess.TimeoutExpired:
                agent.kill()
                agent.wait()

        self.addCleanup(stop)

        def events(name):
            if agent.poll() is not None:
                raise Failed(f"vedette-agent ended with {agent.returncode}: {log.read_text()[-3000:]}")
            text = out.read_text()
            return [event for line in text[:text.rfind("\n") + 1].splitlines() if f'"{name}"' in line
                    for event in json.loads(line)["Events"] if event["Name"] == name]

        return agent, events

    def pictures(self, *names, **kwargs):
        """What the agent's first picture of each name holds."""
        agent, events = self.start(**kwargs)
        found = [eventually(lambda name=name: events(name), what=name)[0] for name in names]
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.wait(20), 0)
        for event in found:
            self.assertEqual(event["IsEmpty"], not event["Payload"])
        return [event["Payload"] for event in found]

    def picture(self, name, **kwargs):
        return self.pictures(name, **kwargs)[0]
