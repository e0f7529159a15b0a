import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { useHeartline } from './readme/react';

const url = new URLSearchParams(location.search).get('url')!;
const options = { ping: '{"type":"ping"}', isPong: (data: string) => data === '{"type":"pong"}' };

function Live() {
  const [lines, setLines] = useState<string[]>([]);
  const { status, send } = useHeartline(url, options, ({ data }) => setLines((all) => [...all, data]));
  return (
    <>
      <p role="status">{status}</p>
      <ol>{lines.map((line, at) => <li key={at}>{line}</li>)}</ol>
      <button id="send" onClick={() => void send('hello')}>Send</button>
    </>
  );
}

function Page() {
  const [shown, show] = useState(true);
  return <>{shown && <Live />}<button id="toggle" onClick={() => show(!shown)}>Show or hide</button></>;
}

createRoot(document.querySelector('main')!).render(<Page />);
