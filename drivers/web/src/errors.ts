// What WebSocket throws for wrong arguments, and what becomes of what others throw.
import { size } from './size.js';

export const syntaxError = (message: string) => new DOMException(message, 'SyntaxError');

/** Throws unless `code` may be given for a close of this kind, and the reason fits into a close frame. */
export function checkClose(code: number, reason: string, valid: (code: number) => boolean): void {
  if (!valid(code)) throw new DOMException(`close code ${code}`, 'InvalidAccessError');
  if (size(reason) > 123) throw syntaxError('the reason is longer than 123 bytes');
}

/** A close code that `WebSocket.close` takes. */
export const sendable = (code: number) => code === 1000 || (code >= 3000 && code <= 4999);

/** A close code for the retry policy. */
export const known = (code: unknown) => Number.isInteger(code) && (code as number) >= 1000 && (code as number) <= 4999;

/** What a function of the application says; what it throws is reported and changes nothing else. */
export function ask<A, R>(question: (about: A) => R, about: A): R | undefined {
  try {
    return question(about);
  } catch (error) {
    // Where nobody catches it, so that it is shown.
    queueMicrotask(() => {
      throw error;
    });
    return undefined;
  }
}

/** The address as WebSocket understands it: relative to the page, `http` for `ws`. Schemes and fragments it checks itself. */
export function resolveUrl(url: string | URL): string {
  try {
    const resolved = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    resolved.protocol = resolved.protocol.replace(/^http/, 'ws');
    return resolved.href;
  } catch {
    throw syntaxError(`URL ${url}`);
  }
}
