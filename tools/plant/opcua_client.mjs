// Reads what an OPC UA server is, and subscribes to its values: node opcua_client.mjs ADDRESS SECONDS FOLDER
import { setTimeout as sleep } from "node:timers/promises";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { AttributeIds, ClientMonitoredItem, ClientSubscription, OPCUAClient, TimestampsToReturn } from "node-opcua-client";

const [address, seconds, folder] = process.argv.slice(2);
const client = OPCUAClient.create({
  applicationName: "Plant history",
  endpointMustExist: false,
  connectionStrategy: { maxRetry: 3 },
  clientCertificateManager: new OPCUACertificateManager({ rootFolder: folder, automaticallyAcceptUnknownCertificate: true }),
});
await client.connect(`opc.tcp://${address}:4840/line`);
const session = await client.createSession();
const kBuildInfo = ["i=2263", "i=2261", "i=2264"]; // manufacturer, product, version
await session.read(kBuildInfo.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value })));
const subscription = ClientSubscription.create(session, {
  requestedPublishingInterval: 1000,
  requestedLifetimeCount: 60,
  requestedMaxKeepAliveCount: 10,
  publishingEnabled: true,
});
for (const name of ["Speed", "Pressure"])
  ClientMonitoredItem.create(subscription, { nodeId: `ns=1;s=Line.${name}`, attributeId: AttributeIds.Value },
    { samplingInterval: 1000, queueSize: 2 }, TimestampsToReturn.Both);
await sleep(Number(seconds) * 1000);
await subscription.terminate();
await session.close();
await client.disconnect();
