import { createApp, defineComponent, h, ref } from 'vue';
import { useHeartline } from './readme/vue';

const url = new URLSearchParams(location.search).get('url')!;
const options = { ping: '{"type":"ping"}', isPong: (data: string) => data === '{"type":"pong"}' };

const Live = defineComponent(() => {
  const lines = ref<string[]>([]);
  const { status, send } = useHeartline(url, options, ({ data }) => lines.value.push(data));
  return () => [
    h('p', { role: 'status' }, status.value),
    h('ol', lines.value.map((line) => h('li', line))),
    h('button', { id: 'send', onClick: () => void send('hello') }, 'Send'),
  ];
});

const shown = ref(true);
const toggle = () => { shown.value = !shown.value; };
createApp(() => [shown.value && h(Live), h('button', { id: 'toggle', onClick: toggle }, 'Show or hide')]).mount('main');
