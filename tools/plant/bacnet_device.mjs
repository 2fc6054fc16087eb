// A ventilation controller on BACnet/IP, with npm's node-bacnet: node bacnet_device.mjs
import Bacnet from "node-bacnet";

const DEVICE = 260014;
const VENDOR = 15;
const { PropertyIdentifier: Property, ApplicationTag: Tag, ObjectType } = Bacnet.enum;
const text = (value) => [{ type: Tag.CHARACTER_STRING, value }];
const device = new Map([
  [Property.OBJECT_NAME, text("AHU-3")],
  [Property.VENDOR_NAME, text("American Auto-Matrix")],
  [Property.MODEL_NAME, text("AHU-Control 7")],
  [Property.FIRMWARE_REVISION, text("4.2.1")],
  [Property.LOCATION, text("roof, north")],
  [Property.VENDOR_IDENTIFIER, [{ type: Tag.UNSIGNED_INTEGER, value: VENDOR }]],
]);
let supply = 19.5;

const client = new Bacnet({ apduTimeout: 3000 });
const from = (message) => message.header.sender;
client.on("whoIs", (message) => client.iAmResponse(from(message), DEVICE, Bacnet.enum.Segmentation.NO_SEGMENTATION, VENDOR));
client.on("readProperty", (message) => {
  const { objectId, property } = message.payload;
  supply += 0.1;
  const value =
    objectId.type === ObjectType.DEVICE
      ? device.get(property.id)
      : property.id === Property.PRESENT_VALUE && [{ type: Tag.REAL, value: supply }];
  if (value) {
    client.readPropertyResponse(from(message), message.invokeId, objectId, property, value);
  } else {
    client.errorResponse(from(message), message.service, message.invokeId, Bacnet.enum.ErrorClass.PROPERTY,
      Bacnet.enum.ErrorCode.UNKNOWN_PROPERTY);
  }
});
client.on("error", (error) => console.error("bacnet:", error.message));
client.on("listening", () => console.log("ready"));
