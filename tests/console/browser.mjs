// Debian's Chromium on the console, and what every page must hold to: no word on the browser's console, nothing that
// the page's policy forbids, nothing for axe to find, nothing to scroll sideways.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

// What the test gave: addresses, keys, where pictures go.
export const given = JSON.parse(process.argv[2]);

// Runs the test in a browser that ends with it.
export async function run(test) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
  try {
    await test(browser);
    console.log('done');
  } catch (error) {
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const [i, page] of pages.entries()) await picture(page, `failed-${i}`);
    throw error;
  } finally {
    await browser.close();
  }
}

export const desk = { width: 1440, height: 1000 };
export const phone = { width: 390, height: 844 };

// A page of its own; "expected" are patterns of what may be said on the browser's console.
export async function openPage(browser, { scheme = 'dark', size = desk, expected = [] } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: size, reducedMotion: 'reduce' });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.faults = [];
  page.expected = [...expected];
  page.on('pageerror', (error) => page.faults.push(`thrown: ${error.message}`));
  page.on('console', (message) => {
    const text = `${message.type()}: ${message.text()} (${message.location().url})`;
    if (['error', 'warning'].includes(message.type()) && !page.expected.some((p) => p.test(text)))
      page.faults.push(text);
  });
  await page.addInitScript(() => {
    window.forbidden = [];
    document.addEventListener('securitypolicyviolation', (e) =>
      window.forbidden.push(`${e.violatedDirective}: ${e.blockedURI}`),
    );
  });
  await page.goto(given.admin);
  return page;
}

export async function logIn(page, key) {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Versions' }).waitFor();
}

// What somebody would see, named for where in the story it is: the whole page, or the window with its dialog.
export async function picture(page, name) {
  const isDialog = await page.getByRole('dialog').isVisible();
  if (!isDialog) await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${given.pictures}/${name}.png`, fullPage: !isDialog });
}

export async function checkPage(page, where) {
  const found = await page.evaluate(
    `${axe}; axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.map(
      (v) => v.impact + ' ' + v.id + ': ' + v.nodes.slice(0, 3).map(
        (n) => n.target + ' ' + n.failureSummary).join('; ')))`,
  );
  assert.deepEqual(found, [], `axe, ${where}`);
  const [wide, view] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(wide <= view, `${where}: the page is ${wide} wide in a window of ${view}`);
  await checkQuiet(page, where);
}

export async function checkQuiet(page, where) {
  assert.deepEqual(await page.evaluate(() => window.forbidden), [], `policy, ${where}`);
  assert.deepEqual(page.faults, [], `the browser's console, ${where}`);
}

// What the test's servers are told: kill Redis, stop a replica and the like.
export async function tell(what) {
  const response = await fetch(new URL(what, given.control), { method: 'POST' });
  assert.equal(response.status, 200, `${what}: ${await response.text()}`);
}

export async function api(method, path, body, key = given.adminKey) {
  const response = await fetch(new URL(`/api/v1/${path}`, given.admin), {
    method,
    headers: { 'X-Api-Key': key, 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}
