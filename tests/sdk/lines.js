'use strict';
// What a driver is made of: commands come as JSON lines on standard input, answers and news go out
// as JSON lines. {"id":1,"verb":"send",...} is answered by {"id":1,"value":...} or by
// {"id":1,"error":{"name","message","status"}}; news is {"event":"message",...}.
const readline = require('node:readline');

function say(line) {
  process.stdout.write(JSON.stringify(line) + '\n');
}

function describe(error) {
  return {
    name: error.name || error.constructor.name,
    message: String(error.message || error),
    // Where the SDKs keep what the hub answered.
    status: error.statusCode || (error.response && error.response.statusCode) || (error.responseBody && error.responseBody.statusCode),
  };
}

// Commands run one after another only where the caller waits for each.
function serve(verbs) {
  process.on('uncaughtException', (error) => say({ event: 'uncaught', error: describe(error) }));
  const input = readline.createInterface({ input: process.stdin });
  input.on('line', async (line) => {
    const { id, verb, ...args } = JSON.parse(line);
    try {
      if (!verbs[verb]) throw new Error(`no verb ${verb}`);
      const value = await verbs[verb](args);
      say({ id, value: value === undefined ? null : value });
    } catch (error) {
      say({ id, error: describe(error) });
    }
  });
  input.on('close', () => process.exit(0));
}

module.exports = { say, serve };
