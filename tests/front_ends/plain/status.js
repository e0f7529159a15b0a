const WORDS = {
  idle: 'Connecting …',
  waiting: 'Connection lost.',
  connecting: 'Connecting …',
  greeting: 'Connecting …',
  open: 'Connected',
  closing: 'Leaving …',
  closed: 'Disconnected.',
};

let shown = null;
let next = '';
let why = '';

function show() {
  const { state } = shown;
  const line = document.querySelector('[role=status]');
  line.textContent = WORDS[state];
  if (state !== 'open' && !navigator.onLine) line.textContent += ' This computer is offline.';
  else if (state === 'waiting') line.textContent += ` Next try at ${next}.`;
  else if (state === 'closed' && why) line.textContent = `Disconnected: ${why}.`;
  line.className = state;
}

addEventListener('online', () => shown && show());
addEventListener('offline', () => shown && show());

/** From now on the status line of the page shows how this socket is. */
export function showStatus(socket) {
  shown = socket;
  why = '';
  socket.addEventListener('state', () => socket === shown && show());
  socket.addEventListener('retry', ({ delay }) => {
    next = new Date(Date.now() + delay).toLocaleTimeString();
    if (socket === shown) show();
  });
  socket.addEventListener('close', ({ reason }) => {
    why = reason;
    if (socket === shown) show();
  });
  show();
}
