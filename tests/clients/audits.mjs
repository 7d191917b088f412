// Runs the server audits of graphql-http, and shows the result of each.
//
//   node audits.mjs http://127.0.0.1:8080/graphql
import { serverAudits } from 'graphql-http';

const [url] = process.argv.slice(2);
for (const audit of serverAudits({ url })) {
  const { id, name, status, reason } = await audit.fn();
  console.log(JSON.stringify({ id, name, status, reason }));
}
