"""Rules of every firewall that Linux has, as the agent tells them."""
import os
import shutil
import unittest

from harness import BIN
from pictures import Snapshots, run, tools

NFT_RULES = """
table inet guard {
  set blocked { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7, 203.0.113.5-203.0.113.9 } }
  set admins { type ipv6_addr; elements = { 2001:db8::1, 2001:db8::2 } }
  map ways { type inet_service : verdict; elements = { 22 : accept, 23 : drop } }
  chain arriving {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
    ct state invalid counter drop
    iifname "lo" accept
    iifname "eth*" ip saddr @blocked drop comment "known bad"
    ip6 saddr @admins tcp dport 22 accept
    tcp dport { 80, 443, 8000-8010 } accept
    tcp dport vmap @ways
    udp sport 53 udp dport != 53 log prefix "odd " reject
    ip saddr != 10.0.0.0/8 tcp dport 3306 reject with tcp reset
    jump extra
  }
  chain extra {
    limit rate 5/minute burst 7 packets accept
    tcp flags & (syn|ack) == syn return
  }
}
table ip turn {
  chain before {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport 8080 dnat to 192.0.2.10:80
  }
  chain after {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan0" masquerade
  }
}
table ip6 six {
  chain leaving {
    type filter hook output priority -5; policy accept;
    ip6 daddr 2001:db8:1::/48 udp dport 1000-2000 drop
  }
}
table bridge between {
  chain passing {
    type filter hook forward priority 0; policy accept;
    ether saddr 02:00:5e:00:53:01 drop
  }
}
table ip asleep {
  flags dormant
  chain arriving {
    type filter hook input priority 0; policy drop;
  }
}
"""


def item(place, chain, action, verdict, rule, extra=None, enabled=True, **fields):
    """An item of FirewallConfiguration as it should be."""
    return {"Priority": place, "ChainName": chain, "Enabled": enabled, "Action": action, **fields,
            "ExtraDetails": {"Verdict": verdict, "Rule": rule, **(extra or {})}}


def of_chain(items, **places):
    """Adds what all items of a chain have: the direction to each, the rest to its details."""
    direction = places.pop("Direction", None)
    for one in items:
        if direction is not None:
            one["Direction"] = direction
        one["ExtraDetails"].update(places)
    return items


def policy(place, chain, verdict, **fields):
    return item(place, chain, "Allow" if verdict == "accept" else "Deny", verdict, f"policy {verdict}",
                {"Policy": "true"}, **fields)


def guard_chains():
    arriving = [
        item(1, "arriving", "Allow", "accept", "ct state established,related accept", {"State": "established,related"}),
        item(2, "arriving", "Deny", "drop", "ct state invalid counter drop",
             {"State": "invalid", "Packets": "0", "Bytes": "0"}),
        item(3, "arriving", "Allow", "accept", 'iifname "lo" accept', {"InInterface": "lo"}),
        item(4, "arriving", "Deny", "drop", 'iifname "eth*" meta nfproto ipv4 ip saddr @blocked drop',
             {"InInterface": "eth*", "Comment": "known bad",
              "Set.blocked": "192.0.2.0/24, 198.51.100.7, 203.0.113.5-203.0.113.9"}, SourceAddress="@blocked"),
        item(5, "arriving", "Allow", "accept",
             "meta nfproto ipv6 ip6 saddr @admins meta l4proto tcp tcp dport 22 accept",
             {"Set.admins": "2001:db8::1, 2001:db8::2"},
             SourceAddress="@admins", DestinationPort="22", Protocol="tcp"),
        item(6, "arriving", "Allow", "accept", "meta l4proto tcp tcp dport { 80, 443, 8000-8010 } accept",
             DestinationPort="80, 443, 8000-8010", Protocol="tcp"),
        item(7, "arriving", "Other", "vmap", "meta l4proto tcp tcp dport vmap @ways",
             {"Set.ways": "22 : accept, 23 : drop"}, Protocol="tcp"),
        item(8, "arriving", "Deny", "reject with icmpx 1",
             'meta l4proto udp udp sport 53 udp dport != 53 log prefix "odd " level 4 reject with icmpx 1',
             SourcePort="53", DestinationPort="!=53", Protocol="udp"),
        item(9, "arriving", "Deny", "reject with tcp reset",
             "meta nfproto ipv4 ip saddr != 10.0.0.0/8 meta l4proto tcp tcp dport 3306 reject with tcp reset",
             SourceAddress="!=10.0.0.0/8", DestinationPort="3306", Protocol="tcp"),
        item(10, "arriving", "Other", "jump extra", "jump extra"),
        policy(11, "arriving", "drop")]
    extra = [item(1, "extra", "Allow", "accept", "limit rate 5 packets/minute burst 7 accept"),
             item(2, "extra", "Other", "return", "meta l4proto tcp tcp flags & 18 == 2 return", Protocol="tcp")]
    where = {"Source": "nftables", "Family": "inet", "Table": "guard"}
    return of_chain(arriving, Direction="In", Hook="input", ChainType="filter", HookPriority="0", **where) + of_chain(
        extra, **where)


