import { defineConfig } from 'vite';

export default defineConfig({ build: { rollupOptions: { input: ['plain.html', 'react.html', 'vue.html'] } } });
