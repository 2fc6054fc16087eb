"""Network namespaces of one's own: nothing that happens in them touches an interface of the machine."""
import array
import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys

OUTSIDE = "VEDETTE_PLANT_OUTSIDE"  # the namespace that a program was in before enter()
ETH_P_ALL = 3
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17


def ip(*words, within=()):
    subprocess.run([*within, "ip", *map(str, words)], check=True)


def unshare():
    """The command that starts a program in such a namespace: as root, or as the root of a user namespace. None: none works."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return None
    try_it = ["ip", "link", "add", "name", "try0", "type", "veth", "peer", "name", "try1"]
    for words in (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"]):
        # Without --user only root has it, and would otherwise be told why not.
        if os.geteuid() == 0 or "--user" in words:
            if subprocess.run([*words, *try_it], capture_output=True, check=False).returncode == 0:
                return words
    return None


def inside():
    """Whether enter() has been here: whatever the environment says, never in the namespace of before."""
    return os.environ.get(OUTSIDE) not in (None, os.readlink("/proc/self/ns/net"))


def enter():
    """Goes on in a namespace of its own, as a new process image of this program."""
    if inside():
        return
    words = unshare()
    if words is None:
        sys.exit("no network namespace can be made here: that needs unshare, ip, and root or user namespaces")
    os.environ[OUTSIDE] = os.readlink("/proc/self/ns/net")
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


def set_up(interface, within=()):
    """Up, and silent: no addresses that the kernel makes, no words about groups."""
    ip("link", "set", "dev", interface, "addrgenmode", "none", within=within)
    ip("link", "set", "dev", interface, "multicast", "off", within=within)
    ip("link", "set", "dev", interface, "up", within=within)


def whole_checksums(interface):
    """Has the checksums of what leaves computed here, as they would be on a wire; that ends segmentation offload, too."""
    value = array.array("B", struct.pack("II", ETHTOOL_STXCSUM, 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP", interface.encode(), value.buffer_info()[0]))


def frames(interface):
    """A socket that hears and sends whole frames."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    opened.bind((interface, 0))
    return opened


def read_pcap(path):
    """[(seconds, frame)] of a capture as `record` writes it: microseconds, little endian, Ethernet."""
    data = pathlib.Path(path).read_bytes()
    if struct.unpack_from("<IHH", data) != (0xA1B2C3D4, 2, 4):
        raise ValueError(f"{path} is not a capture of tools/plant/record")
    at, found = 24, []
    while at < len(data):
        seconds, micros, size = struct.unpack_from("<III", data, at)
        found.append((seconds + micros / 1e6, data[at + 16:at + 16 + size]))
        at += 16 + size
    return found
