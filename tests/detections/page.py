"""The generated part of docs/reference/detections.md: the alerts, and how well they do."""

import glob
import itertools
import os
import re

import attack
import rules

BEGIN = "<!-- scripts/detections docs: what follows is made from content/ and tests/detections/figures.json -->"
END = "<!-- scripts/detections docs: end -->"
ORDER = ("High", "Medium", "Low", "Informational")
LOOKS_AT = {"command": "ProcessCreate (commands)", "process_creation": "ProcessCreate",
            "network_connection": "ConnectionCreate", "authentication": "Login", "file_event": "FileEvent",
            "hub_operations": "operations of the hub", "hub_audit": "changes of the hub's settings"}


def _percent(part, whole, digits=1):
    return f"{100 * part / whole:.{digits}f} %" if whole else "-"


def in_words(figures):
    cases, attacks, benign = figures["cases"], figures["attacks"], figures["benign"]
    return "\n".join((
        f"cases decided right: {cases['right']} of {cases['cases']} ({_percent(cases['right'], cases['cases'])})",
        f"attacks that raise Medium or above: {attacks['raised']} of {attacks['tests']} "
        f"({_percent(attacks['raised'], attacks['tests'])}); Sigma's rules alone: "
        f"{_percent(attacks['by_sigma'], attacks['tests'])}",
        f"benign lines that do: {benign['raised']} of {benign['lines']} "
        f"({_percent(benign['raised'], benign['lines'], 3)}); Sigma's rules alone: "
        f"{_percent(benign['by_sigma'], benign['lines'], 3)}"))


def _sources(rule, all_rules):
    """What events a rule looks at; of a correlation, those of what it builds on."""
    if "correlation" not in rule:
        source = rule.get("logsource") or {}
        named = source.get("category") or source.get("service") or source.get("product") or ""
        return [LOOKS_AT.get(named, named)]
    listed = rule["correlation"].get("rules") or []
    listed = listed if isinstance(listed, list) else [listed]
    out = []
    for other in all_rules:
        if {other.get("name"), other.get("id")} & set(listed):
            out += [source for source in _sources(other, all_rules) if source not in out]
    return out


def _cell(text):
    return text.replace("|", "\\|")


def _row(rule, all_rules):
    profile = (rule["vedette"].get("profiles") or {}).get("micro_agent") or {}
    severity = rules.severity(rule)
    if "severity" in profile:
        severity += f" ({rules.SEVERITIES[profile['severity']]} in `micro_agent`)"
    names = [name for name in rules.names(rule)[1:]]
    title = f"**{_cell(rule['title'])}**" + (f"<br>also: {_cell('; '.join(names))}" if names else "")
    ids = ", ".join(attack.with_renamed(technique) for technique in rules.techniques(rule))
    return f"| {title} | {severity} | {', '.join(_sources(rule, all_rules))} | {ids} | {_cell(rule['description'])} |"


def _alerts(all_rules):
    shown = [rule for rule in all_rules if not rule["part"]]
    shown.sort(key=lambda rule: (ORDER.index(rules.severity(rule)), rule["title"].lower()))
    lines = ["## Alerts that come with the hub", "",
             f"{len(shown)} rules and correlations. Names after *also* are those that the same alert has in Microsoft's "
             "documents; the search finds it by any of them. `micro_agent` is the other of the two profiles that the hub "
             f"can use for names and severities. Techniques are those of ATT&CK {attack.VERSION}, with the number that "
             f"{attack.LATER} gives them where it is another.", "",
             "| Alert | Severity | Looks at | ATT&CK | What it finds |", "|---|---|---|---|---|"]
    return lines + [_row(rule, all_rules) for rule in shown]


def _lists():
    lines = ["", "## Lists that come with the hub", "",
             "Rules name them as `%name%` with `expand`. A list of the same name in your folder `lists` adds to them.", "",
             "| List | Values | What they are |", "|---|---|---|"]
    for path in sorted(glob.glob(os.path.join(rules.ROOT, "content", "intel", "*.txt"))):
        with open(path, encoding="utf-8") as file:
            texts = [line.strip() for line in file]
        values = [text for text in texts if text and not text.startswith("#")]
        said = " ".join(text.lstrip("# ") for text in itertools.takewhile(lambda text: text.startswith("# "), texts))
        lines.append(f"| `{os.path.basename(path)[:-4]}` | {len(values)} | {_cell(said)} |")
    return lines


def _figures(figures):
    cases, attacks, benign = figures["cases"], figures["attacks"], figures["benign"]
    lines = ["", "## How well they do", "",
             "`scripts/detections measure` gives these figures, with the alerts above alone and, for comparison, with "
             "SigmaHQ's rules for Linux alone.", "",
             "| | Built in | Sigma's alone |", "|---|---|---|",
             f"| Cases of the catalogue's alerts, custom alerts and recommendations decided right | {cases['right']} of "
             f"{cases['cases']} ({_percent(cases['right'], cases['cases'])}) | |",
             f"| Public attacks (Atomic Red Team, Linux) that raise an alert of Medium or above | {attacks['raised']} of "
             f"{attacks['tests']} ({_percent(attacks['raised'], attacks['tests'])}) | "
             f"{_percent(attacks['by_sigma'], attacks['tests'])} |",
             f"| Benign lines that do: {benign['lines']:,} from {benign['files']:,} scripts, maintainer scripts, services "
             f"and cron tables of Debian packages | {benign['raised']} ({_percent(benign['raised'], benign['lines'], 3)}) "
             f"| {_percent(benign['by_sigma'], benign['lines'], 3)} |", "",
             "An attack counts when any of its lines raises something; each line is given to a shell as a process of its "
             "own, on a device of its own for each attack. Looking at the name of the host, listing a folder or restarting "
             "the device raise nothing of Medium, on purpose: everybody does that.", "",
             "### Attacks by technique", "", "| Technique | Raised | Of |", "|---|---|---|"]
    for technique, (raised, of) in attacks["techniques"].items():
        lines.append(f"| {technique} | {raised} | {of} |")
    return lines


def put(text, all_rules, figures):
    """The page with its generated part renewed; at its end when it has none yet."""
    made = "\n".join([BEGIN, "", *_alerts(all_rules), *_lists(), *_figures(figures), "", END])
    if BEGIN in text:
        return re.sub(re.escape(BEGIN) + r".*" + re.escape(END), lambda _: made, text, flags=re.S)
    return text.rstrip("\n") + "\n\n" + made + "\n"
