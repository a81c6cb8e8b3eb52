"""redis-py: python redis_py.py PORT..."""

import sys
import uuid

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.lock import Lock

PORTS = [int(port) for port in sys.argv[1:]]
FAILED = []


def check(name, test):
    try:
        test()
        print(f"{name}\tok", flush=True)
    except Exception as error:  # Whatever goes wrong is the result.
        FAILED.append(name)
        print(f"{name}\tfailed\t{type(error).__name__}: {error}".replace("\n", " "), flush=True)


def key(name):
    return f"py-{name}-{uuid.uuid4()}"


def client(protocol, port=PORTS[0]):
    return redis.Redis(port=port, protocol=protocol, decode_responses=True, client_name="py")


def handshake(protocol):
    it = client(protocol)
    assert it.ping()
    assert it.client_getname() == "py"
    me = it.client_info()
    assert me["lib-name"].startswith("redis-py"), me
    assert int(me["resp"]) == protocol, me
    assert it.info()["role"] == "master"
    assert it.config_get("maxmemory") == {"maxmemory": "0"}
    assert it.command_count() == len(it.command())
    assert it.wait(0, 0) >= 1
    assert len(it.time()) == 2


def get_set(protocol):
    here, there = client(protocol), client(protocol, PORTS[-1])
    name = key("value")
    assert here.get(name) is None
    assert here.set(name, "a") is True
    assert there.get(name) == "a"
    assert here.set(name, "b", nx=True) is None
    assert here.set(name, "b", xx=True, get=True) == "a"
    assert there.append(name, "c") == 2
    assert here.expire(name, 100) is True
    assert 95 <= there.ttl(name) <= 100
    assert here.getdel(name) == "bc"
    assert there.exists(name) == 0
    assert here.incrby(name, 41) == 41
    assert there.incr(name) == 42
    assert here.delete(name) == 1
    binary = redis.Redis(port=PORTS[0], protocol=protocol)
    binary.set(name, bytes(range(256)))
    assert binary.get(name) == bytes(range(256))


def conditional(protocol):
    here = client(protocol)
    name = key("conditional")
    here.set(name, "a")
    assert here.execute_command("SET", name, "b", "IFEQ", "x") is None
    assert here.execute_command("SET", name, "b", "IFEQ", "a") in (True, "OK")
    assert len(here.execute_command("DIGEST", name)) == 16
    assert here.execute_command("DELEX", name, "IFEQ", "a") == 0
    assert here.execute_command("DELEX", name, "IFEQ", "b") == 1


def pipeline(protocol):
    here = client(protocol)
    name = key("pipeline")
    with here.pipeline(transaction=False) as pipe:
        for number in range(500):
            pipe.set(f"{name}-{number}", number)
        for number in range(500):
            pipe.get(f"{name}-{number}")
        answers = pipe.execute()
    assert answers == [True] * 500 + [str(number) for number in range(500)]


def transaction(protocol):
    here, there = client(protocol), client(protocol, PORTS[-1])
    name = key("transaction")
    # A pipeline is a transaction unless it is told otherwise.
    answers = here.pipeline().set(name, 1).incr(name).get(name).execute()
    assert answers == [True, 2, "2"], answers
    # Over several registers each command by itself.
    answers = here.pipeline().set(f"{name}-a", 1).set(f"{name}-b", 2).execute()
    assert answers == [True, True], answers

    def double(pipe):
        held = int(pipe.get(name))
        pipe.multi()
        pipe.set(name, 2 * held)

    here.transaction(double, name)
    assert there.get(name) == "4"
    with here.pipeline() as pipe:
        pipe.watch(name)
        there.set(name, "of another")
        pipe.multi()
        pipe.set(name, "mine")
        try:
            pipe.execute()
            raise AssertionError("what was watched has changed")
        except redis.WatchError:
            pass
    assert here.get(name) == "of another"


def lock(protocol):
    here, there = client(protocol), client(protocol, PORTS[-1])
    name = key("lock")
    mine = Lock(here, name, timeout=30)
    assert mine.acquire(blocking=False)
    others = Lock(there, name, timeout=30)
    assert not others.acquire(blocking=False)
    assert mine.extend(60)
    assert 80 <= here.ttl(name) <= 90
    assert mine.extend(50, replace_ttl=True)
    assert 45 <= here.ttl(name) <= 50
    assert mine.reacquire()
    assert 25 <= here.ttl(name) <= 30
    assert mine.owned()
    mine.release()
    assert others.acquire(blocking=False)
    others.release()
    assert here.exists(name) == 0


def cluster(protocol):
    nodes = [ClusterNode("127.0.0.1", port) for port in PORTS]
    it = RedisCluster(startup_nodes=nodes, protocol=protocol, decode_responses=True)
    assert {node.port for node in it.get_nodes()} == set(PORTS), it.get_nodes()
    name = key("cluster")
    for number in range(200):
        assert it.set(f"{name}-{number}", number)
    for number in range(200):
        assert it.get(f"{name}-{number}") == str(number)
    asked = {it.get_node_from_key(f"{name}-{number}").port for number in range(200)}
    assert asked == set(PORTS), asked
    assert it.incr(f"{{{name}}}-n") == 1
    assert it.mget_nonatomic([f"{name}-{n}" for n in range(5)]) == [str(n) for n in range(5)]
    with it.pipeline() as pipe:
        for number in range(100):
            pipe.get(f"{name}-{number}")
        assert pipe.execute() == [str(number) for number in range(100)]
    held = Lock(it, f"{name}-lock", timeout=10)
    assert held.acquire(blocking=False)
    held.release()


def names(protocol):
    here = client(protocol)
    name = key("names")
    for number in range(50):
        here.set(f"{name}-{number}", number)
    found = set(here.scan_iter(match=f"{name}-*"))
    assert found == {f"{name}-{number}" for number in range(50)}, len(found)
    assert here.dbsize() >= 50


for protocol in (2, 3):
    for test in (
        handshake,
        get_set,
        conditional,
        pipeline,
        transaction,
        lock,
        cluster,
        names,
    ):
        check(f"redis-py {redis.__version__} RESP{protocol}\t{test.__name__}", lambda: test(protocol))
sys.exit(1 if FAILED else 0)
