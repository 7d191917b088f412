// The plain playground: sends the form's query to `/graphql` and shows the answer, indented.

const form = document.getElementById('form');
const status = document.getElementById('status');
const result = document.getElementById('result');
let running = 0;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  run();
});

form.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});

async function run() {
  running += 1;
  const mine = running;
  const started = performance.now();
  show('Running…', '');
  let answer;
  try {
    answer = await send();
  } catch (error) {
    answer = { summary: 'Not answered.', text: error.message };
  }
  // An answer that a later run has overtaken would look like the later run's own.
  if (mine !== running) return;
  show(`${answer.summary} ${Math.round(performance.now() - started)} ms.`, answer.text);
  // Where there is one column only, the answer may be out of sight.
  if (status.getBoundingClientRect().top > innerHeight) status.scrollIntoView();
}

async function send() {
  const headers = {
    accept: 'application/graphql-response+json, application/json;q=0.9',
    'content-type': 'application/json',
  };
  const token = form.token.value.trim();
  if (token) headers.authorization = `Bearer ${token}`;

  const response = await fetch('/graphql', {
    method: 'POST',
    headers,
    body: JSON.stringify({ query: form.query.value, variables: variables() }),
  });
  const text = await response.text();
  const code = `${response.status} ${response.statusText}`.trim();
  try {
    const answer = JSON.parse(text);
    const errors = answer.errors?.length ?? 0;
    const outcome = errors > 0 ? `${errors} error${errors > 1 ? 's' : ''}` : 'No errors';
    return { summary: `${outcome} (${code}).`, text: JSON.stringify(answer, null, 2) };
  } catch {
    return { summary: `Not a GraphQL answer (${code}).`, text };
  }
}

function variables() {
  const text = form.variables.value.trim();
  if (!text) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`The variables are not JSON: ${error.message}`);
  }
}

function show(summary, text) {
  status.textContent = summary;
  result.textContent = text;
}
