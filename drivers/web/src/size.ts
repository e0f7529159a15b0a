// What data counts for in the bounds.

/** A half of a surrogate pair is two bytes of its four. */
function utf8(text: string): number {
  let size = text.length;
  for (let i = size; i--; ) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) size += unit < 0x800 || unit >> 11 === 0x1b ? 1 : 2;
  }
  return size;
}

/** Bytes of UTF-8, of a buffer, of a view or of a Blob; 0 of anything else. */
export function size(data: unknown): number {
  if (typeof data === 'string') return utf8(data);
  const { byteLength, size } = isBinary(data) ? (data as { byteLength?: number; size?: number }) : {};
  return byteLength ?? size ?? 0;
}

/** Whether `WebSocket.send` takes it as it is. Of any realm, so not by `instanceof`. */
export function isBinary(data: unknown): boolean {
  return ArrayBuffer.isView(data) || /^.object (Blob|File|(Shared)?ArrayBuffer).$/.test(Object.prototype.toString.call(data));
}

/** The same bytes, apart from a buffer that the caller may change. */
export function copy(data: unknown): unknown {
  if (isBinary(data) && (data as ArrayBuffer).byteLength === 0) return new Uint8Array(); // A detached one cannot be copied.
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return isBinary(data) ? (data as ArrayBuffer).slice(0) : data;
}
