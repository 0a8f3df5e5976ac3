// The log-in at an OpenID provider.
import assert from 'node:assert/strict';
import { checkPage, given, openPage, picture, run, tell } from './browser.mjs';

await run(async (browser) => {
  const page = await openPage(browser);
  const organisation = page.getByRole('link', { name: 'Log in with your organisation' });
  await organisation.waitFor();
  await picture(page, 'login-oidc-dark');
  await checkPage(page, 'log-in with two ways');

  // Whoever has no role gets a sentence and a way back.
  page.expected.push(/403/);
  await tell('role/none');
  await organisation.click();
  await page.getByText('your account has none of the roles viewer, operator and admin').waitFor();
  await picture(page, 'login-forbidden-dark');
  await checkPage(page, 'no role');
  await page.getByRole('link', { name: 'Back to the login' }).click();

  await tell('role/operator');
  await organisation.click();
  await page.getByRole('heading', { name: 'Versions' }).waitFor();
  assert.match(await page.locator('#who').textContent(), /carla, operator/);
  assert.equal(page.url(), new URL('/', given.admin).href);

  // Without a header that names the version of each response nothing shows a violation, and the page says so.
  await page.getByText('Violations not measured').waitFor();
  await page.locator('#instances li').first().waitFor();
  await picture(page, 'not-measured-dark');
  await checkPage(page, 'violations not measured');
});
