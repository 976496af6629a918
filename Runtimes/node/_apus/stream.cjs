'use strict';
// Streamed responses: `awslambda.streamifyResponse` handlers get a writable stream whose chunks leave at once.

const { Writable } = require('stream');
const log = require('./log.cjs');
const { begin, complete } = require('./context.cjs');
const { InvalidStreamingOperation } = require('./errors.cjs');

const HTTP_TYPE = 'application/vnd.awslambda.http-integration-response';

class ResponseStream extends Writable {
  #api;
  #contentType = 'application/octet-stream';
  #transport = null;
  #received;
  /** Set by `HttpResponseStream.from` of this or another copy: writes what goes before the first byte. */
  _onBeforeFirstWrite = null;
  /** Settles when the server has the whole response. */
  received = new Promise(resolve => { this.#received = resolve; });

  constructor(api, highWaterMark) {
    super({ highWaterMark, decodeStrings: true });
    this.#api = api;
  }

  get started() {
    return this.#transport !== null;
  }

  setContentType(type) {
    if (this.started) throw new InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = type;
  }

  write(chunk, encoding, callback) {
    const isBytes = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(isBytes ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  _write(chunk, encoding, callback) {
    this.#begin();
    if (chunk.length === 0) callback(); // an empty chunk would end the response
    else this.#transport.write(chunk, callback);
  }

  _final(callback) {
    this.#begin();
    this.#transport.end(this.#received);
    callback();
  }

  #begin() {
    if (this.started) return;
    this.#transport = this.#api.stream(this.#contentType);
    this._onBeforeFirstWrite?.(bytes => this.#transport.write(Buffer.from(bytes), () => {}));
  }
}

/** Makes a stream carry status, headers and cookies of an HTTP response before its body. */
function withPrelude(stream, prelude) {
  stream.setContentType(HTTP_TYPE);
  const text = JSON.stringify(prelude);
  stream._onBeforeFirstWrite = write => {
    write(text);
    write(new Uint8Array(8)); // the separator; JSON has no NUL
  };
  return stream;
}

function serve(api, handler, highWaterMark) {
  let whenIdle = () => {};
  process.on('beforeExit', () => whenIdle());
  api.start(async (headers, body) => {
    begin(headers);
    const stream = new ResponseStream(api, highWaterMark);
    let over = false;
    const fail = error => {
      if (over) return;
      over = true;
      log.error('Invoke Error', error);
      const complete = stream.writableEnded;
      stream.destroy();
      // An error after the end comes too late: the response has left.
      if (complete) stream.received.then(() => api.askNext());
      else api.fail(error);
    };
    whenIdle = () => fail(new Error('Response stream is not finished.'));
    stream.on('error', fail);
    try {
      let waits = true;
      const context = complete({
        get callbackWaitsForEmptyEventLoop() { return waits; },
        set callbackWaitsForEmptyEventLoop(value) { waits = value; },
      }, headers);
      const result = handler(JSON.parse(body), stream, context);
      if (typeof result?.then !== 'function') throw new Error('Streaming does not support non-async handlers.');
      if (await result !== undefined) console.warn('Streaming handlers ignore return values.');
      await stream.received;
      if (over) return;
      over = true;
      api.askNext();
    } catch (error) {
      fail(error);
    }
  });
}

module.exports = { serve, withPrelude };
