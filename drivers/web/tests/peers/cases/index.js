import address from './address.js';
import defaults from './defaults.js';
import dialling from './dialling.js';
import ending from './ending.js';
import events from './events.js';
import reconnect from './reconnect.js';
import sending from './sending.js';
import silence from './silence.js';

export const CASES = [address, dialling, defaults, reconnect, ending, sending, events, silence];
