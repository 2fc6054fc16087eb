#!/usr/bin/env python3
"""Turns content/baseline/*.yml into what the agent carries and what readers see.

    generate.py cpp SOURCE_ROOT OUT.cc   the packed table: one text constant
    generate.py docs SOURCE_ROOT         docs/reference/os-baseline.md
    generate.py check SOURCE_ROOT        fails when the committed page is stale

The files keep to a small part of YAML, so that building takes no YAML library: "key: value" lines, a
list of checks, and {flow: "maps"} on one line; text is plain or in double quotes. A test reads them
with a real one and compares.

The table has one record a line, its fields separated by tabs:
id, group, severity, tier, cce, cce-rhel, cis, oms, distro, verb, title, remedy, then name=value for
each parameter.
"""
import json
import pathlib
import re
import sys

SEVERITIES = ("Critical", "Important", "Warning", "Informational")
TIERS = ("core", "extended")
KEYS = {"id", "title", "severity", "tier", "ids", "distro", "check", "remedy"}
IDS = {"cce", "cce-rhel", "cis", "oms"}


class Bad(Exception):
    pass


PLAIN = r"[A-Za-z0-9_./*-]+"
QUOTED = r'"(?:[^"\\]|\\.)*"'
LINE = re.compile(rf"(    |  - |)({PLAIN}): ?(.*)")
PAIR = re.compile(rf"({PLAIN}): ({QUOTED}|{PLAIN})(?:, |$)")


def value_of(raw):
    if raw.startswith("{") and raw.endswith("}"):
        pairs, at, inner = {}, 0, raw[1:-1]
        while at < len(inner):
            match = PAIR.match(inner, at)
            if not match or match[1] in pairs:
                raise Bad(f"cannot read {inner[at:]!r}")
            pairs[match[1]] = value_of(match[2])
            at = match.end()
        return pairs
    if re.fullmatch(QUOTED, raw):
        return json.loads(raw)
    # A plain number would be a number to YAML, and no and yes booleans.
    if re.fullmatch(PLAIN, raw) and not re.fullmatch(r"[0-9.]+|true|false|yes|no|on|off|null", raw, re.I):
        return raw
    raise Bad(f"cannot read {raw!r}")


def read_yaml(path):
    document = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            match = LINE.fullmatch(line)
            if not match:
                raise Bad("is not in the part of YAML that is read here")
            indent, key, raw = match.groups()
            if indent == "" and raw == "":
                document[key] = []
                continue
            if indent == "  - ":
                document["checks"].append({})
            into = document["checks"][-1] if indent else document
            if key in into:
                raise Bad(f"{key} twice")
            into[key] = value_of(raw)
        except (Bad, KeyError, IndexError) as problem:
            raise Bad(f"{path.name}:{number}: {problem}") from None
    return document


def text(check, key):
    value = check.get(key, "")
    if not isinstance(value, str):
        raise Bad(f"{check.get('id')}: {key} must be text (quote it)")
    if re.search(r"[\t\n\r]", value):
        raise Bad(f"{check.get('id')}: {key} holds a tab or a line break")
    return value


def load(root):
    """[(group, summary, [check])] of all files, checked."""
    groups, seen = [], set()
    for path in sorted((root / "content/baseline").glob("*.yml")):
        document = read_yaml(path)
        if set(document) != {"group", "summary", "checks"}:
            raise Bad(f"{path.name}: has {sorted(document)}, not group, summary and checks")
        for check in document["checks"]:
            name = check.get("id")
            if unknown := set(check) - KEYS:
                raise Bad(f"{path.name}: {name}: unknown keys {sorted(unknown)}")
            for key in ("id", "title", "severity", "tier", "remedy"):
                if not text(check, key):
                    raise Bad(f"{path.name}: {name}: {key} is missing")
            if name in seen:
                raise Bad(f"{path.name}: {name} occurs twice")
            seen.add(name)
            if check["severity"] not in SEVERITIES or check["tier"] not in TIERS:
                raise Bad(f"{path.name}: {name}: unknown severity or tier")
            if unknown := set(check.get("ids", {})) - IDS:
                raise Bad(f"{path.name}: {name}: unknown ids {sorted(unknown)}")
            if "verb" not in check["check"]:
                raise Bad(f"{path.name}: {name}: the check has no verb")
        groups.append((document["group"], document["summary"], document["checks"]))
    return groups


def packed(groups):
    lines = []
    for group, _, checks in groups:
        for check in checks:
            ids = check.get("ids", {})
            what = dict(check["check"])
            verb = what.pop("verb")
            fields = [check["id"], group, check["severity"], check["tier"]]
            fields += [text(ids, key) for key in ("cce", "cce-rhel", "cis", "oms")]
            fields += [text(check, "distro") or "*", verb, check["title"], check["remedy"]]
            fields += [f"{key}={text(what, key)}" for key in what]
            lines.append("\t".join(fields))
    return lines


def cpp(root, out):
    rows = []
    for line in packed(load(root)):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        rows.append(f'    "{escaped}\\n"')
    out.write_text(
        "// Generated from content/baseline by src/agent/baseline/generate.py.\n"
        '#include "agent/baseline/catalogue.h"\n\n'
        "namespace agent::baseline {\n\n"
        "std::string_view packed_catalogue() {\n"
        "  static constexpr char kText[] =\n" + "\n".join(rows) + ";\n"
        "  return {kText, sizeof kText - 1};\n}\n\n"
        "}  // namespace agent::baseline\n", encoding="utf-8")


def cell(value):
    return value.replace("|", "\\|")


def page(root):
    groups = load(root)
    total = sum(len(checks) for _, _, checks in groups)
    lines = ["# Checks of the OS baseline", "",
             "Generated from `content/baseline` by `src/agent/baseline/generate.py`; do not edit.", "",
             f"{total} checks in {len(groups)} groups. The id and the group are what the twin keys",
             "`baselineDisabledChecks` and `baselineDisabledGroups` take, and what `ExtraDetails` of an",
             "OSBaseline item says. How results come about: [explanation](../explanation/os-baseline.md).", ""]
    for group, summary, checks in groups:
        lines += [f"## {group}", "", summary, "", "| Id | What it looks for | Severity | CCE | CIS | Remedy |",
                  "|---|---|---|---|---|---|"]
        for check in checks:
            ids = check.get("ids", {})
            lines.append("| " + " | ".join([
                f"`{check['id']}`", cell(check["title"]), check["severity"], ids.get("cce", ""),
                ids.get("cis", ""), cell(check["remedy"])]) + " |")
        lines.append("")
    return "\n".join(lines)


def main(argv):
    action, root = argv[1], pathlib.Path(argv[2])
    target = root / "docs/reference/os-baseline.md"
    if action == "cpp":
        cpp(root, pathlib.Path(argv[3]))
    elif action == "docs":
        target.write_text(page(root), encoding="utf-8")
    elif action == "check":
        if not target.exists() or target.read_text(encoding="utf-8") != page(root):
            print(f"{target} is stale: run {argv[0]} docs .", file=sys.stderr)
            return 1
    else:
        raise Bad(f"unknown action {action}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv))
    except Bad as problem:
        print(f"content/baseline: {problem}", file=sys.stderr)
        sys.exit(1)
