import { HeartlineSocket } from 'heartline';
import { show } from '/plain/list.js';
import { toggle } from '/plain/toggle.js';

const query = new URLSearchParams(location.search);
const server = query.get('server');
const heart = Number(query.get('heart') ?? 5000);
let socket;
let source;
let last = '';

// An EventSource never finds out that its link is dead. The socket beside it does: each of its connections has a stream.
function connect() {
  socket = new HeartlineSocket(`ws://${server}/all`, null, {
    ping: 'ping', // Goes to all, the sender included.
    isPong: (text) => text === 'ping',
    heartbeat: { interval: heart, timeout: heart },
  });
  socket.onopen = openStream;
  socket.ondisconnect = () => source?.close();
  socket.onmessage = ({ data }) => show(`said: ${data}`);
  return socket;
}

function openStream() {
  source = new EventSource(`http://${server}/events?${new URLSearchParams({ after: last })}`);
  source.addEventListener('point', ({ data, lastEventId }) => {
    last = lastEventId;
    show(`point: ${data}`);
  });
}

document.querySelector('form').onsubmit = (event) => {
  event.preventDefault();
  socket.send(document.getElementById('text').value);
};

toggle(connect, () => {
  socket.close();
  source?.close();
});