def other_nft_chains():
    before = [item(1, "before", "Other", "dnat to 192.0.2.10:80",
                   "meta l4proto tcp tcp dport 8080 dnat to 192.0.2.10:80", DestinationPort="8080", Protocol="tcp"),
              policy(2, "before", "accept")]
    after = [item(1, "after", "Other", "masquerade", 'oifname "wan0" masquerade', {"OutInterface": "wan0"}),
             policy(2, "after", "accept")]
    leaving = [item(1, "leaving", "Deny", "drop",
                    "ip6 daddr 2001:db8:1::/48 meta l4proto udp udp dport >= 1000 udp dport <= 2000 drop",
                    DestinationAddress="2001:db8:1::/48", DestinationPort="1000-2000", Protocol="udp"),
               policy(2, "leaving", "accept")]
    passing = [item(1, "passing", "Deny", "drop", "ether saddr 02:00:5e:00:53:01 drop"), policy(2, "passing", "accept")]
    asleep = [policy(1, "arriving", "drop", enabled=False)]
    turn = {"Source": "nftables", "Family": "ip", "Table": "turn", "ChainType": "nat"}
    return (of_chain(before, Direction="In", Hook="prerouting", HookPriority="-100", **turn) +
            of_chain(after, Direction="Out", Hook="postrouting", HookPriority="100", **turn) +
            of_chain(leaving, Direction="Out", Source="nftables", Family="ip6", Table="six", Hook="output",
                     ChainType="filter", HookPriority="-5") +
            of_chain(passing, Source="nftables", Family="bridge", Table="between", Hook="forward", ChainType="filter",
                     HookPriority="0") +
            of_chain(asleep, Direction="In", Source="nftables", Family="ip", Table="asleep", Hook="input",
                     ChainType="filter", HookPriority="0"))


def without_handles(items):
    """nftables numbers its rules itself; that each has a number is looked at apart."""
    for one in items:
        one["ExtraDetails"].pop("Handle", None)
    return items


