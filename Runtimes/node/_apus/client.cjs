'use strict';
// The Runtime API over one raw keep-alive connection; the `http` module costs 4 ms at start and 130 µs per call.

const net = require('net');
const { toBody, xrayCause } = require('./errors.cjs');

const PREFIX = '/2018-06-01/runtime/';
const JSON_TYPE = 'Content-Type: application/json\r\n';

class RuntimeAPI {
  /** Whether the connection waits for an invocation. */
  asking = false;
  /** Id of the invocation in progress. */
  requestId = undefined;

  #host; #port; #tail; #next;
  #socket = null;
  #chunks = [];
  #size = 0;      // bytes in #chunks
  #need = 1;      // bytes without which parsing is of no use
  #waiting = [];  // one function per request whose reply is due, oldest first
  #deliver = null;
  #streaming = false;
  #mayReconnect = false; // an answer has been sent and no invocation has come since
  #problem = null;

  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, '') || '127.0.0.1';
    this.#port = Number(address.slice(colon + 1));
    this.#tail = ` HTTP/1.1\r\nHost: ${address}\r\n`;
    this.#next = `GET ${PREFIX}invocation/next${this.#tail}\r\n`;
  }

  /** Calls `deliver(headers, body)` with each invocation; the first is asked for now, others with each answer. */
  start(deliver) {
    this.#deliver = deliver;
    this.#expectInvocation();
    this.#send(this.#next);
  }

  /**
   * Posts a result together with the request for the next invocation: one packet, and the process is woken once.
   * What the server says to the result does not matter: the next invocation is the only way on.
   */
  respond(body) {
    this.#answer('response', JSON_TYPE, body);
  }

  /**
   * Posts an error as the answer, in trailers if a stream is under way; then asks for the next invocation, or calls
   * `done` when the error was received.
   */
  fail(error, done) {
    const body = toBody(error);
    if (this.#streaming) return this.#endStream(failureTrailers(body), done ?? (() => this.askNext()));
    const cause = xrayCause(error);
    const headers = JSON_TYPE + kindHeader(body.errorType) +
      (cause ? `Lambda-Runtime-Function-XRay-Error-Cause: ${cause}\r\n` : '');
    this.#answer('error', headers, JSON.stringify(body), done);
  }

  /** Hangs up. */
  close() {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }

  initError(body, done) {
    this.#waiting.push(done);
    this.#send(this.#post('init/error', JSON_TYPE + kindHeader(body.errorType), JSON.stringify(body)));
  }

  /**
   * Begins a response in chunks. Returns `write(bytes, callback)`, for at least one byte, and `end(done)`; `done` is
   * called when the server has it all.
   */
  stream(contentType) {
    this.#streaming = true;
    const path = `invocation/${encodeURIComponent(this.requestId)}/response`;
    // Not `#send`: until the end of the stream, the handler's own work alone keeps the event loop alive.
    this.#socket.write(`POST ${PREFIX}${path}${this.#tail}Content-Type: ${contentType}\r\nTransfer-Encoding: chunked\r\n` +
      'Lambda-Runtime-Function-Response-Mode: streaming\r\n' +
      'Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n');
    return {
      write: (bytes, callback) => {
        this.#socket.cork();
        this.#socket.write(bytes.length.toString(16) + '\r\n');
        this.#socket.write(bytes);
        this.#socket.write('\r\n', callback);
        this.#socket.uncork();
      },
      end: done => this.#endStream('', done),
    };
  }

  /** Asks for the next invocation after a streamed response. */
  askNext() {
    this.#mayReconnect = true;
    this.#expectInvocation();
    this.#send(this.#next);
  }

  #endStream(trailers, done) {
    this.#streaming = false;
    this.#waiting.push(done);
    this.#send(`0\r\n${trailers}\r\n`);
  }

  #answer(what, headers, body, done) {
    const post = this.#post(`invocation/${encodeURIComponent(this.requestId)}/${what}`, headers, body);
    this.#waiting.push(done ?? ignore);
    if (done) return this.#send(post);
    this.#mayReconnect = true;
    this.#expectInvocation();
    this.#send(post + this.#next);
  }

  #post(path, headers, body) {
    return `POST ${PREFIX}${path}${this.#tail}${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  #expectInvocation() {
    this.asking = true;
    this.#waiting.push((status, headers, body) => {
      if (status !== '200') {
        process.stderr.write(`next invocation refused: ${status} ${body}\n`);
        process.exit(1);
      }
      this.asking = this.#mayReconnect = false;
      // From here on only the handler's own work keeps the event loop alive, so that its end can be seen.
      this.#socket.unref();
      this.requestId = headers['lambda-runtime-aws-request-id'];
      this.#deliver(headers, body);
    });
  }

  #send(text) {
    if (this.#socket === null) this.#connect();
    this.#socket.ref();
    this.#socket.write(text);
  }

  #connect() {
    this.#chunks = [];
    this.#size = 0;
    this.#need = 1;
    const socket = this.#socket = net.connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.on('data', chunk => this.#read(chunk));
    socket.on('error', error => { this.#problem = error; });
    socket.on('close', () => this.#closed());
  }

  #closed() {
    this.#socket = null;
    if (this.asking && this.#mayReconnect) {
      // A server may refuse an answer (too large) by closing the connection; the next invocation needs a new one.
      this.#mayReconnect = false;
      this.#waiting = [];
      this.#expectInvocation();
      this.#send(this.#next);
    } else if (!this.asking && this.#waiting.length > 0) {
      this.#waiting.shift()();
    } else {
      // The platform has gone; nobody is left to tell.
      if (this.#problem) process.stderr.write(`Runtime API: ${this.#problem.message}\n`);
      process.exit(1);
    }
  }

  #read(chunk) {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#need) {
      const data = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      this.#chunks = [data];
      const reply = parse(data);
      if (reply.need) {
        this.#need = reply.need;
        return;
      }
      this.#need = 1;
      this.#size = data.length - reply.end;
      this.#chunks = this.#size ? [data.subarray(reply.end)] : [];
      this.#waiting.shift()(reply.status, reply.headers, reply.body);
    }
  }
}

