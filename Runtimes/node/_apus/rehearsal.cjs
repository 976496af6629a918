'use strict';
// What a cell does while nobody waits: V8 compiles a function when it is first called, which is most of what an environment
// does before its first event. Nothing of it stays open.

const net = require('net');
const { RuntimeAPI } = require('./client.cjs');
const { load } = require('./handler.cjs');

const REPLY = 'HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: 0\r\nContent-Length: 2\r\n\r\n{}';

async function rehearse() {
  for (const name of ['callbacks', 'context', 'layers', 'log', 'promises', 'stream']) require(`./${name}.cjs`);
  for (const name of ['crypto', 'http', 'https', 'url', 'zlib']) require(name);
  await import('data:text/javascript,'); // brings the loader of ES modules
  // Often enough that V8 optimises what is hot now, and not later in another thread.
  for (let round = 0; round < 10; round++) await load(__dirname, 'rehearsal.rehearse', false);
  await withoutStandardError(askOnce);
  collectGarbage();
}

/** One invocation by a Runtime API of our own; skipped where there is no loopback. */
function askOnce() {
  return new Promise(resolve => {
    const server = net.createServer(connection => {
      connection.on('error', () => {});
      connection.once('data', () => connection.write(REPLY));
      // Its handle is closed at the end of the next turn of the loop.
      connection.once('close', () => server.close(() => setImmediate(() => setImmediate(resolve))));
    });
    server.once('error', resolve);
    server.listen(0, '127.0.0.1', () => {
      const api = new RuntimeAPI(`127.0.0.1:${server.address().port}`);
      api.start(() => api.close());
    });
  });
}

/** A socket that closes looks at `process.stderr`, whose first use makes descriptor 2 non-blocking. */
async function withoutStandardError(work) {
  const property = Object.getOwnPropertyDescriptor(process, 'stderr');
  Object.defineProperty(process, 'stderr', { configurable: true, value: null });
  await work();
  Object.defineProperty(process, 'stderr', property);
}

/** Else an environment has to, after a few allocations. The collector can only be called by a flag. */
function collectGarbage() {
  const { setFlagsFromString } = require('v8');
  setFlagsFromString('--expose-gc');
  require('vm').runInNewContext('gc')();
  setFlagsFromString('--no-expose-gc');
}

module.exports = { rehearse };
