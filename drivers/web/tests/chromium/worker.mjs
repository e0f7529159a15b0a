// A dedicated or shared worker.
import { Realm } from './realm.mjs';

export class Worker extends Realm {
  static async of(session, info) {
    const worker = new Worker(session);
    worker.info = info;
    await session.call('Runtime.enable');
    return worker;
  }

  toString() {
    return `${this.info.type} ${this.info.url}`;
  }
}
