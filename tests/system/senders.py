"""Devices that send numbered security messages without end, over each protocol, through whatever happens to the hub:
they keep account of what the hub acknowledged, and send again what it did not."""
import http.client
import ssl
import struct
import threading
import time
import uuid

import amqp
import https
import mqtt

# Messages on their way at a time.
WINDOW = 16
SECURITY = {"iothub-interface-id": "urn:azureiot:Security:SecurityAgent:1"}
# All that a hub that goes down may do to its clients.
BROKEN = (OSError, EOFError, ssl.SSLError, http.client.HTTPException, amqp.Refused)


class Sender(threading.Thread):
    """One device's thread. What it may say is known beforehand: number n is "<device>-<n>", with an id made of that."""

    def __init__(self, site, device, connection_string, filler=0):
        super().__init__(name=device, daemon=True)
        self.site, self.device, self.identity = site, device, connection_string
        self.filler = "." * filler
        self.lock = threading.Lock()
        self.begun = 0  # numbers below that were sent at least once
        self.acknowledged = set()
        self.refused = 0
        self.sessions = 0
        self.failure = None
        self.ending = threading.Event()

    def payload(self, number):
        marker = f"{self.device}-{number:07d}"
        event = mqtt.process_create(f"{marker}{self.filler}", Id=str(uuid.uuid5(uuid.NAMESPACE_OID, marker)))
        return mqtt.security_message([event])

    def run(self):
        while not self.ending.is_set():
            try:
                self.session()
            except BROKEN:
                time.sleep(0.02)
            except Exception as failure:  # pylint: disable=broad-except
                self.failure = failure
                return

    def end(self):
        self.ending.set()
        self.join(60)
        assert not self.is_alive(), f"{self.device} does not end"
        if self.failure:
            raise self.failure

    def open(self):
        """What was never acknowledged goes first, as from a device that keeps it."""
        with self.lock:
            self.sessions += 1
            return [number for number in range(self.begun) if number not in self.acknowledged]

    def next(self, again):
        with self.lock:
            if again:
                return again.pop(0)
            self.begun += 1
            return self.begun - 1

    def done(self, numbers):
        with self.lock:
            self.acknowledged.update(numbers)

    def account(self):
        """(how many numbers were used, those acknowledged), as of now."""
        with self.lock:
            return self.begun, set(self.acknowledged)

    def pump(self, publish, settle):
        """publish(payload) gives a name for it, settle() the names that are settled well."""
        again, on_way = self.open(), {}
        while not self.ending.is_set():
            while len(on_way) < WINDOW:
                number = self.next(again)
                on_way[publish(self.payload(number))] = number
            self.done([on_way.pop(name) for name in settle() if name in on_way])
            # The others on this machine want to run, too.
            time.sleep(0.002)


class Mqtt(Sender):
    def session(self):
        with mqtt.Client(self.site, self.identity) as client:
            if client.connect() != 0:
                raise EOFError("refused")

            def publish(payload):
                client.next_id %= 65535
                return client.publish(payload)

            def settle():
                kind, body = client.read()
                assert kind == 0x40, hex(kind)
                return struct.unpack(">H", body)

            self.pump(publish, settle)


class Amqp(Sender):
    def session(self):
        with amqp.Client(self.site, self.identity) as client:
            if client.connect() != 0:
                raise EOFError("refused")

            def settle():
                first, last, outcome = client.settled()
                if outcome != amqp.ACCEPTED:
                    self.refused += 1
                    raise EOFError("not taken")
                return range(first, last + 1)

            self.pump(client.publish, settle)


class Https(Sender):
    def session(self):
        connection = https.connect(self.site)
        path = mqtt.parse_connection_string(self.identity)
        resource = f"/devices/{path['DeviceId']}/modules/{path['ModuleId']}/messages/events{https.VERSION}"
        try:
            again = self.open()
            while not self.ending.is_set():
                number = self.next(again)
                connection.request("POST", resource, self.payload(number),
                                   {"Authorization": https.device_token(self.identity), **SECURITY})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 204:
                    self.refused += 1
                    raise EOFError(f"answered {answer.status}")
                self.done([number])
        finally:
            connection.close()


KINDS = {"mqtt": Mqtt, "amqp": Amqp, "https": Https}


def start_all(site, prefix="chaos"):
    """A sender for each protocol, at work."""
    senders = []
    for protocol, kind in KINDS.items():
        device = f"{prefix}-{protocol}"
        senders.append(kind(site, device, site.create_module(device)))
    for sender in senders:
        sender.start()
    return senders


def health(site):
    answer = https.request(site, "GET", "/healthz")
    return answer.status, answer.body.decode().strip()


def metric(site, name):
    text = https.api(site, "GET", "/metrics").body.decode()
    return float(next(line for line in text.splitlines() if line.startswith(name + " ")).rpartition(" ")[2])


def attempts(site, identity, marker, filler=0):
    """Whether a security message was acknowledged, over each protocol."""
    marker = "." * filler + marker
    parts = mqtt.parse_connection_string(identity)

    def over_mqtt():
        with mqtt.Client(site, identity) as client:
            return client.connect() == 0 and client.acknowledged(mqtt.security_message([mqtt.process_create(f"{marker}-mqtt")]))

    def over_amqp():
        with amqp.Client(site, identity) as client:
            return client.connect() == 0 and client.acknowledged(mqtt.security_message([mqtt.process_create(f"{marker}-amqp")]))

    def over_https():
        answer = https.request(site, "POST", f"/devices/{parts['DeviceId']}/modules/{parts['ModuleId']}/messages/events{https.VERSION}",
                               mqtt.security_message([mqtt.process_create(f"{marker}-https")]), SECURITY,
                               https.device_token(identity))
        return answer.status == 204

    outcome = {}
    for protocol, attempt in (("mqtt", over_mqtt), ("amqp", over_amqp), ("https", over_https)):
        try:
            outcome[protocol] = attempt()
        except BROKEN:
            outcome[protocol] = False
    return outcome


ALL = dict.fromkeys(("mqtt", "amqp", "https"), True)
NONE = dict.fromkeys(ALL, False)
