'use strict';
// Errors of the runtime, and errors of any kind in the shapes that client, log and X-Ray expect.

class RuntimeError extends Error {
  constructor(message) {
    super(message);
  }
}

function kind(name) {
  const type = { [name]: class extends RuntimeError {} }[name];
  type.prototype.name = `Runtime.${name}`;
  return type;
}

const ImportModuleError = kind('ImportModuleError');
const HandlerNotFound = kind('HandlerNotFound');
const MalformedHandlerName = kind('MalformedHandlerName');
const UserCodeSyntaxError = kind('UserCodeSyntaxError');
const MalformedStreamingHandler = kind('MalformedStreamingHandler');
const InvalidStreamingOperation = kind('InvalidStreamingOperation');
const CallbackHandlerDeprecated = kind('CallbackHandlerDeprecated');
const JSONStringifyError = kind('JSONStringifyError');
const NodeJsExit = kind('NodeJsExit');

class UnhandledPromiseRejection extends RuntimeError {
  constructor(reason, promise) {
    super(describe(reason));
    this.reason = reason;
    this.promise = promise;
  }
}
UnhandledPromiseRejection.prototype.name = 'Runtime.UnhandledPromiseRejection';

function describe(value) {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

// DEL is the one printable-looking character that header and log checks refuse.
const printable = text => text?.replaceAll('\x7f', '%7F');

function isError(value) {
  return value instanceof Error || require('util').types.isNativeError(value) ||
    (value && ['name', 'message', 'stack'].every(field => value[field] && typeof value[field] === 'string'));
}

/** The body of an error answer. Never throws, whatever was thrown. */
function toBody(error) {
  try {
    if (isError(error)) {
      return {
        errorType: printable(error.name),
        errorMessage: printable(error.message),
        trace: printable(error.stack)?.split('\n') ?? [],
      };
    }
    return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
      trace: [],
    };
  }
}

/** For the log: an `Error` as it is, anything else wrapped into one. */
function toError(value) {
  return value instanceof Error ? value : new Error(value);
}

/** An error with all its fields as JSON on one line, the way text logs show it; starts with a tab. */
function toLogText(error) {
  try {
    return '\t' + JSON.stringify(error, (_, value) => {
      if (!(value instanceof Error)) return value;
      const fields = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
      if (typeof value.stack === 'string') fields.stack = value.stack.split('\n');
      return fields;
    });
  } catch {
    return '\t' + JSON.stringify(toBody(error));
  }
}

// Header blocks have a bound on the server's side; a cause beyond it is dropped, the error itself is not.
const XRAY_LIMIT = 60_000;

/** What X-Ray is told, as ASCII JSON for a header; empty if it cannot be said. */
function xrayCause(error) {
  try {
    const stack = [];
    for (const line of (error.stack ?? '').split('\n').slice(1)) {
      const [, label, path, number] = /^\s*at (?:(.*) \()?(?:file:\/\/)?([^()]*?):(\d+)(?::\d+)?\)?$/.exec(line) ?? [];
      if (path) stack.push({ path, line: Number(number), label: label ?? 'anonymous' });
    }
    const cause = JSON.stringify({
      working_directory: process.cwd(),
      exceptions: [{ type: printable(error.name), message: printable(error.message), stack }],
      paths: [...new Set(stack.map(frame => frame.path))],
    }).replace(/[^\x20-\x7e]/g, unit => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'));
    return cause.length < XRAY_LIMIT ? cause : '';
  } catch {
    return '';
  }
}

module.exports = {
  ImportModuleError, HandlerNotFound, MalformedHandlerName, UserCodeSyntaxError, MalformedStreamingHandler,
  InvalidStreamingOperation, CallbackHandlerDeprecated, JSONStringifyError, NodeJsExit, UnhandledPromiseRejection,
  toBody, toError, toLogText, xrayCause,
};
