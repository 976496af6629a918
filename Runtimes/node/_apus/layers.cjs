'use strict';
// ES modules may import packages from layers by NODE_PATH, which Node.js itself honours for `require` only.

const fs = require('fs');

/** Lets `import` search NODE_PATH after everything else; does nothing if no such folder exists. */
function makeImportable() {
  // A hook costs: up to Node.js 22.14 it is a thread of its own.
  const folders = (process.env.NODE_PATH ?? '').split(':').filter(folder =>
    folder.endsWith('/node_modules') && fs.existsSync(folder));
  if (folders.length === 0) return;
  const module = require('module');
  const { pathToFileURL } = require('url');
  // Resolution of a bare name walks up from the importing file; a file beside the folder finds what is inside.
  const parents = folders.map(folder => pathToFileURL(folder + '/../import').href);
  if (module.registerHooks) {
    module.registerHooks({ resolve: (name, context, next) => searchSync(name, context, next, parents) });
  } else {
    const source = `${search}; const parents = ${JSON.stringify(parents)};
      export const resolve = (name, context, next) => search(name, context, next, parents);`;
    module.register('data:text/javascript,' + encodeURIComponent(source));
  }
}

async function search(name, context, next, parents) {
  try {
    return await next(name, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/i.test(name)) throw error;
    for (const parentURL of parents) {
      try {
        return await next(name, { ...context, parentURL });
      } catch { /* the next folder may have it */ }
    }
    throw error;
  }
}

function searchSync(name, context, next, parents) {
  try {
    return next(name, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|^[a-z]+:/i.test(name)) throw error;
    for (const parentURL of parents) {
      try {
        return next(name, { ...context, parentURL });
      } catch { /* the next folder may have it */ }
    }
    throw error;
  }
}

module.exports = { makeImportable };
