"""Known vulnerabilities: from a bundle and a device's SBoM to findings, a recommendation, and their end."""
import gzip
import json
import os
import pathlib
import tempfile
import unittest
import uuid
import zipfile

from harness import eventually, running_site
from mqtt import Client, security_message

PATIENCE = 60

TRACKER = {"openssl": {
    "CVE-2024-0001": {"description": "A record of \"any\" length is copied.", "releases": {
        "bookworm": {"status": "resolved", "fixed_version": "3.0.14-1~deb12u2", "urgency": "high"}}},
    "CVE-2024-0002": {"releases": {"bookworm": {"status": "open", "urgency": "low", "nodsa": "Minor issue"}}},
    "CVE-2024-0003": {"releases": {"bookworm": {"status": "open", "urgency": "unimportant"}}},
    "CVE-2024-0004": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "not a version"}}}}}


def alpine(number):
    return {"id": f"ALPINE-CVE-2024-{number}", "affected": [{
        "package": {"ecosystem": "Alpine:v3.19", "name": "busybox"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.36.1-r10"}]}]}]}


def software(time, *packages):
    items = []
    for manager, distribution, name, source, version in packages:
        kind = {"dpkg": "deb"}.get(manager, manager)
        items.append({"PackageName": name, "Version": version, "SourcePackage": source, "PackageManager": manager,
                      "Purl": f"pkg:{kind}/{distribution.split('-')[0]}/{name}@{version}?distro={distribution}"})
    return {"Id": str(uuid.uuid4()), "TimestampLocal": time, "TimestampUTC": time, "Category": "Periodic",
            "Name": "SBoM", "EventType": "Security", "IsEmpty": False, "PayloadSchemaVersion": "1.0",
            "Payload": items}


def debian(version):
    return (("dpkg", "debian-12", "libssl3", "openssl", version), ("dpkg", "debian-12", "openssl", "openssl", version))


class Vulnerabilities(unittest.TestCase):
    def found(self, site, device, *filters):
        listed = site.cli("vulnerability", "list", "--device", device, *filters)["items"]
        return [(item["name"], item["fixedVersion"], item["status"]) for item in listed]

    def wait_found(self, site, device, expected):
        eventually(lambda: self.found(site, device) == expected, timeout=PATIENCE, interval=0.2,
                   what=f"{device} has {expected}")

    def state(self, site, device):
        for item in site.cli("recommendation", "device", device)["items"]:
            if item["recommendation"] == "IoT_KnownVulnerabilities":
                return item["state"]
        return None

    def send(self, site, key, event):
        with Client(site, key) as client:
            self.assertEqual(client.connect(), 0)
            self.assertTrue(client.acknowledged(security_message([event])))

    def test_a_vulnerability_is_found_and_mended(self):
        before = [("CVE-2024-0001", "3.0.14-1~deb12u2", "fix-available"), ("CVE-2024-0002", None, "no-dsa")]
        with running_site() as site, tempfile.TemporaryDirectory() as folder:
            key = site.create_module("d1")
            self.send(site, key, software("2026-01-02T03:04:05.000Z", *debian("3.0.11-1~deb12u2")))
            eventually(lambda: site.cli("advisory", "status")["devices"]["uncovered"] == 1, timeout=PATIENCE,
                       interval=0.2, what="the picture is known")
            self.assertEqual(self.found(site, "d1"), [])
            self.assertIsNone(self.state(site, "d1"))

            file = pathlib.Path(folder, "Debian.json.gz")
            file.write_bytes(gzip.compress(json.dumps(TRACKER).encode()))
            bundle = site.cli("advisory", "import", str(file))["items"][0]
            self.assertEqual((bundle["name"], bundle["format"], bundle["records"], bundle["malformed"]),
                             ("debian", "debian-tracker", 3, 1))
            self.assertEqual(bundle["problems"], ["openssl CVE-2024-0004: bookworm: not a version"])
            self.wait_found(site, "d1", before)
            self.assertEqual(len(self.found(site, "d1", "--all")), 3)
            self.assertEqual(self.found(site, "d1", "--fix", "none"), before[1:])
            eventually(lambda: self.state(site, "d1") == "active", timeout=PATIENCE, interval=0.2, what="unhealthy")
            device = site.cli("recommendation", "devices", "IoT_KnownVulnerabilities")["items"][0]
            self.assertEqual(device["items"][0]["commands"],
                             ["sudo apt-get update", "sudo apt-get install --only-upgrade libssl3 openssl"])
            self.assertLess(site.cli("score", "--device", "d1")["percent"], 100)
            fleet = site.cli("vulnerability", "list")["items"]
            self.assertEqual([(item["name"], item["devices"], item["fixable"]) for item in fleet],
                             [("CVE-2024-0001", 1, 1), ("CVE-2024-0002", 1, 0)])
            self.assertEqual([item["deviceId"] for item in site.cli("vulnerability", "show", "CVE-2024-0001")["items"]],
                             ["d1"])
            told = site.cli("advisory", "show", "CVE-2024-0001")
            self.assertEqual(told["advisories"][0]["summary"], 'A record of "any" length is copied.')

            # What is known survives a crash.
            site.hub.kill()
            site.start_hub()
            self.assertEqual(self.found(site, "d1"), before)
            self.assertEqual([item["name"] for item in site.cli("advisory", "list")["items"]], ["debian"])

            self.send(site, key, software("2026-01-02T04:04:05.000Z", *debian("3.0.14-1~deb12u2")))
            self.wait_found(site, "d1", before[1:])
            eventually(lambda: self.state(site, "d1") == "resolved", timeout=PATIENCE, interval=0.2, what="healthy")
            rows = eventually(lambda: (lambda all: all if len(all) == 2 else None)(site.kql(
                'SecurityRecommendation | where RecommendationName == "IoT_KnownVulnerabilities" '
                '| sort by TimeGenerated asc | project RecommendationState, RecommendationSeverity')),
                timeout=PATIENCE, interval=0.3, what="rows")
            self.assertEqual([row["RecommendationState"] for row in rows], ["Active", "Resolved"])
            self.assertEqual(rows[0]["RecommendationSeverity"], "High")
            actions = eventually(lambda: (lambda all: all if len(all) == 2 else None)(site.kql(
                'IoTHubAudit | where OperationName startswith "advisoryBundle." | sort by AuditId asc '
                '| project OperationName, Result')), timeout=PATIENCE, interval=0.3, what="the audit")
            self.assertEqual([row["OperationName"] for row in actions],
                             ["advisoryBundle.upload", "advisoryBundle.import"])

    def test_bundles_are_replaced_and_removed_as_a_whole(self):
        with running_site() as site, tempfile.TemporaryDirectory() as folder:
            key = site.create_module("a1")
            self.send(site, key, software("2026-01-02T03:04:05.000Z", ("apk", "alpine-3.19.4", "busybox", "busybox",
                                                                       "1.36.1-r9")))
            archive = os.path.join(folder, "alpine.zip")
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
                for number in (1, 2):
                    zipped.writestr(f"ALPINE-CVE-2024-{number}.json", json.dumps(alpine(number)))
            site.cli("advisory", "import", archive)
            both = [(f"CVE-2024-{number}", "1.36.1-r10", "fix-available") for number in (1, 2)]
            self.wait_found(site, "a1", both)
            broken = pathlib.Path(folder, "broken.json")
            broken.write_text('[{"id": "X-1", "affected": [')
            refused = site.cli("advisory", "import", str(broken), "--name", "alpine", check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("ends early", refused.stderr)
            self.assertEqual(self.found(site, "a1"), both)
            documents = pathlib.Path(folder, "documents")
            documents.mkdir()
            for number in (2, 3):
                (documents / f"{number}.json").write_text(json.dumps(alpine(number), indent=2))
            site.cli("advisory", "import", str(documents), "--name", "alpine")
            self.wait_found(site, "a1", [(f"CVE-2024-{number}", "1.36.1-r10", "fix-available") for number in (2, 3)])
            site.cli("advisory", "remove", "alpine", json_output=False)
            self.wait_found(site, "a1", [])


if __name__ == "__main__":
    unittest.main()
