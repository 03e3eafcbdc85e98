"""redis-py: both versions of the protocol, pipelines, hashes, sets, scans, and going on at another node."""
import os
import signal
import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError, ResponseError
from redis.retry import Retry

nodes = [(host, int(port)) for host, port in (node.split(":") for node in os.environ["NODES"].split())]


def connect(at, **more):
    host, port = nodes[at]
    return redis.Redis(host=host, port=port, decode_responses=True, retry=Retry(ConstantBackoff(0.05), 1), **more)


for protocol in (2, 3):
    client = connect(0, protocol=protocol, client_name="scenario")
    assert client.ping() and client.client_getname() == "scenario"
    assert client.set("k", "v", ex=100) and 90 < client.ttl("k") <= 100
    assert client.getex("k", persist=True) == "v" and client.ttl("k") == -1
    assert client.hset("h", mapping={"a": "1", "b": "2"}) in (0, 2)
    assert client.hgetall("h") == {"a": "1", "b": "2"} and client.hmget("h", "a", "x") == ["1", None]
    before = int(client.get("n") or 0)
    assert client.incr("n") == before + 1 and client.incrby("n", 9) == before + 10 and client.incrbyfloat("n", -0.5) == before + 9.5
    assert client.delete("n") == 1
    client.sadd("s", "x", "y")
    assert client.smembers("s") == {"x", "y"} and client.smismember("s", ["x", "z"]) == [1, 0]
    assert client.info()["loading"] == 0 and client.config_get("maxmemory") == {"maxmemory": "0"}
    assert "get" in client.command() and client.type("h") == "hash"
try:
    client.pipeline().set("a", 1).execute()
    raise AssertionError("transactions are refused")
except ResponseError as error:
    assert "transaction=False" in str(error), error
try:
    client.get("h")
    raise AssertionError("a hash is no string")
except ResponseError as error:
    assert str(error).startswith("WRONGTYPE") or "wrong kind" in str(error), error

acknowledged = {}
at = 0
for i in range(600):
    if i == 200:
        os.kill(int(os.environ["KILL"]), signal.SIGKILL)
    key, value = f"key:{i % 150}", str(i)
    try:
        client.set(key, value)
    except ConnectionError:
        at += 1
        client = connect(at)
        client.set(key, value)
    acknowledged[key] = value
assert at == 1, at
other = connect(2)
pipe = other.pipeline(transaction=False)
for key in acknowledged:
    pipe.get(key)
assert dict(zip(acknowledged, pipe.execute())) == acknowledged
assert set(other.scan_iter("key:*", count=20)) == set(acknowledged)
assert set(other.sscan_iter("s")) == {"x", "y"} and dict(other.hscan_iter("h")) == {"a": "1", "b": "2"}
