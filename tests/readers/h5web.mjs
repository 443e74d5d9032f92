// Opens a dataset of images in h5web, in a browser without a screen: h5web.mjs RUN.h5 DATASET TEXT...
// h5web must show every TEXT (the range of its colour bar, a tab); what it shows is written out, and a picture
// of it goes into h5web.png. Rows run upwards there, until its Y button is pressed.
// SPDX-License-Identifier: GPL-3.0-or-later
import { createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { build } from 'vite';
import puppeteer from 'puppeteer-core';

const [run, dataset, ...wanted] = process.argv.slice(2);
const page_source = `
import { createElement as element } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from '@h5web/app';
import { H5WasmBufferProvider } from '@h5web/h5wasm';
import '@h5web/app/styles.css';
const buffer = await (await fetch('run.h5')).arrayBuffer();
const initialPath = new URLSearchParams(location.search).get('at');
createRoot(document.getElementById('root')).render(element(
  H5WasmBufferProvider, { filename: 'run.h5', buffer }, element(App, { initialPath, sidebarOpen: false })));`;

if (!existsSync('h5web/dist/index.html')) {
  mkdirSync('h5web', { recursive: true });
  writeFileSync('h5web/index.html', '<!doctype html><div id="root" style="height: 95vh"></div>' +
    '<script type="module" src="main.js"></script>');
  writeFileSync('h5web/main.js', page_source);
  await build({ root: 'h5web', base: './', logLevel: 'error', build: { target: 'esnext' }, worker: { format: 'es' } });
}

const types = { html: 'text/html', js: 'text/javascript', css: 'text/css' };
const server = createServer((request, response) => {
  const name = new URL(request.url, 'http://here').pathname.slice(1) || 'index.html';
  const file = name === 'run.h5' ? run : `h5web/dist/${name}`;
  response.writeHead(existsSync(file) ? 200 : 404, { 'Content-Type': types[name.split('.').pop()] ?? 'application/octet-stream' });
  existsSync(file) ? createReadStream(file).pipe(response) : response.end();
}).listen(0, '127.0.0.1');

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--enable-unsafe-swiftshader', '--use-angle=swiftshader'],
});
const page = await browser.newPage();
const shown = () => page.evaluate(() => document.body.innerText);
await page.goto(`http://127.0.0.1:${server.address().port}/?at=${dataset}`);
let text = '';
for (let tries = 0; tries < 120 && !wanted.every((word) => text.includes(word)); tries++) {
  await new Promise((done) => setTimeout(done, 500));
  text = await shown();
}
await page.screenshot({ path: 'h5web.png' });
await browser.close();
server.close();
const missing = wanted.filter((word) => !text.includes(word));
if (missing.length > 0) {
  console.error(`h5web does not show ${missing.join(', ')}: ${text.replace(/\s+/g, ' ')}`);
  process.exit(1);
}
