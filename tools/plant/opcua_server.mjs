// An OPC UA server with values of a line, with npm's node-opcua: node opcua_server.mjs ADDRESS FOLDER-FOR-CERTIFICATES
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer } from "node-opcua-server";
import { DataType, Variant } from "node-opcua-variant";

const [address, folder] = process.argv.slice(2);
const manager = (name) => new OPCUACertificateManager({ rootFolder: `${folder}/${name}`, automaticallyAcceptUnknownCertificate: true });
const server = new OPCUAServer({
  hostname: address,
  port: 4840,
  resourcePath: "/line",
  securityPolicies: [SecurityPolicy.None],
  securityModes: [MessageSecurityMode.None],
  serverCertificateManager: manager("server"),
  userCertificateManager: manager("user"),
  serverInfo: { applicationUri: "urn:plant:opc-gateway", productUri: "urn:vedette:plant", applicationName: { text: "Line gateway" } },
  buildInfo: { manufacturerName: "Sterfive", productName: "Line gateway", softwareVersion: "2.186.4", buildNumber: "1" },
});
await server.initialize();
const space = server.engine.addressSpace.getOwnNamespace();
const line = space.addObject({ organizedBy: server.engine.addressSpace.rootFolder.objects, browseName: "Line" });
let speed = 41;
for (const name of ["Speed", "Pressure"])
  space.addVariable({
    componentOf: line,
    nodeId: `s=Line.${name}`,
    browseName: name,
    dataType: "Double",
    minimumSamplingInterval: 500,
    value: { get: () => new Variant({ dataType: DataType.Double, value: (speed += 0.25) }) },
  });
await server.start();
console.log("ready");
