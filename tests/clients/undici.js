// undici.js BASE CA: Node's undici asks for everything it can; one JSON list of what came, for comparison.
'use strict'
const { createHash } = require('crypto')
const { readFileSync } = require('fs')
const { Readable } = require('stream')
const { Client, Pool, Agent, fetch, FormData } = require('undici')

const [base, ca] = process.argv.slice(2)
const connect = { ca: readFileSync(ca), servername: 'localhost' }
const told = []

const digest = (data) => createHash('sha256').update(data).digest('hex')
// The name of a part's end is another one each time.
const unnamed = (text) => String(text).replace(/boundary=\d+/, 'boundary=B')

function tell (name, status, headers, data) {
  const fields = headers instanceof Array ? headers : Object.entries(headers).flatMap(([key, value]) => [value].flat().map((one) => [key, one]))
  told.push({ name, status, fields: fields.map(([key, value]) => [key, unnamed(value)]), size: data.length, sha256: digest(unnamed(data.toString('latin1')).replace(/--\d{20}/g, '--B')) })
}

async function ask (via, name, options) {
  const { statusCode, headers, body } = await via.request({ method: 'GET', ...options })
  tell(name, statusCode, headers, Buffer.from(await body.arrayBuffer()))
}

function * pieces (count, size) {
  for (let i = 0; i < count; i++) yield Buffer.alloc(size, i)
}

async function byClient () {
  const client = new Client(base, { connect, pipelining: 1 })
  const one = (name, options) => ask(client, name, options)
  await one('get', { path: '/1k.txt' })
  await one('large', { path: '/3m.bin' })
  await one('head', { method: 'HEAD', path: '/3m.bin' })
  await one('range', { path: '/3m.bin', headers: { range: 'bytes=5-70000' } })
  await one('ranges', { path: '/3m.bin', headers: { range: 'bytes=0-9,100-199' } })
  await one('query', { path: '/1k.txt', query: { a: 'ü', b: 'c d' } })
  await one('post', { method: 'POST', path: '/echo', body: Buffer.alloc(200000, 'x') })
  await one('post of nothing', { method: 'POST', path: '/echo', body: '' })
  await one('post of a stream', { method: 'POST', path: '/echo', body: Readable.from(pieces(50, 9000)) })
  await one('post of a stream with its length', { method: 'POST', path: '/echo', headers: { 'content-length': '450000' }, body: Readable.from(pieces(50, 9000)) })
  await one('put', { method: 'PUT', path: '/store/undici', body: Readable.from(pieces(300, 10000)) })
  await one('delete', { method: 'DELETE', path: '/store/undici' })
  await one('204', { path: '/empty' })
  await one('304', { path: '/1k.txt', headers: { 'if-none-match': '*' } })
  await one('404', { path: '/none' })
  await one('302', { path: '/moved' })
  await one('chunked', { path: '/chunked/' })
  await one('slow', { path: '/app/slow' })
  await one('cookies', { path: '/app/cookie', headers: { cookie: 'a=b; c=d' } })
  await one('many fields', { path: '/1k.txt', headers: Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`x-${i}`, `v${i}`])) })
  await one('closing', { path: '/1k.txt', reset: true })
  await client.close()
}

// Ten in flight on one connection: the answers must come in order.
async function pipelined () {
  const client = new Client(base, { connect, pipelining: 10 })
  const sizes = ['/1k.txt', '/64k.bin', '/empty', '/chunked/', '/none', '/3m.bin']
  await Promise.all(Array.from({ length: 120 }, (_, i) => ask(client, `pipelined ${i}`, { path: sizes[i % sizes.length] })))
  await client.close()
}

async function pooled () {
  const pool = new Pool(base, { connect, connections: 8, pipelining: 2 })
  await Promise.all(Array.from({ length: 200 }, (_, i) => ask(pool, `pooled ${i}`, i % 3 ? { path: '/64k.bin' } : { method: 'POST', path: '/echo', body: `body ${i}` })))
  await pool.close()
}

// A request that is given up must not spoil the next one.
async function givenUp () {
  const pool = new Pool(base, { connect, connections: 2 })
  for (let i = 0; i < 10; i++) {
    const { body } = await pool.request({ method: 'GET', path: '/100m.bin' })
    body.on('error', () => {})
    body.destroy()
    await ask(pool, `after one given up ${i}`, { method: 'GET', path: '/1k.txt' })
  }
  await pool.destroy()
}

async function byFetch () {
  const dispatcher = new Agent({ connect })
  const form = new FormData()
  form.append('text', 'hällo')
  form.append('file', new (require('buffer').Blob)([Buffer.alloc(300000, 'f')]), 'file.bin')
  const cases = [
    ['get', '/1k.txt', {}],
    ['packed', '/packed/1k.txt', {}],
    ['redirected', '/hop1', {}],
    ['form', '/app/form', { method: 'POST', body: form }],
    ['url form', '/app/form', { method: 'POST', body: new URLSearchParams({ a: '1', b: 'ä' }) }],
    ['json', '/echo', { method: 'POST', body: JSON.stringify({ a: [1, 2, 3] }) }]
  ]
  for (const [name, path, options] of cases) {
    const got = await fetch(base + path, { ...options, dispatcher })
    tell(`fetch ${name} ${new URL(got.url).pathname}`, got.status, [...got.headers], Buffer.from(await got.arrayBuffer()))
  }
  await dispatcher.close()
}

async function main () {
  for (const part of [byClient, pipelined, pooled, givenUp, byFetch]) await part()
  // What is pipelined or pooled ends in any order: ours is that of the names.
  told.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  // undici's clock of timeouts would keep the process for another half a minute.
  process.stdout.write(JSON.stringify(told), () => process.exit(0))
}

main().catch((error) => { console.error(error); process.exit(1) })
