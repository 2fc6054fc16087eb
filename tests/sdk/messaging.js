'use strict';
// A service client on Microsoft's service SDK: messages to devices, and what became of them.
const { Client } = require('azure-iothub');
const { Amqp } = require('azure-iothub/dist/amqp.js');
const { AmqpWs } = require('azure-iothub/dist/amqp_ws.js');
const { Message } = require('azure-iot-common');
const { say, serve } = require('./lines.js');

let client;

// What its promise gives is a copy without the methods.
function receiver(verb) {
  return new Promise((resolve, reject) => client[verb]((error, found) => (error ? reject(error) : resolve(found))));
}

serve({
  async connect({ connectionString, transport = 'amqp' }) {
    client = Client.fromConnectionString(connectionString, transport === 'amqp-ws' ? AmqpWs : Amqp);
    client.setRetryPolicy(new (require('azure-iot-common').NoRetry)());
    const own = client;
    client.on('disconnect', (error) => client === own && say({ event: 'disconnect', error: error && String(error.message) }));
    await client.open();
  },
  // Afterwards it may connect again.
  async close() {
    const own = client;
    client = undefined;
    if (own) await own.close();
  },
  async send({ to, body, properties = {}, ...system }) {
    const message = new Message(body);
    for (const [key, value] of Object.entries(properties)) message.properties.add(key, value);
    Object.assign(message, system);
    await client.send(to, message);
  },
  async call({ to, method, payload }) {
    const { result } = await client.invokeDeviceMethod(to, { methodName: method, payload, responseTimeoutInSeconds: 30 });
    return result;
  },
  async watchFeedback() {
    const feedback = await receiver('getFeedbackReceiver');
    feedback.on('message', (message) => {
      say({ event: 'feedback', records: JSON.parse(message.getData().toString()) });
      feedback.complete(message, () => {});
    });
  },
  async watchFiles() {
    const files = await receiver('getFileNotificationReceiver');
    files.on('message', (message) => {
      say({ event: 'file', notification: JSON.parse(message.getData().toString()) });
      files.complete(message, () => {});
    });
  },
});
