"""A view of the file system of this process's own, so that a test may change accounts and logs."""
import ctypes
import os
import pathlib
import shutil
import subprocess
import tempfile

import harness

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source, target, kind, flags, options=""):
    def text(value):
        return str(value).encode() if value is not None else None

    if _libc.mount(text(source), text(target), text(kind), ctypes.c_ulong(flags), text(options)) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source} on {target}")


class Sandbox:
    """From its making on, this process and those it starts see copies of /etc and empty /var/log, /run
    and /home; and a /dev where a log socket may be made. The machine's own stay as they are."""

    def __init__(self):
        if os.geteuid() != 0:
            raise PermissionError("needs root")
        harness.need_private_mounts()
        if _libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _mount("none", "/", None, MS_REC | MS_PRIVATE)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-sandbox."))
        _mount("vedette", self.folder, "tmpfs", 0, "mode=755")
        # Another account must be able to read what lies here, as it can read /etc.
        shutil.copytree("/etc", self.folder / "etc", symlinks=True)
        self._keep_owners("/etc", self.folder / "etc")
        _mount(self.folder / "etc", "/etc", None, MS_BIND)
        for path in ("/var/log", "/run", "/home"):
            _mount("vedette", path, "tmpfs", 0, "mode=755")
        self._own_dev()

    @staticmethod
    def _keep_owners(source, copy):
        for folder, folders, files in os.walk(source):
            for name in [*folders, *files, "."]:
                of = pathlib.Path(folder) / name
                to = copy / of.relative_to(source)
                info = os.lstat(of)
                os.lchown(to, info.st_uid, info.st_gid)
                if not to.is_symlink():
                    os.chmod(to, info.st_mode & 0o7777)

    def _own_dev(self):
        dev = self.folder / "dev"
        dev.mkdir()
        _mount("vedette", dev, "tmpfs", 0, "mode=755")
        for name in os.listdir("/dev"):
            source, target = pathlib.Path("/dev") / name, dev / name
            if source.is_symlink():
                target.symlink_to(os.readlink(source))
            elif name == "ptmx":
                target.symlink_to("pts/ptmx")
            elif name == "pts":
                target.mkdir()
                _mount("devpts", target, "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5")
            elif source.is_dir():
                target.mkdir()
                _mount(source, target, None, MS_BIND | MS_REC)
            elif not source.is_socket():
                target.touch()
                _mount(source, target, None, MS_BIND)
        _mount(dev, "/dev", None, MS_BIND | MS_REC)

    @staticmethod
    def add_account(name, password, shell="/bin/bash"):
        """Made by the system's own tools, in the copy of /etc."""
        subprocess.run(["useradd", "--create-home", "--shell", shell, name], check=True, capture_output=True)
        subprocess.run(["chpasswd"], input=f"{name}:{password}\n", text=True, check=True, capture_output=True)

    def close(self):
        # The mounts go with the namespace; the folder's name stays outside of it.
        _libc.umount2(str(self.folder).encode(), 2)
        try:
            self.folder.rmdir()
        except OSError:
            pass
