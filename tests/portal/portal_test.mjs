// The portal in Chromium against a real hub: sign in, watch an alert arrive, look into it, query, devices.
// Needs VEDETTE_BIN (the folder with vedette-hub). For work on the portal, VEDETTE_MOCK is the address of
// portal/dev/mock.mjs; what only a hub can answer is then left out, visibly.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test as nodeTest } from 'node:test';
import { axe, launch, openPage, overflow, screenshot } from './browser.mjs';
import { attachMock, startHub } from './hub.mjs';

const kDevice = 'packing-line-2';
const kSecond = 'boiler-house';
const kCommand = 'sh -c "echo cpuminer-multi"';

// Each step goes on where the one before ended; after a failure the rest would only say so again.
let failed = false;
function test(name, body) {
  nodeTest(name, async (context) => {
    if (failed) return context.skip('a step before failed');
    failed = true;
    try {
      await body();
      failed = false;
    } finally {
      if (failed && page) {
        await screenshot(page, 'failed');
        context.diagnostic(`at ${page.url()}; picture: failed.png; console: ${JSON.stringify(faults)}; hub: ${hub.log()}`);
      }
    }
  });
}

let hub;
let browser;
let page;
let context;
let faults;

before(async () => {
  hub = process.env.VEDETTE_MOCK ? attachMock(process.env.VEDETTE_MOCK) : await startHub();
  browser = await launch();
  ({ context, page, faults } = await openPage(browser, hub.url));
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await browser?.close();
  await hub?.stop();
});

// What the console may say because the test provokes it: answers with an error status.
function takeFaults(expected = []) {
  const unexpected = faults.filter((fault) => !expected.some((pattern) => pattern.test(fault)));
  faults.length = 0;
  assert.deepEqual(unexpected, []);
}

async function inspect(name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await screenshot(page, `${name}-${scheme}`);
    assert.deepEqual(await axe(page), [], `${name} in ${scheme} has accessibility violations`);
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 720 });
  await screenshot(page, `${name}-narrow`);
  assert.equal(await overflow(page), 0, `${name} scrolls sideways at 320 px`);
  assert.deepEqual(await axe(page), [], `${name} at 320 px has accessibility violations`);
  await page.setViewportSize(size);
}

const heading = (name) => page.getByRole('heading', { level: 1, name });
const mainNavigation = () => page.getByRole('navigation', { name: 'Main' });

test('a visitor is sent to the login and comes back to where they were', async () => {
  const response = await page.goto('/devices?search=line');
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /require-trusted-types-for 'script'/);
  assert.doesNotMatch(policy, /unsafe/);
  await heading('Sign in to Vedette').waitFor();
  await inspect('login');

  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Enter your user name.').waitFor();
  await page.getByLabel('User name').fill(hub.user);
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('User name or password is wrong.').waitFor();
  await page.getByLabel('Password', { exact: true }).fill(hub.password);
  await page.keyboard.press('Enter');
  await heading('Devices').waitFor();
  assert.equal(new URL(page.url()).search, '?search=line');
  takeFaults([/status of 401/]);
});

test('a new alert appears without a reload', async () => {
  await mainNavigation().getByRole('link', { name: 'Alerts', exact: true }).click();
  await heading('Alerts').waitFor();
  await page.getByTestId('stream').getByText('Live', { exact: true }).waitFor();
  if (hub.real) {
    await page.getByText('No alerts yet').waitFor();
    await inspect('alerts-empty');
  }
  await page.evaluate(() => (window.unloaded = false));
  const before = await page.getByRole('row').count();
  await hub.raise(kDevice, kCommand);
  const row = page.getByRole('row').filter({ hasText: hub.real ? kDevice : 'gate-01' }).filter({ hasText: 'New' }).first();
  await row.waitFor();
  if (!hub.real) await page.waitForFunction((n) => document.querySelectorAll('[role=row]').length > n, before);
  assert.equal(await page.evaluate(() => window.unloaded), false, 'the page was reloaded');
  const spoken = await page.locator('[aria-live=polite]').textContent();
  assert.match(spoken, /New alert, severity/);
  await inspect('alerts');
  takeFaults();
});

