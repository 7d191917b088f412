// Uses the plain playground as a visitor does, against a running server: by the button and by the keyboard.
//
//   node test/plain.mjs http://127.0.0.1:8080 [path, /playground/plain unless given]
import { run } from './browser.mjs';

const [base, path = '/playground/plain'] = process.argv.slice(2);
if (!base) {
  console.error('usage: node test/plain.mjs <base URL on 127.0.0.1> [path]');
  process.exit(1);
}

await run('plain', base, async (page, step) => {
  const query = page.getByLabel('Query');
  const variables = page.getByLabel('Variables, as JSON');
  const status = page.getByRole('status');
  const result = page.locator('#result');

  step('open the page');
  await page.goto(new URL(path, base).href);

  step('run the query it comes with, by the button');
  await page.getByRole('button', { name: 'Run' }).click();
  await status.filter({ hasText: 'No errors (200' }).waitFor({ timeout: 20_000 });
  const calls = JSON.parse(await result.textContent()).data?.calls;
  if (!Array.isArray(calls?.nodes)) throw new Error(`no calls in the answer: ${await result.textContent()}`);

  step('run a query with a variable, by the keyboard');
  await query.fill('query Type($name: String!) { __type(name: $name) { name kind } }');
  await variables.fill('{ "name": "Call" }');
  await page.keyboard.press('ControlOrMeta+Enter');
  await result.filter({ hasText: '"kind": "OBJECT"' }).waitFor({ timeout: 20_000 });

  step('say that variables are not JSON');
  await variables.fill('{');
  await page.keyboard.press('ControlOrMeta+Enter');
  await result.filter({ hasText: 'The variables are not JSON' }).waitFor({ timeout: 20_000 });
});
