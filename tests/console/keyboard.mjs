// The same without a mouse, on a phone, and by those who may only look.
import assert from 'node:assert/strict';
import { checkPage, given, logIn, openPage, phone, picture, run } from './browser.mjs';
import { startUsers } from './users.mjs';

// Tab until this element has the focus, as somebody without a mouse goes there.
async function tabTo(page, locator, back = false) {
  for (let i = 0; i < 80; i += 1) {
    if (await locator.evaluate((e) => e === document.activeElement).catch(() => false)) {
      const outline = await locator.evaluate((e) => getComputedStyle(e).outlineStyle);
      assert.notEqual(outline, 'none', `${locator} has the focus and does not show it`);
      return;
    }
    await page.keyboard.press(back ? 'Shift+Tab' : 'Tab');
  }
  throw new Error(`${locator} is not reached with the keyboard.`);
}

await run(async (browser) => {
  const load = startUsers(given.proxy);
  const page = await openPage(browser, { scheme: 'light' });
  const button = (name) => page.getByRole('button', { name, exact: true });
  const press = async (locator, key = 'Enter') => {
    await tabTo(page, locator);
    await page.keyboard.press(key);
  };

  // The field has the focus from the start.
  await page.getByLabel('API key').waitFor();
  await page.keyboard.type(given.operatorKey);
  await picture(page, 'login-light');
  await checkPage(page, 'log-in, light');
  await page.keyboard.press('Enter');
  await page.getByRole('row', { name: /8\.2\.1 .*active 100 %/ }).waitFor();
  await page.locator('#headline').getByText('8.2.1 12', { exact: true }).waitFor();
  await picture(page, 'overview-light');
  await checkPage(page, 'overview, light');

  const slider = page.getByRole('slider');
  await tabTo(page, slider);
  for (let i = 0; i < 5; i += 1) await page.keyboard.press('ArrowRight');
  await page.getByText('5 % of new sessions go to 8.3.0.').waitFor();
  assert.equal(await slider.getAttribute('aria-valuetext'), '5 % of new sessions to 8.3.0');
  await press(button('Set weights'));
  await page.locator('#notice').getByText(/8\.3\.0 5 %: applied by every replica/).waitFor();

  await tabTo(page, button('Start a rollout…'), true);
  await page.keyboard.press('Enter');
  // The form has the focus; the fields come in the order in which they stand.
  assert.ok(await page.getByLabel('To version').evaluate((e) => e === document.activeElement));
  await press(page.getByLabel('Steps'), 'Control+A');
  await page.keyboard.type('20:manual,100:1s');
  await press(page.getByLabel('The database schema is upgraded'), 'Space');
  await press(button('Check'));
  await page.getByText(/All \d+ preconditions hold/).waitFor();
  await press(button('Start'));
  await page.getByText('Waits for a person: Resume passes this step.').waitFor();

  // A dialog takes the focus, Escape closes it, and the focus is back where it was.
  await press(button('Abort…'));
  const dialog = page.getByRole('dialog');
  assert.ok(await dialog.getByLabel('Type 8.3.0 to confirm').evaluate((e) => e === document.activeElement));
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.ok(await button('Abort…').evaluate((e) => e === document.activeElement));
  await checkPage(page, 'a rollout begun with the keyboard');

  await look(browser);
  await load.end();
});

// Somebody who may look, on a phone.
async function look(browser) {
  const page = await openPage(browser, { size: phone });
  await logIn(page, given.viewerKey);
  await page.getByText('You are logged in as viewer').waitFor();
  await page.getByRole('heading', { name: /Rollout 8\.2\.1 → 8\.3\.0/ }).waitFor();
  await page.locator('#instances li').first().waitFor();
  await page.locator('#chart-sessions canvas').waitFor();
  // What changes nothing is all that there is to press.
  const buttons = await page.locator('#console button:visible').allTextContents();
  assert.deepEqual(buttons, ['Log out', '5 min', '15 min', '1 h', 'Look up']);
  assert.ok(await page.getByRole('slider').isDisabled());
  await picture(page, 'phone-dark');
  await checkPage(page, 'phone');
  await page.emulateMedia({ colorScheme: 'light' });
  await picture(page, 'phone-light');
  await checkPage(page, 'phone, light');
}
