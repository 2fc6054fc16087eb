"""Real sockets of every kind between this machine and a network namespace; each is found again as the
exact ConnectionCreate, for every tier that works without a daemon's help."""
import contextlib
import os
import pathlib
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

from harness import PrintingAgent, eventually, need_private_mounts

TCP_PORT, UDP_PORT, SILENT_PORT = 7401, 7402, 7403
SERVER = textwrap.dedent("""
    import ctypes, select, socket, struct, sys
    libc = ctypes.CDLL(None, use_errno=True)
    tcp = socket.create_server(("::", %d), family=socket.AF_INET6, dualstack_ipv6=True)
    silent = socket.create_server(("::", %d), family=socket.AF_INET6, dualstack_ipv6=True)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", %d))
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind((sys.argv[1], 53))
    print("ready", flush=True)
    odd, kept = False, []
    while True:
        for ready in select.select([tcp, silent, udp, dns], [], [])[0]:
            if ready is tcp:
                odd = not odd
                # accept4 is what Python calls; the older call by hand.
                c = tcp.accept()[0] if odd else socket.socket(fileno=libc.accept(tcp.fileno(), None, None))
                data = c.recv(100)
                c.sendall(data * 2)
                while c.recv(100): pass
                c.close()
            elif ready is silent:
                kept.append(silent.accept()[0])
            elif ready is udp:
                data, who = udp.recvfrom(100)
                udp.sendto(data, who)
            else:
                query, who = dns.recvfrom(512)
                kind = struct.unpack(">H", query[-4:-2])[0]
                address = socket.inet_aton(sys.argv[1]) if kind == 1 else socket.inet_pton(socket.AF_INET6, sys.argv[2])
                answer = query[:2] + bytes.fromhex("81800001000100000000") + query[12:]
                answer += bytes.fromhex("c00c") + struct.pack(">HHIH", kind, 1, 60, len(address)) + address
                dns.sendto(answer, who)
""" % (TCP_PORT, SILENT_PORT, UDP_PORT))


def run(*words):
    subprocess.run(words, check=True, capture_output=True)


