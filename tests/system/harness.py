"""Runs the real programs in a folder of their own, on loopback ports that the kernel picks."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BIN = pathlib.Path(os.environ.get("VEDETTE_BIN", pathlib.Path(__file__).resolve().parents[2] / "build/release/bin"))


class Failed(Exception):
    """A program did not do what the test needs; the message carries what it said."""


def need_private_mounts():
    """Skips where mounts cannot be kept from the rest of the machine: / of a plain chroot is no mount point."""
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        if not any(line.split()[4] == "/" for line in mounts):
            raise unittest.SkipTest("needs mounts of its own, but / is no mount point (bind it to itself before chroot)")


def eventually(check, timeout=30.0, interval=0.05, what="condition"):
    """The first truthy answer of check(), asked until the timeout."""
    deadline = time.monotonic() + timeout
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {timeout} s")
        time.sleep(interval)


class Program:
    """A running program whose standard output is JSON lines and whose log is a file."""

    def __init__(self, folder, name, args, within=()):
        """`within`: a command that ends by running what follows it, such as `unshare`."""
        self.name = name
        self.log_path = folder / f"{name}.log"
        self.out_path = folder / f"{name}.out"
        self._log = open(self.log_path, "ab")
        self._out = open(self.out_path, "wb")
        self.process = subprocess.Popen([*within, str(BIN / name), *map(str, args)], stdin=subprocess.DEVNULL,
                                        stdout=self._out, stderr=self._log, process_group=0)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def lines(self):
        return [json.loads(line) for line in self.out_path.read_text().splitlines() if line]

    def ready(self, timeout=30.0):
        def check():
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-3000:]}")
            # A line is complete when its newline is there.
            text = self.out_path.read_text()
            return json.loads(text.splitlines()[0]) if "\n" in text else None

        answer = eventually(check, timeout, what=f"{self.name} ready")
        if answer.get("event") != "ready":
            raise Failed(f"{self.name} said {answer} instead of ready")
        return answer

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def cut_power(self):
        """SIGKILL for the program and all that it started, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.close()

    def stop(self, timeout=20.0):
        """SIGTERM and a clean end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{self.name} did not stop on SIGTERM:\n{self.log()[-3000:]}") from None
        finally:
            self.close()
        if status != 0:
            raise Failed(f"{self.name} ended with {status}:\n{self.log()[-3000:]}")

    def close(self):
        self._log.close()
        self._out.close()


class Site:
    """One hub and the devices of a test. Use as a context manager."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test."))
        self.hub_dir = self.folder / "hub"
        self.programs = []
        self.hub = None
        self.endpoints = None
        self.ports = (0, 0)
        self.amqp_port = 0
        answer = subprocess.run([BIN / "vedette-hub", "init", "--data-dir", self.hub_dir, "--host-name", "localhost"],
                                capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise Failed(f"vedette-hub init: {answer.stderr}")
        self.credentials = json.loads(answer.stdout)
        self.ca = self.credentials["caCertificate"]
        self._service = self.folder / "service.connection"
        self.write_secret(self._service, self.credentials["serviceConnectionString"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for program in self.programs:
            if program.process.poll() is None:
                program.kill()
            program.close()
        if os.environ.get("VEDETTE_KEEP"):
            print("kept", self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def write_secret(path, text):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)

    def launch_hub(self, *args):
        """Starts the hub without waiting for it."""
        self.hub = Program(self.folder, "vedette-hub",
                           ["run", "--data-dir", self.hub_dir, "--listen", "127.0.0.1", "--mqtt-port", self.ports[0],
                            "--amqp-port", self.amqp_port, "--https-port", self.ports[1], *args])
        self.programs.append(self.hub)
        return self.hub

    def start_hub(self, *args):
        """Starts the hub; a restarted one keeps the ports of the first."""
        self.launch_hub(*args)
        self.endpoints = self.hub.ready()
        if "amqps" in self.endpoints:
            self.amqp_port = int(self.endpoints["amqps"].rpartition(":")[2])
        self.ports = (int(self.endpoints["mqtts"].rpartition(":")[2]), int(self.endpoints["https"].rpartition(":")[2]))
        return self.hub

    def cli(self, *args, check=True, stdin=None, json_output=True):
        """The CLI's answer: parsed JSON, or the finished process when `check` is off."""
        command = [BIN / "vedette", "--hub", self.endpoints["https"], "--ca-file", self.ca,
                   "--connection-string-file", self._service, *args]
        if json_output:
            command += ["-o", "json"]
        answer = subprocess.run(list(map(str, command)), capture_output=True, text=True, input=stdin, timeout=60,
                                check=False)
        if not check:
            return answer
        if answer.returncode != 0:
            raise Failed(f"vedette {' '.join(map(str, args))} ended with {answer.returncode}: {answer.stderr}")
        return json.loads(answer.stdout) if json_output else answer.stdout

    def kql(self, query):
        """Rows as dictionaries."""
        def ask():
            answer = self.cli("kql", query, "-o", "json", check=False, json_output=False)
            if answer.returncode == 0:
                return (json.loads(answer.stdout),)
            # The hub says when its few query workers are busy; that is an answer, not a fault.
            if "Too many queries" in answer.stderr:
                return None
            raise Failed(f"vedette kql {query} ended with {answer.returncode}: {answer.stderr}")

        answer = eventually(ask, what="a free query worker")[0]
        if isinstance(answer, list):
            return answer
        names = [column["name"] for column in answer["columns"]]
        return [dict(zip(names, row)) for row in answer["rows"]]

    def create_module(self, device="device-1", module="azureiotsecurity"):
        """Creates both identities; the module's connection string."""
        self.cli("device", "create", device)
        return self.cli("module", "create", device, module)["connectionString"]

    def agent_config(self, connection_string, name="agent", extra=""):
        secret = self.folder / f"{name}.connection"
        self.write_secret(secret, connection_string)
        config = self.folder / f"{name}.toml"
        config.write_text(f'[hub]\nconnection_string_file = "{secret}"\nca_file = "{self.ca}"\n'
                          f'[state]\ndir = "{self.folder / name}"\n{extra}')
        return config

    def start_agent(self, config, *args):
        agent = Program(self.folder, "vedette-agent", ["run", "--config", config, *args])
        self.programs.append(agent)
        agent.tier = agent.ready()["tier"]
        return agent

    @staticmethod
    def agent_status(config):
        answer = subprocess.run([BIN / "vedette-agent", "status", "--config", config, "-o", "json"],
                                capture_output=True, text=True, timeout=30, check=False)
        if answer.returncode != 0:
            raise Failed(f"vedette-agent status ended with {answer.returncode}: {answer.stderr}")
        return json.loads(answer.stdout)


@contextlib.contextmanager
def running_site():
    with Site() as site:
        site.start_hub()
        yield site


class PrintingAgent:
    """vedette-agent run --print: what it sees, without any hub. Use as a context manager."""

    def __init__(self, *args):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-test."))
        self.program = Program(self.folder, "vedette-agent", ["run", "--print", *args])

    def __enter__(self):
        # A process of ours shows that it collects.
        def seen():
            if self.program.process.poll() is not None:
                raise Failed(f"vedette-agent ended:\n{self.program.log()[-3000:]}")
            subprocess.run(["/bin/true"], check=True)
            return self.program.out_path.stat().st_size > 0

        eventually(seen, what="the agent collects")
        return self

    def __exit__(self, *_):
        try:
            self.program.stop()
        finally:
            if os.environ.get("VEDETTE_KEEP"):
                print("kept", self.folder)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)

    def events(self, name=None):
        """(event, payload item) for each item printed so far, of the named events."""
        text = self.program.out_path.read_text()
        lines = text[:text.rfind("\n") + 1].splitlines()
        # Reading all of a busy machine's events again and again takes longer than the tests.
        return [(event, item) for line in lines if name is None or f'"{name}"' in line
                for event in json.loads(line)["Events"] if name in (None, event["Name"]) for item in event["Payload"]]

    def wait_for(self, name, check, timeout=20.0):
        """The first (event, item) of that name for which check(item) holds."""
        return eventually(lambda: next(((e, i) for e, i in self.events(name) if check(i)), None), timeout,
                          what=f"a {name} event")
