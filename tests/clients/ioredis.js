// ioredis: node ioredis.js PORT...
'use strict'

const assert = require('node:assert')
const { randomUUID } = require('node:crypto')
const Redis = require('ioredis')
const Redlock = require('redlock')
const { Mutex } = require('redis-semaphore')
const { version } = require('ioredis/package.json')

const ports = process.argv.slice(2).map(Number)
let failed = false

async function check(name, test) {
  const deadline = new Promise((_, reject) => {
    setTimeout(() => reject(new Error('no answer within 30 s')), 30_000).unref()
  })
  try {
    await Promise.race([test(), deadline])
    console.log(`ioredis ${version}\t${name}\tok`)
  } catch (error) {
    failed = true
    console.log(`ioredis ${version}\t${name}\tfailed\t${String(error.message).replace(/\n/g, ' ')}`)
  }
}

const key = (name) => `io-${name}-${randomUUID()}`

async function withClient(options, use) {
  const client = new Redis({ port: ports[0], maxRetriesPerRequest: 3, ...options })
  try {
    return await use(client)
  } finally {
    client.disconnect()
  }
}

const tests = {
  handshake: () =>
    withClient({ connectionName: 'io' }, async (client) => {
      // Ready means that it has looked at INFO.
      if (client.status !== 'ready') {
        await new Promise((resolve, reject) => client.once('ready', resolve).once('error', reject))
      }
      assert.equal(await client.ping(), 'PONG')
      assert.equal(await client.client('GETNAME'), 'io')
      assert.match(await client.info(), /redis_mode:standalone/)
      assert.equal(await client.quit(), 'OK')
    }),
  get_set: () =>
    withClient({}, (here) =>
      withClient({ port: ports[ports.length - 1] }, async (there) => {
        const name = key('value')
        assert.equal(await here.get(name), null)
        assert.equal(await here.set(name, 'a', 'EX', 100), 'OK')
        assert.equal(await there.get(name), 'a')
        assert.equal(await here.set(name, 'b', 'NX'), null)
        assert.ok((await there.ttl(name)) > 90)
        assert.equal(await here.incr(`${name}-n`), 1)
        assert.equal(await there.del(name), 1)
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
        await here.set(name, bytes)
        assert.deepEqual(await there.getBuffer(name), bytes)
      })
    ),
  pipeline: () =>
    withClient({}, async (client) => {
      const name = key('pipeline')
      const pipe = client.pipeline()
      for (let n = 0; n < 500; n++) pipe.set(`${name}-${n}`, n).get(`${name}-${n}`)
      const answers = await pipe.exec()
      for (let n = 0; n < 500; n++) assert.deepEqual(answers[2 * n + 1], [null, String(n)])
    }),
  auto_pipeline: () =>
    withClient({ enableAutoPipelining: true }, async (client) => {
      const name = key('auto')
      const all = Array.from({ length: 200 }, (_, n) => client.incrby(`${name}-${n % 10}`, 1))
      await Promise.all(all)
      assert.equal(await client.get(`${name}-0`), '20')
    }),
  transaction: () =>
    withClient({}, async (client) => {
      const name = key('transaction')
      const answers = await client.multi().set(name, '1').incr(name).get(name).exec()
      assert.deepEqual(answers, [[null, 'OK'], [null, 2], [null, '2']])
      await client.watch(name)
      await withClient({}, (other) => other.set(name, 'of another'))
      assert.equal(await client.multi().set(name, 'mine').exec(), null)
      assert.equal(await client.get(name), 'of another')
    }),
  lock_script: () =>
    withClient({}, async (client) => {
      // As users of ioredis write it.
      client.defineCommand('release', {
        numberOfKeys: 1,
        lua: `
          if redis.call("GET", KEYS[1]) == ARGV[1] then
            return redis.call("DEL", KEYS[1])
          else
            return 0
          end`,
      })
      const name = key('lock')
      assert.equal(await client.set(name, 'mine', 'PX', 30000, 'NX'), 'OK')
      assert.equal(await client.release(name, 'others'), 0)
      assert.equal(await client.release(name, 'mine'), 1)
      assert.equal(await client.exists(name), 0)
    }),
  redlock: () =>
    withClient({}, async (client) => {
      const locks = new Redlock([client], { retryCount: 0 })
      const name = key('redlock')
      const held = await locks.lock(name, 30000)
      await assert.rejects(locks.lock(name, 30000))
      const extended = await held.extend(60000)
      assert.ok((await client.pttl(name)) > 50000)
      await extended.unlock()
      assert.equal(await client.exists(name), 0)
    }),
  redis_semaphore_mutex: () =>
    withClient({}, async (client) => {
      const name = key('mutex')
      const options = { lockTimeout: 3000, refreshInterval: 100, acquireTimeout: 100 }
      const mutex = new Mutex(client, name, options)
      await mutex.acquire()
      await assert.rejects(new Mutex(client, name, options).acquire())
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.ok(mutex.isAcquired)
      await mutex.release()
      const again = new Mutex(client, name, options)
      assert.ok(await again.tryAcquire())
      await again.release()
    }),
  cluster: async () => {
    const client = new Redis.Cluster(ports.map((port) => ({ host: '127.0.0.1', port })))
    try {
      const name = key('cluster')
      for (let n = 0; n < 200; n++) assert.equal(await client.set(`${name}-${n}`, n), 'OK')
      for (let n = 0; n < 200; n++) assert.equal(await client.get(`${name}-${n}`), String(n))
      assert.equal(client.nodes('master').length, ports.length)
      assert.equal(await client.incr(`${name}-n`), 1)
      assert.equal((await client.pipeline().get(`${name}-1`).get(`${name}-1`).exec()).length, 2)
    } finally {
      client.disconnect()
    }
  },
  names: () =>
    withClient({}, async (client) => {
      const name = key('names')
      for (let n = 0; n < 50; n++) await client.set(`${name}-${n}`, n)
      const found = new Set()
      for await (const names of client.scanStream({ match: `${name}-*` })) {
        for (const each of names) found.add(each)
      }
      assert.equal(found.size, 50)
    }),
}

;(async () => {
  for (const [name, test] of Object.entries(tests)) await check(name, test)
  process.exit(failed ? 1 : 0)
})()
