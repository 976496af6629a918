'use strict';
// Entry point of the Node.js runtimes. CommonJS, because the ES module loader costs 4 ms and half of all functions
// never need it; what few functions use (`stream`, `layers`) is required when it is met.

if (process.argv[2] === 'cell') require('./_apus/cell.cjs').becomeEnvironment().then(main);
else main();

function main() {
  const log = require('./_apus/log.cjs');
  const { RuntimeAPI } = require('./_apus/client.cjs');
  const { UnhandledPromiseRejection, toBody } = require('./_apus/errors.cjs');
  const { load, prepareGlobals } = require('./_apus/handler.cjs');

  // Up to 22, handlers may answer by callback and the event loop is drained; from 24 on, promises only.
  const generation = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV ?? '')?.[1] ?? process.versions.node.split('.')[0]);
  const promisesOnly = generation >= 24;

  log.patchConsole();
  const api = new RuntimeAPI(process.env.AWS_LAMBDA_RUNTIME_API);
  let phase = 'init';

  function die(title, error, code) {
    log.error(title, error);
    const exit = () => process.exit(code);
    if (phase === 'init') api.initError(toBody(error), exit);
    // The connection waits for an invocation: there is none that this error belongs to.
    else if (api.asking) exit();
    else api.fail(error, exit);
  }

  process.on('uncaughtException', error => die('Uncaught Exception', error, 129));
  process.on('unhandledRejection', (reason, promise) =>
    die('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), 128));
  // A module that waits for ever with nothing left to wait for.
  process.once('beforeExit', () => { if (phase === 'init') process.exit(13); });

  prepareGlobals();
  load(process.env.LAMBDA_TASK_ROOT ?? process.cwd(), process.env._HANDLER ?? '', promisesOnly).then(
    ({ handler, streaming, highWaterMark }) => {
      phase = 'serve';
      const { serve } = require(
        streaming ? './_apus/stream.cjs' : promisesOnly ? './_apus/promises.cjs' : './_apus/callbacks.cjs');
      serve(api, handler, highWaterMark);
    },
    error => (promisesOnly ? die('Init Error', error, 1) : die('Uncaught Exception', error, 129)),
  );
}
