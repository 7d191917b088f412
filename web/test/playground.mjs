// Uses the playground as a visitor does, against a running server: runs the first example, then the live one, and sees an event
// that is sent meanwhile.
//
//   node test/playground.mjs http://127.0.0.1:8080 --send "<command that sends one call>"
import { exec } from 'node:child_process';
import { parseArgs, promisify } from 'node:util';

import { run } from './browser.mjs';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { send: { type: 'string' } } });
const [base] = positionals;
if (!base || !values.send) {
  console.error('usage: node test/playground.mjs <base URL on 127.0.0.1> --send "<command that sends one call>"');
  process.exit(1);
}

await run('playground', base, async (page, step) => {
  const editor = page.getByRole('region', { name: 'Operation Editor' });
  const result = page.getByRole('region', { name: 'Result Window' });

  step('open the page');
  await page.goto(new URL('/playground', base).href);
  await shows(editor, 'the first example', (text) => text.includes('query NewestCalls'));

  step('run the first example');
  await execute(page, editor);
  await shows(result, 'the answer to the first example', (text) => isAnswer(text) && text.includes('"calls": {'));

  step('open the live tab');
  await page.getByTitle('Live', { exact: true }).click();
  await shows(editor, 'the live example', (text) => text.includes('callCompleted(checkpoints: true)'));

  step('run the subscription');
  await execute(page, editor);
  await shows(result, 'the first checkpoint', (text) => isAnswer(text) && text.includes('"call": null'));

  step('send an event');
  await promisify(exec)(values.send, { timeout: 20_000 });

  step('show the call that was sent');
  await shows(result, 'the call', (text) => isAnswer(text) && /"call": \{\s*"id": "/.test(text));
});

async function execute(page, editor) {
  await editor.locator('.view-line').first().click();
  await page.keyboard.press('ControlOrMeta+Enter');
}

function isAnswer(text) {
  return text.includes('"data": {') && !text.includes('"errors":');
}

/** Waits until the text in a pane is as wanted; fails with what it showed instead. */
async function shows(pane, what, wanted) {
  const deadline = Date.now() + 20_000;
  let text = '';
  while (Date.now() < deadline) {
    text = await paneText(pane);
    if (wanted(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the pane does not show ${what}, but:\n${text.slice(0, 1000)}`);
}

/** The lines in view, from top to bottom: the editor draws only those, in no particular order, with fixed spaces. */
async function paneText(pane) {
  const lines = await pane.locator('.view-line').evaluateAll((elements) =>
    elements.map((element) => ({ top: Number.parseFloat(element.style.top), text: element.textContent })),
  );
  return lines
    .sort((one, other) => one.top - other.top)
    .map((line) => line.text.replaceAll('\u00a0', ' '))
    .join('\n');
}
