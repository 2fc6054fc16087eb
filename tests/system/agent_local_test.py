"""The agent on its own device: two processes with no more rights than they need, that watch over each other; what it
says of itself; and who it is told to be."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import BIN, Failed, eventually, need_private_mounts, running_site

ROOT = os.geteuid() == 0
AGENT = BIN / "vedette-agent"
# linux/capability.h
CAPABILITY = {"dac_read_search": 2, "net_admin": 12, "net_raw": 13, "sys_ptrace": 19, "sys_admin": 21, "sys_nice": 23,
              "audit_control": 30, "audit_read": 37, "perfmon": 38, "bpf": 39}
FORBIDDEN = {"chown": 0, "dac_override": 1, "kill": 5, "setgid": 6, "setuid": 7, "setpcap": 8, "sys_module": 16,
             "sys_rawio": 17, "sys_chroot": 18, "sys_boot": 22}


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def capabilities(pid, which="CapPrm"):
    return int(status_of(pid)[which], 16)


def open_files(pid):
    """What its descriptors are, but for those that it closes meanwhile."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def family(agent):
    """Collector, keeper and network process."""
    collector = agent.process.pid
    keeper = eventually(lambda: children(collector), what="keeper")[0]
    network = eventually(lambda: children(keeper), what="network process")[0]
    return collector, keeper, network


