// Reads a BACnet device as a building's or a plant's history does: node bacnet_client.mjs ADDRESS SECONDS
import { setTimeout as sleep } from "node:timers/promises";
import Bacnet from "node-bacnet";

const [address, seconds] = [process.argv[2], Number(process.argv[3])];
const { PropertyIdentifier: Property, ObjectType } = Bacnet.enum;
const client = new Bacnet({ apduTimeout: 3000 });
const read = (objectId, property) =>
  new Promise((resolve, reject) =>
    client.readProperty({ address }, objectId, property, {}, (error, value) => (error ? reject(error) : resolve(value))));

const found = new Promise((resolve) => client.on("iAm", (message) => resolve(message.payload.deviceId)));
client.whoIs({ address });
const device = { type: ObjectType.DEVICE, instance: await found };
for (const property of [Property.OBJECT_NAME, Property.VENDOR_NAME, Property.MODEL_NAME, Property.FIRMWARE_REVISION,
  Property.LOCATION])
  await read(device, property);
for (let i = 0; i < seconds; i++) {
  await read({ type: ObjectType.ANALOG_INPUT, instance: 1 }, Property.PRESENT_VALUE);
  await sleep(1000);
}
client.close();
