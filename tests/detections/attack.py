"""content/attack.yml: the techniques that rules name, by the version of ATT&CK."""

import os
import re

import rules


def _read():
    version, later, techniques = "", "", {}
    with open(os.path.join(rules.ROOT, "content", "attack.yml"), encoding="utf-8") as file:
        for line in file:
            if found := re.match(r"(version|later): '?([\w.]+)'?\s*$", line):
                version, later = (found[2], later) if found[1] == "version" else (version, found[2])
            elif found := re.match(r"  (T\d{4}(?:\.\d{3})?): \{name: (.+?)(?:, later: (T[\d.]+))?\}\s*$", line):
                techniques[found[1]] = (found[2], found[3])
    return version, later, techniques


_version, _later, TECHNIQUES = _read()
VERSION = "v" + _version
LATER = "v" + _later


def with_renamed(technique):
    later = TECHNIQUES[technique][1]
    return f"{technique} ({later})" if later else technique
