// A whole rollout, as an operator does it with the mouse.
import assert from 'node:assert/strict';
import { checkPage, checkQuiet, given, logIn, openPage, picture, run } from './browser.mjs';
import { startUsers } from './users.mjs';

await run(async (browser) => {
  const load = startUsers(given.proxy);
  const page = await openPage(browser);
  const notice = page.locator('#notice');
  const dialog = page.getByRole('dialog');
  const button = (name) => page.getByRole('button', { name, exact: true });

  // Logs in: first with a mistyped key.
  page.expected.push(/401/);
  await page.getByLabel('API key').fill('key-of-nobody');
  await button('Log in').click();
  await page.getByText('No such API key is configured').waitFor();
  page.expected.pop();
  await picture(page, 'login-dark');
  await checkPage(page, 'log-in');
  await logIn(page, given.adminKey);
  assert.match(await page.locator('#who').textContent(), /test-admin, admin/);

  // Sees versions, instances, and the sessions of those who are there.
  await page.getByRole('row', { name: /8\.2\.1 .*active 100 %/ }).waitFor();
  await page.getByRole('row', { name: /8\.3\.0 .*registered/ }).waitFor();
  await page.locator('#headline').getByText('8.2.1 12', { exact: true }).waitFor();
  assert.equal(await page.locator('#instances li').count(), 4);

  // Moves the slider, reads what comes of it, and leaves it.
  const slider = page.getByRole('slider');
  await slider.fill('25');
  await page.getByText(/8\.3\.0 becomes active\. 25 % of new sessions go to 8\.3\.0\. About 3 of 12/).waitFor();
  await picture(page, 'weights-dark');
  await button('Leave as it is').click();
  await page.getByText('These are the present weights.').waitFor();

  // Sets weights.
  await slider.fill('10');
  await button('Set weights').click();
  await notice.getByText(/8\.2\.1 90 % and 8\.3\.0 10 %: applied by every replica/).waitFor();
  await page.getByRole('row', { name: /8\.3\.0 .*active 10 %/ }).waitFor();

  // Starts a rollout: checks it first; what fails says why.
  await button('Start a rollout…').click();
  await page.getByLabel('Steps').fill('20:manual,60:manual,100:1s');
  await page.getByText('When it stops by itself').click();
  await page.getByLabel('Judged from, requests').fill('1');
  await page.getByLabel('p99 above, times the old').fill('1000');
  assert.ok(await button('Start').isDisabled());
  await button('Check').click();
  await page.getByText(/1 of \d+ preconditions fail/).waitFor();
  await picture(page, 'rollout-form-dark');
  await checkPage(page, 'the form of a rollout');
  await page.getByLabel('The database schema is upgraded').check();
  await button('Check').click();
  await page.getByText(/All \d+ preconditions hold/).waitFor();
  await button('Start').click();
  await notice.getByText('The rollout to 8.3.0 has begun.').waitFor();

  // Pauses, resumes, passes the first step.
  await page.getByText('Waits for a person: Resume passes this step.').waitFor();
  await page.getByText('20 % of new sessions to 8.3.0', { exact: true }).waitFor();
  await button('Pause').click();
  await page.getByText('Waits for a person: resume, promote or abort.').waitFor();
  await picture(page, 'rollout-paused-dark');
  await button('Resume').click();
  await page.getByText('Waits for a person: Resume passes this step.').waitFor();
  await button('Resume').click();
  await page.getByText('60 % of new sessions to 8.3.0', { exact: true }).waitFor();
  await page.getByText('Waits for a person: Resume passes this step.').waitFor();

  // What is dangerous asks for the version's name, and does nothing without it.
  await button('Abort…').click();
  await dialog.getByText('Abort the rollout to 8.3.0?').waitFor();
  const abort = dialog.getByRole('button', { name: 'Abort the rollout' });
  assert.ok(await abort.isDisabled());
  await dialog.getByLabel('Type 8.3.0 to confirm').fill('8.2.1');
  assert.ok(await abort.isDisabled());
  await picture(page, 'dialog-danger-dark');
  await checkPage(page, 'a dangerous question');
  await dialog.getByLabel('Type 8.3.0 to confirm').fill('8.3.0');
  assert.ok(await abort.isEnabled());
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await dialog.waitFor({ state: 'hidden' });

  // The charts have something to show by now.
  await page.locator('#chart-sessions canvas').waitFor();
  await picture(page, 'rollout-dark');
  await checkPage(page, 'amid a rollout');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, 'rollout-light');
  await checkPage(page, 'amid a rollout, light');
  await page.emulateMedia({ colorScheme: 'dark' });

  // Promotes; the last sessions move up and the old version goes.
  await button('Promote…').click();
  await dialog.getByRole('button', { name: 'Promote' }).click();
  await page.getByText(/completed/).first().waitFor();
  await page.getByRole('row', { name: /8\.2\.1 .*retired/ }).waitFor();
  await page.locator('#headline').getByText('8.3.0 12', { exact: true }).waitFor();

  // Drains an instance and takes it back; the last one of a version only with its name typed.
  await button('Drain new-1').click();
  await dialog.getByRole('button', { name: 'Drain new-1' }).click();
  await page.getByText('Nothing is left on it; you can stop new-1.').waitFor();
  page.expected.push(/409/);
  await button('Drain new-2').click();
  await dialog.getByRole('button', { name: 'Drain new-2' }).click();
  await dialog.getByText('Drain new-2 all the same?').waitFor();
  assert.ok(await dialog.getByRole('button', { name: 'Drain new-2 all the same' }).isDisabled());
  await picture(page, 'dialog-last-instance-dark');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await button('Resume new-1').click();
  await notice.getByText('new-1 takes sessions again.').waitFor();

  // Finds a session and ends it.
  const handle = load.users[0].cookie.split('=')[1];
  await page.getByLabel('Value of its cookie or token').fill(handle);
  await button('Look up').click();
  await page.locator('#session').getByText('8.3.0').waitFor();
  assert.equal(await page.getByLabel('Value of its cookie or token').inputValue(), '');
  const key = await page.locator('#session code').textContent();
  await picture(page, 'session-dark');
  await button('End session…').click();
  await dialog.getByLabel(`Type ${key.slice(0, 8)} to confirm`).fill(key.slice(0, 8));
  await dialog.getByRole('button', { name: 'End session' }).click();
  await page.locator('#session').getByText('The session is ended.').waitFor();

  // All of it stands in the audit log, and the guarantee was kept.
  for (const what of ['weights.set', 'rollout.paused', 'rollout.completed', 'instance.drain', 'session.ended'])
    await page.locator('#events').getByText(what).first().waitFor();
  await page.getByText('Guarantee kept').waitFor();
  await picture(page, 'after-dark');
  assert.ok(!(await page.content()).includes(handle), 'a raw handle stands on the page');
  await checkPage(page, 'after the rollout');

  await button('Log out').click();
  await page.getByText('You are logged out.').waitFor();
  await checkQuiet(page, 'after logging out');
  await load.end();
});
