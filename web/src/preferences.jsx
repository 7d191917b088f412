// What GraphiQL offers no property for. The query wraps, so that its comments can be read in a narrow pane. The editors keep
// following the system's light or dark theme when it changes under an open page; a theme chosen in the settings stays.
// A tab chosen while the editor was still loading gets its own query: without this the editor would show the first tab's.
import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';

export function Preferences() {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const query = useGraphiQL((state) => state.tabs[state.activeTabIndex]?.query ?? '');
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();

  // Only when the editor has just been made: afterwards the query follows the editor, and not the editor the query.
  useEffect(() => {
    if (!queryEditor) return;
    queryEditor.updateOptions({ wordWrap: 'on', wrappingIndent: 'indent' });
    if (queryEditor.getValue() !== query) queryEditor.setValue(query);
  }, [queryEditor]);

  useEffect(() => {
    if (theme !== null) return undefined;
    const system = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setTheme(null);
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, [theme, setTheme]);

  return null;
}
