// Runs a check in a Chromium that can reach nothing but 127.0.0.1. Beside what the check itself asks, it fails on any console
// error, refused resource, failed request or request to elsewhere, and after a minute.
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

const LIMIT_MS = 60_000;

// Playwright adds --headless and a fresh profile folder, which it removes again.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** Runs `check(page, step)` and ends the process: 0 when all is well, else 1 with a message and a screenshot. */
export async function run(name, base, check) {
  const origin = new URL(base).origin;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: FLAGS,
    timeout: 30_000,
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const problems = [];
  watch(page, origin, problems);

  let doing = 'start';
  const step = (text) => {
    doing = text;
    console.log(`${name}: ${text}`);
  };
  try {
    await within(LIMIT_MS, check(page, step));
  } catch (error) {
    problems.unshift(`while it had to ${doing}: ${error.message}`);
  }
  if (problems.length > 0) {
    const screenshot = join(tmpdir(), `hookgraph-${name}-${process.pid}.png`);
    const kept = await page.screenshot({ path: screenshot, timeout: 5_000 }).then(() => true, () => false);
    console.error(`${name}: FAILED\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    if (kept) console.error(`  screenshot: ${screenshot}`);
  } else {
    console.log(`${name}: ok`);
  }
  await browser.close();
  process.exit(problems.length > 0 ? 1 : 0);
}

function watch(page, origin, problems) {
  const elsewhere = (url) => {
    const { protocol, host } = new URL(url);
    return protocol !== 'data:' && protocol !== 'blob:' && host !== new URL(origin).host;
  };
  // Violations of the content security policy are console errors too.
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('request', (request) => {
    if (elsewhere(request.url())) problems.push(`request to elsewhere: ${request.url()}`);
  });
  page.on('requestfailed', (request) => problems.push(`request failed: ${request.url()}: ${request.failure()?.errorText}`));
  page.on('websocket', (socket) => {
    if (elsewhere(socket.url())) problems.push(`socket to elsewhere: ${socket.url()}`);
    socket.on('socketerror', (error) => problems.push(`socket: ${error}`));
  });
}

function within(milliseconds, work) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${milliseconds / 1000} s`)), milliseconds);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
