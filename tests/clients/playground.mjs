// Uses the playground as a person with a token does, in a Chromium that can reach nothing but 127.0.0.1, and shows what comes of each
// step as a line of JSON. Ends by itself.
//
//   node playground.mjs https://127.0.0.1:8080/playground TOKEN
import { launch } from './browser.mjs';

const [url, token] = process.argv.slice(2);
const browser = await launch();
// The certificate vouches for itself.
const context = await browser.newContext({ ignoreHTTPSErrors: true });
const page = await context.newPage();
const violations = [];
await page.exposeFunction('violated', (directive) => violations.push(directive));
await page.addInitScript(() => {
  addEventListener('securitypolicyviolation', (event) => window.violated(`${event.violatedDirective} ${event.blockedURI}`));
});
page.on('pageerror', (error) => console.error(`page: ${error.message}`));
const say = (value) => console.log(JSON.stringify(value));

/** Puts a text into one of the editors, in place of what it has. */
async function write(section, text) {
  await page.locator(section).first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
  // The editor has closed brackets by itself.
  await page.keyboard.press('Control+Shift+End');
  await page.keyboard.press('Delete');
}

/** Runs an operation of this name, and waits until the result has these words. */
async function run(name, query, words) {
  await write('.graphiql-query-editor .monaco-editor', query);
  // Its tab bears its name once the page has read it.
  await page.getByRole('tab', { name }).waitFor();
  await page.getByRole('button', { name: /execute query|run/i }).first().click();
  const result = page.locator('.graphiql-response');
  await result.getByText(words).first().waitFor();
  return result.innerText();
}

const opened = await page.goto(url);
say({ status: opened.status(), csp: opened.headers()['content-security-policy'] });
await page.locator('.graphiql-response').getByText('UNAUTHENTICATED').first().waitFor();
say({ refused: true });

await page.getByRole('button', { name: /headers/i }).click();
await write('.graphiql-editor-tool .monaco-editor:visible', JSON.stringify({ authorization: `Bearer ${token}` }));
await page.getByRole('button', { name: /re-fetch/i }).click();
await page.getByRole('button', { name: /documentation explorer/i }).click();
await page.locator('.graphiql-doc-explorer').getByText('Query').first().waitFor();
say({ documented: true });

await run('Head', 'query Head { status { head } }', '"head"');
say({ answered: true });
await run('Feed', 'subscription Feed { eventFeed(after: "0") { event { position } } }', '"position"');
say({ followed: true });
say({ violations });
await browser.close();
