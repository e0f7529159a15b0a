import { showStatus } from './status.js';

/** Connects at once; the page's button then disconnects and connects by turns. `connect` returns the socket, whose status is shown. */
export function toggle(connect, disconnect) {
  const button = document.getElementById('toggle');
  let socket = null; // null: the button connects.

  function become(other) {
    socket = other;
    button.textContent = socket ? 'Disconnect' : 'Connect';
  }

  function start() {
    const started = connect();
    started.addEventListener('close', () => socket === started && become(null));
    showStatus(started);
    become(started);
  }

  button.onclick = () => {
    if (!socket) return start();
    become(null);
    disconnect();
  };
  start();
}
