import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// React mounts each component twice in StrictMode, but only where it is built for development.
export default defineConfig(({ mode }) => ({
  plugins: [react()],
  build: { outDir: `dist/${mode}`, emptyOutDir: true },
}));
