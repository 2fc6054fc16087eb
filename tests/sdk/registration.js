'use strict';
// A device that registers itself with Microsoft's provisioning SDK.
const fs = require('node:fs');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { Http } = require('azure-iot-provisioning-device-http');
const { SymmetricKeySecurityClient } = require('azure-iot-security-symmetric-key');
const { X509Security } = require('azure-iot-security-x509');
const { serve } = require('./lines.js');

const transports = { mqtt: Mqtt, 'mqtt-ws': MqttWs, http: Http };

function security({ registrationId, key, certificate, certificateKey }) {
  if (key) return new SymmetricKeySecurityClient(registrationId, key);
  return new X509Security(registrationId, {
    cert: fs.readFileSync(certificate, 'utf8'),
    key: fs.readFileSync(certificateKey, 'utf8'),
  });
}

serve({
  async register({ host = 'localhost', scope, transport = 'mqtt', payload, ...proof }) {
    const client = ProvisioningDeviceClient.create(host, scope, new transports[transport](), security(proof));
    if (payload) client.setProvisioningPayload(payload);
    return client.register();
  },
});
