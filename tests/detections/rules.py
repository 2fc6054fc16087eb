"""What the rule files of content/detections say about themselves: enough of YAML for their heads, nothing of their
detections. The program itself reads them with a real parser; this is for the reference page and for tests."""

import glob
import os
import re

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SEVERITIES = {"informational": "Informational", "low": "Low", "medium": "Medium", "high": "High", "critical": "High"}


def _scalar(text):
    text = text.strip()
    if text[:1] == "'" and text[-1:] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] == '"' and text[-1:] == '"':
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if text[:1] == "[" and text[-1:] == "]":
        return [_scalar(part) for part in _split(text[1:-1])]
    if text[:1] == "{" and text[-1:] == "}":
        return {key.strip(): _scalar(value) for key, _, value in (part.partition(":") for part in _split(text[1:-1]))}
    return text


def _split(text):
    """At commas that stand in no brackets and no quotes."""
    parts, depth, quote, start = [], 0, None, 0
    for at, char in enumerate(text):
        if quote:
            quote = None if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def _block(lines, indent):
    """The map or list that begins at `indent`; takes its lines away."""
    if lines and lines[0][0] == indent and lines[0][1].startswith("- "):
        out = []
        while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
            out.append(_scalar(lines.pop(0)[1][2:]))
            while lines and lines[0][0] > indent:
                out[-1] = f"{out[-1]} {lines.pop(0)[1]}"
        return out
    out = {}
    while lines and lines[0][0] == indent:
        key, _, value = lines.pop(0)[1].partition(":")
        value = value.strip()
        if value in (">-", ">", "|", "|-"):
            texts = []
            while lines and lines[0][0] > indent:
                texts.append(lines.pop(0)[1])
            out[key] = " ".join(texts)
        elif value:
            while lines and lines[0][0] > indent:
                value += " " + lines.pop(0)[1]
            out[key] = _scalar(value)
        elif lines and lines[0][0] >= indent and (lines[0][0] > indent or lines[0][1].startswith("- ")):
            out[key] = _block(lines, lines[0][0])
        else:
            out[key] = None
    return out


def _documents(text):
    for document in re.split(r"^---\s*$", text, flags=re.M):
        lines, detection = [], False
        for line in document.split("\n"):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            indent = len(line) - len(line.lstrip())
            if indent == 0:
                detection = line.startswith(("detection:", "filter:"))
            if not detection:
                lines.append((indent, line.strip()))
        if lines:
            yield _block(lines, 0)


def read(folder=os.path.join(ROOT, "content", "detections")):
    """All rules and correlations, with their file, and `part` for what is never raised by itself."""
    out = []
    for path in sorted(glob.glob(os.path.join(folder, "*.yml"))):
        with open(path, encoding="utf-8") as file:
            rules = list(_documents(file.read()))
        used, loud = set(), set()
        for rule in rules:
            named = (rule.get("correlation") or {}).get("rules") or []
            named = named if isinstance(named, list) else [named]
            used.update(named)
            if str(rule.get("generate", "false")).lower() == "true":
                loud.update(named)
        for rule in rules:
            rule["file"] = os.path.basename(path)
            rule["part"] = bool({rule.get("name"), rule.get("id")} & used - loud)
            rule["vedette"] = rule.get("vedette") or {}
            out.append(rule)
    return out


def severity(rule):
    return SEVERITIES[rule.get("level", "medium")]


def names(rule):
    """Every name that an alert of this rule goes by."""
    profile = (rule["vedette"].get("profiles") or {}).get("micro_agent") or {}
    found = [rule["title"], *(rule["vedette"].get("aliases") or []), *([profile["title"]] if "title" in profile else [])]
    return list(dict.fromkeys(found))


def techniques(rule):
    return [tag[7:].upper() for tag in rule.get("tags") or [] if re.match(r"attack\.t\d", tag)]
