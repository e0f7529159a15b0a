import { HeartlineSocket } from 'heartline';
import { show } from '/plain/list.js';
import { showStatus } from '/plain/status.js';

const NAMES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
const query = new URLSearchParams(location.search);
const element = (id) => document.getElementById(id);
let socket;

function connect() {
  try {
    socket = new HeartlineSocket(`ws://${query.get('server')}`, 'echo-protocol', {
      heartbeat: { interval: Number(query.get('heart') ?? 3000), timeout: Number(query.get('heart') ?? 5000) },
      ping: '123456789', // The server answers it as it answers everything.
      maxRetries: query.has('tries') ? Number(query.get('tries')) : null,
    });
  } catch (error) {
    show(`no socket: ${error.name}`);
    return;
  }
  socket.binaryType = element('binaryType').value;
  socket.onopen = () => show('open');
  socket.onmessage = async ({ data }) => show(`got ${await described(data)}`);
  socket.onerror = () => show('error');
  socket.onclose = ({ code, reason, wasClean }) => {
    show(`closed with ${code} "${reason}", ${wasClean ? 'clean' : 'not clean'}`);
    showAttributes();
  };
  socket.onstate = showAttributes;
  socket.onbufferedamountlow = showAttributes;
  showStatus(socket);
  showAttributes();
}

function showAttributes() {
  const { readyState, protocol, bufferedAmount } = socket;
  element('readyState').textContent = `${readyState} ${NAMES[readyState]}`;
  element('protocol').textContent = protocol;
  element('bufferedAmount').textContent = `${bufferedAmount} bytes`;
  element('toggle').textContent = readyState >= socket.CLOSING ? 'Connect' : 'Disconnect';
}

async function described(data) {
  if (typeof data === 'string') return `text ${data}`;
  const bytes = new Uint8Array(data instanceof Blob ? await data.arrayBuffer() : data);
  return `${data.constructor.name} ${new TextDecoder().decode(bytes)}`;
}

async function send(data) {
  const receipt = socket.send(data);
  showAttributes();
  const { outcome, reason } = await receipt;
  if (outcome !== 'transmitted') show(`not sent: ${reason}`);
}

document.querySelector('form').onsubmit = (event) => {
  event.preventDefault();
  send(element('text').value);
};
element('sendBytes').onclick = () => {
  const blob = new Blob([element('text').value]);
  if (socket.binaryType === 'blob') send(blob);
  else blob.arrayBuffer().then(send);
};
element('binaryType').onchange = ({ target }) => { socket.binaryType = target.value; };
element('toggle').onclick = () => (socket.readyState >= socket.CLOSING ? connect() : socket.close(1000, 'the button'));

connect();
