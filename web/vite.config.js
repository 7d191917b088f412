// Builds the playground into `dist`, which the server embeds: relative to nothing but `/playground/`, and whole (no address
// outside it). The server's content security policy forbids inline scripts, so no file may rely on one.
import { defineConfig } from 'vite';

// `npm run dev` shows changes at once against a server that runs already. Its open door answers only its own origin.
const server = 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/playground/',
  build: {
    target: 'es2022',
    // The editor alone is 3 MB; it is fetched once and cached for good under its hashed name.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      onLog(level, log, report) {
        // "use client" in a dependency speaks to server-side React; there is none here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/graphql': { target: server, ws: true, changeOrigin: true, headers: { origin: server } },
    },
  },
});
