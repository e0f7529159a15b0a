import './record.js';
import './heartline.js';

globalThis.ready = true;
