"""What leaves the hub, and what it sets aside: quarantine, streams, forwards, exports, stored telemetry."""
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
import unittest

import https
from harness import Site, eventually
from mqtt import Client, process_create, security_message

SECRET = "the receiver's secret"


class Receiver:
    """An HTTPS server that takes deliveries, or does as a test says."""

    def __init__(self, site):
        self.lock = threading.Lock()
        self.deliveries = []
        self.answers = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    status = receiver.answers.pop(0) if receiver.answers else 200
                    receiver.deliveries.append((status, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The hub's own certificate is for localhost as well.
        context.load_cert_chain(site.hub_dir / "server.pem", site.hub_dir / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def taken(self):
        with self.lock:
            return [d for d in self.deliveries if d[0] == 200]

    def lines(self):
        return [json.loads(line) for _, _, body in self.taken() for line in body.splitlines()]


def bodies(lines):
    return [line["body"] for line in lines if line["kind"] == "telemetry"]


class Egress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site()
        cls.addClassCleanup(cls.site.__exit__, None, None, None)
        cls.receiver = Receiver(cls.site)
        cls.addClassCleanup(cls.receiver.close)
        cls.file = cls.site.folder / "out" / "lines.ndjson"
        secret = cls.site.folder / "webhook.secret"
        cls.site.write_secret(secret, SECRET + "\n")
        conf = cls.site.hub_dir / "conf.d"
        conf.mkdir(exist_ok=True)
        config = cls.site.hub_dir / "hub.toml"
        config.write_text(config.read_text() + f"""
[telemetry]
store = true

[forward.siem]
type = "webhook"
url = "https://localhost:{cls.receiver.port}/in?key=1"
ca_file = "{cls.site.ca}"
secret_file = "{secret}"
what = ["telemetry", "alerts"]
devices = ["press-*"]
batch_delay = "50ms"
retry_min = "50ms"
retry_max = "200ms"

[forward.archive]
type = "file"
path = "{cls.file}"
what = ["events", "telemetry", "alerts", "operations"]
batch_delay = "50ms"
""")
        cls.site.start_hub()
        cls.press = cls.site.create_module("press-1")
        cls.lathe = cls.site.create_module("lathe-1")

    def send(self, connection, *payloads, telemetry=False):
        with Client(self.site, connection) as client:
            self.assertEqual(client.connect(), 0)
            for payload in payloads:
                self.assertTrue(client.acknowledged(payload, security=not telemetry))

    def stream(self, query):
        answer = https.request(self.site, "GET", f"/api/v1/stream/events?{query}",
                               token=https.service_token(self.site))
        self.assertEqual(answer.status, 200, answer.body)
        return [json.loads(line) for line in answer.body.splitlines() if line]

    # ------------------------------------------------------------------------------ quarantine

    def test_what_does_not_validate_is_kept_and_can_be_replayed_or_discarded(self):
        marker = f"good among bad {time.time()}"
        bad = json.loads(security_message([process_create(marker), process_create("x")]))
        bad["Events"][1]["Category"] = "Nonsense"
        message = json.dumps(bad)
        self.send(self.press, message, "this is not even JSON")
        held = eventually(lambda: [m for m in self.site.cli("quarantine", "list", "--device", "press-1")["items"]
                                   if m["reason"] == "event_invalid"], what="the message in quarantine")[0]
        self.assertIn("event 1", held["why"])
        # Its good event is stored, its bad one took nothing along.
        eventually(lambda: self.site.kql(f'SecurityIoTRawEvent | where EventDetails has "{marker}"'),
                   what="the good event")
        content = self.site.folder / "content.bin"
        self.site.cli("quarantine", "show", held["id"], "--content", content, json_output=False)
        self.assertEqual(content.read_text(), message)
        # What is wrong with it stays wrong.
        refused = self.site.cli("quarantine", "replay", held["id"], check=False)
        self.assertEqual(refused.returncode, 5, refused.stderr)
        self.assertIn("still refused", refused.stderr)
        shown = self.site.cli("quarantine", "show", held["id"])
        self.assertEqual(shown["attempts"], 1)
        # It survives the hub's death.
        self.site.hub.kill()
        self.site.start_hub()
        self.assertEqual(self.site.cli("quarantine", "show", held["id"])["why"], held["why"])
        self.site.cli("quarantine", "discard", "--all", "--device", "press-1", check=False)
        self.assertEqual(self.site.cli("quarantine", "list", "--device", "press-1")["total"], 0)
        audit = eventually(lambda: https.request(self.site, "GET", "/api/v1/audit",
                                                 token=https.service_token(self.site)).json()["items"])
        self.assertLessEqual({"quarantine.replay", "quarantine.discard"}, {entry["action"] for entry in audit})

    def test_only_administrators_replay(self):
        answer = https.request(self.site, "POST", "/api/v1/quarantine/1/replay", token="Bearer nonsense")
        self.assertEqual(answer.status, 401)

    # ------------------------------------------------------------------------------ the stream

    def test_a_reader_goes_on_where_it_was_even_after_the_hub_was_killed(self):
        self.send(self.lathe, *[f"stream-{i}" for i in range(5)], telemetry=True)
        lines = [line for line in self.stream("from=earliest&follow=false&kinds=telemetry&device=lathe-1")
                 if line["body"].startswith("stream-")]
        self.assertEqual(bodies(lines), [f"stream-{i}" for i in range(5)])
        self.site.hub.kill()
        self.site.start_hub()
        rest = self.stream(f"after={lines[2]['offset']}&follow=false&kinds=telemetry&device=lathe-1")
        self.assertEqual(bodies(rest)[:2], ["stream-3", "stream-4"])

    def test_a_reader_sees_what_comes_and_the_cli_too(self):
        connection = https.connect(self.site)
        connection.request("GET", "/api/v1/stream/events?kinds=telemetry,events&device=lathe-1",
                           headers={"Authorization": https.service_token(self.site)})
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        marker = f"followed-{time.time()}"
        self.send(self.lathe, marker, telemetry=True)
        line = {}
        while line.get("body") != marker:
            text = response.readline()
            self.assertTrue(text, "the stream ended")
            line = json.loads(text) if text.strip() else line
        connection.close()
        printed = self.site.cli("follow", "--from", line["offset"], "--once", "--kinds", "telemetry",
                                json_output=False)
        self.assertEqual(json.loads(printed.splitlines()[0])["body"], marker)

    # ------------------------------------------------------------------------------ forwards

    def test_a_webhook_gets_signed_lines_in_order_and_again_when_it_failed(self):
        with self.receiver.lock:
            self.receiver.answers = [503, 500]
        sent = [json.dumps({"n": i, "of": "webhook"}) for i in range(20)]
        self.send(self.press, *sent, telemetry=True)
        self.send(self.lathe, "not for the webhook", telemetry=True)
        mine = eventually(lambda: self.wait_for("webhook", 20), what="20 lines at the webhook")
        self.assertEqual([body["n"] for body in mine][:20], list(range(20)))
        self.assertNotIn("not for the webhook", str(self.receiver.lines()))
        status, headers, body = self.receiver.taken()[-1]
        self.assertEqual(headers["Content-Type"], "application/x-ndjson")
        self.assertEqual(headers["Vedette-Forward"], "siem")
        fields = dict(part.split("=", 1) for part in headers["Vedette-Signature"].split(","))
        expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
        self.assertEqual(fields["v1"], expected)
        self.assertLess(abs(time.time() - int(fields["t"])), 600)
        # The same delivery has the same name whenever it is tried.
        with self.receiver.lock:
            failed = [h["Vedette-Delivery"] for s, h, _ in self.receiver.deliveries if s != 200]
        self.assertEqual(len(failed), 2)
        self.assertEqual(failed[0], failed[1])
        self.assertIn(failed[1], [h["Vedette-Delivery"] for _, h, _ in self.receiver.taken()])
        eventually(lambda: self.site.kql('IoTHubOperations | where OperationName == "forwardHealthy"'),
                   what="the record of the end of the failure")
        state = next(f for f in self.site.cli("forwards")["items"] if f["name"] == "siem")
        self.assertGreaterEqual(state["failures"], 2)
        self.assertNotIn("key=1", state["destination"])

    def wait_for(self, of, count):
        mine = [b for b in bodies(self.receiver.lines()) if isinstance(b, dict) and b.get("of") == of]
        return mine if len(mine) >= count else None

    def test_what_was_not_delivered_comes_after_the_hub_was_killed(self):
        with self.receiver.lock:
            self.receiver.answers = [503] * 10_000
        self.send(self.press, *[json.dumps({"n": i, "of": "kill"}) for i in range(5)], telemetry=True)
        eventually(lambda: [d for d in self.receiver.deliveries if d[0] == 503 and b'"kill"' in d[2]],
                   what="a delivery that fails")
        self.site.hub.kill()
        with self.receiver.lock:
            self.receiver.answers = []
        self.site.start_hub()
        mine = eventually(lambda: self.wait_for("kill", 5), what="the lines after the restart")
        self.assertEqual({body["n"] for body in mine}, set(range(5)))

    def test_the_file_has_everything_once(self):
        marker = f"filed {time.time()}"
        self.send(self.lathe, marker, telemetry=True)
        self.send(self.press, security_message([process_create(marker)]))

        def both():
            text = self.file.read_text() if self.file.exists() else ""
            lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
            found = [line for line in lines if marker in json.dumps(line)]
            return found if len(found) >= 2 else None

        found = eventually(both, what="both lines in the file")
        self.assertEqual(sorted(line["kind"] for line in found), ["event", "telemetry"])
        event = next(line for line in found if line["kind"] == "event")
        self.assertEqual(event["deviceId"], "press-1")
        self.assertEqual(event["items"][0]["CommandLine"], marker)

    def test_an_alert_is_forwarded(self):
        self.send(self.press, security_message([process_create("cpuminer-multi -a cryptonight")]))
        alert = eventually(lambda: [line for line in self.receiver.lines() if line["kind"] == "alert"],
                           what="an alert at the webhook")[0]
        self.assertEqual(alert["compromisedEntity"], "press-1")
        self.assertTrue(alert["alertId"])

    # ------------------------------------------------------------------------------ exports, telemetry

    def test_telemetry_is_stored_where_hub_toml_says_so_and_exported(self):
        marker = f"stored-{time.time()}"
        self.send(self.press, json.dumps({"t": 21.5, "m": marker}), telemetry=True)
        rows = eventually(lambda: self.site.kql(f'DeviceTelemetry | where Body has "{marker}"'),
                          what="the row of DeviceTelemetry")
        self.assertEqual(rows[0]["DeviceId"], "press-1")
        self.assertEqual(rows[0]["BodyEncoding"], "json")
        out = self.site.folder / "export.ndjson"
        self.site.cli("export", "--table", "DeviceTelemetry", "--file", out, json_output=False)
        exported = [json.loads(line) for line in out.read_text().splitlines()]
        self.assertIn(marker, [json.loads(row["Body"]).get("m") for row in exported
                               if row["Body"].startswith("{")])
        parquet = self.site.folder / "export.parquet"
        self.site.cli("export", "--query", f'DeviceTelemetry | where Body has "{marker}"', "--format", "parquet",
                      "--file", parquet, json_output=False)
        data = parquet.read_bytes()
        self.assertEqual((data[:4], data[-4:]), (b"PAR1", b"PAR1"))
        wrong = self.site.cli("export", "--table", "DeviceTelemetri", check=False, json_output=False)
        self.assertEqual(wrong.returncode, 3)
        self.assertIn("DeviceTelemetry", wrong.stderr)
        self.assertEqual(list((self.site.hub_dir / "export").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
