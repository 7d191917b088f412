// Runs a script on a page of the server, in a Chromium that can reach nothing but 127.0.0.1, and shows each value that it logs as a
// line of JSON. Ends with its standard input.
//
//   node page.mjs http://127.0.0.1:8080/playground/plain SCRIPT
import { launch } from './browser.mjs';

const [url, script] = process.argv.slice(2);
const browser = await launch();
process.stdin.resume().on('end', () => browser.close().then(() => process.exit()));
const page = await browser.newPage();
page.on('pageerror', (error) => console.error(`script: ${error.message}`));
page.on('console', async (message) => {
  // What the browser itself says, of connections that are refused while the server is away.
  if (message.type() !== 'log') return console.error(message.text());
  const values = await Promise.all(message.args().map((value) => value.jsonValue()));
  for (const value of values) console.log(JSON.stringify(value));
});
await page.goto(url);
await page.evaluate(script);
