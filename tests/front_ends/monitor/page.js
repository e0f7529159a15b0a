import { toggle } from '/plain/toggle.js';
import { monitor } from './web_server.js';

const query = new URLSearchParams(location.search);
const bad = document.getElementById('bad');
const dd = []; // The document's names.
let dindex = 0;
let ws;

// The last point is drawn twice, and is a dot where it is alone.
const drawn = ({ value }, at) => `${Math.min(at, dd.length - 1)},${100 - (value % 100)}`;

function fetch(point) {
  dd.push(point);
  if (dd.length > 300) dd.splice(0, dd.length - 300);
  dindex += 1;
  document.querySelector('polyline').setAttribute('points', [...dd, point].map(drawn).join(' '));
  document.getElementById('latest').textContent =
    `${point.year}: ${point.value}. Points shown: ${dd.length}, from ${dd[0].year}. Points in all: ${dindex}.`;
}

function openSocket() {
  ws = monitor(query.get('server'), Number(query.get('heart') ?? 5000), fetch);
  ws.ondegraded = () => { bad.hidden = false; };
  ws.onrecovered = () => { bad.hidden = true; };
  ws.ondisconnect = () => { bad.hidden = true; };
  return ws;
}

toggle(openSocket, () => ws.close());