class Peer:
    """A network namespace behind a pair of interfaces, and a server in it."""
    HERE4, THERE4, HERE6, THERE6 = "10.211.7.1", "10.211.7.2", "fd5e:7::1", "fd5e:7::2"

    def __enter__(self):
        need_private_mounts()  # for `ip -n`
        self.name = f"vedette-{os.getpid()}"
        self.link = f"vd{os.getpid()}"[:13]
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
            for where, link, v4, v6 in (([], self.link, self.HERE4, self.HERE6),
                                        (["-n", self.name], "eth0", self.THERE4, self.THERE6)):
                run("ip", *where, "addr", "add", v4 + "/24", "dev", link)
                run("ip", *where, "-6", "addr", "add", v6 + "/64", "dev", link, "nodad")
                run("ip", *where, "link", "set", link, "up")
            self.server = subprocess.Popen(["ip", "netns", "exec", self.name, sys.executable, "-c", SERVER, self.THERE4,
                                            self.THERE6], stdout=subprocess.PIPE, text=True)
            assert self.server.stdout.readline() == "ready\n"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        server = getattr(self, "server", None)
        if server is not None:
            server.kill()
            server.wait()
            server.stdout.close()
        # The other end goes with it; the namespace itself lives until its last process is gone.
        subprocess.run(["ip", "link", "delete", self.link], check=False, capture_output=True)
        run("ip", "netns", "delete", self.name)

    def inside(self, code, *words):
        """Python code run in the namespace; its process."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, sys.executable, "-c", code, *words])


@contextlib.contextmanager
def agent(tier):
    folder = tempfile.mkdtemp(prefix="vedette-test.")
    try:
        with PrintingAgent("--tier", tier, "--data-dir", folder) as one:
            # Not only processes are watched by now.
            eventually(lambda: "connections.tier" in one.program.log(), what="connections are watched")
            yield one
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def exchange(c, data=b"0123456789"):
    """Sends, reads the double of it, and closes in order."""
    c.sendall(data)
    got = b""
    while len(got) < 2 * len(data):
        got += c.recv(100)
    ends = c.getsockname()
    c.shutdown(socket.SHUT_WR)
    while c.recv(100):
        pass
    c.close()
    return ends[1]


def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("ip"), "needs root and iproute2")
class ConnectionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.peer = cls.stack.enter_context(Peer())
        cls.agent = cls.stack.enter_context(agent(cls.tier))

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def find(self, direction, protocol, local, remote, timeout=20, **details):
        """The one event between these ends (address, port); None as a port: any."""
        def same(item):
            return (item["Direction"] == direction and item["Protocol"] == protocol
                    and item["RemoteAddress"] == remote[0] and remote[1] in (None, int(item["RemotePort"]))
                    and item.get("LocalAddress") == local[0]
                    and local[1] in (None, int(item.get("LocalPort", 0)))
                    and all(item["ExtraDetails"].get(name) == value for name, value in details.items()))
        event, item = self.agent.wait_for("ConnectionCreate", same, timeout)
        self.assertEqual(1, sum(same(other) for _, other in self.agent.events("ConnectionCreate")), item)
        # What every one says, whatever saw it.
        self.assertEqual(("Triggered", "Security"), (event["Category"], event["EventType"]))
        self.assertTrue(item["ExtraDetails"]["BootId"])
        return item

    def by_us(self, item):
        self.assertEqual(os.getpid(), item["ProcessId"])
        self.assertEqual(str(os.getuid()), item["UserId"])
        self.assertEqual(os.path.realpath("/proc/self/exe"), item["Executable"])
        self.assertIn("unittest", item["CommandLine"])

    def lines(self, family):
        if family == socket.AF_INET6:
            return self.peer.HERE6, self.peer.THERE6
        return self.peer.HERE4, self.peer.THERE4


FAMILIES = (socket.AF_INET, socket.AF_INET6)


class EbpfTest(ConnectionsTest):
    tier = "ebpf"

    def check_tcp(self, family, port, sent=10):
        here, there = self.lines(family)
        out = self.find("Out", "tcp", (here, port), (there, TCP_PORT))
        self.by_us(out)
        self.assertEqual(("Closed", str(sent), str(2 * sent), "Ebpf"),
                         tuple(out["ExtraDetails"][k] for k in ("State", "BytesSent", "BytesReceived", "Tier")))
        into = self.find("In", "tcp", (there, TCP_PORT), (here, port))
        self.assertEqual(self.peer.server.pid, into["ProcessId"])
        self.assertEqual((str(2 * sent), str(sent)),
                         tuple(into["ExtraDetails"][k] for k in ("BytesSent", "BytesReceived")))
        self.assertIn("NetworkNamespace", into["ExtraDetails"])

    def test_connect_and_accept(self):
        # Twice each: the server takes turns between accept4 and accept.
        for family in FAMILIES * 2:
            self.check_tcp(family, exchange(socket.create_connection((self.lines(family)[1], TCP_PORT))))

    def test_connect_without_waiting(self):
        for family in FAMILIES:
            c = socket.socket(family, socket.SOCK_STREAM)
            c.setblocking(False)
            c.connect_ex((self.lines(family)[1], TCP_PORT))
            select.select([], [c], [], 5)
            c.setblocking(True)
            self.check_tcp(family, exchange(c, b"abc"), 3)

    def test_mapped_address_is_shown_as_ipv4(self):
        c = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        c.connect(("::ffff:" + self.peer.THERE4, TCP_PORT))
        self.check_tcp(socket.AF_INET, exchange(c))

    def test_refused(self):
        for family in FAMILIES:
            here, there = self.lines(family)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection((there, 9))
            item = self.find("Out", "tcp", (here, None), (there, 9))
            self.by_us(item)
            self.assertEqual(("Failed", "ECONNREFUSED"), (item["ExtraDetails"]["State"], item["ExtraDetails"]["Error"]))

    def test_given_up(self):
        c = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        c.setblocking(False)
        c.connect_ex(("10.211.7.77", 80))  # nobody is there
        c.close()
        item = self.find("Out", "tcp", (self.peer.HERE4, None), ("10.211.7.77", 80))
        self.assertEqual(("Failed", "given up"), (item["ExtraDetails"]["State"], item["ExtraDetails"]["Error"]))

    def test_datagrams(self):
        for family in FAMILIES:
            here, there = self.lines(family)
            for connected in (True, False):
                u = socket.socket(family, socket.SOCK_DGRAM)
                u.settimeout(5)
                if connected:
                    u.connect((there, UDP_PORT))
                for _ in range(3):
                    u.send(b"x") if connected else u.sendto(b"x", (there, UDP_PORT))
                    u.recv(10)
                port = u.getsockname()[1]
                u.close()
                self.by_us(self.find("Out", "udp", (here, port), (there, UDP_PORT)))
                self.assertEqual(self.peer.server.pid,
                                 self.find("In", "udp", (there, UDP_PORT), (here, port))["ProcessId"])

    def test_one_socket_with_two_datagram_peers(self):
        u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        u.bind((self.peer.HERE4, 0))
        for port in (9, 10):
            with contextlib.suppress(ConnectionRefusedError):
                u.sendto(b"x", (self.peer.THERE4, port))
        port = u.getsockname()[1]
        u.close()
        for other in (9, 10):
            self.by_us(self.find("Out", "udp", (self.peer.HERE4, port), (self.peer.THERE4, other)))

    def test_a_long_one_is_told_open_and_at_its_end(self):
        c = socket.create_connection((self.peer.THERE4, TCP_PORT))
        ends = (self.peer.HERE4, c.getsockname()[1]), (self.peer.THERE4, TCP_PORT)
        begun = time.monotonic()
        opened = self.find("Out", "tcp", *ends, State="Open")
        self.by_us(opened)
        self.assertNotIn("BytesSent", opened["ExtraDetails"])
        exchange(c)
        lasted = time.monotonic() - begun
        ended = self.find("Out", "tcp", *ends, State="Ended")
        self.by_us(ended)
        self.assertEqual(opened["ExtraDetails"]["ConnectionId"], ended["ExtraDetails"]["ConnectionId"])
        self.assertEqual(("10", "20"), tuple(ended["ExtraDetails"][k] for k in ("BytesSent", "BytesReceived")))
        self.assertAlmostEqual(lasted * 1000, int(ended["ExtraDetails"]["DurationMilliseconds"]), delta=500)

    def test_accepted_and_never_used(self):
        with socket.create_connection((self.peer.THERE4, SILENT_PORT)) as c:
            item = self.find("In", "tcp", (self.peer.THERE4, SILENT_PORT), (self.peer.HERE4, c.getsockname()[1]))
        # Nobody sent or received: it is told with who listens. The agent came later than the listener,
        # which therefore is found by its descriptors, or not at all.
        self.assertEqual("Open", item["ExtraDetails"]["State"])

    def test_the_program_that_connected_not_the_one_it_became(self):
        shell = subprocess.Popen(["/bin/bash", "-c", f"exec 3<>/dev/tcp/{self.peer.THERE4}/{TCP_PORT}; exec sleep 0.2"])
        shell.wait()
        def ours(item):
            return item["ProcessId"] == shell.pid
        item = self.agent.wait_for("ConnectionCreate", ours)[1]
        self.assertEqual(os.path.realpath("/bin/bash"), item["Executable"])

    def test_names_from_answers(self):
        for kind, family, name in ((1, socket.AF_INET, "four"), (28, socket.AF_INET6, "six")):
            here, there = self.lines(family)
            query = bytes.fromhex("123401000001000000000000") + bytes([len(name)]) + name.encode() + b"\x07example\x00"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
                u.settimeout(5)
                u.connect((self.peer.THERE4, 53))
                u.send(query + struct.pack(">HH", kind, 1))
                u.recv(512)
            port = exchange(socket.create_connection((there, TCP_PORT)))
            item = self.find("Out", "tcp", (here, port), (there, TCP_PORT))
            self.assertEqual(name + ".example", item["ExtraDetails"]["RemoteName"])

    def test_in_a_container(self):
        root = next((p for p in map(pathlib.Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"))
                     if (p / "cgroup.procs").exists()), None)
        if root is None:
            self.skipTest("no unified control groups here")
        ident = "c0de" * 16
        group = root / "docker" / ident
        group.mkdir(parents=True)
        try:
            code = f"import socket; socket.create_connection(('{self.peer.THERE4}', {TCP_PORT})).close()"
            child = subprocess.Popen(["/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$0" "$@"',
                                      sys.executable, "-c", code])
            child.wait()
            item = self.agent.wait_for("ConnectionCreate", lambda i: i["ProcessId"] == child.pid)[1]
            self.assertEqual((ident, "docker"),
                             tuple(item["ExtraDetails"][k] for k in ("ContainerId", "ContainerRuntime")))
        finally:
            eventually(lambda: not (group / "cgroup.procs").read_text(), what="the group is empty")
            group.rmdir()
            group.parent.rmdir()

    def test_loopback_is_left_out(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
            c = socket.create_connection(("127.0.0.1", port))
            s.accept()[0].close()
            c.close()
        mark = exchange(socket.create_connection((self.peer.THERE4, TCP_PORT)))
        self.find("Out", "tcp", (self.peer.HERE4, mark), (self.peer.THERE4, TCP_PORT))
        self.assertFalse([i for _, i in self.agent.events("ConnectionCreate") if i["RemoteAddress"] == "127.0.0.1"])


class InetDiagTest(ConnectionsTest):
    tier = "connector"
    told = "InetDiag"

    def test_one_that_lives(self):
        for family in FAMILIES:
            here, there = self.lines(family)
            with socket.create_connection((there, TCP_PORT)) as c:
                item = self.find("Out", "tcp", (here, c.getsockname()[1]), (there, TCP_PORT), State="Open")
            self.by_us(item)
            self.assertEqual((self.told, "true"), (item["ExtraDetails"]["Tier"], item["ExtraDetails"]["Lossy"]))

    def test_one_that_comes_in(self):
        for family in FAMILIES:
            here, there = self.lines(family)
            with socket.create_server((here, 0), family=family) as s:
                code = "import socket, sys, time; c = socket.create_connection((sys.argv[1], int(sys.argv[2]))); c.recv(1)"
                # The first list must have the listener.
                time.sleep(1.2)
                child = self.peer.inside(code, here, str(s.getsockname()[1]))
                c, who = s.accept()
                try:
                    item = self.find("In", "tcp", (here, s.getsockname()[1]), (there, who[1]), State="Open")
                finally:
                    c.close()
                    child.wait()
            self.by_us(item)

    def test_a_connected_datagram_socket(self):
        for family in FAMILIES:
            here, there = self.lines(family)
            with socket.socket(family, socket.SOCK_DGRAM) as u:
                u.connect((there, UDP_PORT))
                u.send(b"x")
                self.by_us(self.find("Out", "udp", (here, u.getsockname()[1]), (there, UDP_PORT)))

    def test_a_short_one(self):
        for family in FAMILIES:
            here, there = self.lines(family)
            port = exchange(socket.create_connection((there, TCP_PORT)))
            item = self.find("Out", "tcp", (here, port), (there, TCP_PORT), State="Closed")
            self.short(item)

    def short(self, item):
        self.assertEqual(("10", "20"), tuple(item["ExtraDetails"][k] for k in ("BytesSent", "BytesReceived")))


class ProcTest(InetDiagTest):
    tier = "proc"
    told = "Proc"

    def short(self, item):
        # We closed first, so that the kernel remembers it for a while; without bytes or process.
        self.assertNotIn("BytesSent", item["ExtraDetails"])


del ConnectionsTest  # its parts are tested by those above

if __name__ == "__main__":
    unittest.main()
