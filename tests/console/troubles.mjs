// What goes wrong, and what the page says then.
import assert from 'node:assert/strict';
import { api, checkPage, given, logIn, openPage, picture, run, tell } from './browser.mjs';
import { startUsers } from './users.mjs';

await run(async (browser) => {
  const load = startUsers(given.proxy, 4);
  const page = await openPage(browser);
  const notice = page.locator('#notice');
  const banner = page.locator('#banner');
  const slider = page.getByRole('slider');
  const button = (name) => page.getByRole('button', { name, exact: true });
  const weight = async (text) => page.getByRole('row', { name: new RegExp(`8\\.3\\.0 .*active ${text} %`) }).waitFor();
  await logIn(page, given.adminKey);

  const set = async (share) => {
    await slider.fill(`${share}`);
    await button('Set weights').click();
  };

  // A replica falls silent: it is named, and what needs it is refused with its name.
  await tell('replica/stop');
  await page.getByText('Replica is silent', { exact: true }).waitFor();
  await page.getByText('Not heard of for five seconds.').waitFor();
  page.expected.push(/409/);
  await set(10);
  await notice.getByText(/did not acknowledge/).waitFor();
  await picture(page, 'replica-silent-dark');
  await checkPage(page, 'a silent replica');
  await tell('replica/continue');
  await page.getByText('Replica is silent', { exact: true }).waitFor({ state: 'hidden' });
  await button('Leave as it is').click();

  // Somebody else was faster: what was asked for is not done, and the page shows what is.
  await api('PUT', 'weights', { weights: { '8.2.1': 70, '8.3.0': 30 } });
  await weight(30);
  page.expected.push(/412/);
  const late = async (route) => {
    await api('PUT', 'weights', { weights: { '8.2.1': 60, '8.3.0': 40 } });
    await route.continue();
  };
  await page.route('**/api/v1/weights', late, { times: 1 });
  await set(80);
  await notice.getByText(/Nothing was set: something was changed while you looked/).waitFor();
  await weight(40);
  await picture(page, 'conflict-dark');
  await checkPage(page, 'a conflict');
  await set(50);
  await notice.getByText(/8\.3\.0 50 %: applied by every replica/).waitFor();

  // The store goes and comes back.
  page.expected.push(/503/);
  await tell('redis/kill');
  await banner.getByText('The store does not answer.').waitFor();
  await page.getByText('Store is away', { exact: true }).waitFor();
  await page.getByText('Sessions not known').waitFor();
  await picture(page, 'store-down-dark');
  await checkPage(page, 'the store is away');
  await tell('redis/start');
  await banner.getByText('The store does not answer.').waitFor({ state: 'hidden' });
  await page.getByText('Store and replicas well', { exact: true }).waitFor();

  // The gateway cannot be reached.
  page.expected.push(/ERR_/, /EventSource/);
  await page.context().setOffline(true);
  await banner.getByText(/cannot be reached.*What you see is as it was at/).waitFor();
  await picture(page, 'unreachable-dark');
  await checkPage(page, 'the gateway is away');
  await page.context().setOffline(false);
  await banner.getByText('cannot be reached').waitFor({ state: 'hidden' });

  // The log-in has ended.
  page.expected.push(/401/);
  await page.context().clearCookies();
  await page.getByText('Your login has ended. Log in again').waitFor();
  assert.ok(await page.getByLabel('API key').evaluate((e) => e === document.activeElement));
  await checkPage(page, 'the log-in has ended');
  await logIn(page, given.adminKey);
  await weight(50);
  await load.end();
});
