// A hub of one's own: the real program on free ports in a folder that goes away with it.
import { execFile, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { connectAsync } from 'mqtt';

const run = promisify(execFile);
const kModule = 'azureiotsecurity';

export function sharedAccessSignature(resource, key, policy) {
  const expiry = Math.floor(Date.now() / 1000) + 3600;
  const uri = encodeURIComponent(resource);
  const signature = createHmac('sha256', Buffer.from(key, 'base64')).update(`${uri}\n${expiry}`).digest('base64');
  const token = `SharedAccessSignature sr=${uri}&sig=${encodeURIComponent(signature)}&se=${expiry}`;
  return policy === undefined ? token : `${token}&skn=${policy}`;
}

export function parseConnectionString(text) {
  return Object.fromEntries(text.split(';').filter(Boolean).map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
}

function securityMessage(name, category, payload) {
  const stamp = new Date().toISOString();
  return {
    AgentVersion: '0.1.0',
    AgentId: randomUUID(),
    MessageSchemaVersion: '1.0',
    Events: [
      {
        EventType: 'Security', Category: category, Name: name, IsEmpty: false,
        PayloadSchemaVersion: '1.0', Id: randomUUID(), TimestampLocal: stamp, TimestampUTC: stamp, Payload: payload,
      },
    ],
  };
}

function processCreate(command) {
  return securityMessage('ProcessCreate', 'Triggered', [
    {
      Executable: '/usr/bin/dash', ProcessId: 48_213, ParentProcessId: 912, UserId: '0', UserName: 'root',
      CommandLine: command, ExtraDetails: { Cwd: '/root' },
    },
  ]);
}

// What a sensor tells of a plant: a controller, and a device that asks it.
function plant(client, server) {
  const now = new Date().toISOString();
  const asset = (AssetId, IpAddress, more) => ({
    AssetId, IpAddress, IpAddresses: IpAddress, IsLocal: true, IsRouter: false, IsScanner: false, IsProgrammingDevice: false,
    FirstSeen: now, LastSeen: now, ...more,
  });
  const assets = securityMessage('NetworkAsset', 'Periodic', [
    asset(client, client, { AssetType: 'HMI', PurdueLevel: 2 }),
    asset(server, server, { AssetType: 'PLC', PurdueLevel: 1, AssetName: 'boiler-1', Vendor: 'Rockwell Automation', Firmware: '20.11', Serves: 'modbus' }),
  ]);
  const talks = securityMessage('NetworkConversation', 'Periodic', [
    {
      ClientAddress: client, ServerAddress: server, ServerPort: '502', Protocol: 'tcp', ApplicationProtocol: 'modbus', Flows: 1,
      ClientPackets: 12, ServerPackets: 11, ClientBytes: 2048, ServerBytes: 4096, Messages: 20, Issues: 0, FirstSeen: now, LastSeen: now,
    },
  ]);
  return { ...assets, Events: [...assets.Events, ...talks.Events] };
}

function connectionCreate(local, remote) {
  return securityMessage('ConnectionCreate', 'Triggered', [
    {
      LocalAddress: local, LocalPort: '50000', RemoteAddress: remote, RemotePort: '502', Direction: 'Out', Protocol: 'tcp',
      ProcessId: 912, UserId: '1000', Executable: '/opt/hmi/poll', CommandLine: '/opt/hmi/poll --every 1s',
    },
  ]);
}

// What a package manager says is installed: [package, source package, version] of Debian 12.
function software(packages) {
  return securityMessage('SBoM', 'Periodic', packages.map(([name, source, version]) => ({
    PackageName: name, Version: version, SourcePackage: source, PackageManager: 'dpkg',
    Purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?distro=debian-12`,
  })));
}

export async function startHub() {
  const programs = process.env.VEDETTE_BIN;
  if (!programs) throw new Error('VEDETTE_BIN must name the folder with vedette-hub');
  const program = join(programs, 'vedette-hub');
  const folder = await mkdtemp(join(tmpdir(), 'vedette-portal-'));
  const data = join(folder, 'hub');
  const { stdout } = await run(program, ['init', '--data-dir', data, '--host-name', 'localhost']);
  const made = JSON.parse(stdout);

  const child = spawn(program, ['run', '--data-dir', data, '--mqtt-port', '0', '--amqp-port', '0', '--https-port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  const ready = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => JSON.parse(line)),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`vedette-hub ended with ${code}:\n${log}`))),
  ]);
  const url = ready.https;
  const ca = await readFile(made.caCertificate);
  const service = parseConnectionString(made.serviceConnectionString);
  const modules = new Map();

  // As the command line does it: signed with the key of the service policy.
  async function call(method, path) {
    const authorization = sharedAccessSignature(service.HostName, service.SharedAccessKey, service.SharedAccessKeyName);
    const sent = request(`${url}/api/v1${path}`, { method, ca, headers: { authorization, 'content-type': 'application/json' } });
    sent.end(method === 'PUT' ? '{}' : undefined);
    const [response] = await once(sent, 'response');
    let body = '';
    for await (const chunk of response) body += chunk;
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${body}`);
    return body === '' ? undefined : JSON.parse(body);
  }

  // The security module of a device, with its keys; both are made when they are first asked for.
  async function moduleOf(device) {
    if (!modules.has(device)) {
      await call('PUT', `/devices/${device}`);
      modules.set(device, await call('PUT', `/devices/${device}/modules/${kModule}`));
    }
    return modules.get(device);
  }

  // Sends one security message as any MQTT client would.
  async function send(device, message) {
    const key = (await moduleOf(device)).authentication.symmetricKey.primaryKey;
    const host = service.HostName;
    const { hostname, port } = new URL(`mqtts://${ready.mqtts}`);
    const client = await connectAsync({
      protocol: 'mqtts', host: hostname, port: Number(port), servername: host, ca, protocolVersion: 4, clean: false,
      reconnectPeriod: 0, keepalive: 60, clientId: `${device}/${kModule}`,
      username: `${host}/${device}/${kModule}/?api-version=2021-04-12`,
      password: sharedAccessSignature(`${host}/devices/${device}/modules/${kModule}`, key),
    });
    const topic = `devices/${device}/modules/${kModule}/messages/events/%24.ct=application%2Fjson&%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1`;
    await client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
    await client.endAsync();
  }

  return {
    real: true,
    url,
    user: made.adminUser,
    password: made.adminPassword,
    folder,
    caFile: made.caCertificate,
    mqtts: ready.mqtts,
    moduleOf,
    call,
    raise: (device, command) => send(device, processCreate(command)),
    see: (sensor, client, server) => send(sensor, plant(client, server)),
    connect: (device, local, remote) => send(device, connectionCreate(local, remote)),
    install: (device, packages) => send(device, software(packages)),
    log: () => log.slice(-2_000),
    async loginLink() {
      const { stdout: link } = await run(program, ['login-link', '--data-dir', data]);
      const found = /https:\/\/\S+#token=[^"\s]+/.exec(link);
      if (found === null) throw new Error(`login-link printed no address: ${link}`);
      const { pathname, hash } = new URL(found[0]);
      return `${url}${pathname}${hash}`;
    },
    async stop() {
      const ended = child.exitCode === null ? once(child, 'exit') : Promise.resolve();
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function attachMock(url) {
  return {
    real: false,
    url,
    user: 'admin',
    password: 'admin',
    raise: async () => void (await fetch(`${url}/api/v1/mock/alert`, { method: 'POST' })),
    log: () => '',
    loginLink: async () => '/login#token=once',
    stop: async () => {},
  };
}