test('an alert does not push rows away from under the pointer', async () => {
  const rows = page.getByRole('row').filter({ has: page.getByRole('cell') });
  await rows.first().hover();
  const titles = await rows.allTextContents();
  await hub.raise(kSecond, kCommand);
  const show = page.getByRole('button', { name: '1 new alert — show' });
  await show.waitFor();
  assert.equal(await rows.count(), titles.length);
  await screenshot(page, 'alerts-arrived');
  await show.click();
  await page.waitForFunction((n) => document.querySelectorAll('[role=row]').length > n + 1, titles.length);
  await page.mouse.move(0, 0);
  takeFaults();
});

test('the filters are in the address', async () => {
  const severity = (await page.getByRole('row').nth(1).getByRole('cell').nth(1).textContent()).trim();
  const filter = page.getByRole('group', { name: 'Severity' }).getByRole('button', { name: severity });
  await filter.click();
  await page.waitForURL(/severity=/);
  assert.equal(await filter.getAttribute('aria-pressed'), 'true');
  await page.getByRole('cell').first().waitFor();
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('no such alert anywhere');
  await page.getByText('No alert matches').waitFor();
  await page.waitForURL(/search=no\+such/);
  await page.reload();
  await page.getByText('No alert matches').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.getByRole('cell').first().waitFor();
  assert.equal(new URL(page.url()).search, '');
  takeFaults();
});

test('a change of several alerts says first what it touches', async () => {
  await page.getByRole('checkbox', { name: 'Choose all shown' }).check();
  await page.getByRole('button', { name: 'Take…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Show what it touches' }).click();
  await dialog.getByText(/^This changes exactly \d+ alerts?\./).waitFor();
  await screenshot(page, 'alerts-bulk');
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: /^Change \d+ alerts?$/ }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('table').getByText('Active').first().waitFor();
  await page.getByLabel('Group by').selectOption('rule');
  await page.getByRole('columnheader', { name: 'Highest' }).waitFor();
  await inspect('alerts-groups');
  await page.getByLabel('Group by').selectOption('');
  await page.getByRole('checkbox', { name: 'Choose all shown' }).waitFor();
  takeFaults();
});

test('the alert page explains, and closing it leaves a trace', async () => {
  await page.locator('h1').click();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/alerts\/.+/);
  for (const name of ['What happened', 'Why it was flagged', 'Evidence', 'What to do', 'Related alerts', 'The query that shows it', 'History']) {
    await page.getByRole('heading', { name, exact: true }).waitFor();
  }
  assert.match(await page.locator('mark').first().textContent(), /cpuminer/i);
  await inspect('alert');

  await page.getByRole('button', { name: 'Close alert' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: /^Benign/ }).check();
  await dialog.getByLabel('Comment').fill('Load test by the maintenance team');
  await screenshot(page, 'alert-close');
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Close alert' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Reopen' }).waitFor();
  await page.getByText('Load test by the maintenance team').waitFor();
  await page.getByText('closed it · Benign').waitFor();
  await page.getByRole('button', { name: 'Reopen' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click();
  await page.getByRole('button', { name: 'Close alert' }).waitFor();
  takeFaults();
});

