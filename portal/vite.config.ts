import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// The page is empty until the program runs, so the first paint waits for it: without this a chosen
// theme that differs from the system's would flash.
function renderAfterEntry(): Plugin {
  return {
    name: 'vedette:render-after-entry',
    transformIndexHtml: {
      order: 'post',
      handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  };
}

const hub = process.env.VEDETTE_HUB ?? 'http://127.0.0.1:8444';

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), renderAfterEntry()],
  // Under vitest Svelte must resolve to its browser build.
  resolve: mode === 'test' ? { conditions: ['browser'] } : {},
  build: {
    outDir: '../build/portal',
    emptyOutDir: true,
    manifest: true,
    target: ['chrome123', 'firefox128', 'safari17.5'],
    modulePreload: { polyfill: false },
    // Inlined assets would need data: in the policy for more than images.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: {
    // Development: a hub (VEDETTE_HUB=https://127.0.0.1:8443) or dev/mock.mjs.
    proxy: { '/api': { target: hub, secure: false, changeOrigin: true } },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['./src/test_setup.ts'],
  },
}));
