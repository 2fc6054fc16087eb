"""What public captures are known to tell of devices (pcaps/IDENTITY.tsv of the shared data) is told by vedette-sensor."""
import collections
import json
import os
import pathlib
import subprocess
import unittest

from harness import BIN

SHARED = pathlib.Path(os.environ.get("VEDETTE_SHARED", pathlib.Path(__file__).resolve().parents[3] / "shared")) / "pcaps"
# Captures whose identity is in an encapsulation that is not taken off.
SEALED = {
    "it/http/arkime_arkime__sctp-www.pcap": "SCTP",
    "it/http/zeek_zeek__ayiya3.pcap": "AYIYA",
}
# Servers that a discovery server lists: nothing that is told of who sent it.
OF_OTHERS = {"urn:open62541.example.local_discovery_server", "urn:open62541.example.server_register"}


def evidence(path):
    """{fact: {value}} of a capture"""
    done = subprocess.run([BIN / "vedette-sensor", "read", path, "--what", "evidence"], capture_output=True, timeout=120,
                          check=False)
    found = collections.defaultdict(set)
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found[one["fact"]].add(one["value"])
    return found


def each(parts, facts):
    """The parts of a vector are the values of those facts; an empty one was not there."""
    return [(fact, part) for part, fact in zip(parts, facts) if part and fact]


def cip(parts):
    # vendor, device type, product, revision (major in the high byte), serial, name
    revision = int(parts[3])
    return [("vendor id", f"CIP {int(parts[0], 0)}"), ("firmware", f"{revision >> 8}.{revision & 255}"),
            ("serial", parts[4].removeprefix("0x")), ("model", parts[5])]


def opcua(parts):
    # product's URI, application's URI; several with commas, the last of which may be cut
    lists = zip(parts, ("software", "name"))
    return [(fact, text) for part, fact in lists for text in part.split(",") if text and text not in OF_OTHERS]


def profinet(parts):
    # name or model, name, vendor, device
    wanted = each(parts[:1], ["model"])
    if len(parts) > 2:
        wanted += [("name", parts[1].strip()), ("vendor id", f"PROFINET {int(parts[2], 0)}")]
    return wanted


# How each kind of vector says what must be told. A list of values is as tshark has it: with commas.
KINDS = {
    "enip_list_identity": cip,
    "modbus_read_device_id": lambda parts: each(parts[1].split(","), ["vendor", "order code", "firmware"]),
    "lldp": lambda parts: each(parts, ["name", "software"]) if len(parts) > 1 else each(parts, ["software"]),
    "cdp": lambda parts: [("name", parts[0]), ("model", parts[1].removeprefix("cisco "))],
    "ssdp": lambda parts: each(parts, ["software"]),
    "dhcp_vendor_class": lambda parts: each(parts, ["hostname", "software"]),
    "mms_identify": lambda parts: each(parts, ["vendor", "model", "firmware"]),
    "s7_szl_ident": lambda parts: each(parts, ["module", "serial", "model"]),
    "profinet_dcp_vendor": profinet,
    "opcua_build": opcua,
    "ssh_banner": lambda parts: [("software", parts[0].split("-", 2)[2])],
    "ftp_banner": lambda parts: each(parts, ["software"]),
    # The device's id; the revision of its kind is part of no fact.
    "hart_id": lambda parts: [("serial", str(int(parts[0], 16)))],
    "http_server": lambda parts: each(parts, ["software"]),
}


class SensorIdentityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (SHARED / "IDENTITY.tsv").is_file():
            raise unittest.SkipTest(f"no IDENTITY.tsv in {SHARED} (VEDETTE_SHARED says where it is)")
        cls.vectors = collections.defaultdict(list)
        for line in (SHARED / "IDENTITY.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            kind, label, values = line.split("\t")
            cls.vectors[kind].append((label, [item for item in values.split(";") if item]))

    def test_no_kind_is_forgotten(self):
        self.assertEqual(set(self.vectors), set(KINDS))


def told(wanted, value, kind):
    wanted, value = " ".join(wanted.split()), " ".join(value.split())
    return value.startswith(wanted) if kind == "opcua_build" else value == wanted


def check(kind):
    def test(self):
        self.assertTrue(self.vectors[kind])
        for label, items in self.vectors[kind]:
            if label in SEALED:
                continue
            found = evidence(SHARED / label)
            for fact, value in (wanted for item in items for wanted in KINDS[kind](item.split("|"))):
                with self.subTest(capture=label, fact=fact):
                    self.assertTrue(any(told(value, one, kind) for one in found[fact]), f"{value!r} is not in {found[fact]}")
    return test


for each_kind in KINDS:
    setattr(SensorIdentityTest, f"test_{each_kind}", check(each_kind))


if __name__ == "__main__":
    unittest.main()
