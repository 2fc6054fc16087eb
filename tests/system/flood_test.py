"""Clients that are slow, half-open, or many at once, and more load than the disk takes: who means harm is cut off,
memory stays where it is, and who means well is served all the while."""
import contextlib
import socket
import ssl
import struct
import threading
import time
import unittest

import amqp
import mqtt
from faulty_disk import FaultyDisk
from hostile_test import Hostile, ends, memory, tls
from mqtt import packet, process_create, security_message, text
from senders import ALL, BROKEN, attempts, metric


class Slow(Hostile):
    # The server for HTTPS has 15 s for a header; all wait at the same time.
    PATIENCE = 40

    def test_who_dawdles_is_cut_off(self):
        timeouts = metric(self.site, "vedette_mqtt_login_timeouts_total")
        with contextlib.ExitStack() as stack:
            waiting = {}
            for name, port in self.ports().items():
                plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                waiting[f"{name}: no word"] = plain
                begun = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
                begun.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                waiting[f"{name}: half a handshake"] = begun
                waiting[f"{name}: TLS and no word"] = stack.enter_context(tls(self.site, port))
            for name, start in (("MQTT", packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + b"x" * 200)),
                                ("AMQP", amqp.SASL_HEADER + b"\x00\x00\x10\x00"),
                                ("HTTPS", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X-Slow: 1\r\n" * 100)):
                dripping = stack.enter_context(tls(self.site, self.ports()[name]))
                waiting[f"{name}: drop by drop"] = dripping
                stop = threading.Event()

                def drip(dripping=dripping, start=start, stop=stop):
                    # A byte now and then makes nobody wait longer.
                    with contextlib.suppress(OSError, ssl.SSLError):
                        for byte in start[:120]:
                            dripping.sendall(bytes([byte]))
                            if stop.wait(0.25):
                                return

                thread = threading.Thread(target=drip)
                thread.start()
                stack.callback(thread.join)
                stack.callback(stop.set)
            # Meanwhile the others are served.
            self.assertEqual(attempts(self.site, self.good, "meanwhile"), ALL)
            for name, connection in waiting.items():
                self.assertTrue(ends(connection, self.PATIENCE), name)
        self.assertGreaterEqual(metric(self.site, "vedette_mqtt_login_timeouts_total"), timeouts + 6)

    def test_floods_of_connections(self):
        refused = metric(self.site, "vedette_mqtt_refused_limit_total")
        for name in ("MQTT", "AMQP"):
            for _ in range(300):
                socket.create_connection(("127.0.0.1", self.ports()[name]), timeout=30).close()
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(socket.create_connection(("127.0.0.1", self.ports()["MQTT"]), timeout=30))
                    for _ in range(200)]
            # They have one address, and with it a share of the places; others still come in.
            with tls(self.site, self.ports()["MQTT"], source="127.0.0.2") as connection:
                connection.sendall(packet(0x10, text("MQTT") + b"\x04\x00\x00\x3c" + text("nobody")))
                self.assertEqual(connection.recv(4), b"\x20\x02\x00\x05")
            # More than may be on their way to a login: the newest are closed at once, the others when their time is over.
            for connection in held:
                self.assertTrue(ends(connection), "a connection of the flood")
        self.assertGreater(metric(self.site, "vedette_mqtt_refused_limit_total"), refused)
        # Whole handshakes, many at once.
        def connect():
            for _ in range(5):
                with contextlib.suppress(*BROKEN), tls(self.site, self.ports()["HTTPS"]) as connection:
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    connection.recv(100)

        threads = [threading.Thread(target=connect) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_who_goes_without_a_word(self):
        """Half-open: the peer is gone, and nothing says so."""
        identity = self.device("gone")
        with mqtt.Client(self.site, identity) as client:
            self.assertEqual(client.connect(), 0)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.recorded(DeviceId="gone", OperationName="deviceDisconnect", Reason="peer_closed")
        # With a keep-alive of one second, and silence.
        with mqtt.Client(self.site, identity) as client:
            client.send(packet(0x10, text("MQTT") + b"\x04\xc0\x00\x01" + text("gone") + text(client.username) +
                               text(client.password)))
            self.assertEqual(client.read()[1], b"\0\0")
            self.assertTrue(ends(client.socket))
        self.recorded(DeviceId="gone", OperationName="deviceDisconnect", Reason="keep_alive")


class Loaded(Hostile):
    """More than the disk takes: what waits is held back at the sockets, and memory stays where it is."""

    # What may come on top: the queue twice, the journal's group, one message for each connection, decoded messages.
    MOST = 160 << 20
    CONNECTIONS = 40
    SECONDS = 6

    @classmethod
    def environment(cls):
        cls.disk = FaultyDisk(cls.site, cls.site.hub_dir / "journal")
        return cls.disk.started()

    def test_memory_is_bounded_while_the_disk_is_slow(self):
        identities = [self.device(f"load-{number}") for number in range(self.CONNECTIONS)]
        sent = [0] * self.CONNECTIONS
        before = memory(self.site)
        self.disk.set(FaultyDisk.SLOW)
        stop = time.monotonic() + self.SECONDS
        filler = "x" * 190_000

        def push(number):
            identity = identities[number]
            body = security_message([process_create(f"load-{number} {filler}")])
            while time.monotonic() < stop:
                with contextlib.suppress(*BROKEN):
                    client = (mqtt.Client if number % 2 else amqp.Client)(self.site, identity)
                    with client:
                        client.connect()
                        client.socket.settimeout(2)
                        while time.monotonic() < stop:
                            # Nobody reads the answers.
                            client.publish(body)
                            sent[number] += len(body)

        threads = [threading.Thread(target=push, args=(number,)) for number in range(self.CONNECTIONS)]
        for thread in threads:
            thread.start()
        peak = 0
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, memory(self.site))
            time.sleep(0.05)
        for thread in threads:
            thread.join()
        self.disk.set(FaultyDisk.NONE)
        print(f"{sum(sent) >> 20} MiB offered, memory {before >> 20} then at most {peak >> 20} MiB, "
              f"paused {metric(self.site, 'vedette_mqtt_paused_total'):.0f} times", flush=True)
        self.assertGreater(sum(sent), 32 << 20, "there was no load")
        self.assertGreater(metric(self.site, "vedette_mqtt_paused_total"), 0)
        self.assertLess(peak - before, self.MOST)

    def test_memory_is_bounded_before_anybody_logs_in(self):
        """Contents of requests come before their proof: all of them together have a limit."""
        before = memory(self.site)
        head = ("POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {1_000_000}\r\n\r\n").encode()
        answers = []
        with contextlib.ExitStack() as stack:
            for _ in range(150):
                connection = stack.enter_context(tls(self.site, self.site.ports[1]))
                with contextlib.suppress(OSError, ssl.SSLError):
                    connection.sendall(head + b"x" * 990_000)
                answers.append(connection)
            self.assertLess(memory(self.site) - before, 160 << 20, "of 150 MB")
            refused = 0
            for connection in answers:
                connection.settimeout(0.05)
                with contextlib.suppress(OSError, ssl.SSLError):
                    refused += b" 503 " in connection.recv(100)
            self.assertGreater(refused, 20)
            # Small ones are served all the while.
            self.assertEqual(attempts(self.site, self.good, "between"), ALL)


if __name__ == "__main__":
    unittest.main()
