'use strict';
// Does as the conformance suite says: Tests/Runtimes/README.md.

const crypto = require('crypto');
const fs = require('fs');
const Module = require('module');

const token = crypto.randomUUID();
let calls = 0;

class Refused extends Error {
  constructor(message) {
    super(message);
    this.name = 'Refused';
  }
}

const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

// The null device: standard input, and what libuv reserves for ever once a process has listened.
const descriptors = () => fs.readdirSync('/proc/self/fd').map(name => `/proc/self/fd/${name}`).filter(fs.existsSync)
  .map(link => fs.readlinkSync(link).split(':')[0]).filter(target => target !== '/dev/null').sort();

const actions = {
  echo: value => value,
  fail() { throw new Refused('no, ünï'); },
  async sleep(seconds) { await wait(seconds * 1000); return null; },
  exit(status) { process.exit(status); },
  grow() { for (const taken = [];;) taken.push(Buffer.alloc(1 << 20, 1)); },
  remember: () => [token, ++calls],
  write(text) { fs.writeFileSync('/tmp/kept', text); return null; },
  read: () => fs.existsSync('/tmp/kept') ? fs.readFileSync('/tmp/kept', 'utf8') : null,
  variables: () => process.env,
  trace: () => process.env._X_AMZN_TRACE_ID ?? null,
  context: (_, context) => ({
    requestId: context.awsRequestId, functionName: context.functionName, functionVersion: context.functionVersion,
    invokedFunctionArn: context.invokedFunctionArn, memoryLimitInMB: context.memoryLimitInMB,
    logGroupName: context.logGroupName, logStreamName: context.logStreamName,
    remainingTimeInMillis: context.getRemainingTimeInMillis(), clientContext: context.clientContext ?? null,
  }),
  print(text) { process.stdout.write(`${text}\n`); return null; },
  complain(text) { process.stderr.write(`${text}\n`); return null; },
  log(text) {
    for (const level of ['debug', 'info', 'warn', 'error']) console[level](`${level} ${text}`);
    return null;
  },
  state: () => ({
    variables: process.env, arguments: [process.argv, process.execArgv, process.execPath, process.title],
    path: module.paths.concat(Module.globalPaths), folder: process.cwd(), descriptors: descriptors(),
  }),
  async adrift() {
    Promise.reject(new Refused('adrift'));
    await wait(1000);
  },
  layer: () => require('greeting'),
};

exports.handler = async (event, context) => actions[event.do](event.with, context);

if (globalThis.awslambda?.streamifyResponse) {
  exports.stream = awslambda.streamifyResponse(async (event, response) => {
    response.setContentType('text/plain');
    response.write('one ');
    await wait(500);
    response.write('two');
    if (event.with === 'fail') throw new Refused('no, ünï');
    response.end();
  });
}
