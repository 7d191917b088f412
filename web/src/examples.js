// The tabs of a first visit: the operations in `examples/`, in the order of their file names.
const files = import.meta.glob('./examples/*.graphql', { query: '?raw', import: 'default', eager: true });

export const examples = Object.keys(files)
  .sort()
  .map((path) => ({ query: files[path] }));
