import { show } from '/plain/list.js';
import { toggle } from '/plain/toggle.js';
import { closeWs, createSocket, sendWSPush } from './socket.js';

const query = new URLSearchParams(location.search);
const dialog = document.getElementById('dialog');
const userId = query.get('device');
let count = 0;

const getsocketData = ({ detail }) => {
  const json = read(detail.data);
  if (json?.event === 'open') { // At each connection.
    dialog.hidden = false;
    sendWSPush({ event: 'open_screen', to_user: userId });
  } else if (json) {
    show(`${json.event} from ${json.fromUser}`);
  }
};

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const countMessages = () => { document.getElementById('count').textContent = `${++count} messages.`; };

function wsConnect() {
  window.addEventListener('onmessageWS', getsocketData);
  window.addEventListener('onmessageWS', countMessages);
  return createSocket(query.get('server'), query.get('user'), Number(query.get('heart') ?? 5000));
}

function handleClose() {
  sendWSPush({ event: 'stop_screen', to_user: userId });
  closeWs();
  dialog.hidden = true;
  window.removeEventListener('onmessageWS', getsocketData);
  window.removeEventListener('onmessageWS', countMessages);
}

toggle(wsConnect, handleClose);
