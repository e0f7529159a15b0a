import { show } from '/plain/list.js';
import { toggle } from '/plain/toggle.js';
import { NamedEvents } from './named_events.js';

const query = new URLSearchParams(location.search);
let events;

function connect() {
  events = new NamedEvents(query.get('server'), Number(query.get('silence') ?? 45_000));
  events.addEventListener('自定义事件1', ({ detail }) => show(`answered: ${detail}`));
  events.addEventListener('自定义事件2', ({ detail }) => show(`told to all: ${detail}`));
  return events.socket;
}

document.querySelector('form').onsubmit = (event) => {
  event.preventDefault();
  events.emit('自定义事件1', document.getElementById('text').value);
};

toggle(connect, () => events.close());