def gone(pid):
    """Dead or a zombie that its new parent has not looked at yet."""
    try:
        return status_of(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def ask(config, *args):
    return subprocess.run([AGENT, *args, "--config", config], capture_output=True, text=True, timeout=60, check=False)


def agent_status(config):
    answer = ask(config, "status", "-o", "json")
    if answer.returncode != 0:
        raise Failed(f"status ended with {answer.returncode}: {answer.stderr}")
    return json.loads(answer.stdout)


def online(config):
    return eventually(lambda: (lambda now: now if now["connection"]["online"] else None)(agent_status(config)),
                      what="the agent online")


class Separation(unittest.TestCase):
    @unittest.skipUnless(ROOT, "needs root: there is nothing to give up otherwise")
    def test_each_process_has_only_the_rights_it_needs(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            online(config)
            collector, keeper, network = family(agent)
            for pid in (collector, keeper, network):
                status = status_of(pid)
                self.assertEqual(status["NoNewPrivs"], "1", pid)
                self.assertEqual(status["Seccomp"], "2", pid)
                self.assertEqual(int(status["CapInh"], 16) | int(status["CapAmb"], 16), 0, pid)
            for pid in (keeper, network):
                for kind in ("CapPrm", "CapEff", "CapBnd"):
                    self.assertEqual(capabilities(pid, kind), 0, (pid, kind))
                self.assertNotIn("0", status_of(pid)["Uid"].split())
                self.assertNotIn("0", status_of(pid)["Gid"].split())
                self.assertEqual(status_of(pid)["Groups"], "")
            allowed = sum(1 << bit for bit in CAPABILITY.values())
            for kind in ("CapPrm", "CapEff", "CapBnd"):
                self.assertEqual(capabilities(collector, kind) & ~allowed, 0, kind)
            for name, bit in FORBIDDEN.items():
                self.assertFalse(capabilities(collector) & (1 << bit), name)
            # Nothing of the collecting side is open in the other: standard streams, channel, loop, TCP.
            links = open_files(network)
            self.assertEqual([link for link in links if str(site.folder) in link and not link.endswith((".out", ".log"))
                              or "bpf" in link], [])
            # And no TCP in the collecting one.
            sockets = set(open_files(collector))
            tcp = {f"socket:[{line.split()[9]}]" for name in ("tcp", "tcp6")
                   for line in pathlib.Path(f"/proc/net/{name}").read_text().splitlines()[1:]}
            self.assertEqual(sockets & tcp, set())
            agent.stop()

    @unittest.skipUnless(ROOT and shutil.which("unshare"), "needs root and unshare")
    def test_it_becomes_users_of_its_own_where_there_are_such(self):
        need_private_mounts()
        with running_site() as site:
            config = site.agent_config(site.create_module())
            accounts = {}
            for name, lines in (("passwd", "vedette-agent:x:61981:61981::/:/bin/false\n"
                                           "vedette:x:61982:61982::/:/bin/false\n"),
                                ("group", "vedette-agent:x:61981:\nvedette:x:61982:\n")):
                accounts[name] = site.folder / name
                accounts[name].write_text(pathlib.Path(f"/etc/{name}").read_text() + lines)
                accounts[name].chmod(0o644)
            # In a mount name space of its own, so that the machine's accounts stay as they are.
            script = (f"mount --bind {accounts['passwd']} /etc/passwd && mount --bind {accounts['group']} /etc/group && "
                      f"exec {AGENT} run --config {config}")
            out = open(site.folder / "own.out", "wb")
            log = open(site.folder / "own.log", "wb")
            process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=out, stderr=log)
            try:
                eventually(lambda: "ready" in (site.folder / "own.out").read_text(), what="ready")
                pid = process.pid
                keeper = eventually(lambda: children(pid), what="keeper")[0]
                network = eventually(lambda: children(keeper), what="network")[0]
                self.assertEqual(status_of(pid)["Uid"].split(), ["61981"] * 4)
                self.assertEqual(status_of(keeper)["Uid"].split(), ["61982"] * 4)
                self.assertEqual(status_of(network)["Uid"].split(), ["61982"] * 4)
                now = online(config)
                self.assertEqual(now["rights"]["uid"], 61981)
                # It sees as much as before: what root starts, with everything BPF tells.
                self.assertEqual({source["tier"] for source in now["sources"] if source["event"] == "ProcessCreate"},
                                 {"ebpf"})
                marker = f"own-user-{time.time_ns()}"
                subprocess.run(["/bin/true", marker], check=True)
                eventually(lambda: site.kql(f'SecurityIoTRawEvent | where EventDetails contains "{marker}"'),
                           what="an event of root's process")
                self.assertEqual(os.stat(site.folder / "agent" / "spool").st_uid, 61981)
            finally:
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(20), 0, (site.folder / "own.log").read_text()[-2000:])
                out.close()
                log.close()

    def test_a_killed_network_process_comes_back_and_nothing_is_lost(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            online(config)
            markers = []
            for number in range(3):
                _, _, network = family(agent)
                markers.append(f"around-{number}-{time.time_ns()}")
                subprocess.run(["/bin/true", markers[-1]], check=True)
                time.sleep(0.3)  # on its way, perhaps not acknowledged: any moment will do
                os.kill(network, signal.SIGKILL)
                markers.append(f"while-{number}-{time.time_ns()}")
                subprocess.run(["/bin/true", markers[-1]], check=True)
                eventually(lambda: (lambda now: now["connection"]["process"]["pid"] not in (0, network)
                                    and now["connection"]["online"])(agent_status(config)),
                           what="another network process, connected")
            self.assertEqual(agent_status(config)["connection"]["process"]["started"], 4)
            agent.stop()
            final = agent.lines()[-1]
            self.assertEqual(final["pending"], 0)
            self.assertEqual(final["collected"], final["acknowledged"] + final["dropped"])
            for marker in markers:
                rows = eventually(lambda: site.kql(
                    'SecurityIoTRawEvent | where RawEventName == "ProcessCreate" | where EventDetails contains '
                    f'"/bin/true {marker}" | summarize Rows = count(), Ids = count_distinct(IoTRawEventId)'), what=marker)
                self.assertEqual((int(rows[0]["Rows"]), int(rows[0]["Ids"])), (1, 1), marker)

    def test_they_end_together(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            online(config)
            _, keeper, network = family(agent)
            agent.kill()
            eventually(lambda: gone(keeper) and gone(network), timeout=5, what="the others gone with the collector")

            agent = site.start_agent(config)
            online(config)
            _, keeper, network = family(agent)
            os.kill(keeper, signal.SIGKILL)
            # Nobody could start a network process any more: the agent makes all durable and says so.
            self.assertEqual(agent.process.wait(20), 1, agent.log()[-2000:])
            self.assertIn("network.keeper_gone", agent.log())
            self.assertEqual(agent.lines()[-1]["event"], "stopped")
            eventually(lambda: gone(network), timeout=5, what="the network process gone with its keeper")

            # A clean stop leaves nobody behind either.
            agent = site.start_agent(config)
            online(config)
            _, keeper, network = family(agent)
            agent.stop()
            self.assertTrue(gone(keeper) and gone(network))

    def test_a_signal_to_the_whole_group_is_a_clean_stop(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            online(config)
            for pid in family(agent):
                os.kill(pid, signal.SIGTERM)
            agent.process.wait(20)
            final = agent.lines()[-1]
            self.assertEqual((agent.process.returncode, final["event"], final["pending"]), (0, "stopped", 0))
            # The farewell reached the hub: it was told, rather than left.
            self.assertNotIn("network.ended", agent.log())

    def test_the_key_is_nowhere_in_the_collecting_process(self):
        if not ROOT:
            self.skipTest("needs root to look into memory")
        with running_site() as site:
            connection = site.create_module()
            key = re.search(r"SharedAccessKey=([^;]+)", connection).group(1).encode()
            config = site.agent_config(connection)
            agent = site.start_agent(config)
            online(config)
            collector, keeper, network = family(agent)

            def holds(pid):
                with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                    for line in maps:
                        if line.split()[1].startswith("rw"):
                            start, end = (int(part, 16) for part in line.split()[0].split("-"))
                            try:
                                memory.seek(start)
                                if key in memory.read(end - start):
                                    return True
                            except OSError:
                                continue
                return False

            self.assertTrue(holds(network), "the search finds it where it must be")
            self.assertFalse(holds(collector))
            self.assertFalse(holds(keeper))
            agent.stop()


class Status(unittest.TestCase):
    def test_status_of_a_running_and_of_a_stopped_agent(self):
        with running_site() as site:
            config = site.agent_config(site.create_module("press-9"))
            nothing = ask(config, "status")
            self.assertEqual((nothing.returncode, nothing.stdout), (3, ""))
            self.assertIn("none runs", nothing.stderr)

            agent = site.start_agent(config)
            now = eventually(lambda: (lambda found: found if found["connection"]["lastAcknowledgement"] else None)(
                online(config)), what="an acknowledgement")
            self.assertTrue(now["running"])
            self.assertEqual((now["deviceId"], now["pid"]), ("press-9", agent.process.pid))
            for lane in now["queues"]["high"], now["queues"]["low"]:
                self.assertEqual(lane["collected"], lane["acknowledged"] + lane["dropped"] + lane["pending"])
            tiers = {source["event"]: source["tier"] for source in now["sources"]}
            self.assertEqual(tiers["ProcessCreate"], agent.tier)
            self.assertEqual(now["losses"]["kernel"], 0)
            table = ask(config, "status", "-o", "table")
            self.assertEqual(table.returncode, 0)
            self.assertRegex(table.stdout, r"agent +running, pid \d+")
            self.assertRegex(table.stdout, rf"ProcessCreate +{agent.tier}")

            site.hub.stop()
            lost = eventually(lambda: (lambda found: None if found["connection"]["online"] else found)(
                agent_status(config)), what="the agent offline")
            self.assertNotEqual(lost["connection"]["lastError"], "")

            agent.stop()
            stopped = ask(config, "status", "-o", "table")
            self.assertEqual(stopped.returncode, 3)
            self.assertIn("NOT RUNNING", stopped.stdout)
            last = ask(config, "status", "-o", "json")
            self.assertEqual((last.returncode, json.loads(last.stdout)["running"]), (3, False))

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_only_root_may_ask(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            site.start_agent(config)
            path = site.folder / "agent" / "agent.sock"
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            # Even where the path is open to all, who is at the other end counts.
            for folder in (site.folder, site.folder / "agent"):
                folder.chmod(0o755)
            path.chmod(0o666)
            child = os.fork()
            if child == 0:
                heard = b"?"
                try:
                    os.setresuid(65534, 65534, 65534)
                    with socket.socket(socket.AF_UNIX) as asked:
                        asked.settimeout(10)
                        asked.connect(str(path))
                        asked.sendall(b"status\n")
                        heard = asked.recv(100)
                except OSError:
                    heard = b""
                os._exit(0 if heard == b"" else 1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)

    def test_selftest_with_the_running_agent(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            agent = site.start_agent(config)
            if agent.tier != "ebpf":
                self.skipTest("needs eBPF, the tier that misses nothing (run as root)")
            answer = ask(config, "selftest", "-o", "json")
            found = json.loads(answer.stdout)
            self.assertEqual(found["collectors"], "running agent")
            outcome = {trial["event"]: trial["outcome"] for trial in found["trials"]}
            for event in ("ProcessCreate", "ProcessTerminate", "ConnectionCreate"):
                self.assertEqual(outcome[event], "seen", answer.stdout)
            self.assertEqual(answer.returncode, 0 if found["passed"] else 1)
            self.assertEqual(found["passed"], "missed" not in outcome.values())
            agent.stop()

    @unittest.skipUnless(ROOT, "needs root")
    def test_selftest_by_itself_says_what_it_misses(self):
        with running_site() as site:
            config = site.agent_config(site.create_module(), extra='[collect]\ntier = "proc"\nterminations = false\n')
            answer = ask(config, "selftest", "-o", "json")
            found = json.loads(answer.stdout)
            self.assertEqual(found["collectors"], "own")
            outcome = {trial["event"]: trial["outcome"] for trial in found["trials"]}
            self.assertEqual(outcome["ListeningPorts"], "seen", answer.stdout)
            # /bin/true is over before a poll looks, and ends are not told.
            self.assertEqual(outcome["ProcessTerminate"], "missed", answer.stdout)
            self.assertEqual(answer.returncode, 1)


class Configuration(unittest.TestCase):
    def test_check_config_says_everything_at_once(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            fine = ask(config, "check-config")
            self.assertEqual(fine.returncode, 0, fine.stderr)
            self.assertIn("the configuration is complete", fine.stdout)
            bad = site.folder / "bad.toml"
            bad.write_text(f'[hub]\nconnection_string_file = "{site.folder}/absent"\nca_file = "{config}"\n'
                           f'[state]\ndir = "{config}/state"\n')
            wrong = ask(bad, "check-config")
            self.assertEqual(wrong.returncode, 1)
            for part in ("absent cannot be read", "no certificate", "in the way"):
                self.assertIn(part, wrong.stderr)

    def test_local_configuration_of_another_agent(self):
        with running_site() as site:
            connection = site.create_module("press-5")
            key = site.folder / "module.key"
            site.write_secret(key, re.search(r"SharedAccessKey=([^;]+)", connection).group(1) + "\n")
            local = site.folder / "LocalConfiguration.json"
            document = {"Configuration": {
                "AgentId": "de305d54-75b4-431b-adb2-eb6b9e546014", "TriggerdEventsInterval": "PT2M",
                "ConnectionTimeout": "PT30S",
                "Authentication": {"Identity": "SecurityModule", "AuthenticationMethod": "SasToken",
                                   "FilePath": str(key), "DeviceId": "press-5", "HostName": site.endpoints["mqtts"]}}}
            document["Configuration"]["Authentication"]["HostName"] = re.sub(r"^.*://", "", site.endpoints["mqtts"]) \
                .replace("127.0.0.1", "localhost")
            local.write_text(json.dumps(document))
            config = site.folder / "local.toml"
            config.write_text(f'[hub]\nca_file = "{site.ca}"\n[state]\ndir = "{site.folder}/agent"\n')
            agent = site.start_agent(config, "--local-configuration", local)
            self.assertEqual(agent.ready()["deviceId"], "press-5")
            online(config)
            agent.stop()
            self.assertEqual(agent.lines()[-1]["pending"], 0)

            document["Configuration"]["Authentication"].update(Identity="DPS", AuthenticationMethod="Token")
            local.write_text(json.dumps(document))
            refused = subprocess.run([AGENT, "run", "--config", config, "--local-configuration", local],
                                     capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("Configuration.Authentication.Identity: DPS is not supported", refused.stderr)
            self.assertIn("Configuration.Authentication.AuthenticationMethod: expected one of", refused.stderr)


@unittest.skipUnless(ROOT, "needs root to become somebody else")
class Unprivileged(unittest.TestCase):
    def test_an_ordinary_user_may_run_it(self):
        with running_site() as site:
            config = site.agent_config(site.create_module())
            site.folder.chmod(0o755)
            (site.folder / "hub").chmod(0o755)
            state = site.folder / "agent"
            state.mkdir(exist_ok=True)
            for path in (state, site.folder / "agent.connection"):
                os.chown(path, 65534, 65534)
            for path in (config, pathlib.Path(site.ca)):
                path.chmod(0o644)
            out = open(site.folder / "user.out", "wb")
            log = open(site.folder / "user.log", "wb")
            process = subprocess.Popen([AGENT, "run", "--config", config], stdout=out, stderr=log, user=65534,
                                       group=65534, extra_groups=[])
            try:
                eventually(lambda: "ready" in (site.folder / "user.out").read_text() or process.poll() is not None,
                           what="ready")
                now = online(config)
                self.assertEqual((now["rights"]["uid"], now["rights"]["capabilities"]), (65534, ""))
                self.assertTrue(now["rights"]["callsFiltered"])
                tier = next(source for source in now["sources"] if source["event"] == "ProcessCreate")
                self.assertIn(tier["tier"], ("connector", "proc"))
                self.assertNotEqual(tier["reason"], "")
            finally:
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(20), 0, (site.folder / "user.log").read_text()[-2000:])
                out.close()
                log.close()


if __name__ == "__main__":
    unittest.main()
