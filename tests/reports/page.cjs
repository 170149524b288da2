// Opens a report page in Chromium and uses it as a person does: node page.cjs PAGE CHROMIUM SCREENSHOTS
// Prints the time to open and that of the slowest filter, in milliseconds.
'use strict';
const assert = require('node:assert/strict');
const { chromium } = require('playwright-core');
const [file, executablePath, shots] = process.argv.slice(2);

(async () => {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'light', offline: true });
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', e => problems.push(String(e)));
    page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') problems.push(m.text()); });
    page.on('dialog', d => { problems.push('a dialog: ' + d.message()); d.dismiss(); });
    page.on('request', r => { if (!r.url().startsWith('file:')) problems.push('a request: ' + r.url()); });

    const start = performance.now();
    await page.goto('file://' + file);
    await page.waitForSelector('html[data-ready=yes]');
    await page.waitForSelector('.row');
    const open = performance.now() - start;

    const count = () => page.textContent('#count');
    assert.equal(await count(), '5,000 findings');
    assert.ok(await page.locator('.row').count() <= 300, 'rows are made as they are needed');
    // The time from the input to a page that is laid out again.
    let filter = 0;
    const choose = async (id, value) => {
      const took = await page.evaluate(([id, value]) => {
        const field = document.getElementById(id);
        const start = performance.now();
        if (field.type === 'checkbox') field.checked = value; else field.value = value;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        document.body.getBoundingClientRect();
        return performance.now() - start;
      }, [id, value]);
      filter = Math.max(filter, took);
    };
    for (const [id, value, expected] of [
      ['sev', 'critical', '1,250 of 5,000 findings'], ['provider', 'Provider 4', '125 of 5,000 findings'], ['ver', 'live', '125 of 5,000 findings'],
      ['state', 'open', '5,000 findings'], ['author', 'Author 3', '167 of 5,000 findings'], ['tip', 'in history alone', '1,667 of 5,000 findings'],
      ['path', 'services/team-3/', '200 of 5,000 findings'], ['path', '*config-4?.yml', '10 of 5,000 findings'], ['q', 'config-4999', '1 of 5,000 findings'],
    ]) {
      if (id === 'provider') { await choose(id, await page.evaluate(() => document.getElementById('provider').options[1].value)); }
      else { await choose(id, value); assert.equal(await count(), expected, id + ' ' + value); }
      await choose(id, '');
    }
    await choose('q', 'no such thing');
    assert.equal(await page.locator('.row').count(), 0);
    await choose('q', '');
    await choose('group', true);
    assert.equal(await count(), '5,000 findings, 4,000 secrets');
    await choose('group', false);

    // The timeline
    const bars = page.locator('#chart button');
    assert.ok(await bars.count() > 10);
    await bars.first().click();
    assert.match(await count(), /^\d+ of 5,000 findings, entered 2019/);
    await page.keyboard.press('Escape');
    assert.equal(await count(), '5,000 findings');

    // Keys
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'q');
    await page.keyboard.type('img src=x');
    assert.equal(await count(), '1 of 5,000 findings');
    await page.locator('.row').click();
    assert.match(await page.textContent('.more'), /<\/script><img src=x onerror=alert\(1\)>\.yml/);
    assert.equal(await page.locator('main img').count(), 0);
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.row[aria-expanded=true]').count(), 1);
    assert.match(await page.textContent('.more'), /What to do/);

    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: shots + '/light.png' });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: shots + '/dark.png' });
    await page.setViewportSize({ width: 420, height: 900 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'a telephone need not scroll sideways');
    await page.screenshot({ path: shots + '/narrow.png' });
    await page.setViewportSize({ width: 1280, height: 900 });

    // All rows come as one scrolls.
    const before = await page.locator('.row').count();
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForFunction(n => document.querySelectorAll('.row').length > n, before);
    assert.deepEqual(problems, []);
    console.log(JSON.stringify({ open: Math.round(open), filter: Math.round(filter * 10) / 10 }));
  } finally {
    await browser.close();
  }
})().catch(e => { console.error(e); process.exit(1); });
