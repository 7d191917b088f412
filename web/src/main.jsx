// The playground: GraphiQL with the query builder, the schema's documentation, history and the worked examples.
// The visitor's own tabs, kept by the browser, always come before the examples.

// The editor's language services run in workers that are bundled here: nothing is fetched from elsewhere.
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './playground.css';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { examples } from './examples.js';
import { execute } from './execute.js';
import { Preferences } from './preferences.jsx';

const plugins = [explorerPlugin({ showAttribution: false }), HISTORY_PLUGIN];

// What the variables editor accepts for the scalars that are not GraphQL's own.
const scalars = {
  Cursor: { type: 'string' },
  DateTime: { type: 'string', format: 'date-time' },
  JSON: {},
  Position: { type: 'integer', minimum: 1 },
};

createRoot(document.getElementById('playground')).render(
  <GraphiQL
    fetcher={execute}
    plugins={plugins}
    defaultTabs={examples}
    customScalarSchemas={scalars}
    defaultEditorToolsVisibility={false}
    schemaDescription
  >
    <GraphiQL.Logo>Hookgraph</GraphiQL.Logo>
    <Preferences />
  </GraphiQL>,
);
