// What a browser calls `WebSocket`, with the server and the network in the hands of the test.

export class FakeWebSocket extends EventTarget {
  readyState = 0;
  bufferedAmount = 0;
  protocol = '';
  extensions = '';
  binaryType = 'blob';
  onopen = null;
  onmessage = null;
  onerror = null;
  onclose = null;
  sent = [];
  /** What `close` was called with. */
  closed = null;

  constructor(url, protocols = []) {
    super();
    const offered = [protocols].flat();
    if (!/^wss?:[^#]*$/.test(url)) throw new DOMException(`the URL ${url}`, 'SyntaxError');
    if (new Set(offered).size < offered.length) throw new DOMException('twice the same protocol', 'SyntaxError');
    this.url = String(url);
    this.protocols = protocols;
    for (const type of ['open', 'message', 'error', 'close']) {
      this.addEventListener(type, (event) => this[`on${type}`]?.(event));
    }
  }

  send(data) {
    if (this.readyState === 0) throw new DOMException('not open', 'InvalidStateError');
    this.sent.push(data);
  }

  close(code, reason) {
    this.closed ??= [code, reason];
    if (this.readyState < 2) this.readyState = 2;
  }

  // what the server and the network do

  accept(protocol = '') {
    this.readyState = 1;
    this.protocol = protocol;
    this.dispatchEvent(new Event('open'));
    return this;
  }

  say(data, origin = 'ws://server') {
    this.dispatchEvent(new MessageEvent('message', { data, origin }));
  }

  end(code = 1006, reason = '', wasClean = code !== 1006) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (!wasClean) this.dispatchEvent(new Event('error'));
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason, wasClean }));
  }
}
