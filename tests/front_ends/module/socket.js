import { HeartlineSocket } from 'heartline';

let socket = null;

/** One connection for the page. What arrives is the event `onmessageWS` of `window`. */
export const createSocket = (server, userId, heart = 5000) => {
  if (socket && socket.readyState < socket.CLOSING) return socket;
  socket = new HeartlineSocket(`ws://${server}/goLink/manager/${encodeURIComponent(userId)}`, null, {
    // The server says nothing to a heart. It answers an event that it does not know.
    ping: JSON.stringify({ event: 'ping' }),
    isPong: (text) => text.includes('无法处理'),
    heartbeat: { interval: heart, timeout: heart },
  });
  socket.onmessage = ({ data }) => window.dispatchEvent(new CustomEvent('onmessageWS', { detail: { data } }));
  return socket;
};

export const sendWSPush = (message) => socket.send(JSON.stringify(message));

export const closeWs = () => socket.close();
