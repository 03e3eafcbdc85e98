"""Runs the commands of a document, in their order, against a real cluster, and compares what they print with what the document shows.

Compared loosely: numbers, times, ids and names of nodes may differ, and lines may come in another order; `…` stands for anything. Ports
are other ones, so that a cluster which happens to run is left alone. A command must end with 0 unless the document shows an error.
"""
import http.client, json, os, pathlib, re, socket, subprocess, tempfile, threading, queue, time

PATIENCE = 60
# Names of nodes in the documents; `alianza dev` draws others.
NAMES = ["Minh", "Greta", "Yusuf"]


def steps(text):
    """The commands of all console blocks, each with the lines that follow it."""
    found = []
    for block in re.findall(r"^[ ]*```console\n(.*?)^[ ]*```", text, re.M | re.S):
        for line in block.splitlines():
            line = line.strip()
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line:
                assert found, f"{line!r} follows no command"
                found[-1][1].append(line)
    # Comments are for people.
    return [(re.sub(r"\s+# .*$", "", command), shown) for command, shown in found if not command.startswith("alias ")]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ask(port, path, timeout=5):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def until(what, holds):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, ValueError, http.client.HTTPException):
            pass
        time.sleep(0.1)
    raise AssertionError(f"after {PATIENCE} s it does not hold that {what}")


class Cluster:
    """Three nodes of `alianza dev`, and a shell whose commands find them at the ports that the document names."""

    def __init__(self, program, place):
        self.place = place
        self.log = open(place / "dev.log", "w+")
        command = [program, "dev", "--port", "0", "--json", "--data-dir", place / "data"]
        self.dev = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        said = self.dev.stdout.readline()
        assert said, f"the cluster does not come up: {(place / 'dev.log').read_text()}"
        nodes = json.loads(said)["nodes"]
        self.ports = [int(node["url"].rpartition(":")[2]) for node in nodes]
        redis = [int(node["redis"].rpartition(":")[2]) for node in nodes]
        real = self.ports + redis + free_ports(2)
        self.real = dict(zip(["8080", "8081", "8082", "6379", "6380", "6381", "8083", "8084"], map(str, real)))
        self.names = [node["name"] for node in nodes]
        self.dead = 0
        environment = {**os.environ, "ALIANZA_URL": nodes[0]["url"], "PROGRAM": str(program), "NO_COLOR": "1"}
        self.shell = subprocess.Popen(["bash", "--norc"], cwd=place, env=environment, text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        # What nodes log would stand between the answers.
        self.say("set -m")
        self.say('alianza() { if [ "$1" = start ]; then exec "$PROGRAM" "$@" >>start.log 2>&1; else "$PROGRAM" "$@"; fi; }')

    def listen(self):
        for line in self.shell.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def say(self, command):
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()

    def run(self, command):
        """What a command prints, and its exit code."""
        real = re.sub(r"\b(" + "|".join(self.real) + r")\b", lambda port: self.real[port[1]], command)
        # As it looks on a terminal.
        real = re.sub(r"^redis-cli ", "redis-cli --no-raw ", real)
        # A background command is over for the shell at once.
        self.say(real + ("" if real.endswith("&") else " </dev/null"))
        self.say('echo; echo "END OF COMMAND $?"' if real.endswith("&") else 'code=$?; echo; echo "END OF COMMAND $code"')
        printed = []
        while True:
            line = self.lines.get(timeout=PATIENCE)
            assert line is not None, f"the shell ended in {command!r}"
            if line.startswith("END OF COMMAND "):
                return [line for line in printed if line.strip()], int(line.split()[-1])
            printed.append(line)

    def calm_down(self, command):
        """Waits until everybody knows what the command has changed."""
        started = re.search(r"\bstart\b.*--port (\d+)", command)
        if started:
            until(f"{command!r} makes a node that is ready", lambda: ask(int(self.real[started[1]]), "/readyz")[0] == 200)
            self.dead = 0
        if command.startswith("kill "):
            self.dead = 1
        until(f"the cluster is calm after {command!r}", self.is_calm)

    def is_calm(self):
        views = [ask(port, "/v1/cluster")[1] for port in self.ports]
        epochs = {view[name] for view in views for name in ("epoch", "stable")}
        conditions = [member["condition"] for member in views[0]["members"] if not member["self"]]
        others = [condition for condition in conditions if condition != "up"]
        leaving = any(member["state"] != "active" for member in views[0]["members"])
        return len(epochs) == 1 and not leaving and others == ["down"] * self.dead

    def plain(self, line, names):
        """A line without what may differ."""
        for name in names:
            line = re.sub(rf"\b{name}\b", "NAME", line)
        back = {real: port for port, real in self.real.items()}
        line = re.sub(r"\b(" + "|".join(back) + r")\b", lambda port: back[port[1]], line)
        line = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{40,}\b|\b\d{8}T\d{6}\S*", "ID", line)
        line = re.sub(r"\d+(\.\d+)?", "9", line)
        return re.sub(r"\s+", " ", line).strip()

    def stop(self):
        self.shell.kill()
        for job in (self.place / "jobs").read_text().split() if (self.place / "jobs").exists() else []:
            try:
                os.kill(int(job), 9)
            except ProcessLookupError:
                pass
        self.dev.terminate()
        self.dev.wait(PATIENCE)
        self.log.close()


def fits(shown, printed):
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, printed) is not None


def check(program, document, missing):
    """Runs all commands of a document but those of the programs in `missing`; how many ran."""
    count = 0
    with tempfile.TemporaryDirectory() as place:
        cluster = Cluster(program, pathlib.Path(place))
        try:
            until("the cluster is calm", cluster.is_calm)
            for command, shown in steps(document.read_text()):
                if command.split()[0] in missing:
                    continue
                printed, code = cluster.run(command)
                cluster.say("jobs -p >jobs")
                errors = any(line.startswith("error:") for line in shown)
                assert (code == 0) != errors, f"{document.name}: {command!r} ended with {code}: {printed}"
                plain = [cluster.plain(line, cluster.names) for line in printed]
                for line in shown:
                    expected = cluster.plain(line, NAMES)
                    assert any(fits(expected, line) for line in plain), f"{document.name}: {command!r} shows\n  {line}\nbut printed\n  " + "\n  ".join(printed)
                cluster.calm_down(command)
                count += 1
        finally:
            cluster.stop()
    return count
