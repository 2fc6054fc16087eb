'use strict';
// Azure Monitor's client for queries over logs: what the hub answers below /v1.
const { LogsQueryClient } = require('@azure/monitor-query-logs');
const { serve } = require('./lines.js');

let client;

// Its errors carry the hub's own words in `details`.
async function asked(promise) {
  try {
    return JSON.parse(JSON.stringify(await promise));
  } catch (error) {
    if (error.details) error.message += ` | ${JSON.stringify(error.details)}`;
    throw error;
  }
}

function span({ duration, start, end }) {
  if (start && end) return { startTime: new Date(start), endTime: new Date(end) };
  if (start) return { startTime: new Date(start), duration };
  return { duration };
}

serve({
  connect({ endpoint, token }) {
    const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
    client = new LogsQueryClient(credential, { endpoint });
  },
  workspace: ({ workspace, query, timespan, options }) => asked(
    client.queryWorkspace(workspace, query, span(timespan), options)),
  resource: ({ resource, query, timespan, options }) => asked(
    client.queryResource(resource, query, span(timespan), options)),
  batch: ({ queries }) => asked(client.queryBatch(queries.map(({ workspace, query, timespan, ...options }) => ({
    workspaceId: workspace, query, timespan: span(timespan), ...options,
  })))),
  close() {},
});
