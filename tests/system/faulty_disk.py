"""A disk whose syncs fail or take their time, for the programs of a test."""
import os
import pathlib
import struct
import subprocess
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent


class FaultyDisk:
    """A disk whose syncs fail, of the hub that is started inside started(): for its files in a folder."""

    NONE, ERROR, FULL, SLOW = range(4)

    def __init__(self, site, folder):
        self.library, self.file, self.folder = site.folder / "faulty_disk.so", site.folder / "faulty_disk", folder
        subprocess.run(["gcc", "-std=c17", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o", self.library,
                        HERE / "faulty_disk.c"], check=True)
        self.file.write_bytes(bytes(8))

    def started(self):
        return unittest.mock.patch.dict(os.environ, LD_PRELOAD=str(self.library), VEDETTE_DISK_FAULT=str(self.file),
                                        VEDETTE_DISK_FAULT_IN=str(self.folder))

    def set(self, how):
        """In place, since the file's page is the hub's memory."""
        with open(self.file, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", how))
