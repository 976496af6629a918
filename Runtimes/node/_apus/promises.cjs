'use strict';
// Invocations from Node.js 24 on: what the handler returns or throws is the answer.

const log = require('./log.cjs');
const { begin, complete } = require('./context.cjs');
const { JSONStringifyError } = require('./errors.cjs');

function serve(api, handler) {
  // A promise that nothing can settle any more ends the process, as an unsettled top-level await does.
  process.on('beforeExit', () => process.exit(13));
  api.start(async (headers, body) => {
    begin(headers);
    let text;
    try {
      text = serialize(await handler(JSON.parse(body), complete({}, headers)));
    } catch (error) {
      log.error('Invoke Error', error);
      return api.fail(error);
    }
    api.respond(text);
  });
}

function serialize(value) {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    throw new JSONStringifyError('Unable to stringify response body');
  }
}

module.exports = { serve };
