// What an operator's panel reads and writes: S7 with npm's nodes7, EtherNet/IP with npm's st-ethernet-ip.
// node hmi.mjs S7-ADDRESS CIP-ADDRESS SECONDS
import { promisify } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import NodeS7 from "nodes7";
import { Controller, Tag } from "st-ethernet-ip";

const [press, line] = process.argv.slice(2);
const seconds = Number(process.argv[4]);

const s7 = new NodeS7({ silent: true });
await promisify(s7.initiateConnection.bind(s7))({ host: press, port: 102, rack: 0, slot: 2, timeout: 5000 });
s7.addItems(["DB1,REAL0", "DB1,INT4", "M20.0"]);
// Calls back with whether something is wrong, and the values.
const read = () => new Promise((resolve, reject) => s7.readAllItems((bad, values) => (bad ? reject(new Error("S7: a bad value")) : resolve(values))));
const write = (item, value) => new Promise((resolve, reject) => s7.writeItems(item, value, (bad) => (bad ? reject(new Error("S7: not written")) : resolve())));

const logix = new Controller(true);
await logix.connect(line, 0, false);
await logix.readControllerProps();
const [speed, count] = [new Tag("LineSpeed"), new Tag("Count")];
for (let i = 0; i < seconds; i++) {
  await read();
  await logix.readTag(speed);
  await logix.readTag(count);
  if (i === 1) await write("DB1,INT4", 7);
  if (i === 2) {
    count.value = 0;
    await logix.writeTag(count);
  }
  await sleep(1000);
}
await logix.disconnect();
await new Promise((resolve) => s7.dropConnection(resolve));
process.exit(0); // nodes7 and st-ethernet-ip leave timers behind
