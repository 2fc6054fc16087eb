"""Pictures of this machine's state, against what the system's own tools say of it: real sockets, accounts
and packages, and records of the audit trail."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.parse

from harness import BIN, eventually
from pictures import Snapshots, run, tools


class Ports(Snapshots):
    @staticmethod
    def shown_by_ss():
        """(protocol, address, port, V6Only) of each line."""
        found = []
        for line in run("ss", "-Hlntu").splitlines():
            words = line.split()
            address, _, port = words[4].rpartition(":")
            address = address.partition("%")[0]
            six = address == "*" or address.startswith("[")
            # A "*" is how it shows a socket that takes both.
            v6_only = None if not six else "false" if address == "*" else "true"
            found.append((words[0], "::" if address == "*" else address.strip("[]"), port, v6_only))
        return sorted(found, key=str)

    def opened(self, kind, family, address, v6_only=None):
        made = socket.socket(family, kind)
        self.addCleanup(made.close)
        if v6_only is not None:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6_only)
        made.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def test_listening_sockets_with_their_process(self):
        outside = self.opened(socket.SOCK_STREAM, socket.AF_INET, "127.0.0.1")
        outside_namespace = str(os.stat("/proc/self/ns/net").st_ino)
        self.own_network()
        tcp, udp, four, six = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.AF_INET, socket.AF_INET6
        listening = [self.opened(tcp, four, "127.0.0.1"), self.opened(tcp, four, "0.0.0.0"),
                     self.opened(tcp, six, "::", True), self.opened(tcp, six, "::", False),
                     self.opened(tcp, six, "::1"), self.opened(udp, four, "127.0.0.1"),
                     self.opened(udp, six, "::", True), self.opened(udp, six, "::", False)]
        # Connected: a way in and out, over both families, and datagrams to one peer only.
        for server, target in ((listening[0], "127.0.0.1"), (listening[3], "::1")):
            self.addCleanup(socket.create_connection((target, server.getsockname()[1])).close)
            self.addCleanup(server.accept()[0].close)
        peer = self.opened(udp, four, "127.0.0.1")
        peer.connect(listening[5].getsockname()[:2])
        raw = socket.socket(four, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.addCleanup(raw.close)

        expected = self.shown_by_ss()
        self.assertEqual(len(expected), len(listening))
        # The agent must not have a socket of its own among them.
        found = self.picture("ListeningPorts")
        self.assertFalse([one for one in found if "Unknown" in one["ExtraDetails"]])
        own = [one for one in found if "NetworkNamespace" not in one["ExtraDetails"]]
        brief = [(one["Protocol"], one["LocalAddress"], one["LocalPort"], one["ExtraDetails"].get("V6Only"))
                 for one in own if one["Protocol"] != "raw"]
        self.assertEqual(sorted(brief, key=str), expected)
        self.assertEqual([(one["LocalPort"], one["ExtraDetails"]["IpProtocol"]) for one in own if one["Protocol"] == "raw"],
                         [("*", "1")])
        for one in own:
            extra = one["ExtraDetails"]
            self.assertEqual((extra["ProcessId"], extra["Executable"]), (str(os.getpid()), os.path.realpath(sys.executable)))
            self.assertEqual((extra["UserId"], extra["ProcessUserId"]), ("0", "0"))
            self.assertTrue(extra["CommandLine"], one)
        port = str(outside.getsockname()[1])
        elsewhere = [one for one in found if one["ExtraDetails"].get("NetworkNamespace") == outside_namespace
                     and one["LocalPort"] == port and one["LocalAddress"] == "127.0.0.1"]
        self.assertEqual([one["ExtraDetails"]["ProcessId"] for one in elsewhere], [str(os.getpid())])

    def test_the_picture_follows_what_is_there(self):
        self.own_network()
        self.assertEqual([one for one in self.picture("ListeningPorts") if "NetworkNamespace" not in one["ExtraDetails"]], [])


@tools("useradd", "groupadd", "usermod", "chpasswd", "sudo")
class Users(Snapshots):
    def test_a_user_is_added_to_a_group(self):
        made = self.own_files()
        made.add_account("vedsue", "right-horse-7")
        before = self.user("vedsue")
        self.assertEqual(before["GroupNames"], "vedsue")
        self.assertEqual(before["ExtraDetails"]["Sudo"], "false")
        run("groupadd", "--gid", "59123", "vedoperators")
        rule = pathlib.Path("/etc/sudoers.d/vedette-test")
        rule.write_text("# For those who keep it running.\n%vedoperators ALL=(root) NOPASSWD: /usr/bin/uptime\n")
        rule.chmod(0o440)
        run("usermod", "--append", "--groups", "vedoperators", "vedsue")
        home = pathlib.Path("/home/vedsue/.ssh")
        home.mkdir(mode=0o700)
        (home / "authorized_keys").write_text("# one\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE one@example\n")
        uid, gid = run("id", "-u", "vedsue").strip(), run("id", "-g", "vedsue").strip()
        changed = time.strftime("%Y-%m-%d", time.gmtime(86400 * int(run("getent", "shadow", "vedsue").split(":")[2])))
        self.maxDiff = None
        self.assertEqual(self.user("vedsue"), {
            "UserName": "vedsue", "UserId": uid, "GroupIds": f"{gid};59123", "GroupNames": "vedsue;vedoperators",
            "ExtraDetails": {"Shell": "/bin/bash", "Home": "/home/vedsue", "Password": "set",
                             "PasswordScheme": "yescrypt", "PasswordChanged": changed, "Locked": "false",
                             "Sudo": "true", "SudoSource": "%vedoperators /etc/sudoers.d/vedette-test:2",
                             "SudoCommands": "(root) /usr/bin/uptime", "SudoNoPassword": "true", "AuthorizedKeys": "1"}})
        run("usermod", "--lock", "vedsue")
        locked = self.user("vedsue")["ExtraDetails"]
        self.assertEqual((locked["Password"], locked["Locked"]), ("locked", "true"))

    def user(self, name):
        found = self.picture("LocalUsers")
        # Every account, once.
        self.assertEqual([one["UserName"] for one in found],
                         [line.split(":")[0] for line in pathlib.Path("/etc/passwd").read_text().splitlines()])
        for one in found:
            self.assertEqual(one["GroupIds"].split(";"), run("id", "-G", one["UserName"]).split())
        return next(one for one in found if one["UserName"] == name)


PURL = re.compile(r"pkg:(deb|rpm|apk|opkg)(/[a-z0-9._-]+)?/[A-Za-z0-9._~%+-]+@[A-Za-z0-9._~:%-]+\?arch=[a-z0-9_-]+"
                  r"(&distro=[a-z0-9._-]+)?(&epoch=[0-9]+)?")
SPEC = """Name: {name}
Epoch: 2
Version: 1.4~rc1
Release: 3
Summary: For a test
License: MIT
Vendor: Somebody
BuildArch: noarch
%description
Nothing.
%files
"""


def sbom(*words):
    return subprocess.run([BIN / "vedette-agent", "sbom", *map(str, words)], capture_output=True, text=True, check=False)


class Software(Snapshots):
    @staticmethod
    def by_dpkg(*words):
        """(name, version, architecture) of all that is installed."""
        lines = run("dpkg-query", *words, "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\n").splitlines()
        return sorted(tuple(line.split()[1:]) for line in lines if line.split()[0] == "installed")

    @staticmethod
    def by_agent(items):
        return sorted((one["PackageName"], one["Version"], one["Architecture"]) for one in items
                      if "Status" not in one.get("ExtraDetails", {}) and one["PackageManager"] == "dpkg")

    @tools("dpkg-query")
    def test_what_dpkg_says_is_installed(self):
        expected = self.by_dpkg()
        self.assertGreater(len(expected), 50)
        self.assertEqual(self.by_agent(self.picture("SBoM")), expected)

    @tools("dpkg-query")
    def test_what_was_removed_is_not_installed(self):
        folder = self.folder / "root/var/lib/dpkg"
        folder.mkdir(parents=True)
        status = pathlib.Path("/var/lib/dpkg/status").read_text()
        (folder / "status").write_text(status + "\n" + "".join(
            f"Package: vedette-{state}\nStatus: {want} ok {state}\nVersion: 1:2-3+b1\nArchitecture: all\n"
            f"Maintainer: a\nDescription: b\n\n"
            for want, state in (("deinstall", "config-files"), ("purge", "not-installed"), ("install", "installed"),
                                ("install", "half-configured"))))
        answer = sbom("-o", "json", "--root", self.folder / "root")
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        items = json.loads(answer.stdout)
        self.assertEqual(self.by_agent(items), self.by_dpkg("--admindir", folder))
        ours = {one["PackageName"]: one for one in items if one["PackageName"].startswith("vedette-")}
        self.assertEqual(set(ours), {"vedette-installed", "vedette-half-configured"})
        self.assertEqual(ours["vedette-half-configured"]["ExtraDetails"], {"Status": "half-configured"})
        self.assertEqual(ours["vedette-installed"]["Purl"], "pkg:deb/vedette-installed@1:2-3%2Bb1?arch=all")

    @tools("dpkg-query")
    def test_the_forms_of_the_command(self):
        installed = self.by_dpkg()
        answers = {form: sbom("-o", form) for form in ("table", "json", "cyclonedx")}
        for form, answer in answers.items():
            self.assertIn(answer.returncode, (0, 1), answer.stderr)
            self.assertEqual(answer.returncode == 1, "not known" in answer.stderr, form)
        self.assertEqual(self.by_agent(json.loads(answers["json"].stdout)), installed)
        lines = answers["table"].stdout.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "VERSION", "MANAGER", "SOURCE"])
        rows = {tuple(line.split()[:2]) for line in lines[1:]}
        self.assertEqual({(name, version) for name, version, _ in installed} - rows, set())
        self.assertEqual(sbom().stdout.splitlines()[0][:20], answers["cyclonedx"].stdout[:20])
        self.assertEqual(sbom("-o", "spdx").returncode, 2)
        self.cyclonedx(json.loads(answers["cyclonedx"].stdout), installed)

    def cyclonedx(self, document, installed):
        """What the specification asks for, and that it is all there."""
        self.assertEqual((document["bomFormat"], document["specVersion"], document["version"]), ("CycloneDX", "1.5", 1))
        self.assertRegex(document["serialNumber"],
                         r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
        self.assertRegex(document["metadata"]["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(document["metadata"]["component"]["type"], "operating-system")
        references = [one["bom-ref"] for one in document["components"]]
        self.assertEqual(len(references), len(set(references)))
        named = set()
        for one in document["components"]:
            self.assertEqual(one["type"], "library")
            purl = one["purl"]
            self.assertRegex(purl, PURL)
            path, _, qualifiers = purl.partition("?")
            name, _, version = path.rpartition("/")[2].partition("@")
            self.assertEqual(urllib.parse.unquote(name), one["name"])
            if purl.startswith("pkg:deb/"):
                self.assertEqual(urllib.parse.unquote(version), one["version"])
                arch = dict(pair.split("=") for pair in qualifiers.split("&"))["arch"]
                named.add((one["name"], one["version"], arch))
        self.assertEqual(set(installed) - named, set())

    def rpm_database(self, folder):
        """A database that the real rpm made, and what rpm says is in it."""
        for name in ("vedette-one", "vedette-two"):
            (self.folder / f"{name}.spec").write_text(SPEC.format(name=name))
            run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {self.folder}/top", "--define", f"_dbpath {folder}",
                self.folder / f"{name}.spec")
        run("rpm", "--dbpath", folder, "-i", "--justdb", "--nodeps", *(self.folder / "top/RPMS/noarch").glob("*.rpm"))
        listed = run("rpm", "--dbpath", folder, "-qa", "--qf", "%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH}\n")
        self.assertTrue((folder / "rpmdb.sqlite").exists(), "this rpm has another kind of database")
        return sorted(tuple(line.split()) for line in listed.splitlines())

    @tools("rpm", "rpmbuild")
    def test_the_database_of_rpm(self):
        """Of the running agent: what reads it is loaded when its system calls are filtered already."""
        self.own_files()
        run("mount", "-t", "tmpfs", "-o", "mode=755", "vedette", "/var/lib")
        folder = pathlib.Path("/var/lib/rpm")
        folder.mkdir()
        expected = self.rpm_database(folder)
        self.assertEqual(len(expected), 2)
        found = self.picture("SBoM")
        self.assertIn("calls_filtered=true", (self.folder / "log").read_text())
        self.assertEqual(sorted((one["PackageName"], one["Version"], one["Architecture"]) for one in found), expected)
        release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
        name, version = release["ID"].strip('"'), release["VERSION_ID"].strip('"')
        one = next(one for one in found if one["PackageName"] == "vedette-one")
        self.assertEqual(one, {
            "PackageName": "vedette-one", "Version": "2:1.4~rc1-3", "Architecture": "noarch",
            "SourcePackage": "vedette-one", "PackageManager": "rpm", "License": "MIT", "Supplier": "Somebody",
            "Purl": f"pkg:rpm/{name}/vedette-one@1.4~rc1-3?arch=noarch&distro={name}-{version}&epoch=2"})

    def test_what_cannot_be_read_is_an_item(self):
        folder = self.folder / "root/var/lib/rpm"
        folder.mkdir(parents=True)
        (folder / "rpmdb.sqlite").write_text("no database")
        answer = sbom("-o", "json", "--root", self.folder / "root")
        self.assertEqual(answer.returncode, 1)
        gap = json.loads(answer.stdout)[0]
        self.assertEqual([gap[key] for key in ("PackageName", "Version", "Purl", "PackageManager")], ["*", "*", "*", "rpm"])
        self.assertTrue(gap["ExtraDetails"]["Unknown"])
        self.assertIn("not known: rpm", answer.stderr)
        shutil.rmtree(folder)
        nothing = json.loads(sbom("-o", "json", "--root", self.folder / "root").stdout)
        self.assertEqual([one["PackageManager"] for one in nothing], ["*"])


@tools("auditctl")
class AuditRecords(Snapshots):
    """The kernel has one audit trail, outside of all network namespaces."""

    def test_records_of_the_types_that_were_asked_for(self):
        before = int(run("auditctl", "-s").split("\n")[0].split()[1])
        self.addCleanup(run, "auditctl", "-e", before)
        run("auditctl", "-e", "1")
        marker = f"vedette-{time.time_ns()}"
        agent, events = self.start("--tier", "audit", "--data-dir", self.folder / "state",
                                   twin=self.twin(auditRecordTypes=["USER", "CONFIG_CHANGE"]))
        eventually(lambda: events("FirewallConfiguration"), what="the agent")

        def records(kind):
            return [one for event in events("AuditRecord") for one in event["Payload"] if one["RecordType"] == kind]

        # To the trail's other types belongs what every program of this test makes.
        run("auditctl", "-m", marker)
        said = eventually(lambda: [one for one in records("USER") if marker in one["Record"]], what="the message")
        self.assertEqual(len(said), 1)
        self.assertRegex(said[0]["Record"], f"^pid=[0-9]+ uid=0 .*msg='(text=)?{marker} ")
        self.assertEqual((said[0]["UserId"], said[0]["Executable"]), ("0", os.path.realpath(shutil.which("auditctl"))))
        self.assertIn(f"pid={said[0]['ProcessId']} ", said[0]["Record"])
        self.assertGreater(said[0]["Serial"], 0)
        self.assertEqual(said[0]["ExtraDetails"]["Tier"], "Audit")

        key = f"k{time.time_ns()}"
        run("auditctl", "-a", "always,exit", "-F", "arch=b64", "-S", "sethostname", "-k", key)
        self.addCleanup(subprocess.run, ["auditctl", "-D", "-k", key], capture_output=True, check=False)
        added = eventually(lambda: [one for one in records("CONFIG_CHANGE") if key in one["Record"]], what="the change")
        self.assertIn("op=add_rule", added[0]["Record"])
        run("auditctl", "-D", "-k", key)
        eventually(lambda: any(key in one["Record"] and "op=remove_rule" in one["Record"]
                               for one in records("CONFIG_CHANGE")), what="its removal")
        kinds = {one["RecordType"] for event in events("AuditRecord") for one in event["Payload"]}
        self.assertEqual(kinds, {"USER", "CONFIG_CHANGE"})
        agent.send_signal(signal.SIGTERM)
        self.assertEqual(agent.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
