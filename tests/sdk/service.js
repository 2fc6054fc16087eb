'use strict';
// A fleet's owner on Microsoft's service SDK: the registry, methods and jobs.
const { Registry, Client, JobClient } = require('azure-iothub');
const { ContainerClient } = require('@azure/storage-blob');
const { serve } = require('./lines.js');

let registry;
let client;
let jobs;

// What the hub said, beside what the SDK makes of it.
function plain(value) {
  return JSON.parse(JSON.stringify(value === undefined ? null : value));
}

// The SDK tells of what the hub answered in the error's `responseBody`.
async function asked(promise) {
  try {
    return plain(await promise);
  } catch (error) {
    if (error.responseBody) error.message += ` | ${error.responseBody}`;
    throw error;
  }
}

const body = async (promise) => asked(promise.then((result) => result.responseBody));

serve({
  async connect({ connectionString }) {
    registry = Registry.fromConnectionString(connectionString);
    client = Client.fromConnectionString(connectionString);
    jobs = JobClient.fromConnectionString(connectionString);
  },
  create: ({ device }) => body(registry.create(device)),
  update: ({ device }) => body(registry.update(device)),
  get: ({ deviceId }) => body(registry.get(deviceId)),
  list: () => body(registry.list()),
  delete: ({ deviceId }) => asked(registry.delete(deviceId).then(() => null)),
  addModule: ({ module }) => body(registry.addModule(module)),
  getModule: ({ deviceId, moduleId }) => body(registry.getModule(deviceId, moduleId)),
  updateModule: ({ module, force }) => body(registry.updateModule(module, force)),
  getModules: ({ deviceId }) => body(registry.getModulesOnDevice(deviceId)),
  removeModule: ({ deviceId, moduleId }) => asked(registry.removeModule(deviceId, moduleId).then(() => null)),
  addDevices: ({ devices }) => body(registry.addDevices(devices)),
  updateDevices: ({ devices, force }) => body(registry.updateDevices(devices, force)),
  removeDevices: ({ devices, force }) => body(registry.removeDevices(devices, force)),
  statistics: () => body(registry.getRegistryStatistics()),
  getTwin: ({ deviceId }) => asked(registry.getTwin(deviceId).then(({ responseBody: { _registry, ...twin } }) => twin)),
  updateTwin: ({ deviceId, patch, etag }) => asked(registry.updateTwin(deviceId, patch, etag)
    .then(({ responseBody: { _registry, ...twin } }) => twin)),
  getModuleTwin: ({ deviceId, moduleId }) => asked(registry.getModuleTwin(deviceId, moduleId)
    .then(({ responseBody: { _registry, ...twin } }) => twin)),
  updateModuleTwin: ({ deviceId, moduleId, patch, etag }) => asked(registry.updateModuleTwin(deviceId, moduleId, patch, etag)
    .then(({ responseBody: { _registry, ...twin } }) => twin)),
  invoke: ({ deviceId, method }) => asked(client.invokeDeviceMethod(deviceId, method).then((answer) => answer.result)),
  scheduleTwinUpdate: ({ jobId, condition, patch, start, seconds }) => asked(
    jobs.scheduleTwinUpdate(jobId, condition, patch, new Date(Date.now() + 1000 * (start || 0)), seconds || 120)
      .then((answer) => answer.jobStatus)),
  scheduleDeviceMethod: ({ jobId, condition, method, start, seconds }) => asked(
    jobs.scheduleDeviceMethod(jobId, condition, method, new Date(Date.now() + 1000 * (start || 0)), seconds || 120)
      .then((answer) => answer.jobStatus)),
  getJob: ({ jobId }) => asked(jobs.getJob(jobId).then((answer) => answer.jobStatus)),
  cancelJob: ({ jobId }) => asked(jobs.cancelJob(jobId).then((answer) => answer.jobStatus)),
  async query({ sql, pageSize }) {
    const query = registry.createQuery(sql, pageSize);
    const rows = [];
    while (query.hasMoreResults) rows.push(...(await query.next(query.continuationToken)).result);
    return rows;
  },
  exportDevices: ({ container, excludeKeys }) => asked(registry.exportDevicesToBlob(container, excludeKeys)),
  importDevices: ({ input, output }) => asked(registry.importDevicesFromBlob(input, output)),
  transfer: ({ jobId }) => asked(registry.getJob(jobId)),
  transfers: () => body(registry.listJobs()),
  cancelTransfer: ({ jobId }) => asked(registry.cancelJob(jobId).then(() => null)),
  // This SDK has no function for it; the others ask the same.
  purge: ({ deviceId }) => asked(new Promise((resolve, reject) => registry._restApiClient.executeApiCall(
    'DELETE', `/devices/${deviceId}/commands?api-version=2021-04-12`, null, null,
    (error, result) => (error ? reject(error) : resolve(result))))),
  // Microsoft's storage client, as a fleet's owner would use it.
  async putBlob({ container, blob, text, blockSize }) {
    const client = new ContainerClient(container).getBlockBlobClient(blob);
    if (!blockSize) return (await client.upload(text, Buffer.byteLength(text)))._response.status;
    const options = { blockSize, maxSingleShotSize: blockSize };
    return (await client.uploadData(Buffer.from(text), options))._response.status;
  },
  async getBlob({ container, blob }) {
    return (await new ContainerClient(container).getBlobClient(blob).downloadToBuffer()).toString();
  },
  async listBlobs({ container }) {
    const names = [];
    for await (const blob of new ContainerClient(container).listBlobsFlat()) names.push(blob.name);
    return names;
  },
  async listJobs({ type, status, pageSize }) {
    const query = jobs.createQuery(type, status, pageSize);
    const pages = [];
    // Without an argument, and without a callback, the SDK begins at the first page again.
    while (query.hasMoreResults) pages.push(plain((await query.next(query.continuationToken)).result));
    return pages;
  },
});