test('an alert is given to somebody', async () => {
  // Whoever took it has it.
  await page.getByRole('button', { name: 'admin', exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Assigned to').selectOption({ label: 'Nobody' });
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Assign' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByText('assigned it to nobody').waitFor();
  takeFaults();
});

test('a suppression shows what it would have hidden before it is made', async () => {
  const address = page.url();
  await page.getByRole('button', { name: 'Hide…' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/In the last 30 days it would have hidden/).waitFor();
  await dialog.getByLabel('Reason').fill('Load tests are ours');
  await dialog.getByLabel('Device').fill('no-such-device');
  await dialog.getByText(/would have hidden 0 alerts/).waitFor();
  await screenshot(page, 'suppress');
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Hide', exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.goto('/suppressions');
  await page.getByText('Load tests are ours').waitFor();
  await page.getByText('Has hidden nothing so far.').waitFor();
  await inspect('suppressions');
  await page.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('Nothing is hidden').waitFor();
  await page.goto(address);
  takeFaults();
});

test('the query of an alert runs, and its result can be taken away', async () => {
  await page.getByRole('link', { name: 'Run query' }).click();
  await heading('Query').waitFor();
  const grid = page.getByRole('grid');
  await grid.waitFor();
  await grid.getByText(/cpuminer/).first().waitFor();
  await page.getByTestId('editor').getByRole('textbox', { name: 'KQL query' }).waitFor();
  await inspect('query');

  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const csv = await readFile(await (await download).path(), 'utf8');
  assert.match(csv.split('\r\n')[0], /TimeStamp/);
  assert.match(csv, /cpuminer/);

  await grid.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  takeFaults();
});

test('an error in a query is shown where it is', async () => {
  const editor = page.getByRole('textbox', { name: 'KQL query' });
  await editor.click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('SecurityIoTRawEvent\n| wher DeviceId == "x"');
  await page.keyboard.press('Escape');
  await page.keyboard.press('ControlOrMeta+Enter');
  const problem = page.getByRole('button', { name: /Line 2, column 3/ });
  await problem.waitFor();
  assert.equal(await page.locator('.kql-error').first().textContent(), 'wher');
  await problem.click();
  await inspect('query-error');
  takeFaults([/status of 400/]);
});

test('thousands of rows scroll and sort', async () => {
  await page.goto(`/query?q=${encodeURIComponent(hub.real ? 'range n from 1 to 5000 step 1 | extend text = strcat("row ", tostring(n))' : 'SecurityIoTRawEvent')}`);
  const grid = page.getByRole('grid');
  await grid.waitFor();
  assert.equal(await grid.getAttribute('aria-rowcount'), '5001');
  assert.ok((await grid.getByRole('row').count()) < 80, 'only the rows in sight are in the page');
  await grid.focus();
  await page.keyboard.press('ControlOrMeta+End');
  await page.waitForFunction(() => document.querySelector('[role=grid] [aria-rowindex="5001"]') !== null);
  await page.getByRole('columnheader').last().getByRole('button').click();
  assert.equal(await page.getByRole('columnheader').last().getAttribute('aria-sort'), 'ascending');
  takeFaults();
});

test('the editor suggests what the hub knows, and tells what a function takes', async () => {
  if (!hub.real) return;
  await page.goto('/query');
  const editor = page.getByRole('textbox', { name: 'KQL query' });
  await editor.click();
  await page.keyboard.type('SecurityAlert | where AlertSev');
  const option = page.getByRole('option', { name: /AlertSeverity/ });
  await option.waitFor();
  await inspect('query-suggestions');
  await option.click();
  await editor.getByText('AlertSeverity').waitFor();
  await page.keyboard.type(' == strcat("a", ');
  await page.getByTestId('signature').getByText('strcat').waitFor();
  await page.keyboard.press('Escape');
  takeFaults();
});

test('a chart stands above its values', async () => {
  if (!hub.real) return;
  await page.goto(`/query?q=${encodeURIComponent('range x from 1 to 5 step 1 | extend y = x * x, k = "a" | render linechart with (title="Squares")')}`);
  await page.getByTestId('chart').getByText('Squares').waitFor();
  await page.getByRole('grid').waitFor();
  await inspect('query-chart');
  takeFaults();
});

test('a query asks for the values that it declares', async () => {
  if (!hub.real) return;
  const query = 'declare query_parameters(n:long, word:string = "row"); range i from 1 to 9 step 1 | where i <= n | extend text = word';
  await page.goto(`/query?q=${encodeURIComponent(query)}`);
  const values = page.getByRole('group', { name: 'Values of the query' });
  await values.getByText('Give a value of type long.').waitFor();
  await values.getByText('Without one: "row"').waitFor();
  assert.equal(await page.getByRole('grid').count(), 0, 'it was not run');
  await inspect('query-values-missing');
  const n = values.getByLabel('n long');
  assert.ok(await n.evaluate((field) => field === document.activeElement));
  await n.fill('many');
  await values.getByText(/should be of type long/).waitFor();
  assert.equal(await n.getAttribute('aria-invalid'), 'true');
  await n.fill('3');
  await n.press('Enter');
  await page.getByRole('grid').waitFor();
  assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), '4');
  assert.equal(new URL(page.url()).searchParams.get('p.n'), '3');
  await inspect('query-values');
  // The link has other values than this browser remembers.
  await page.goto(`/query?q=${encodeURIComponent(query)}&p.n=5&p.word=line`);
  await page.getByRole('gridcell', { name: 'line' }).first().waitFor();
  assert.equal(await page.getByRole('grid').getAttribute('aria-rowcount'), '6');
  await page.goto('/alerts');
  await page.goto(`/query?q=${encodeURIComponent(query)}`);
  await page.getByRole('gridcell', { name: 'row' }).first().waitFor();
  assert.equal(await n.inputValue(), '3');
  takeFaults();
});

test('a query is kept under a name', async () => {
  const button = page.getByRole('button', { name: 'Save', exact: true });
  await page.goto(`/query?q=${encodeURIComponent('SecurityAlert | take 25')}`);
  await button.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('A few alerts');
  await inspect('query-save');
  await dialog.getByRole('button', { name: 'Save' }).click();
  const saved = page.getByRole('region', { name: 'Saved queries' });
  await saved.getByRole('button', { name: /^A few alerts/ }).waitFor();
  await inspect('query-saved');
  await saved.getByRole('button', { name: 'Delete A few alerts' }).click();
  await saved.getByRole('button', { name: /^A few alerts/ }).waitFor({ state: 'detached' });
  takeFaults();
});

test('devices and a device with its alerts and events', async () => {
  await page.locator('h1').click();
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await heading('Devices').waitFor();
  const name = hub.real ? kDevice : 'gate-01';
  await page.getByRole('link', { name }).waitFor();
  await inspect('devices');
  await page.getByRole('link', { name }).first().click();
  await heading(name).waitFor();
  await page.getByRole('list', { name: 'Recent events' }).getByText(/ProcessCreate/).first().waitFor();
  await page.getByRole('table', { name: 'Alerts' }).getByRole('cell').first().waitFor();
  await inspect('device');
  takeFaults();
});

// Waits for what the hub does in its own time.
async function until(what, look) {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail(`${what} did not come about`);
}

test('a bundle of advisories is imported, and tells what is vulnerable and where', async () => {
  if (!hub.real) return;
  await mainNavigation().getByRole('link', { name: 'Vulnerabilities' }).click();
  await heading('Vulnerabilities').waitFor();
  await page.getByText('No advisory bundle yet').waitFor();
  await inspect('vulnerabilities-empty');
  await page.getByRole('link', { name: 'Manage bundles' }).click();
  await heading('Advisory bundles').waitFor();
  await page.getByText('No bundle yet').waitFor();
  await inspect('bundles-empty');

  const open = page.getByRole('button', { name: 'Import a bundle' });
  const dialog = page.getByRole('dialog', { name: 'Import a bundle' });
  await open.click();
  await dialog.getByLabel('File').setInputFiles({ name: 'Broken.json', mimeType: 'application/json', buffer: Buffer.from('{"openssl": {"CVE-2024-0001": {') });
  assert.equal(await dialog.getByLabel('Name').inputValue(), 'broken');
  await inspect('bundle-import');
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByText(/ends early/).waitFor();
  await inspect('bundles-failed');

  const tracker = {
    openssl: {
      'CVE-2024-0001': { description: 'A record of any length is copied.', releases: { bookworm: { status: 'resolved', fixed_version: '3.0.14-1~deb12u2', urgency: 'high' } } },
      'CVE-2024-0002': { releases: { bookworm: { status: 'open', urgency: 'low', nodsa: 'Minor issue' } } },
      'CVE-2024-0004': { releases: { bookworm: { status: 'resolved', fixed_version: 'not a version' } } },
    },
  };
  await open.click();
  await dialog.getByLabel('File').setInputFiles({ name: 'debian.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(tracker)) });
  await dialog.getByRole('button', { name: 'Import', exact: true }).click();
  const card = page.getByRole('article', { name: 'debian', exact: true });
  await card.getByText('1 record could not be read').click();
  await card.getByText('openssl CVE-2024-0004: bookworm: not a version').waitFor();
  await inspect('bundles');

  await hub.install(kDevice, [['libssl3', 'openssl', '3.0.11-1~deb12u2'], ['openssl', 'openssl', '3.0.11-1~deb12u2']]);
  await until('a finding', async () => (await hub.call('GET', '/vulnerabilities')).total === 2);
  await mainNavigation().getByRole('link', { name: 'Vulnerabilities' }).click();
  const table = page.getByRole('table', { name: 'Vulnerabilities' });
  await table.getByRole('link', { name: 'CVE-2024-0002' }).waitFor();
  await page.getByText('Devices with a fix to install').waitFor();
  await inspect('vulnerabilities');
  await page.getByRole('radiogroup', { name: 'Show' }).getByText('With a fix').click();
  await page.waitForURL(/fix=available/);
  await table.getByRole('link', { name: 'CVE-2024-0002' }).waitFor({ state: 'detached' });
  await page.getByLabel('Severity').selectOption('critical');
  await page.getByText('No vulnerability matches').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await table.getByRole('link', { name: 'CVE-2024-0001' }).click();
  await heading('CVE-2024-0001').waitFor();
  await page.getByText('A record of any length is copied.').waitFor();
  await page.getByRole('link', { name: 'Fixes for openssl' }).waitFor();
  const devices = page.getByRole('table', { name: 'On your devices' });
  await devices.getByText('libssl3, openssl').waitFor();
  await inspect('vulnerability');
  await devices.getByRole('link', { name: kDevice }).click();
  await heading(kDevice).waitFor();
  const here = page.getByRole('region', { name: 'Known vulnerabilities' });
  await here.getByText('No advisory planned').waitFor();
  await here.getByText('debian:12, 1 source package, compared').waitFor();
  await inspect('device-vulnerabilities');
  await here.getByText('Without a fix').click();
  await here.getByRole('link', { name: 'CVE-2024-0001' }).waitFor({ state: 'detached' });
  await here.getByRole('link', { name: 'CVE-2024-0002' }).waitFor();
  await page.goto('/vulnerabilities/CVE-1-1');
  await page.getByText('No bundle knows this vulnerability').first().waitFor();

  await page.goto('/advisory-bundles');
  await page.getByRole('button', { name: 'Remove debian' }).click();
  const removal = page.getByRole('dialog', { name: 'Remove this bundle?' });
  assert.deepEqual(await axe(page), []);
  await removal.getByRole('button', { name: 'Remove' }).click();
  await page.getByText('No bundle yet').waitFor();
  takeFaults([/status of 404/]);
});

test('a network shows its devices, and which process talks there', async () => {
  if (!hub.real) return;
  await page.goto(`/devices/${kDevice}`);
  const here = page.getByRole('region', { name: 'Network', exact: true });
  await here.getByText('No sensor sees this device').waitFor();
  await mainNavigation().getByRole('link', { name: 'Network' }).click();
  await heading('Network').waitFor();
  await page.getByText('No sensor has told of a device yet').waitFor();
  await inspect('network-empty');

  await hub.see('sensor-1', '10.20.0.5', '10.20.0.9');
  await hub.connect(kDevice, '10.20.0.5', '10.20.0.9');
  const joined = async () => {
    const { flows } = await hub.call('GET', `/devices/${kDevice}/network`);
    return flows.length === 1 && flows[0].client.processes.length === 1;
  };
  await until('a flow with its process', joined);
  await page.reload();
  const table = page.getByRole('table', { name: 'Network' });
  await table.getByText('Rockwell Automation 20.11').waitFor();
  await table.getByText(kDevice).waitFor();
  await inspect('network');
  await page.getByLabel('Purdue level').selectOption('3');
  await page.getByText('No device matches').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.getByLabel('Purdue level').selectOption('1');
  await page.waitForURL(/level=1/);
  await table.getByText(kDevice).waitFor({ state: 'detached' });
  await table.getByRole('link', { name: 'boiler-1' }).click();
  await heading('boiler-1').waitFor();
  const talks = page.getByRole('table', { name: 'Conversations of the last day' });
  await talks.getByText('10.20.0.9:502').waitFor();
  await talks.getByText('/opt/hmi/poll, user 1000').waitFor();
  await inspect('network-asset');
  await talks.getByRole('link', { name: kDevice }).click();
  await heading(kDevice).waitFor();
  await here.getByText('/opt/hmi/poll, user 1000').waitFor();
  await here.getByText('Its agent uses this address, and it is at the site of the sensor.').waitFor();
  await inspect('device-network');
  await page.goto('/network/nobody');
  await page.getByText('No sensor sees this device').first().waitFor();
  takeFaults([/status of 404/]);
});

test('storage says what is kept, what would go and what is held; usage says who fills it', async () => {
  if (!hub.real) return;
  await mainNavigation().getByRole('link', { name: 'Storage' }).click();
  await heading('Storage').waitFor();
  const tables = page.getByRole('table', { name: 'What is kept, by table' });
  await tables.getByRole('row').filter({ hasText: 'SecurityAlert' }).getByText('400 days').waitFor();
  await page.getByText('Nothing is held').waitFor();
  await inspect('storage');

  const trial = page.getByRole('region', { name: 'What would go' });
  await trial.getByRole('button', { name: 'Show what would go' }).click();
  await trial.getByText('Nothing would go.').waitFor();
  await trial.getByLabel('Limits of').selectOption('SecurityIoTRawEvent');
  await trial.getByLabel('Keep for, days').fill('30');
  await trial.getByRole('button', { name: 'Show what would go' }).click();
  await trial.getByText('[retention.table.SecurityIoTRawEvent]').waitFor();
  await inspect('storage-trial');

  await page.getByRole('button', { name: 'Hold rows' }).click();
  const dialog = page.getByRole('dialog', { name: 'Hold rows' });
  await dialog.getByLabel('Reason').fill('Case 4711');
  await dialog.getByLabel('Only of this device').fill(kDevice);
  await dialog.getByLabel('From the day').fill('2026-11-01');
  await dialog.getByLabel('To the day').fill('2026-11-07');
  await inspect('storage-hold');
  await dialog.getByRole('button', { name: 'Hold rows' }).click();
  const holds = page.getByRole('list', { name: 'Legal holds' });
  await holds.getByText(/^All tables, packing-line-2, from 1 Nov 2026, 00:00:00 UTC, to 8 Nov 2026, 00:00:00 UTC$/).waitFor();
  await page.getByRole('button', { name: 'Release: Case 4711' }).click();
  const release = page.getByRole('dialog', { name: 'Release this hold?' });
  await release.getByLabel('Reason').fill('The case is closed');
  assert.deepEqual(await axe(page), []);
  await release.getByRole('button', { name: 'Release' }).click();
  await page.getByText('Nothing is held').waitFor();
  await page.getByLabel('Also those that have ended').check();
  await page.getByText(/released by admin: The case is closed/).waitFor();

  await page.getByRole('link', { name: 'Usage' }).first().click();
  await heading('Usage').waitFor();
  const usage = page.getByRole('table', { name: 'Usage' });
  await usage.getByRole('link', { name: 'SecurityIoTRawEvent' }).waitFor();
  await inspect('usage');
  await usage.getByRole('link', { name: 'SecurityIoTRawEvent' }).click();
  await page.waitForURL(/table=SecurityIoTRawEvent/);
  await usage.getByText('ProcessCreate').waitFor();
  await page.getByRole('radiogroup', { name: 'By' }).getByText('Device').click();
  await usage.getByRole('link', { name: kDevice }).waitFor();
  await page.getByRole('link', { name: 'Open in Query' }).click();
  await page.getByRole('grid').getByText(kDevice).first().waitFor();
  takeFaults();
});

test('recommendations say what is wrong, and what was accepted', async () => {
  if (!hub.real) return;
  await mainNavigation().getByRole('link', { name: 'Recommendations' }).click();
  await heading('Recommendations').waitFor();
  const link = page.getByRole('table', { name: 'Recommendations' }).getByRole('link', { name: 'Default IP filter policy should be deny' });
  await link.waitFor();
  await page.getByText('Security score').waitFor();
  await inspect('recommendations');
  await link.click();
  await heading('Default IP filter policy should be deny').waitFor();
  await page.getByText('All addresses that no rule is about may connect').click();
  await page.getByText('vedette ip-filter default deny').waitFor();
  await inspect('recommendation');
  await page.getByRole('button', { name: 'Dismiss…' }).click();
  await page.getByText('This accepts 1 thing on 1 device at present.').waitFor();
  assert.deepEqual(await axe(page), []);
  await page.getByLabel('Why it is acceptable').fill('A demonstration');
  await page.getByRole('dialog').getByRole('button', { name: 'Dismiss' }).click();
  await page.getByText('No device is unhealthy').waitFor();
  await page.getByRole('button', { name: 'Take back: A demonstration' }).click();
  await page.getByText('All addresses that no rule is about may connect').waitFor();
  takeFaults();
});

test('a custom alert is previewed, saved, changed and deleted', async () => {
  if (!hub.real) return;
  await page.goto('/custom-alerts');
  await heading('Custom alerts').waitFor();
  await page.getByText('No custom alerts').waitFor();
  await page.getByRole('button', { name: 'Add a custom alert' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a custom alert' });
  await dialog.getByLabel('Security group').fill('pumps');
  await dialog.getByLabel('What it is about').selectOption('ProcessNotAllowed');
  await dialog.getByLabel('Programs, one a line').fill('nowhere');
  await dialog.getByRole('button', { name: 'Preview' }).click();
  await dialog.getByText('It would have raised nothing').waitFor();
  await inspect('custom-alert-dialog');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Only nowhere').waitFor();
  await inspect('custom-alerts');
  await page.getByRole('button', { name: /^Change:/ }).click();
  const change = page.getByRole('dialog', { name: 'Change the custom alert' });
  await change.getByLabel('List', { exact: true }).selectOption('deny');
  await change.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Never nowhere').waitFor();
  await page.getByRole('button', { name: /^Delete:/ }).click();
  await page.getByText('No custom alerts').waitFor();
  takeFaults();
});

test('a rule is looked at, set and excepted', async () => {
  if (!hub.real) return;
  await mainNavigation().getByRole('link', { name: 'Rules' }).click();
  await heading('Rules').waitFor();
  await page.getByRole('link', { name: 'Crypto coin miner started' }).first().waitFor();
  await inspect('rules');
  await page.getByRole('searchbox', { name: 'Search rules' }).fill('Crypto coin miner started');
  await page.waitForURL(/search=Crypto/);
  await page.getByRole('link', { name: 'Crypto coin miner started' }).first().click();
  await heading('Crypto coin miner started').waitFor();
  await page.getByText('title: Crypto coin miner started').waitFor();
  await inspect('rule');
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByRole('button', { name: 'Switch on' }).click();
  await page.getByRole('button', { name: 'Switch off' }).waitFor();
  await page.getByLabel('Severity').selectOption('Low');
  await page.getByText('The rule was set').first().waitFor();
  await page.getByLabel('Severity').selectOption('');
  await page.getByRole('button', { name: 'Add exception' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add an exception' });
  await dialog.getByLabel('What it is for').fill('Our test');
  await dialog.getByLabel('Field 1').fill('CommandLine');
  await dialog.getByLabel('Comparison 1').selectOption('contains');
  await dialog.getByLabel('Value 1').fill('cpuminer');
  await dialog.getByRole('button', { name: 'What would it have hidden?' }).click();
  await dialog.getByText(/it would have hidden/).waitFor();
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Delete exception Our test' }).click();
  await page.getByText('There are none. An exception stays').waitFor();
  takeFaults();
});

test('an analytic rule is added with its mistakes shown, run, switched off and deleted', async () => {
  if (!hub.real) return;
  await page.goto('/rules');
  await page.getByRole('link', { name: 'Analytic rules' }).click();
  await heading('Analytic rules').waitFor();
  await page.getByRole('table', { name: 'Analytic rules' }).getByRole('link').first().waitFor();
  await inspect('analytics');
  await page.getByRole('button', { name: 'Add analytic rule' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add an analytic rule' });
  const text = dialog.getByLabel('YAML');
  const good = await text.inputValue();
  await text.fill(good.replace('Login\n', 'Logon\n'));
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('button', { name: 'Line 12, column 3' }).click();
  await dialog.getByText(/did you mean 'Login'/).waitFor();
  assert.equal(await text.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), 'Logon');
  await inspect('analytic-rule-dialog');
  await text.fill(good);
  await dialog.getByRole('button', { name: 'Try it' }).click();
  await dialog.getByText(/^Now it would find 0 rows/).waitFor();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await heading('Many failed logins on one device').waitFor();
  await page.getByText('DeviceId is DeviceId').waitFor();
  await inspect('analytic-rule');
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByText(/^It ran: 0 rows/).first().waitFor({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Switch off' }).click();
  await page.getByRole('button', { name: 'Switch on' }).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Run now' }).isDisabled(), true);
  await page.getByRole('link', { name: 'Open in Query' }).click();
  await page.waitForURL(/\/query\?q=Login/);
  await page.goBack();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await heading('Analytic rules').waitFor();
  takeFaults([/status of 400/]);
});

test('what is not there is said', async () => {
  await page.goto('/nowhere');
  await page.getByText('There is no such page').waitFor();
  await inspect('not-found');
  await page.goto('/alerts/none');
  await page.getByText('There is no such alert').first().waitFor();
  await page.goto('/devices/none');
  await page.getByText('There is no such device').first().waitFor();
  takeFaults([/status of 404/]);
});

test('help, theme and signing out', async () => {
  await page.goto('/alerts');
  await heading('Alerts').waitFor();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await screenshot(page, 'help');
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press('Escape');

  await page.getByRole('button', { name: /Menu of/ }).click();
  await page.getByText('Dark', { exact: true }).click();
  assert.equal(await page.getByRole('radio', { name: 'Dark' }).isChecked(), true);
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  assert.equal(await background(), 'rgb(20, 23, 28)');
  await screenshot(page, 'menu-dark');
  assert.deepEqual(await axe(page), []);
  await page.reload();
  await heading('Alerts').waitFor();
  assert.equal(await background(), 'rgb(20, 23, 28)', 'the theme is remembered');

  await page.getByRole('button', { name: /Menu of/ }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await page.goto('/alerts');
  await heading('Sign in to Vedette').waitFor();
  takeFaults([/status of 401/]);
});

test('a login link signs in, once', async () => {
  const link = await hub.loginLink();
  await page.goto(link);
  await heading('Alerts').waitFor();
  assert.equal(new URL(page.url()).hash, '');
  if (!hub.real) return;
  const other = await openPage(browser, hub.url);
  await other.page.goto(link);
  await other.page.getByText(/used already or has expired/).waitFor();
  await other.context.close();
  takeFaults([/status of 401/]);
});
