"""A sensor's inventory outlives the sensor: stopped, killed, with a file that somebody damaged."""
import json
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from harness import BIN, Program, eventually


class InventoryTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vedette-inventory-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.state = self.folder / "state"
        self.file = self.state / "inventory"
        self.config = self.folder / "sensor.toml"
        self.config.write_text(f'[capture]\ninterface = "lo"\n[state]\ndir = "{self.state}"\ninventory_every = "1s"\n'
                               '[output]\nwhat = "assets"\n')

    def start(self):
        program = Program(self.folder, "vedette-sensor", ["run", "--config", self.config])
        self.addCleanup(lambda: program.process.poll() is None and program.kill())
        try:
            program.ready()
        except Exception:
            if "CAP_NET_RAW" in program.log() or "permission" in program.log():
                self.skipTest("capturing needs CAP_NET_RAW")
            raise
        return program

    def stop(self, program):
        """The devices that it knew in the end, by id."""
        program.process.send_signal(signal.SIGTERM)
        self.assertEqual(program.process.wait(60), 0, program.log())
        program.close()
        return {one["id"]: one for one in program.lines() if "id" in one}

    def status(self):
        return json.loads((self.state / "status.json").read_text())["inventory"]

    def hear(self, address):
        """Talks from that address until the sensor has more in its inventory, and that is on the disk."""
        before = self.status()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            server.bind(("127.0.0.1", 0))
            client.bind((address, 0))

            def known():
                client.sendto(b"vedette", server.getsockname())
                now = self.status()
                return now if now["addresses"] > before["addresses"] else None

            counted = eventually(known, timeout=60, interval=0.2, what=f"{address} in the inventory")
        # What was on the disk before may lack it; what is twice newer does not.
        for _ in range(2):
            last = counted.get("saved", "")
            counted = eventually(lambda last=last: (now := self.status()).get("saved", "") > last and now, timeout=60,
                                 interval=0.2, what="the inventory on the disk")

    def test_what_was_seen_is_known_after_a_stop_and_after_a_crash(self):
        program = self.start()
        self.assertEqual(self.status()["begunWith"], "new")
        self.hear("127.0.0.21")
        first = self.stop(program)
        self.assertIn("127.0.0.21", first)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

        program = self.start()
        self.assertEqual(self.status()["begunWith"], "kept")
        self.hear("127.0.0.22")
        program.cut_power()

        program = self.start()
        self.assertEqual(self.status()["begunWith"], "kept")
        last = self.stop(program)
        self.assertEqual(last["127.0.0.21"]["first"], first["127.0.0.21"]["first"])
        self.assertIn("127.0.0.22", last)
        self.assertGreater(last["127.0.0.22"]["first"], first["127.0.0.21"]["first"])

    def test_a_damaged_file_is_set_aside(self):
        program = self.start()
        self.hear("127.0.0.23")
        self.stop(program)
        content = bytearray(self.file.read_bytes())
        content[len(content) // 2] ^= 1
        self.file.write_bytes(content)

        program = self.start()
        status = self.status()
        self.assertEqual(status["begunWith"], "damaged")
        self.assertIn("checksum", status["problem"])
        self.assertIn("inventory.damaged", program.log())
        self.assertEqual((self.state / "inventory.damaged").read_bytes(), bytes(content))
        table = subprocess.run([BIN / "vedette-sensor", "status", "--config", self.config], capture_output=True, text=True,
                               timeout=60, check=True).stdout
        self.assertRegex(table, r"(?m)^inventory.begunWith +damaged$")
        self.hear("127.0.0.24")
        devices = self.stop(program)
        self.assertNotIn("127.0.0.23", devices)

        program = self.start()
        self.assertEqual(self.status()["begunWith"], "kept")
        self.assertIn("127.0.0.24", self.stop(program))

    def inventory(self, *words, code=0):
        done = subprocess.run([BIN / "vedette-sensor", "inventory", *words, "--config", self.config], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr if code else done.stdout

    def device(self, name):
        return json.loads(self.inventory("show", name, "-o", "json"))

    def test_people_correct_it(self):
        program = self.start()
        for last in (31, 32):
            self.hear(f"127.0.0.{last}")
        self.assertIn("127.0.0.31", self.inventory("list"))
        self.inventory("set", "127.0.0.31", "name=Press 3", "type=PLC")
        self.inventory("merge", "127.0.0.32", "127.0.0.31")
        joined = self.device("127.0.0.32")
        self.assertEqual((joined["id"], joined["ip"]), ("127.0.0.31", ["127.0.0.31", "127.0.0.32"]))
        self.assertEqual((joined["edits"], joined["purdueLevel"]), ([1, 2, 3], 1))
        self.assertEqual({one["fact"]: (one["value"], one["confidence"]) for one in joined["fields"]},
                         {"name": ("Press 3", "stated"), "type": ("PLC", "stated")})
        # The running one has them, too.
        eventually(lambda: self.status()["edits"] == 3, timeout=60, what="the edits taken over")
        program.cut_power()
        program = self.start()
        known = self.stop(program)
        self.assertEqual(known["127.0.0.31"]["ip"], ["127.0.0.31", "127.0.0.32"])
        self.assertNotIn("127.0.0.32", known)
        # What was done can be undone, and that, too.
        self.inventory("split", "127.0.0.31", "127.0.0.32")
        self.assertEqual(self.device("127.0.0.32")["id"], "127.0.0.32")
        self.inventory("undo")
        self.assertEqual(self.device("127.0.0.32")["id"], "127.0.0.31")
        self.inventory("undo", "3")
        self.assertEqual(self.device("127.0.0.32")["id"], "127.0.0.32")
        self.inventory("unset", "127.0.0.31", "name")
        self.assertNotIn("name", [one["fact"] for one in self.device("127.0.0.31")["fields"]])
        history = [json.loads(line) for line in self.inventory("history", "-o", "json").splitlines()]
        self.assertEqual([one["do"] for one in history], ["set", "set", "merge", "split", "undo", "undo", "unset"])
        self.assertTrue(all(one["who"] for one in history))
        self.assertIn("(undone)", self.inventory("history"))
        edits = self.state / "edits.jsonl"
        self.assertEqual(stat.S_IMODE(edits.stat().st_mode), 0o600)
        # A crash in the middle of a line that nobody was told of.
        with edits.open("ab") as file:
            file.write(b'{"edit":8,"ti')
        self.inventory("set", "127.0.0.31", "vendor=Ours")
        self.assertEqual(self.device("127.0.0.31")["edits"], [1, 2, 7, 8])

    def test_what_cannot_be_is_refused(self):
        program = self.start()
        for last in (41, 42):
            self.hear(f"127.0.0.{last}")
        self.stop(program)
        for words, said in ((("show", "10.9.9.9"), "no device has the address 10.9.9.9"),
                            (("set", "127.0.0.41", "colour=red"), "there are name, type"),
                            (("set", "127.0.0.41", "name"), "is not FIELD=VALUE"),
                            (("set", "127.0.0.41", "level=9"), "1 to 4"),
                            (("unset", "127.0.0.41", "name"), "nobody set name"),
                            (("merge", "127.0.0.41", "127.0.0.41"), "one device already"),
                            (("split", "127.0.0.41", "127.0.0.42"), "no address of 127.0.0.41"),
                            (("split", "127.0.0.41", "127.0.0.41"), "nothing would be left"),
                            (("undo",), "nothing to undo"), (("undo", "7"), "no edit 7"),
                            (("show", "press"), "no address of a device")):
            with self.subTest(words):
                self.assertIn(said, self.inventory(*words, code=1))
        self.assertEqual(self.inventory("history"), "")
        self.assertIn("merge ID INTO", self.inventory("merge", "127.0.0.41", code=2))
        self.assertIn("inventory list", self.inventory("join", code=2))

    def test_a_folder_is_of_one_sensor(self):
        program = self.start()
        second = subprocess.run([BIN / "vedette-sensor", "run", "--config", self.config], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another sensor runs with the folder", second.stderr)
        self.stop(program)


if __name__ == "__main__":
    unittest.main()
