'use strict';
// Waiting ahead of demand: one message on descriptor 4 makes the process a function's environment
// (docs/decisions/0006-cells-and-forks.md).

const fs = require('fs');

const CHANNEL = 4;
const LONGEST = 1 << 18;

/** Settles in the state in which a direct launch begins; ends the process when the channel is closed. */
async function becomeEnvironment() {
  process.argv.pop(); // user code sees the command line of a direct launch
  replace(Object.entries(process.env));
  refresh();
  await require('./rehearsal.cjs').rehearse();
  replace(receive());
  fs.closeSync(CHANNEL);
  refresh();
}

/** Blocks until the message is there: nothing else runs in a cell. */
function receive() {
  const buffer = Buffer.allocUnsafeSlow(LONGEST);
  const length = fs.readSync(CHANNEL, buffer);
  if (length === 0) process.exit(0);
  if (length === LONGEST) fail('a message that is too long');
  const kind = buffer.latin1Slice(0, 1);
  if (kind !== 'S') fail(`a message that it does not understand: ${JSON.stringify(kind)}`);
  const entries = buffer.utf8Slice(1, length).split('\0');
  if (entries.pop() !== '' || entries.some(entry => entry.indexOf('=') < 1)) fail('variables that it does not understand');
  return entries.map(entry => {
    const equals = entry.indexOf('=');
    return [entry.slice(0, equals), entry.slice(equals + 1)];
  });
}

/** Makes `variables` the only ones, for JavaScript, C++ and child processes. */
function replace(variables) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const [name, value] of variables) process.env[name] = value;
}

/** Follows the variables that Node.js has read already. */
function refresh() {
  require('module')._initPaths(); // from NODE_PATH and HOME
  process.chdir(process.env.LAMBDA_TASK_ROOT ?? '.');
}

function fail(problem) {
  fs.writeSync(2, `runtime cell: ${problem}\n`);
  process.exit(1);
}

module.exports = { becomeEnvironment };
