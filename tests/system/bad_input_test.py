"""Whatever is wrong with one party gets a clear answer and takes nothing else down."""
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest

from harness import BIN, Program, Site, eventually, running_site
from mqtt import Client, packet, process_create, security_message


class BadDevices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.__exit__, None, None, None)
        cls.site.start_hub()
        cls.connection = cls.site.create_module("device-1")

    def tearDown(self):
        # Whatever happened, a good device is still served.
        with Client(self.site, self.connection) as client:
            self.assertEqual(client.connect(), 0)
            self.assertTrue(client.acknowledged(security_message([process_create("after " + self.id())])))

    def operations(self, **fields):
        """Operations records with these columns."""
        condition = " and ".join(f'{name} == "{value}"' for name, value in fields.items())
        return self.site.kql(f"IoTHubOperations | where {condition}")

    def recorded(self, **fields):
        return eventually(lambda: self.operations(**fields), what=f"an operations record with {fields}")

    def refused(self, reason, **overrides):
        with Client(self.site, self.connection, **overrides) as client:
            self.assertEqual(client.connect(), 5)
            self.assertTrue(client.closed())
        self.recorded(Reason=reason)

    def test_wrong_key(self):
        self.refused("sas_signature", key="d3Jvbmc=")

    def test_expired_token(self):
        self.refused("sas_expired", expiry=int(time.time()) - 3600)

    def test_unknown_device(self):
        self.refused("unknown", device="nobody")

    def test_token_that_is_no_token(self):
        self.refused("sas_malformed", password="let me in")

    def test_disabled_device(self):
        connection = self.site.create_module("retired")
        self.site.cli("device", "update", "retired", "--status", "disabled")
        with Client(self.site, connection) as client:
            self.assertEqual(client.connect(), 5)
        self.recorded(Reason="disabled", DeviceId="retired")

    def test_the_newer_of_two_connections_wins(self):
        with Client(self.site, self.connection) as older, Client(self.site, self.connection) as newer:
            self.assertEqual(older.connect(), 0)
            self.assertEqual(newer.connect(), 0)
            self.assertTrue(older.closed())
            self.assertTrue(newer.acknowledged(security_message([process_create("newer")])))
        self.recorded(Reason="taken_over")
        self.assertTrue(self.site.kql("IoTHubOperations | where SubCode == 400027"))

    def test_malformed_mqtt(self):
        for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, packet(0x10, b"\x00\x04MQTT"), packet(0x30, b"\x00")):
            with Client(self.site, self.connection) as client:
                client.send(noise)
                self.assertTrue(client.closed(), noise)

    def test_another_protocol_version_is_told_so(self):
        with Client(self.site, self.connection) as client:
            client.send(packet(0x10, b"\x00\x04MQTT\x09\x00\x00\x00\x00\x00"))
            self.assertEqual(client.read(), (0x20, b"\x00\x01"))
            self.assertTrue(client.closed())

    def test_malformed_after_connect(self):
        with Client(self.site, self.connection) as client:
            self.assertEqual(client.connect(), 0)
            client.send(b"\x32\xff\xff\xff\xff\xff")
            self.assertTrue(client.closed())

    def test_oversized_message_closes_the_connection(self):
        with Client(self.site, self.connection) as client:
            self.assertEqual(client.connect(), 0)
            try:
                client.publish("x" * (300 * 1024))
                self.assertTrue(client.closed())
            except (ConnectionError, BrokenPipeError):
                pass  # closed before all of it was sent
        self.recorded(Reason="message_too_large")

    def test_an_invalid_event_takes_no_neighbour_down(self):
        marker = f"good-{time.time_ns()}"
        with Client(self.site, self.connection) as client:
            self.assertEqual(client.connect(), 0)
            bad = process_create("bad", IsEmpty="no")
            self.assertTrue(client.acknowledged(security_message([process_create(marker), bad, process_create(marker)])))
            # What is no security message at all is telemetry that we cannot read; it is taken and recorded.
            self.assertTrue(client.acknowledged("not json"))
        rows = eventually(lambda: self.site.kql(f'SecurityIoTRawEvent | where EventDetails has "{marker}"'), what="good")
        self.assertEqual(len(rows), 2)
        self.recorded(Reason="event_invalid")

    def test_same_event_twice_is_stored_once(self):
        marker = f"twice-{time.time_ns()}"
        message = security_message([process_create(marker)])
        with Client(self.site, self.connection) as client:
            self.assertEqual(client.connect(), 0)
            for _ in range(3):
                self.assertTrue(client.acknowledged(message))
        query = f'SecurityIoTRawEvent | where EventDetails has "{marker}"'
        self.assertEqual(len(eventually(lambda: self.site.kql(query), what="the event")), 1)

    def test_bad_query_points_into_itself(self):
        answer = self.site.cli("kql", "SecurityIoTRawEvent | wher DeviceId == 1", check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("1:23", answer.stderr)
        self.assertIn("where", answer.stderr)


class BadSurroundings(unittest.TestCase):
    def test_port_in_use(self):
        with Site() as site, socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 0))
            squatter.listen()
            port = squatter.getsockname()[1]
            hub = Program(site.folder, "vedette-hub", ["run", "--data-dir", site.hub_dir, "--listen", "127.0.0.1",
                                                       "--mqtt-port", port, "--amqp-port", 0, "--https-port", 0])
            site.programs.append(hub)
            self.assertNotEqual(hub.process.wait(20), 0)
            self.assertIn(str(port), hub.log())
            self.assertIn("in use", hub.log())

    def test_two_hubs_on_one_data_folder(self):
        with running_site() as site:
            second = Program(site.folder, "vedette-hub", ["run", "--data-dir", site.hub_dir, "--mqtt-port", 0,
                                                          "--amqp-port", 0, "--https-port", 0])
            site.programs.append(second)
            self.assertNotEqual(second.process.wait(20), 0)

    def test_broken_configuration_names_place_and_nearest_key(self):
        with tempfile.TemporaryDirectory() as folder:
            for program, content, expected in (
                    ("vedette-agent", '[hub]\nca_fle = "x"\n', ":2:1"),
                    ("vedette-agent", "[collect]\ntier = 7\n", ":2:"),
                    ("vedette-hub", '[listen]\nmqtt_prt = 8883\n', ":2:1"),
                    ("vedette-hub", "[listen\n", ":1:")):
                path = pathlib.Path(folder) / "broken.toml"
                path.write_text(content)
                answer = subprocess.run([BIN / program, "check-config", "--config", path], capture_output=True, text=True,
                                        check=False)
                self.assertNotEqual(answer.returncode, 0, content)
                self.assertIn(f"broken.toml{expected}", answer.stderr, content)
            self.assertIn("ca_file", subprocess.run(
                [BIN / "vedette-agent", "check-config", "--config", self._write(folder, '[hub]\nca_fle = "x"\n')],
                capture_output=True, text=True, check=False).stderr)

    @staticmethod
    def _write(folder, content):
        path = pathlib.Path(folder) / "other.toml"
        path.write_text(content)
        return path

    def test_a_damaged_journal_costs_only_what_was_damaged(self):
        with Site() as site:
            site.start_hub()
            connection = site.create_module()
            with Client(site, connection) as client:
                self.assertEqual(client.connect(), 0)
                for i in range(50):
                    self.assertTrue(client.acknowledged(security_message([process_create(f"before {i}")])))
            eventually(lambda: site.kql("SecurityIoTRawEvent | count")[0]["Count"] == 50, what="50 rows")
            site.hub.kill()
            segments = sorted((site.hub_dir / "journal").rglob("*.seg"))
            self.assertTrue(segments)
            with open(segments[-1], "r+b") as file:
                file.seek(max(0, segments[-1].stat().st_size - 40))
                file.write(b"\xa5" * 20)
            site.start_hub()
            with Client(site, connection) as client:
                self.assertEqual(client.connect(), 0)
                self.assertTrue(client.acknowledged(security_message([process_create("after")])))
            eventually(lambda: site.kql("SecurityIoTRawEvent | count")[0]["Count"] == 51, what="the old and the new")
            self.assertIn("journal.recovered", site.hub.log())

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small file system")
    def test_a_full_disk_refuses_and_recovers(self):
        with Site() as site:
            disk = site.folder / "disk"
            disk.mkdir()
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", disk], check=False).returncode != 0:
                self.skipTest("this machine lets nobody mount a file system")
            try:
                subprocess.run(["cp", "-a", f"{site.hub_dir}/.", disk], check=True)
                site.hub_dir = disk
                site.start_hub()
                connection = site.create_module()
                ballast = disk / "ballast"
                with Client(site, connection) as client:
                    self.assertEqual(client.connect(), 0)
                    self.assertTrue(client.acknowledged(security_message([process_create("room")])))
                    with open(ballast, "wb", buffering=0) as file:
                        try:
                            while True:
                                file.write(b"\0" * 65536)
                        except OSError:
                            pass
                    # No promise that cannot be kept: what does not reach the disk is not acknowledged.
                    promised = 0
                    client.socket.settimeout(3)
                    try:
                        for i in range(400):
                            promised += client.acknowledged(security_message([process_create(f"full {i} " + "x" * 9000)]))
                    except (OSError, EOFError):
                        pass
                    self.assertLess(promised, 400)
                self.assertIsNone(site.hub.process.poll(), "the hub goes on")
                ballast.unlink()

                def served_again():
                    try:
                        with Client(site, connection) as client:
                            return client.connect() == 0 and client.acknowledged(security_message([process_create("again")]))
                    except (OSError, EOFError):
                        return False

                eventually(served_again, timeout=30, interval=0.5, what="service after the disk has room again")
                query = 'SecurityIoTRawEvent | where EventDetails has "full" | count'
                eventually(lambda: site.kql(query)[0]["Count"] >= promised, what="all that was promised")
            finally:
                for program in site.programs:
                    if program.process.poll() is None:
                        program.kill()
                subprocess.run(["umount", "-l", disk], check=False)


if __name__ == "__main__":
    unittest.main()
