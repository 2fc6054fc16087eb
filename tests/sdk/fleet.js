'use strict';
// The service SDK's queries and configurations: one verb, one call of it.
const { Registry } = require('azure-iothub');
const { serve } = require('./lines');

let registry = null;

// What a call with a callback gives: not all of these calls keep the promises that they make.
function called(call) {
  return new Promise((resolve, reject) => {
    call((error, result, response) => (error ? reject(error) : resolve({ result, response })));
  });
}

// All pages of a query, as the SDK hands them out.
async function pages(query, next) {
  const all = [];
  while (query.hasMoreResults) {
    const { result, response } = await called(next);
    all.push({ items: result, type: response.headers['x-ms-item-type'] });
  }
  return all;
}

serve({
  open({ connectionString }) {
    registry = Registry.fromConnectionString(connectionString);
  },
  query({ sql, pageSize }) {
    const query = registry.createQuery(sql, pageSize);
    return pages(query, (done) => query.next(done));
  },
  async twins({ sql, pageSize }) {
    const query = registry.createQuery(sql, pageSize);
    const all = await pages(query, (done) => query.nextAsTwin(done));
    return all.flatMap((page) => page.items.map((twin) => twin.toJSON()));
  },
  async add({ configuration }) {
    return (await called((done) => registry.addConfiguration(configuration, done))).result;
  },
  async get({ name }) {
    return (await called((done) => registry.getConfiguration(name, done))).result;
  },
  async list() {
    return (await called((done) => registry.getConfigurations(done))).result;
  },
  async update({ configuration, force }) {
    return (await called((done) => registry.updateConfiguration(configuration, force, done))).result;
  },
  async remove({ name }) {
    await called((done) => registry.removeConfiguration(name, done));
  },
  async apply({ device, content }) {
    await called((done) => registry.applyConfigurationContentOnDevice(device, content, done));
  },
});
