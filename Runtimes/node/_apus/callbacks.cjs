'use strict';
// Invocations up to Node.js 22: a handler answers by promise, by callback or by the methods of its context.

const log = require('./log.cjs');
const { begin, complete } = require('./context.cjs');
const { NodeJsExit } = require('./errors.cjs');

// What to do when the event loop is empty; replaced as the invocation goes on.
let whenIdle = () => {};

function serve(api, handler) {
  const isAsync = handler.constructor?.name === 'AsyncFunction';
  process.on('beforeExit', () => whenIdle());
  api.start((headers, body) => {
    begin(headers);
    const { callback, context, done, fail } = answers(api);
    // Nothing is left that could answer: an async handler waits for ever, another one has forgotten its callback.
    whenIdle = isAsync ? () => fail(new NodeJsExit(
      'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise ' +
      'that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes'))
      : () => done(null, null);
    try {
      const result = handler(JSON.parse(body), complete(context, headers), callback);
      if (typeof result?.then === 'function') result.then(value => context.succeed(value), context.fail).catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}

/** The ways to answer one invocation. The first answer counts, later ones are ignored. */
function answers(api) {
  let answered = false;
  let waits = true;

  const fail = error => {
    if (answered) return;
    answered = true;
    whenIdle = () => {};
    log.error('Invoke Error', error);
    api.fail(error);
  };

  const succeed = value => {
    if (answered) return;
    const text = serialize(value); // may throw; the invocation is not answered then
    answered = true;
    whenIdle = () => {};
    api.respond(text);
  };

  const done = (error, value) => (error === undefined || error === null ? succeed(value) : fail(error));

  let called = false;
  const callback = (error, value) => {
    if (called) return;
    called = true;
    if (!(error === undefined || error === null)) return fail(error);
    if (!waits) return succeed(value);
    whenIdle = () => {
      whenIdle = () => {};
      setImmediate(() => {
        try {
          succeed(value);
        } catch (problem) {
          fail(problem);
        }
      });
    };
  };

  const context = {
    get callbackWaitsForEmptyEventLoop() { return waits; },
    set callbackWaitsForEmptyEventLoop(value) { waits = value; },
    done,
    succeed,
    fail: error => fail(error ?? 'handled'),
  };
  return { callback, context, done, fail };
}

function serialize(value) {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    throw new Error('Unable to stringify response body');
  }
}

module.exports = { serve };
