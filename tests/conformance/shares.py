"""How far the two agree."""
import collections
import csv
import sys

# A share is given with one decimal; so much less is noise of rounding.
TOLERANCE = 0.05


# Layers that are beneath nearly everything.
PLAIN = {"eth", "ethertype", "vlan", "ip", "ipv6", "data", "sll", "null", "raw", "tcp.segments"}


class Share:
    """How a field compares, over all captures."""

    def __init__(self):
        self.agree = self.differ = self.missing = self.extra = 0
        self.repeated = 0  # in none of the others
        self.places = []

    def total(self):
        return self.agree + self.differ + self.missing + self.extra


class Result:
    """How a protocol compares."""

    def __init__(self):
        self.files = set()
        self.both = self.only_tshark = self.only_ours = 0
        self.aside = collections.Counter()  # {Aside: packets}
        self.fields = collections.defaultdict(Share)
        self.only_tshark_places, self.only_ours_places = [], []
        # What tshark found in packets in which only we found a message of the protocol, and what it found beneath one that
        # only it found.
        self.called = collections.Counter()
        self.beneath = collections.Counter()

    def frames_share(self):
        seen = self.both + self.only_tshark
        return 100.0 * self.both / seen if seen else 100.0

    def values(self):
        return sum(share.total() for share in self.fields.values())

    def fields_share(self):
        total = self.values()
        return 100.0 * sum(share.agree for share in self.fields.values()) / total if total else 100.0


def compare(label, found, mapping, result, keep):
    """Adds one capture to a protocol's result; found is what programs.py says: ours, tshark's, layers, repeated."""
    mine, tshark, called, repeated = found
    if mine or tshark:
        result.files.add(label)
    asides = mapping.aside(label)
    for packet in mine.keys() | tshark.keys():
        aside = next((one for one in asides if one.has(packet)), None)
        if aside is not None:
            result.aside[aside] += 1
            continue
        place = f"{label} {packet}"
        if packet not in tshark or packet not in mine:
            ours_only = packet in mine
            if ours_only:
                result.only_ours += 1
                result.called[_innermost(called.get(packet, ()))] += 1
            else:
                result.only_tshark += 1
                result.beneath[_beneath(called.get(packet, ()), mapping)] += 1
            places = result.only_ours_places if ours_only else result.only_tshark_places
            if len(places) < keep:
                places.append(place)
            continue
        result.both += 1
        for name in mine[packet].keys() | tshark[packet].keys():
            _add(result.fields[name], place, mine[packet].get(name, ()), tshark[packet].get(name, ()), keep,
                 name in repeated.get(packet, ()))


def _add(share, place, mine, tshark, keep, repeated):
    left, right = collections.Counter(mine), collections.Counter(tshark)
    agree = (left & right).total()
    extra, missing = left.total() - agree, right.total() - agree
    share.agree += agree
    share.differ += min(extra, missing)
    share.extra += max(0, extra - missing)
    if repeated and not extra:
        share.repeated += missing
        return
    share.missing += max(0, missing - extra)
    if (extra or missing) and len(share.places) < keep:
        share.places.append((place, list((left - right).elements())[:4], list((right - left).elements())[:4]))


def _innermost(layers):
    """What tshark took a packet for: what says nothing of that is left out."""
    telling = [layer for layer in layers if layer not in ("data", "tcp.segments", "_ws.malformed", "_ws.short", "_ws.unreassembled")]
    return telling[-1] if telling else "nothing"


def _beneath(layers, mapping):
    """What carries the protocol, for people: "udp > gtp > udp". Links and IP say nothing."""
    prefixes = mapping.prefixes()
    carriers = []
    for layer in layers:
        if layer in prefixes:
            break
        if layer not in PLAIN and layer not in carriers[-1:]:
            carriers.append(layer)
    return " > ".join(carriers) or "nothing"


def write_floors(place, results, quick, version):
    with open(place, "w", encoding="utf-8") as out:
        out.write(f"# {version}\n")
        out.write("protocol\tmessages\tvalues\tquick messages\tquick values\n")
        for name, result in sorted(results.items()):
            if result.both:
                out.write(f"{name}\t{result.frames_share():.1f}\t{result.fields_share():.1f}"
                          f"\t{quick[name].frames_share():.1f}\t{quick[name].fields_share():.1f}\n")


def floors_version(place):
    """The tshark that the floors were found with: another one reads other things."""
    with open(place, encoding="utf-8") as lines:
        first = lines.readline()
    return first[2:].strip() if first.startswith("# ") else "an unknown version"


def check_floors(place, results, prefix):
    with open(place, encoding="utf-8", newline="") as lines:
        lines.readline()
        floors = {row["protocol"]: row for row in csv.DictReader(lines, delimiter="\t")}
    bad = []
    for name, floor in floors.items():
        result = results.get(name)
        if result is None:
            bad.append(f"{name}: has a floor and no mapping")
            continue
        for what, share in (("messages", result.frames_share()), ("values", result.fields_share())):
            if share < float(floor[prefix + what]) - TOLERANCE:
                bad.append(f"{name}: {what} agree to {share:.1f} %, the floor is {floor[prefix + what]} %")
    for line in bad:
        print(f"protocol-conformance: {line}", file=sys.stderr)
    if not bad:
        print(f"protocol-conformance: {len(floors)} protocols are at their floors or above")
    return 1 if bad else 0
