'use strict';
// A device or module on Microsoft's device SDK.
const fs = require('node:fs');
const { Client, ModuleClient, Message } = require('azure-iot-device');
const mqtt = require('azure-iot-device-mqtt');
const amqp = require('azure-iot-device-amqp');
const http = require('azure-iot-device-http');
const { say, serve } = require('./lines.js');

const transports = {
  mqtt: mqtt.Mqtt,
  'mqtt-ws': mqtt.MqttWs,
  amqp: amqp.Amqp,
  'amqp-ws': amqp.AmqpWs,
  http: http.Http,
};

let client;
let twin;
const received = new Map(); // by lock token or message id

function makeMessage({ body, base64, properties = {}, security, ...system }) {
  const message = new Message(base64 ? Buffer.from(base64, 'base64') : body);
  for (const [key, value] of Object.entries(properties)) message.properties.add(key, value);
  if (security) message.setAsSecurityMessage();
  for (const key of ['messageId', 'correlationId', 'contentType', 'contentEncoding', 'expiryTimeUtc', 'userId']) {
    if (system[key] !== undefined) message[key] = system[key];
  }
  return message;
}

function showMessage(message) {
  const properties = {};
  for (let i = 0; i < message.properties.count(); i += 1) {
    const item = message.properties.getItem(i);
    properties[item.key] = item.value;
  }
  return {
    body: message.getData().toString(),
    properties,
    messageId: message.messageId,
    correlationId: message.correlationId,
    contentType: message.contentType,
    lockToken: message.lockToken,
  };
}

function plain(properties) {
  return JSON.parse(JSON.stringify(properties));
}

async function theTwin() {
  if (!twin) twin = await client.getTwin();
  return twin;
}

serve({
  async connect({ connectionString, sharedAccessSignature, transport = 'mqtt', certificate, key, options }) {
    const kind = /(^|;)ModuleId=/i.test(connectionString || '') || /%2[Ff]modules%2[Ff]|\/modules\//.test(sharedAccessSignature || '')
      ? ModuleClient : Client;
    client = sharedAccessSignature
      ? kind.fromSharedAccessSignature(sharedAccessSignature, transports[transport])
      : kind.fromConnectionString(connectionString, transports[transport]);
    client.setRetryPolicy(new (require('azure-iot-common').NoRetry)());
    if (certificate) {
      await client.setOptions({ cert: fs.readFileSync(certificate, 'utf8'), key: fs.readFileSync(key, 'utf8') });
    }
    if (options) await client.setOptions(options);
    const own = client;
    const news = (what) => client === own && say(what);
    client.on('disconnect', (error) => news({ event: 'disconnect', error: error && error.err ? String(error.err.message) : undefined }));
    client.on('error', (error) => news({ event: 'error', message: String(error.message) }));
    await client.open();
  },
  // Afterwards it may connect as somebody else.
  async close() {
    const own = client;
    client = undefined;
    twin = undefined;
    received.clear();
    if (own) await own.close();
  },
  async send(message) {
    await (message.output ? client.sendOutputEvent(message.output, makeMessage(message)) : client.sendEvent(makeMessage(message)));
  },
  async sendBatch({ messages }) {
    await client.sendEventBatch(messages.map(makeMessage));
  },
  async getTwin() {
    twin = undefined;
    return plain((await theTwin()).properties);
  },
  async report({ patch }) {
    const target = await theTwin();
    await new Promise((resolve, reject) => {
      target.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
    });
  },
  async watchDesired() {
    (await theTwin()).on('properties.desired', (desired) => say({ event: 'desired', desired: plain(desired) }));
  },
  // Messages from the cloud come as news; `settle` says what becomes of each: complete, reject,
  // abandon, or nothing.
  async listen({ settle }) {
    client.on('message', (message) => {
      const shown = showMessage(message);
      received.set(shown.messageId || shown.lockToken, message);
      say({ event: 'message', ...shown });
      if (settle) client[settle](message, (error) => say({ event: 'settled', error: error && String(error.message) }));
    });
  },
  async listenInput({ input }) {
    client.on('inputMessage', (name, message) => {
      if (name !== input) return;
      say({ event: 'input', input: name, ...showMessage(message) });
      client.complete(message, (error) => say({ event: 'settled', error: error && String(error.message) }));
    });
  },
  async settle({ messageId, how }) {
    await client[how](received.get(messageId));
  },
  async answerMethod({ method, status, payload }) {
    client.onDeviceMethod
      ? client.onDeviceMethod(method, respond)
      : client.onMethod(method, respond);
    function respond(request, response) {
      say({ event: 'method', method: request.methodName, payload: request.payload });
      response.send(status, payload, (error) => say({ event: 'answered', error: error && String(error.message) }));
    }
  },
  async upload({ name, body }) {
    const { Readable } = require('node:stream');
    const bytes = Buffer.from(body);
    await client.uploadToBlob(name, Readable.from([bytes]), bytes.length);
  },
});
