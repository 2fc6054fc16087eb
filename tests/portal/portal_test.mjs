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
  await mainNavigation().getByRole('link', { name: 'Alerts' }).click();
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
  const severity = (await page.getByRole('row').nth(1).getByRole('cell').first().textContent()).trim();
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

test('the alert page explains, and closing it leaves a trace', async () => {
  await page.locator('h1').click();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/alerts\/.+/);
  for (const name of ['What happened', 'Why it was flagged', 'Evidence', 'What to do', 'The query that shows it', 'History']) {
    await page.getByRole('heading', { name, exact: true }).waitFor();
  }
  assert.match(await page.locator('mark').first().textContent(), /cpuminer/i);
  await inspect('alert');

  await page.getByRole('button', { name: 'Close alert' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Comment').fill('Load test by the maintenance team');
  await screenshot(page, 'alert-close');
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole('button', { name: 'Close alert' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Reopen' }).waitFor();
  await page.getByText('Load test by the maintenance team').waitFor();
  await page.getByRole('button', { name: 'Reopen' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click();
  await page.getByRole('button', { name: 'Close alert' }).waitFor();
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