const ignore = () => {};

function kindHeader(kind) {
  return `Lambda-Runtime-Function-Error-Type: ${String(kind).replace(/[^\x20-\x7e]/g, '?')}\r\n`;
}

function failureTrailers(body) {
  const text = Buffer.from(JSON.stringify(body)).toString('base64');
  return `${kindHeader(body.errorType)}Lambda-Runtime-Function-Error-Body: ${text}\r\n`;
}

/** One reply at the start of `data`, or `{need}`: how many bytes there must be before another try. */
function parse(data) {
  const end = data.indexOf('\r\n\r\n');
  if (end < 0) return { need: data.length + 1 };
  const lines = data.utf8Slice(0, end).split('\r\n');
  const headers = {};
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index];
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const status = lines[0].slice(9, 12);
  const start = end + 4;
  if (headers['transfer-encoding']?.toLowerCase() === 'chunked') return chunked(data, start, status, headers);
  const stop = start + Number(headers['content-length'] ?? 0);
  if (data.length < stop) return { need: stop };
  return { status, headers, body: data.utf8Slice(start, stop), end: stop };
}

function chunked(data, start, status, headers) {
  const parts = [];
  for (;;) {
    const line = data.indexOf('\r\n', start);
    if (line < 0) return { need: data.length + 1 };
    const size = parseInt(data.latin1Slice(start, line), 16);
    const stop = line + 2 + size;
    if (data.length < stop + 2) return { need: stop + 2 };
    if (size === 0) return { status, headers, body: Buffer.concat(parts).toString(), end: stop + 2 };
    parts.push(data.subarray(line + 2, stop));
    start = stop + 2;
  }
}

module.exports = { RuntimeAPI };
