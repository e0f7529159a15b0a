import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Chart } from './Chart';

const query = new URLSearchParams(location.search);
const server = query.get('server') ?? location.host;
const heart = Number(query.get('heart') ?? 30_000);
const AppState = { currentMenuType: { id: 7 } };

function Page() {
  const [shown, show] = useState(true);
  return (
    <>
      <header>
        <h1>Load of the project</h1>
        <button id="toggle" onClick={() => show(!shown)}>{shown ? 'Hide' : 'Show'}</button>
      </header>
      {shown && <Chart server={server} groupId={12} AppState={AppState} heart={heart} />}
    </>
  );
}

createRoot(document.getElementById('root')!).render(<StrictMode><Page /></StrictMode>);
