// The runtime interface of functions in Node.js, where AWS's own (aws-lambda-ric) is not among the function's modules. It
// asks the Lambda Runtime API for events, gives each to the function's handler, and brings back what that returns, resolves
// to, or calls back with.

import fs from 'node:fs'
import http from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'

const PREFIX = '/2018-06-01/runtime'
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

function call(method, place, body, headers = {}) {
  return new Promise((resolve, reject) => {
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body)
    const request = http.request({ host, port, agent, method, path: PREFIX + place, headers }, response => {
      const pieces = []
      response.on('data', piece => pieces.push(piece))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces).toString() }))
      response.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

class Unloadable extends Error {
  constructor(kind, message) {
    super(message)
    this.name = kind
  }
}

function described(error) {
  if (error instanceof Error) {
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: (error.stack || `${error.name}: ${error.message}`).split('\n'),
    }
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] }
}

async function report(place, error) {
  const told = described(error)
  console.error(JSON.stringify({ ...told, trace: undefined, stack: told.trace }))
  await call('POST', place, JSON.stringify(told), {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': told.errorType,
  })
}

// The file of a module whose name has no ending.
function find(base) {
  const endings = ['', '.js', '.mjs', '.cjs', '/index.js', '/index.mjs']
  return endings.map(ending => base + ending).find(file => fs.statSync(file, { throwIfNoEntry: false })?.isFile())
}

async function load(root, handler) {
  const parts = /^(.*\/)?([^/.]*)\.(.+)$/.exec(handler)
  if (!parts) throw new Unloadable('Runtime.MalformedHandlerName', 'Bad handler')
  const [, folder = '', name, members] = parts
  const file = find(path.resolve(root, folder, name))
  if (!file) {
    throw new Unloadable('Runtime.ImportModuleError',
      `Error: Cannot find module '${name}'\nRequire stack:\n- ${path.join(root, folder)}`)
  }
  let module
  try {
    module = await loadFile(file)
  } catch (error) {
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Unloadable('Runtime.ImportModuleError', String(error))
    }
    if (error instanceof SyntaxError) throw new Unloadable('Runtime.UserCodeSyntaxError', String(error))
    throw error
  }
  const function_ = members.split('.').reduce((value, member) => value?.[member], module)
  if (function_ === undefined) throw new Unloadable('Runtime.HandlerNotFound', `${handler} is undefined or not exported`)
  if (typeof function_ !== 'function') throw new Unloadable('Runtime.HandlerNotFound', `${handler} is not a function`)
  return function_
}

async function loadFile(file) {
  if (file.endsWith('.mjs')) return import(pathToFileURL(file))
  try {
    return createRequire(import.meta.url)(file)
  } catch (error) {
    // A package whose type is module.
    if (error?.code === 'ERR_REQUIRE_ESM' || error?.code === 'ERR_REQUIRE_ASYNC_MODULE') {
      return import(pathToFileURL(file))
    }
    throw error
  }
}

function context(headers, settings) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    get callbackWaitsForEmptyEventLoop() { return settings.waits },
    set callbackWaitsForEmptyEventLoop(waits) { settings.waits = waits },
  }
}

// What the handler says: by a promise, by a callback, or by one of the old methods of the context.
function ask(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const settings = { waits: true }
    const about = context(headers, settings)
    let said = null
    const conclude = () => {
      process.removeListener('beforeExit', conclude)
      if (said?.error) reject(said.error)
      else resolve(said?.answer ?? null)
    }
    const callback = (error, answer) => {
      said ??= { error, answer }
      // The answer waits until nothing else is under way, unless the function says otherwise.
      if (!settings.waits) conclude()
    }
    about.done = (error, answer) => { settings.waits = false; callback(error, answer) }
    about.succeed = answer => about.done(null, answer)
    about.fail = error => about.done(error ?? 'handled')
    const returned = handler(event, about, callback)
    if (typeof returned?.then === 'function') {
      returned.then(resolve, reject)
    } else {
      process.on('beforeExit', conclude)
    }
  })
}

// Handlers that write their answer to a stream.
const streaming = new WeakSet()

class Answer extends Writable {
  pieces = []
  type = 'application/octet-stream'

  _write(piece, encoding, done) {
    this.pieces.push(Buffer.from(piece, encoding))
    done()
  }

  setContentType(type) {
    this.type = type
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    streaming.add(handler)
    return handler
  },
  HttpResponseStream: {
    // Status and headers stand in front of the body, with eight zeros between.
    from(answer, about) {
      answer.setContentType('application/vnd.awslambda.http-integration-response')
      answer.write(JSON.stringify(about))
      answer.write(Buffer.alloc(8))
      return answer
    },
  },
}

async function askStreaming(handler, event, headers) {
  const answer = new Answer()
  const whole = finished(answer)
  await handler(event, answer, context(headers, {}))
  await whole
  return { body: Buffer.concat(answer.pieces), type: answer.type }
}

let current = null
for (const [event, kind] of [['uncaughtException', null], ['unhandledRejection', 'Runtime.UnhandledPromiseRejection']]) {
  process.on(event, async error => {
    const told = kind ? Object.assign(new Error(`${error?.name ?? 'Error'}: ${error?.message ?? error}`), { name: kind }) : error
    await report(current ? `/invocation/${current}/error` : '/init/error', told).catch(() => {})
    process.exit(128 + 1)
  })
}

// AWS's own runtime interface, if the function brings it.
async function own(root) {
  try {
    const found = createRequire(path.join(root, 'function.js')).resolve('aws-lambda-ric')
    return (await import(pathToFileURL(found))).run
  } catch {
    return undefined
  }
}

async function main() {
  const run = await own(process.env.LAMBDA_TASK_ROOT)
  if (run) return run(process.env.LAMBDA_TASK_ROOT, process.argv[2])
  let handler
  try {
    handler = await load(process.env.LAMBDA_TASK_ROOT, process.argv[2])
  } catch (error) {
    await report('/init/error', error)
    process.exit(1)
  }
  for (;;) {
    const next = await call('GET', '/invocation/next')
    if (next.status !== 200) process.exit(1)
    current = next.headers['lambda-runtime-aws-request-id']
    const trace = next.headers['lambda-runtime-trace-id']
    if (trace) process.env._X_AMZN_TRACE_ID = trace
    try {
      const event = JSON.parse(next.body)
      if (streaming.has(handler)) {
        const { body, type } = await askStreaming(handler, event, next.headers)
        const headers = { 'Content-Type': type, 'Lambda-Runtime-Function-Response-Mode': 'streaming' }
        await call('POST', `/invocation/${current}/response`, body, headers)
        current = null
        continue
      }
      const answer = await ask(handler, event, next.headers)
      const body = answer === undefined ? 'null' : JSON.stringify(answer) ?? 'null'
      await call('POST', `/invocation/${current}/response`, body, { 'Content-Type': 'application/json' })
    } catch (error) {
      await report(`/invocation/${current}/error`, error)
    }
    current = null
  }
}

main()
