// The adapter as a process of its own: the class in node, on the package `ws`.
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { HeartlineSocket } from '../../dist/index.js';
import { ABILITIES, adapter } from './adapter.js';

const report = (line) => process.stdout.write(`${line}\n`);
const command = adapter(HeartlineSocket, report, { WebSocket });

report(`hello 1 heartline-web-in-node ${ABILITIES.join(' ')}`);
report(`process ${process.pid}`);
createInterface({ input: process.stdin })
  .on('line', (line) => (line === 'quit' ? process.exit() : command(line)))
  .on('close', () => process.exit());
