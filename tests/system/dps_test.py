"""Microsoft's provisioning SDK, unmodified, over MQTT and HTTPS: devices register, and connect to the hub as
what they became; and what the hub recorded of it."""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import subprocess
import unittest

import sdk
from harness import eventually
from mqtt import packet, sas, text


def setUpModule():
    # Each registration asks again after that long.
    os.environ["VEDETTE_PROVISIONING__RETRY_AFTER"] = "1s"
    sdk.setup()


def derived(key, registration_id):
    return base64.b64encode(hmac.new(base64.b64decode(key), registration_id.encode(), hashlib.sha256).digest()).decode()


class Dps(sdk.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Each registration is a client of its own; starting a program for each takes long.
        cls.registrar = cls.enterClassContext(sdk.Driver(cls.site, "registration.js"))
        cls.scope = cls.site.cli("enrollment", "scope")["idScope"]
        cls.group = cls.site.cli("enrollment", "create", "fleet", "--group", "--tags", '{"site":"north"}',
                                 "--desired", '{"rate":5}')
        cls.group_key = cls.group["attestation"]["symmetricKey"]["primaryKey"]

    def enroll(self, name, *args):
        return self.site.cli("enrollment", "create", name, *args)["attestation"]["symmetricKey"]["primaryKey"]

    def register(self, name, **args):
        return self.registrar.call("register", registrationId=name, scope=args.pop("scope", self.scope), **args)

    def refused(self, name, **args):
        with self.assertRaises(sdk.SdkError) as caught:
            self.register(name, **args)
        return caught.exception

    def unauthorized(self, name, transport="mqtt", **args):
        error = self.refused(name, transport=transport, **args)
        # Over MQTT the SDK passes on what its MQTT library says of CONNACK 5.
        if transport == "mqtt":
            self.assertIn("Not authorized", error.message)
        else:
            self.assertEqual(error.name, "UnauthorizedError")

    def connects(self, name, key):
        with self.driver() as device:
            device.call("connect", connectionString=f"HostName=localhost;DeviceId={name};SharedAccessKey={key}")
            device.call("send", body="hello")
            twin = device.call("getTwin")
            device.call("close")
        return twin

    def registered(self, name, query="true"):
        return self.records(name, f'where OperationName == "register" and {query}')

    def test_individual_over_every_protocol(self):
        for transport, protocol in (("mqtt", "MQTT"), ("mqtt-ws", "MQTT_WS"), ("http", "HTTPS")):
            with self.subTest(transport):
                name = f"single-{transport}"
                key = self.enroll(name, "--tags", '{"floor":2}')
                state = self.register(name, key=key, transport=transport, payload={"modelId": "dtmi:example;1"})
                self.assertEqual(state["status"], "assigned")
                self.assertEqual(state["assignedHub"], "localhost")
                self.assertEqual(state["deviceId"], name)
                self.connects(name, key)
                record = self.registered(name)[0]
                self.assertEqual(record["StatusCode"], 200)
                self.assertEqual(record["Protocol"], protocol)
                self.assertIn("azure-iot-provisioning-device", record["SdkVersion"])
                self.assertIn("TLSv1", str(record))
                twin = self.site.cli("device", "twin", "show", name)
                self.assertEqual(twin["tags"], {"floor": 2})

    def test_group(self):
        key = derived(self.group_key, "fleet-1")
        state = self.register("fleet-1", key=key)
        self.assertEqual((state["status"], state["substatus"]), ("assigned", "initialAssignment"))
        self.assertEqual(self.connects("fleet-1", key)["desired"]["rate"], 5)
        listed = self.site.cli("enrollment", "registrations", "fleet")["items"]
        self.assertIn("fleet-1", [each["registrationId"] for each in listed])

    def test_another_name_at_the_hub(self):
        key = self.enroll("serial-9", "--device", "pump-9")
        self.assertEqual(self.register("serial-9", key=key)["deviceId"], "pump-9")
        self.connects("pump-9", key)

    def test_wrong_proofs(self):
        key = self.enroll("wrong")
        other = derived(key, "x")
        for transport in ("mqtt", "http"):
            with self.subTest(transport):
                self.unauthorized("wrong", key=other, transport=transport)
                self.unauthorized("nobody", key=key, transport=transport)
                # The group's own key is no device's.
                self.unauthorized("fleet-2", key=self.group_key, transport=transport)
        self.assertEqual(self.refused("wrong", key=key, transport="http", scope="0neFFFFFFFF").message, "Not found")
        self.unauthorized("wrong", key=key, scope="0neFFFFFFFF")
        for protocol in ("MQTT", "HTTPS"):
            failure = self.records("wrong", f'where StatusCode == 401 and Protocol == "{protocol}"')[0]
            self.assertEqual(failure["Reason"], "sas_signature")
        self.assertEqual(self.records("wrong", "where StatusCode == 404")[0]["Reason"], "host_name")
        missing = self.site.cli("device", "show", "wrong", check=False)
        self.assertEqual(missing.returncode, 3)

    def test_disabled(self):
        key = self.enroll("off", "--status", "disabled")
        self.assertIn("disabled", self.refused("off", key=key).message)
        self.assertEqual(self.registered("off")[0]["Reason"], "disabled")
        self.site.cli("enrollment", "update", "off", "--status", "enabled")
        self.assertEqual(self.register("off", key=key)["status"], "assigned")

    def test_registering_again(self):
        key = derived(self.group_key, "again")
        self.register("again", key=key)
        self.site.cli("device", "twin", "update", "again", "--tags", '{"site":"south"}')
        self.assertEqual(self.register("again", key=key, transport="http")["substatus"], "initialAssignment")
        self.assertEqual(self.site.cli("device", "twin", "show", "again")["tags"], {"site": "south"})

        key = self.enroll("reset", "--tags", '{"site":"north"}', "--reprovision", "reset")
        self.register("reset", key=key)
        self.site.cli("device", "twin", "update", "reset", "--tags", '{"site":"south"}')
        self.assertEqual(self.register("reset", key=key)["substatus"], "deviceDataReset")
        self.assertEqual(self.site.cli("device", "twin", "show", "reset")["tags"], {"site": "north"})

    def test_a_group_takes_no_device_that_is_not_its_own(self):
        before = self.site.cli("device", "create", "by-hand")["authentication"]["symmetricKey"]["primaryKey"]
        refusal = self.refused("by-hand", key=derived(self.group_key, "by-hand"))
        self.assertEqual(refusal.name, "ProvisioningRegistrationFailedError")
        self.assertEqual(self.registered("by-hand", "StatusCode == 409")[0]["SubCode"], 409201)
        self.connects("by-hand", before)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.site.folder, check=True, capture_output=True)

    def certificate(self, name, authority=None):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]
        if authority is None:
            self.openssl("req", "-x509", *key, "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")
        else:
            self.openssl("req", *key, "-out", f"{name}.csr", "-subj", f"/CN={name}")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                         "-CAcreateserial", "-days", "2", "-out", f"{name}.pem")
        return {"certificate": str(self.site.folder / f"{name}.pem"),
                "certificateKey": str(self.site.folder / f"{name}.key")}

    def connects_by_certificate(self, name, proof):
        with self.driver() as device:
            device.call("connect", connectionString=f"HostName=localhost;DeviceId={name};x509=true",
                        certificate=proof["certificate"], key=proof["certificateKey"])
            device.call("send", body="hello")
            device.call("close")

    def test_certificates(self):
        own = self.certificate("leaf-1")
        self.site.cli("enrollment", "create", "leaf-1", "--certificate", own["certificate"])
        for transport in ("mqtt", "http"):
            self.assertEqual(self.register("leaf-1", transport=transport, **own)["status"], "assigned")
        self.connects_by_certificate("leaf-1", own)
        forged = self.certificate("forged")
        self.unauthorized("leaf-1", **forged)
        self.unauthorized("leaf-1", transport="http", **forged)
        self.assertEqual(self.records("leaf-1", 'where StatusCode == 401')[0]["Reason"], "thumbprint")

    def test_certificates_of_an_authority(self):
        self.certificate("factory")
        self.site.cli("enrollment", "create", "made-there", "--group", "--certificate",
                      self.site.folder / "factory.pem")
        signed = self.certificate("made-1", "factory")
        self.assertEqual(self.register("made-1", **signed)["deviceId"], "made-1")
        self.connects_by_certificate("made-1", signed)
        # Another's name, and another's signature.
        self.unauthorized("made-2", **signed)
        self.certificate("elsewhere")
        self.unauthorized("made-3", **self.certificate("made-3", "elsewhere"))
        self.assertEqual(self.records("made-2", 'where StatusCode == 401')[0]["Reason"], "cert_invalid")
        self.assertEqual(self.records("made-3", 'where StatusCode == 401')[0]["Reason"], "cert_untrusted")

    def test_changes_are_audited(self):
        self.enroll("audited")
        self.site.cli("enrollment", "delete", "audited", json_output=False)
        rows = eventually(lambda: [row for row in self.site.kql('IoTHubOperations | where OperationName == "deleteEnrollment"')
                                   if "enrollment/audited" in str(row)], what="the record of the deletion")
        self.assertEqual(rows[0]["StatusCode"], 200)
        self.assertIn("policy:iothubowner", str(rows[0]))

    def test_broken_requests(self):
        """What no SDK sends: nothing of it ends the hub or gets an answer that it must not get."""
        key = self.enroll("rough")
        resource = f"{self.scope}/registrations/rough"
        token = sas(resource, key) + "&skn=registration"

        def connect(client_id="rough", username=None, password=token):
            context = ssl.create_default_context(cafile=self.site.ca)
            connection = context.wrap_socket(socket.create_connection(("127.0.0.1", sdk.MQTT_PORT), timeout=15),
                                             server_hostname="localhost")
            username = username or f"{resource}/api-version=2019-03-31"
            connection.sendall(packet(0x10, text("MQTT") + b"\x04\xc2\x00\x3c" + text(client_id) + text(username) +
                                      text(password)))
            return connection, connection.recv(4)

        def ended(connection):
            while True:
                try:
                    if not connection.recv(4096):
                        return True
                except (ConnectionError, ssl.SSLError):
                    return True

        for args in ({"client_id": "other"}, {"password": "x"}, {"username": f"{self.scope}/registrations/"},
                     {"username": f"{self.scope}/registrations/rough"}, {"username": f"{self.scope}/registrations/%00/a=b"}):
            connection, answer = connect(**args)
            with connection:
                self.assertEqual(answer[3], 5, args)
                self.assertTrue(ended(connection))
        for topic in ("devices/rough/messages/events/", "$dps/registrations/PUT/iotdps-register/",
                      "$dps/registrations/res/200/?$rid=1", "$iothub/twin/GET/?$rid=1"):
            connection, answer = connect()
            with connection:
                self.assertEqual(answer[3], 0)
                connection.sendall(packet(0x30, text(topic) + b"{}"))
                self.assertTrue(ended(connection), topic)
        # Bodies that are none are answered.
        for body in (b"[1]", b"\xff\xfe", b'{"registrationId":"other"}', b'{"tpm":{}}', b"[" * 5000):
            connection, _ = connect()
            with connection:
                connection.sendall(packet(0x82, b"\x00\x01" + text("$dps/registrations/res/#") + b"\x00"))
                connection.sendall(packet(0x30, text("$dps/registrations/PUT/iotdps-register/?$rid=7") + body))
                said = b""
                while b"res/" not in said:
                    said += connection.recv(4096)
                self.assertIn(b"$dps/registrations/res/400/?$rid=7", said, body[:20])
        # The connection is for registering only: the hub has no such device.
        self.assertEqual(self.site.cli("device", "show", "rough", check=False).returncode, 3)
        self.assertEqual(self.register("rough", key=key)["status"], "assigned")


if __name__ == "__main__":
    unittest.main()
