// Chromium for tests, driven by the DevTools protocol itself, and the servers that its pages talk to. Needs /usr/bin/chromium
// (or the program that `CHROMIUM` names) and npm's `ws`, nothing else.
//
//   const browser = await launch({ features: [intensiveThrottling(2)] });   // one for a test file; no features as a rule
//   const files = await FileServer.start({
//     routes: { '/index.html': '<!doctype html><title>x</title>', '/dist/': '/absolute/folder' },
//     headers: { 'content-security-policy': "script-src 'self'" },
//   });
//   const server = await SocketServer.start({ answer: pong });   // echo (the default), pong, silence, or your function
//   const link = await Link.to(server);                          // link.url in the place of server.url, to fall silent
//   const page = await browser.page(files.url('/'));             // own window, own profile, after its load event
//
//   await page.evaluate((url) => { window.ws = new WebSocket(url); }, server.url);  // arguments and result as JSON; awaited
//   await page.until(() => window.ws.readyState === 1);          // polled for PATIENCE; a failure prints the page's log
//   await page.click('button'); await page.fill('input', 'x'); await page.press('Enter'); await page.sees('#out', 'text');
//   page.errors                                                  // uncaught exceptions and console.error: assert that it is []
//   await page.hide(); await page.freeze(); await page.resume(); await page.show();   // also minimise(), restore()
//   await page.offline(true);                                    // navigator.onLine and its events, and the network: see Page
//   await page.navigate(url); await page.travel(-1);             // history, with the back-forward cache
//   browser.suspend(); browser.resume();                         // every process of the browser, as a computer that sleeps
//   (await page.worker('w.js')).evaluate(…); (await browser.sharedWorker('s.js')).evaluate(…)
//   await page.screenshot('/tmp/x.png');
//
//   server.connections, .open, .last, .received, .dials, .handshakes;    await server.until('two are open', (s) => s.open.length === 2);
//   server.last.send('x'); .close(4000, 'why'); .kill(); .pause(); .garbage(); .received; .closed; .protocol; .headers
//   server.upgrade = 'accept' | 'hold' | 'cut' | 503 | { after: 500 };   // what becomes of the next handshakes
//   server.kill(); await server.stop(); await server.listen();           // stop refuses dials; listen is at the same port
//   link.silence(); link.heal(); link.cut();
//
//   await page.close(); await browser.close(); await files.close(); await server.close(); await link.close();
//
// `after(() => browser.close())` of node:test ends the browser also when a test fails; should the test process die, the browser ends
// with its pipe. Pages are hidden only when `document.visibilityState` says so: hide and show wait for that.
export { Browser, intensiveThrottling, launch } from './browser.mjs';
export { FileServer } from './files.mjs';
export { Link } from './link.mjs';
export { Page } from './page.mjs';
export { PATIENCE, inTime, paced, pause, until } from './patience.mjs';
export { SocketServer, echo, pong, silence } from './sockets.mjs';
