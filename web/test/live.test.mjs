// How the result pane of a live feed is put together: nothing received is lost from view, and checkpoints do not pile up.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isCheckpoint, withEarlier } from '../src/live.js';

const call = (id) => ({ data: { callCompleted: { cursor: `c${id}`, caughtUp: true, call: { id }, event: null } } });
const checkpoint = { data: { callCompleted: { cursor: 'c', caughtUp: true, call: null, event: null } } };

function feed(...results) {
  const shown = [];
  const observer = withEarlier({ next: (result) => shown.push(result) });
  results.forEach((result) => observer.next(result));
  return shown;
}

test('the first result is shown as it came', () => {
  assert.deepEqual(feed(call(1)), [call(1)]);
});

test('the newest is on top, those before it under `earlier`, newest first', () => {
  assert.deepEqual(feed(call(1), call(2), call(3)).at(-1), { ...call(3), earlier: [call(2), call(1)] });
});

test('a checkpoint takes the top but leaves no trace', () => {
  assert.deepEqual(feed(checkpoint, call(1), checkpoint, checkpoint, call(2)).at(-1), { ...call(2), earlier: [call(1)] });
  assert.deepEqual(feed(call(1), checkpoint).at(-1), { ...checkpoint, earlier: [call(1)] });
});

test('no more than twenty are kept', () => {
  const results = Array.from({ length: 30 }, (_, index) => call(index));
  const { earlier } = feed(...results).at(-1);
  assert.equal(earlier.length, 20);
  assert.deepEqual(earlier[0], call(28));
});

test('an error is not a checkpoint', () => {
  assert.equal(isCheckpoint({ data: null, errors: [{ message: 'no' }] }), false);
  assert.equal(isCheckpoint(checkpoint), true);
  assert.equal(isCheckpoint(call(1)), false);
});
