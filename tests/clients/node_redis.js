// node-redis: node node_redis.js PORT...
'use strict'

const assert = require('node:assert')
const { randomUUID } = require('node:crypto')
const { createClient, createCluster, WatchError } = require('redis')
const { version } = require('redis/package.json')

const ports = process.argv.slice(2).map(Number)
let failed = false

async function check(name, test) {
  const deadline = new Promise((_, reject) => {
    setTimeout(() => reject(new Error('no answer within 30 s')), 30_000).unref()
  })
  try {
    await Promise.race([test(), deadline])
    console.log(`node-redis ${version}\t${name}\tok`)
  } catch (error) {
    failed = true
    console.log(`node-redis ${version}\t${name}\tfailed\t${String(error.message).replace(/\n/g, ' ')}`)
  }
}

const key = (name) => `node-${name}-${randomUUID()}`
const url = (port) => `redis://127.0.0.1:${port}`

async function withClient(options, use) {
  const client = createClient({ url: url(ports[0]), ...options })
  const broken = new Promise((_, reject) => client.once('error', reject))
  broken.catch(() => {})
  try {
    await Promise.race([client.connect(), broken])
    return await use(client)
  } finally {
    client.destroy()
  }
}

const of = (RESP) => ({
  handshake: () =>
    withClient({ RESP, name: 'node' }, async (client) => {
      assert.equal(await client.ping(), 'PONG')
      assert.equal(await client.clientGetName(), 'node')
      const info = await client.clientInfo()
      assert.equal(Number(info.resp), RESP)
    }),
  get_set: () =>
    withClient({ RESP }, (here) =>
      withClient({ RESP, url: url(ports[ports.length - 1]) }, async (there) => {
        const name = key('value')
        assert.equal(await here.get(name), null)
        assert.equal(await here.set(name, 'a', { EX: 100 }), 'OK')
        assert.equal(await there.get(name), 'a')
        assert.equal(await here.set(name, 'b', { NX: true }), null)
        assert.ok((await there.ttl(name)) > 90)
        assert.equal(await here.incrBy(`${name}-n`, 5), 5)
        assert.deepEqual(await there.mGet([name, `${name}-none`]), ['a', null])
        assert.equal(await there.del(name), 1)
      })
    ),
  pipeline: () =>
    withClient({ RESP }, async (client) => {
      const name = key('pipeline')
      const sets = Array.from({ length: 500 }, (_, n) => client.set(`${name}-${n}`, String(n)))
      const gets = Array.from({ length: 500 }, (_, n) => client.get(`${name}-${n}`))
      await Promise.all(sets)
      assert.deepEqual(await Promise.all(gets), Array.from({ length: 500 }, (_, n) => String(n)))
    }),
  transaction: () =>
    withClient({ RESP }, async (client) => {
      const name = key('transaction')
      const answers = await client.multi().set(name, '1').incr(name).get(name).exec()
      assert.deepEqual(answers, ['OK', 2, '2'])
      await client.watch(name)
      await withClient({ RESP }, (other) => other.set(name, 'of another'))
      await assert.rejects(client.multi().set(name, 'mine').exec(), WatchError)
      assert.equal(await client.get(name), 'of another')
    }),
  lock: () =>
    withClient({ RESP }, async (client) => {
      const script =
        'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end'
      const name = key('lock')
      assert.equal(await client.set(name, 'mine', { NX: true, PX: 30000 }), 'OK')
      const run = (token) => client.eval(script, { keys: [name], arguments: [token] })
      assert.equal(await run('others'), 0)
      assert.equal(await run('mine'), 1)
      const sha = await client.scriptLoad(script)
      assert.equal(await client.evalSha(sha, { keys: [name], arguments: ['mine'] }), 0)
    }),
  cluster: async () => {
    const client = createCluster({
      rootNodes: ports.map((port) => ({ url: url(port) })),
      defaults: { RESP },
      RESP,
    })
    client.on('error', () => {})
    await client.connect()
    try {
      const name = key('cluster')
      for (let n = 0; n < 200; n++) assert.equal(await client.set(`${name}-${n}`, String(n)), 'OK')
      for (let n = 0; n < 200; n++) assert.equal(await client.get(`${name}-${n}`), String(n))
      assert.equal(client.masters.length, ports.length)
      assert.equal(await client.incr(`${name}-n`), 1)
    } finally {
      client.destroy()
    }
  },
})

;(async () => {
  for (const RESP of [2, 3]) {
    for (const [name, test] of Object.entries(of(RESP))) await check(`RESP${RESP} ${name}`, test)
  }
  process.exit(failed ? 1 : 0)
})()
