// Makes docs/images/alert.png from the real thing: VEDETTE_BIN=build/release/bin node tests/portal/picture.mjs
// A hub, an agent on this machine, a harmless imitation of an attack, and what the analyst then sees.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { launch, openPage } from './browser.mjs';
import { startHub } from './hub.mjs';

const kDevice = 'packing-line-2';
const root = join(import.meta.dirname, '../..');
const hub = await startHub();
const { connectionString } = await hub.moduleOf(kDevice);
const secret = join(hub.folder, 'module.connection');
await writeFile(secret, connectionString.replace(/HostName=[^;]*/, `HostName=localhost:${hub.mqtts.split(':').at(-1)}`), { mode: 0o600 });
const config = join(hub.folder, 'agent.toml');
await writeFile(config, `[hub]\nconnection_string_file = "${secret}"\nca_file = "${hub.caFile}"\n[state]\ndir = "${join(hub.folder, 'agent')}"\n`);

const agent = spawn(join(process.env.VEDETTE_BIN, 'vedette-agent'), ['run', '--config', config], { stdio: ['ignore', 'pipe', 'inherit'] });
const [ready] = await once(createInterface(agent.stdout), 'line');
console.log(ready);

const browser = await launch();
const { page } = await openPage(browser, hub.url, { width: 1360, height: 850 });
await page.goto(await hub.loginLink());
await page.getByText('No alerts yet').waitFor();
await promisify(execFile)('sh', ['-c', 'echo cpuminer-multi']);
await page.getByRole('link', { name: 'Crypto coin miner started' }).click();
await page.getByRole('heading', { name: 'Evidence' }).waitFor();
await page.waitForTimeout(500);
const folder = join(root, 'docs/images');
await mkdir(folder, { recursive: true });
await page.screenshot({ path: join(folder, 'alert.png'), animations: 'disabled' });

await browser.close();
agent.kill('SIGTERM');
await once(agent, 'exit');
await hub.stop();