class Firewall(Snapshots):
    def setUp(self):
        super().setUp()
        self.own_network()

    def same(self, found, expected):
        self.maxDiff = None
        for one, other in zip(found, expected):
            self.assertEqual(one, other)
        self.assertEqual(len(found), len(expected), found[len(expected):])

    @tools("nft")
    def test_rules_of_every_family(self):
        run("nft", "-f", "-", stdin=NFT_RULES)
        found = self.picture("FirewallConfiguration")
        for one in found:
            self.assertEqual("Handle" in one["ExtraDetails"], "Policy" not in one["ExtraDetails"], one)
        order = ["guard", "turn", "six", "between", "asleep"]
        found = sorted(without_handles(found), key=lambda one: order.index(one["ExtraDetails"]["Table"]))
        self.same(found, guard_chains() + other_nft_chains())

    @tools("iptables-legacy", "ip6tables-legacy")
    def test_rules_of_the_older_tables(self):
        for words in (["-N", "OWN"], ["-P", "FORWARD", "DROP"],
                      ["-A", "INPUT", "-i", "eth+", "-s", "192.0.2.0/24", "!", "-d", "198.51.100.1", "-p", "tcp",
                       "--dport", "22", "-m", "conntrack", "--ctstate", "NEW,ESTABLISHED", "-m", "comment",
                       "--comment", "from the office", "-j", "ACCEPT"],
                      ["-A", "INPUT", "-p", "udp", "-m", "multiport", "--dports", "53,67:68", "-j", "OWN"],
                      ["-A", "OWN", "!", "-o", "wan0", "-j", "REJECT"]):
            run("iptables-legacy", *words)
        run("ip6tables-legacy", "-A", "INPUT", "-s", "2001:db8::/32", "-p", "icmpv6", "--icmpv6-type", "echo-request",
            "-j", "DROP")
        run("ip6tables-legacy", "-A", "INPUT", "-p", "tcp", "!", "--sport", "1024:65535", "-m", "state", "--state",
            "RELATED", "-j", "ACCEPT")

        def chain(items, name, **where):
            for one in items:
                one["ExtraDetails"].update({"Packets": "0", "Bytes": "0"})
            hook = {} if name == "OWN" else {"Hook": name.lower()}
            return of_chain(items, Source=f"{where['Of']}-legacy", Table="filter", Family=where["Family"], **hook,
                            **({"Direction": where["Direction"]} if "Direction" in where else {}))

        four, six = {"Of": "iptables", "Family": "ip"}, {"Of": "ip6tables", "Family": "ip6"}
        expected = (
            chain([item(1, "INPUT", "Allow", "accept",
                        "iifname eth* ip saddr 192.0.2.0/24 ip daddr != 198.51.100.1 meta l4proto tcp tcp dport 22 "
                        "ct state established,new accept",
                        {"InInterface": "eth*", "State": "established,new", "Comment": "from the office"},
                        SourceAddress="192.0.2.0/24", DestinationAddress="!=198.51.100.1", DestinationPort="22",
                        Protocol="tcp"),
                   item(2, "INPUT", "Other", "jump OWN", "meta l4proto udp multiport dport 53,67-68 jump OWN",
                        DestinationPort="53,67-68", Protocol="udp"),
                   policy(3, "INPUT", "accept")], "INPUT", Direction="In", **four) +
            chain([policy(1, "FORWARD", "drop")], "FORWARD", **four) +
            chain([policy(1, "OUTPUT", "accept")], "OUTPUT", Direction="Out", **four) +
            chain([item(1, "OWN", "Deny", "reject", "oifname != wan0 reject", {"OutInterface": "!=wan0"})], "OWN", **four) +
            chain([item(1, "INPUT", "Deny", "drop",
                        "ip6 saddr 2001:db8::/32 meta l4proto ipv6-icmp icmpv6 type 128 code 0-255 drop",
                        SourceAddress="2001:db8::/32", Protocol="ipv6-icmp"),
                   item(2, "INPUT", "Allow", "accept", "meta l4proto tcp tcp sport != 1024-65535 ct state related accept",
                        {"State": "related"}, SourcePort="!=1024-65535", Protocol="tcp"),
                   policy(3, "INPUT", "accept")], "INPUT", Direction="In", **six) +
            chain([policy(1, "FORWARD", "accept")], "FORWARD", **six) +
            chain([policy(1, "OUTPUT", "accept")], "OUTPUT", Direction="Out", **six))
        self.same(self.picture("FirewallConfiguration"), expected)

    @tools("iptables-nft", "ip6tables-nft")
    def test_rules_that_iptables_gave_to_nftables(self):
        run("iptables-nft", "-A", "INPUT", "-i", "eth0", "-s", "192.0.2.9", "-p", "tcp", "--dport", "25", "-m",
            "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "by nft", "-j", "DROP")
        run("iptables-nft", "-A", "INPUT", "-p", "tcp", "-m", "multiport", "--dports", "1,2:3", "-j", "REJECT")
        run("ip6tables-nft", "-A", "OUTPUT", "-d", "2001:db8::5", "-p", "udp", "--dport", "123", "-j", "ACCEPT")
        found = {(one["ExtraDetails"]["Family"], one["ChainName"], one["Priority"]): one
                 for one in without_handles(self.picture("FirewallConfiguration"))}
        self.assertEqual(set(found), {("ip", "INPUT", 1), ("ip", "INPUT", 2), ("ip", "INPUT", 3),
                                      ("ip6", "OUTPUT", 1), ("ip6", "OUTPUT", 2)})
        counted = {"Packets": "0", "Bytes": "0"}
        where = {"Source": "nftables", "Table": "filter", "ChainType": "filter", "HookPriority": "0"}
        four = of_chain([
            item(1, "INPUT", "Deny", "drop",
                 'iifname "eth0" meta l4proto tcp ip saddr 192.0.2.9 tcp dport 25 ct state new counter drop',
                 {"InInterface": "eth0", "State": "new", "Comment": "by nft", **counted},
                 SourceAddress="192.0.2.9", DestinationPort="25", Protocol="tcp"),
            item(2, "INPUT", "Deny", "reject", "meta l4proto tcp multiport dport 1,2-3 counter reject", dict(counted),
                 DestinationPort="1,2-3", Protocol="tcp"),
            policy(3, "INPUT", "accept")], Direction="In", Family="ip", Hook="input", **where)
        six = of_chain([
            item(1, "OUTPUT", "Allow", "accept", "meta l4proto udp ip6 daddr 2001:db8::5 udp dport 123 counter accept",
                 dict(counted), DestinationAddress="2001:db8::5", DestinationPort="123", Protocol="udp"),
            policy(2, "OUTPUT", "accept")], Direction="Out", Family="ip6", Hook="output", **where)
        self.maxDiff = None
        for one in four + six:
            self.assertEqual(found[one["ExtraDetails"]["Family"], one["ChainName"], one["Priority"]], one)

    def test_no_rules_are_an_empty_picture(self):
        self.assertEqual(self.picture("FirewallConfiguration"), [])

    @tools("setpriv")
    def test_unknown_is_never_empty(self):
        """Without the right to ask; there are no rules, and nobody can know that."""
        found = self.picture("FirewallConfiguration", before=["setpriv", "--bounding-set", "-net_admin", "--inh-caps",
                                                              "-net_admin"])
        self.unknown(found, {"nftables"})

    @tools("setpriv", "iptables-legacy", "nft")
    def test_unknown_rules_are_told_as_such(self):
        run("nft", "-f", "-", stdin=NFT_RULES)
        run("iptables-legacy", "-P", "INPUT", "DROP")
        found = self.picture("FirewallConfiguration", before=["setpriv", "--bounding-set", "-net_admin", "--inh-caps",
                                                              "-net_admin"])
        self.unknown(found, {"nftables", "iptables-legacy filter"})

    @tools("setpriv")
    def test_without_any_right_nothing_is_known(self):
        # A copy, where anybody may run it.
        os.chmod(self.folder, 0o755)
        found = self.picture("FirewallConfiguration", program=shutil.copy(BIN / "vedette-agent", self.folder), before=[
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all", "--inh-caps",
            "-all"])
        self.unknown(found, {"nftables", "iptables-legacy", "ip6tables-legacy"})

    def unknown(self, found, sources):
        self.assertEqual({one["ExtraDetails"]["Source"] for one in found}, sources)
        for one in found:
            self.assertTrue(one["ExtraDetails"]["Unknown"], one)
            self.assertEqual((one["Enabled"], one["Action"]), (False, "Other"))


if __name__ == "__main__":
    unittest.main()
