"""What vedette-sensor and tshark read from a capture."""
import collections
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("VEDETTE_BIN", ROOT / "build/release/bin"))
AGGREGATOR = "\x1e"
LAYERS = "frame.protocols"
TIMEOUT = 600


def normal(kind, value):
    """A value so that equal ones are equal texts."""
    text = str(value).strip()
    if kind == "number":
        lower = text.lower()
        if lower in ("true", "false"):
            return "1" if lower == "true" else "0"
        try:
            return str(int(text, 0))
        except ValueError:
            pass
        try:
            return str(int(text.lstrip("0") or "0")) if text.isdigit() else str(int(float(text)))
        except (ValueError, OverflowError):
            return text
    if kind == "real":
        try:
            return f"{float(text):.5g}"
        except ValueError:
            return text
    if kind == "bytes":
        return "".join(c for c in text.lower() if c not in ":. -").removeprefix("0x")
    if kind == "quoted" and len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    # The root of all names has another name in tshark; ours shows what is not printable as \xNN.
    text = text.replace("\\x0a", " ").replace("\\x0d", " ").replace("\\x09", " ").replace("\\n", " ").replace("\\r", " ")
    return "." if text == "<Root>" else " ".join(text.split())


def keep(packets, number, field, value):
    """What is empty is not compared: tshark shows some of it, and some not."""
    value = normal(field.kind, value)
    if value not in ("", "<MISSING>", "<missing>"):
        packets[number][field.tshark].append(value)


def ours(path, mappings):
    """{protocol: {packet: {tshark field: [values]}}}, and how many messages of which protocol there are"""
    claims = collections.Counter()
    found = {name: collections.defaultdict(lambda: collections.defaultdict(list)) for name in mappings}
    done = subprocess.run([BIN / "vedette-sensor", "read", path, "--what", "fields", "--keep-duplicates"],
                          capture_output=True, timeout=TIMEOUT, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"vedette-sensor ended with {done.returncode} on {path}")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        claims[message["protocol"]] += 1
        mapping = mappings.get(message["protocol"])
        if mapping is None:
            continue
        for name, value in message["fields"]:
            for field in mapping.by_detail.get(name, ()):
                keep(found[mapping.name], message["packet"], field, value)
    return found, claims


def version_of(said):
    """ "TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as ...)." to what is before the second bracket."""
    found = re.match(r"TShark.*?\d+(\.\d+)+", said)
    return found[0] if found else said.partition("\n")[0]


class Tshark:
    """Asks tshark; what it said is kept in a folder, if there is one, for as long as the capture and tshark are the same."""

    def __init__(self, folder=None):
        self.folder = folder
        said = subprocess.run(["tshark", "--version"], capture_output=True, text=True, check=True).stdout
        self.version = version_of(said)

    def fields(self, path, names, options):
        """{packet: {field: its values as one text}}; always with frame.protocols"""
        names = {*names, LAYERS}
        place, known, packets = self._place(path, options), set(), {}
        if place is not None and place.is_file():
            kept = json.loads(place.read_text(encoding="utf-8"))
            known, packets = set(kept["names"]), {int(number): columns for number, columns in kept["packets"].items()}
        missing = sorted(names - known)
        if missing:
            for number, columns in _ask(path, missing, options):
                packets.setdefault(number, {}).update(columns)
            if place is not None:
                partly = place.with_suffix(f".{os.getpid()}")
                partly.write_text(json.dumps({"names": sorted(known | names), "packets": packets}), encoding="utf-8")
                partly.replace(place)
        return packets

    def _place(self, path, options):
        if self.folder is None:
            return None
        state = path.stat()
        key = repr((str(path), state.st_size, state.st_mtime_ns, tuple(options), self.version))
        return self.folder / (hashlib.sha256(key.encode()).hexdigest() + ".json")


def _ask(path, names, options):
    command = ["tshark", "-n", "-r", str(path), "-o", "tcp.reassemble_out_of_order:TRUE", *options, "-T", "fields",
               "-E", "separator=/t", "-E", "occurrence=a", "-E", f"aggregator={AGGREGATOR}", "-e", "frame.number"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    for line in done.stdout.decode("utf-8", "replace").split("\n"):
        number, *columns = line.split("\t")
        if number.isdigit():
            yield int(number), {name: column for name, column in zip(names, columns) if column}


def theirs(tshark, path, mappings, options):
    """The same, as tshark has it; {packet: what tshark found in it}; {protocol: {packet: fields that tshark repeats there}}."""
    repeated = {name: collections.defaultdict(set) for name in mappings}
    found = {name: collections.defaultdict(lambda: collections.defaultdict(list)) for name in mappings}
    names = {name for mapping in mappings.values() for name in mapping.columns()}
    called = {}
    for number, columns in tshark.fields(path, names, options).items():
        layers = columns.get(LAYERS, "").split(AGGREGATOR)[0].split(":")
        called[number] = layers
        for mapping in mappings.values():
            if not mapping.has(layers, columns):
                continue
            for name, fields in mapping.by_column.items():
                if name not in columns:
                    continue
                for field in fields:
                    for value in columns[name].split(AGGREGATOR):
                        keep(found[mapping.name], number, field, value)
            _find_repeated(mapping, columns, repeated[mapping.name][number])
    return found, called, repeated


def _find_repeated(mapping, columns, repeated):
    values = {name: [normal("number", value) for value in columns[name].split(AGGREGATOR)]
              for name in mapping.conditions() if name in columns}
    if values:
        repeated |= {field.tshark for field in mapping.fields if field.is_repeated(values)}


def check_fields(mappings):
    """Every field must be one that this tshark knows, or it would refuse to run at all."""
    listing = subprocess.run(["tshark", "-G", "fields"], capture_output=True, text=True, check=True, errors="replace").stdout
    known = {line.split("\t")[2] for line in listing.splitlines() if line.startswith(("F\t", "P\t"))}
    for mapping in mappings.values():
        for name in [name for name in mapping.columns() if name not in known]:
            sys.exit(f"protocol-conformance: {mapping.name}: tshark has no field {name}")
