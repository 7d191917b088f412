// The result pane shows one result at a time, so a live feed would erase each event with the next. Here the newest result
// keeps its usual shape, and `earlier` lists those before it, newest first.

const KEPT = 20;

/** Wraps an observer so that each result it receives carries the ones before it. */
export function withEarlier(observer) {
  let earlier = [];
  let newest;
  return {
    next(result) {
      if (newest && !isCheckpoint(newest)) earlier = [newest, ...earlier].slice(0, KEPT);
      newest = result;
      observer.next(earlier.length > 0 ? { ...result, earlier } : result);
    },
    error: (error) => observer.error(error),
    complete: () => observer.complete(),
  };
}

const PROGRESS = new Set(['__typename', 'cursor', 'caughtUp']);

/** A checkpoint says only how far the feed has come, which the result after it says again. */
export function isCheckpoint({ data, errors }) {
  if (!data || errors) return false;
  return Object.values(data).every((item) =>
    Object.entries(item ?? {}).every(([field, value]) => PROGRESS.has(field) || value === null),
  );
}
