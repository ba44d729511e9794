// ws.js URL CA COUNT: Node's ws sends COUNT messages of many sizes, texts and bytes, takes their echoes in order, pings,
// and lets the other side close. One JSON line of what happened.
'use strict'
const { createHash } = require('crypto')
const { readFileSync } = require('fs')
const WebSocket = require('ws')

const [url, ca, count] = process.argv.slice(2)
const sizes = [0, 1, 125, 126, 127, 1000, 65535, 65536, 300000]
const message = (i) => {
  const size = i % 50 < sizes.length ? sizes[i % 50] : i % 200
  return i % 2 ? Buffer.alloc(size, i & 255) : String.fromCharCode(97 + i % 26).repeat(size)
}

function run (options) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ['chat', 'other'], { ca: readFileSync(ca), ...options })
    const hash = createHash('sha256')
    let got = 0; let sent = 0; let pongs = 0; let wrong = 0
    // At most 64 in flight: the echo must not fill both directions.
    const more = () => {
      while (sent < count && sent - got < 64) {
        if (sent % 1000 === 0) socket.ping(`p${sent}`)
        socket.send(message(sent++))
      }
    }
    socket.on('error', reject)
    socket.on('open', more)
    socket.on('pong', () => pongs++)
    socket.on('message', (data, isBinary) => {
      const want = message(got)
      if (isBinary !== (typeof want !== 'string') || !Buffer.from(want).equals(data)) wrong++
      hash.update(data)
      if (++got === Number(count)) socket.send('close 4321')
      else more()
    })
    socket.on('close', (code, reason) => resolve({
      got, pongs, wrong, code, reason: String(reason), extensions: socket.extensions, protocol: socket.protocol, sha256: hash.digest('hex')
    }))
  })
}

async function main () {
  console.log(JSON.stringify([await run({ perMessageDeflate: false }), await run({ perMessageDeflate: { threshold: 0 } })]))
}

main().catch((error) => { console.error(error); process.exit(1) })
