// page.js: what a page does with its server. run(what) answers with plain data, the same whichever way it came.

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const once = (target, name) => new Promise((resolve, reject) => {
  target.addEventListener(name, resolve, { once: true })
  target.addEventListener('error', () => reject(new Error(`${name}: error`)), { once: true })
})
const digest = async (data) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', data)), (one) => one.toString(16).padStart(2, '0')).join('')
const shown = async (got) => [got.status, got.headers.get('content-type'), got.headers.get('content-range'), await digest(await got.arrayBuffer())]

const does = {
  async page () {
    const list = document.getElementById('pictures')
    const pictures = Array.from({ length: 60 }, (_, i) => Object.assign(new Image(), { src: `picture.svg?${i}` }))
    list.append(...pictures)
    await Promise.all(pictures.map((one) => one.decode()))
    const style = getComputedStyle(document.querySelector('h1'))
    return {
      widths: pictures.map((one) => one.naturalWidth),
      style: [style.color, style.borderTopWidth],
      frame: document.getElementById('frame').contentDocument.getElementById('text').textContent,
      files: performance.getEntriesByType('resource').map((one) => [new URL(one.name).pathname + new URL(one.name).search, one.nextHopProtocol, one.decodedBodySize, one.responseStatus]).sort()
    }
  },

  async requests () {
    const told = []
    for (const [path, options] of [
      ['/1k.txt', {}], ['/3m.bin', {}], ['/none', {}], ['/empty', {}], ['/hop1', {}], ['/packed/1k.txt', {}], ['/chunked/', {}],
      ['/3m.bin', { headers: { Range: 'bytes=1000-99999' } }], ['/1k.txt', { method: 'HEAD' }], ['/1k.txt', { cache: 'no-cache' }],
      ['/echo', { method: 'POST', body: new Uint8Array(2000000).fill(7) }], ['/echo', { method: 'POST', body: '' }],
      ['/store/page', { method: 'PUT', body: new Blob([new Uint8Array(20000000).fill(9)]) }], ['/store/page', {}], ['/store/page', { method: 'DELETE' }],
      ['/app/cookie', {}], ['/app/cookie', {}]
    ]) told.push([path, ...await shown(await fetch(path, options))])
    return { told, cookies: document.cookie }
  },

  async form () {
    const form = new FormData(document.getElementById('form'))
    form.append('file', new File([new Uint8Array(5000000).fill(1)], 'name with "quotes".bin'))
    const byFetch = await (await fetch('/app/form', { method: 'POST', body: form })).json()
    const answer = document.getElementById('answer')
    const loaded = once(answer, 'load')
    document.getElementById('form').submit()
    await loaded
    const xhr = new XMLHttpRequest()
    let progressed = 0
    xhr.upload.onprogress = (event) => { progressed = event.loaded }
    xhr.open('POST', '/echo')
    xhr.responseType = 'arraybuffer'
    xhr.send(new Uint8Array(3000000).fill(3))
    await once(xhr, 'load')
    return { byFetch, byForm: answer.contentDocument.body.textContent, xhr: [xhr.status, progressed, xhr.response.byteLength] }
  },

  // The gaps are told as "waited" or "at once": a piece must be here long before the next one leaves.
  async stream () {
    const got = await fetch('/app/slow')
    const reader = got.body.getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    const began = performance.now()
    const second = new TextDecoder().decode((await reader.read()).value)
    const waited = performance.now() - began > 300
    return { first, second, waited, ended: (await reader.read()).done }
  },

  // Most must be here before the next one leaves; a busy machine may hold some.
  async events () {
    const source = new EventSource('/app/events')
    const late = []
    await new Promise((resolve, reject) => {
      source.onmessage = (event) => { late.push(Date.now() - Number(event.data)); if (late.length === 20) resolve() }
      source.onerror = () => reject(new Error('events: error'))
    })
    source.close()
    return { count: late.length, late: late.sort((a, b) => a - b)[10] > 45 ? late : 0 }
  },

  // A file of sound in a video element: played from its start, then from places that need ranges of their own.
  async video () {
    const video = document.getElementById('video')
    video.src = 'long.wav'
    await once(video, 'loadedmetadata')
    const told = []
    for (const where of [150, 20, 290, 100]) {
      const seeked = once(video, 'seeked')
      video.currentTime = where
      await seeked
      told.push([Math.round(video.currentTime), video.readyState >= 2])
    }
    await video.play()
    await sleep(300)
    told.push(video.currentTime > 100)
    video.pause()
    return { duration: video.duration, seekable: Math.round(video.seekable.end(0)), told, error: video.error }
  },

  // A film that this browser makes, sends and shows.
  async film () {
    const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 120 })
    const pen = canvas.getContext('2d')
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm;codecs=vp8' })
    const parts = []
    recorder.ondataavailable = (event) => parts.push(event.data)
    recorder.start()
    for (let i = 0; i < 20; i++) { pen.fillStyle = `hsl(${i * 18} 90% 50%)`; pen.fillRect(0, 0, 160, 120); await sleep(40) }
    const stopped = once(recorder, 'stop')
    recorder.stop()
    await stopped
    const put = await fetch('/store/film.webm', { method: 'PUT', body: new Blob(parts) })
    const video = document.createElement('video')
    video.muted = true
    video.src = '/store/film.webm'
    await once(video, 'loadeddata')
    await video.play()
    await once(video, 'ended')
    return { stored: put.ok, size: [video.videoWidth, video.videoHeight], length: video.currentTime > 0.3 }
  },

  async socket (count) {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/socket`, ['chat'])
    socket.binaryType = 'arraybuffer'
    await once(socket, 'open')
    const size = (i) => i % 500 < 5 ? [0, 126, 65535, 65536, 150000][i % 500] : i % 150
    const message = (i) => i % 2 ? new Uint8Array(size(i)).fill(i) : String.fromCharCode(97 + i % 26).repeat(size(i))
    const same = (one, other) => typeof one === 'string' ? one === other : one.length === other.byteLength && new Uint8Array(other).every((byte) => byte === one[0])
    let sent = 0; let got = 0; let wrong = 0
    const closed = once(socket, 'close')
    const more = () => { while (sent < count && sent - got < 200) socket.send(message(sent++)) }
    socket.onmessage = ({ data }) => {
      if (!same(message(got), data)) wrong++
      if (++got === count) socket.send('close 3001')
      else if (sent - got < 100) more()
    }
    more()
    const { code, reason, wasClean } = await closed
    return { got, wrong, protocol: socket.protocol, extensions: socket.extensions, code, reason, wasClean }
  },

  async givenUp () {
    for (let i = 0; i < 8; i++) {
      const control = new AbortController()
      const got = await fetch(`/100m.bin?${i}`, { signal: control.signal })
      await got.body.getReader().read()
      control.abort()
    }
    return (await fetch('/1k.txt')).status
  }
}

window.run = (what, argument) => does[what](argument)
