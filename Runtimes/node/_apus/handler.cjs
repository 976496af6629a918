'use strict';
// The way from `_HANDLER` (`folder/file.object.method`) to a function.

const fs = require('fs');
const path = require('path');
const {
  CallbackHandlerDeprecated, HandlerNotFound, ImportModuleError, MalformedHandlerName, MalformedStreamingHandler,
  UserCodeSyntaxError,
} = require('./errors.cjs');

// Global symbols: bundled copies of AWS's helper libraries set them on handlers.
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

/** Defines `awslambda`, unless the function asks not to. */
function prepareGlobals() {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      return handler;
    },
    HttpResponseStream: {
      from(stream, prelude) {
        return require('./stream.cjs').withPrelude(stream, prelude);
      },
    },
  };
}

/** Loads the module and finds the function; errors carry the type that the client is to see. */
async function load(root, name, promisesOnly) {
  if (name.includes('..')) {
    throw new MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  }
  const [, folder, file, property] = /^(.*\/)?([^./]*)\.([^/]*)$/.exec(name) ?? [];
  if (property === undefined) throw new MalformedHandlerName('Bad handler');

  const module = await loadModule(root, folder ?? '', file).catch(error => {
    if (error instanceof SyntaxError) throw restyled(UserCodeSyntaxError, error);
    if (error?.code === 'MODULE_NOT_FOUND') throw restyled(ImportModuleError, error);
    throw error;
  });
  const find = object => property.split('.').reduce((inner, key) => inner && inner[key], object);
  const handler = find(module) || find(module?.default);
  if (!handler) throw new HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new HandlerNotFound(`${name} is not a function`);

  const mode = handler[STREAMING];
  if (mode && mode !== 'response') throw new MalformedStreamingHandler('Only response streaming is supported.');
  if (promisesOnly && !mode && handler.length >= 3) {
    throw new CallbackHandlerDeprecated('ERROR: AWS Lambda has removed support for callback-based function handlers ' +
      'starting with Node.js 24. You need to modify this function to use a supported handler signature to use ' +
      'Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.');
  }
  const mark = parseInt(handler[HIGH_WATER_MARK]);
  return { handler, streaming: Boolean(mode), highWaterMark: Number.isNaN(mark) ? undefined : mark };
}

/** The error as the service names it: the message says the original type, the trace stays the original's. */
function restyled(Type, error) {
  const result = new Type(`${error}`);
  const frames = (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '));
  result.stack = [`${result.name}: ${error}`, ...frames].join('\n');
  return result;
}

/** First of: no extension, `.js`, `.mjs`, `.cjs`; then a folder or a package of that name. */
async function loadModule(root, folder, file) {
  const base = path.resolve(root, folder, file);
  if (isFile(base)) return require(base);
  if (isFile(base + '.js')) {
    return isModuleScope(path.dirname(base)) ? importFile(base + '.js') : require(base + '.js');
  }
  if (isFile(base + '.mjs')) return importFile(base + '.mjs');
  if (isFile(base + '.cjs')) return require(base + '.cjs');
  if (fs.existsSync(base)) return require(base);
  return require(require.resolve(file, { paths: [root, path.resolve(root, folder)] }));
}

function isFile(name) {
  return fs.statSync(name, { throwIfNoEntry: false })?.isFile() ?? false;
}

function importFile(name) {
  require('./layers.cjs').makeImportable();
  return import(require('url').pathToFileURL(name).href);
}

/** Whether `.js` files in a folder are ES modules, by the nearest package.json. */
function isModuleScope(folder) {
  for (; path.basename(folder) !== 'node_modules'; folder = path.dirname(folder)) {
    let text;
    try {
      text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8');
    } catch (error) {
      if (folder === path.dirname(folder)) return false;
      continue;
    }
    try {
      return JSON.parse(text)?.type === 'module';
    } catch {
      return false; // Node.js refuses the package itself, and says so
    }
  }
  return false;
}

module.exports = { load, prepareGlobals };
