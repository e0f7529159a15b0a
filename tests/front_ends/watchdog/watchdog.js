import { HeartlineSocket } from 'heartline';
import { show } from '/plain/list.js';
import { toggle } from '/plain/toggle.js';

const query = new URLSearchParams(location.search);
const t = Number(query.get('t') ?? 30_000); // The server sends something at least as often.
const banner = document.getElementById('banner');
let socket;
let count = 0;

function connect() {
  socket = new HeartlineSocket(`ws://${query.get('server')}/ws`, null, { listen: 2 * t });
  socket.onopen = () => { banner.hidden = true; };
  socket.ondisconnect = () => { banner.hidden = false; };
  socket.onmessage = ({ data }) => {
    if (data !== 'something') show(data);
    document.getElementById('count').textContent = `${++count} messages.`;
  };
  return socket;
}

toggle(connect, () => {
  socket.close();
  banner.hidden = true;
});
