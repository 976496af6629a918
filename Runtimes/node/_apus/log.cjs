'use strict';
// `console` writes log records: frames on the telemetry descriptor, or lines on standard output.
//
// A frame is, big-endian: type (4 bytes), payload length (4), microseconds since the epoch (8), payload. The low bits
// of the type tell text (1) from JSON (0) and carry the level, so that the platform can filter without parsing.

const fs = require('fs');
const { format } = require('util');
const { toError, toLogText } = require('./errors.cjs');

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const METHODS = { trace: 'TRACE', debug: 'DEBUG', info: 'INFO', log: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL' };
const TEXT = 0xa55a0003;
const JSON_KIND = 0xa55a0002;

const current = { requestId: undefined, tenantId: undefined };
let asJSON = false;

function patchConsole() {
  const { AWS_LAMBDA_LOG_FORMAT: form, AWS_LAMBDA_LOG_LEVEL: wanted, _LAMBDA_TELEMETRY_LOG_FD: descriptor } = process.env;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  asJSON = form?.toUpperCase() === 'JSON';
  const least = LEVELS[wanted?.toUpperCase()] ?? LEVELS.TRACE;
  const write = descriptor ? frameWriter(Number(descriptor)) : writeLine;
  for (const [method, level] of Object.entries(METHODS)) {
    console[method] = LEVELS[level] < least && level !== 'FATAL' ? () => {} : (...values) => {
      const now = new Date();
      write(level, now, asJSON ? document(level, now, values) : line(level, now, values));
    };
  }
}

function frameWriter(descriptor) {
  const base = asJSON ? JSON_KIND : TEXT;
  return (level, now, text) => {
    const payload = asJSON ? text : text + '\n';
    const length = Buffer.byteLength(payload);
    const frame = Buffer.allocUnsafe(16 + length);
    frame.writeUInt32BE((base | (LEVELS[level] << 2)) >>> 0, 0);
    frame.writeUInt32BE(length, 4);
    frame.writeBigUInt64BE(BigInt(now.getTime()) * 1000n, 8);
    frame.write(payload, 16);
    writeAll(descriptor, frame);
  };
}

function writeLine(level, now, text) {
  writeAll(1, Buffer.from(text.replaceAll('\n', '\r') + '\n'));
}

function writeAll(descriptor, bytes) {
  try {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done);
  } catch {
    // nobody reads the log any more: no reason to fail the handler
  }
}

function line(level, now, values) {
  return `${now.toISOString()}\t${current.requestId}\t${level}\t${format(...values)}`;
}

function document(level, now, values) {
  const fields = { timestamp: now.toISOString(), level, requestId: current.requestId };
  if (current.tenantId != null) fields.tenantId = current.tenantId;
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...fields, message: values[0] }, (_, value) =>
        value instanceof Error ? { ...errorFields(value), ...value } : value);
    } catch {
      return JSON.stringify({ ...fields, message: format(values[0]) });
    }
  }
  const error = values.find(value => value instanceof Error);
  return JSON.stringify({ ...fields, message: format(...values), ...(error && errorFields(error)) });
}

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : error.stack,
  };
}

/** Logs an error that the runtime met; `title` is shown in text logs only. */
function error(title, value) {
  if (asJSON) console.error(toError(value));
  else console.error(title, toLogText(toError(value)));
}

module.exports = { patchConsole, error, current };
