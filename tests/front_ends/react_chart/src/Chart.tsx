import { Component } from 'react';
import { HeartlineSocket, type Loss, type State as Life } from 'heartline';

interface Props {
  server: string;
  groupId: number;
  AppState: { currentMenuType: { id: number } };
  /** Milliseconds of silence before a heartbeat, and before its answer is given up. */
  heart: number;
}

interface State {
  life: Life;
  loss: Loss | null;
  why: string;
  slow: boolean;
  retryAt: Date | null;
  unreadable: number;
  points: { at: Date; value: number }[];
}

const WORDS: Record<Life, string> = {
  idle: 'Connecting …',
  waiting: 'No connection.',
  connecting: 'Connecting …',
  greeting: 'Connecting …',
  open: 'Live',
  closing: 'Leaving …',
  closed: 'Not connected.',
};

export class Chart extends Component<Props, State> {
  state: State = { life: 'connecting', loss: null, why: '', slow: false, retryAt: null, unreadable: 0, points: [] };
  socket!: HeartlineSocket<string, string>;

  componentDidMount() {
    const { heart } = this.props;
    const socket = new HeartlineSocket<string, string>(this.address, null, {
      greeting: (link) => void link.send(this.opening()),
      ping: 'H&M',
      isPong: (text) => text === 'H&M',
      heartbeat: { interval: heart, timeout: heart },
    });
    socket.onmessage = this.dataDistribution;
    socket.onstate = ({ to, loss }) => this.setState({ life: to, loss, slow: false });
    socket.ondisconnect = ({ error }) => this.setState({ why: error instanceof Error ? error.message : '' });
    socket.onretry = ({ delay }) => this.setState({ retryAt: new Date(Date.now() + delay) });
    socket.ondegraded = () => this.setState({ slow: true });
    socket.onrecovered = () => this.setState({ slow: false });
    this.socket = socket;
    this.setState({ life: socket.state });
  }

  componentWillUnmount() {
    this.socket.close();
  }

  address = () => {
    const token = /(?:^|; )access_token=([^;]+)/.exec(document.cookie)?.[1];
    if (!token) throw new Error('Nobody is logged in.');
    return `ws://${this.props.server}/websocket?token=${token}`;
  };

  opening() {
    const { groupId, AppState } = this.props;
    return JSON.stringify({ groupId, projectId: AppState.currentMenuType.id });
  }

  dataDistribution = ({ data }: MessageEvent<string>) => {
    const value = Number(data);
    if (Number.isFinite(value)) this.setState(({ points }) => ({ points: [...points, { at: new Date(), value }].slice(-60) }));
    else this.setState(({ unreadable }) => ({ unreadable: unreadable + 1 }));
  };

  because() {
    const { life, loss, why, retryAt } = this.state;
    if (life === 'closed') return loss?.kind === 'address' ? 'The address is invalid.' : 'Your login is not accepted.';
    if (life !== 'waiting') return '';
    return navigator.onLine ? `${why} Next try at ${retryAt?.toLocaleTimeString()}.` : 'This computer is offline.';
  }

  render() {
    const { life, slow, unreadable, points } = this.state;
    const latest = points.at(-1);
    return (
      <section className={`${life} ${slow ? 'slow' : ''}`}>
        <p role="status">
          {slow ? 'The server does not answer.' : WORDS[life]} {this.because()}
        </p>
        <figure>
          <svg viewBox="0 0 59 100" preserveAspectRatio="none">
            <polyline points={points.map(({ value }, at) => `${at},${100 - value}`).join(' ')} />
          </svg>
          <figcaption>
            {latest ? `${latest.value} % at ${latest.at.toLocaleTimeString()}` : 'No data yet.'}
            {unreadable > 0 && ` Messages that were no data: ${unreadable}.`}
          </figcaption>
        </figure>
        {life === 'closed' && <button onClick={() => this.socket.reconnect()}>Try again</button>}
      </section>
    );
  }
}
