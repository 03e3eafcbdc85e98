"""The generated pages of docs/reference: every command from the program's own help, every path from its OpenAPI document, every JSON-RPC
method from a node's own answer. The pages in git must be what the program says now."""
import http.client, json, os, pathlib, re, subprocess, tempfile

from commands import ask, free_ports, until
from links import ROOT, anchor

FOLDER = ROOT / "docs/reference"
MADE = "Made from {}; `tests/docs/run --update` makes it anew, and a test compares."


def pages(program):
    """The name and text of each page."""
    return {"commands.md": commands(program), "http.md": paths(), "json-rpc.md": methods(program)}


def different(program):
    for name, text in pages(program).items():
        file = FOLDER / name
        if not file.exists() or file.read_text() != text:
            yield f"docs/reference/{name} is not what the program says now: tests/docs/run --update"


def update(program):
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages(program).items():
        (FOLDER / name).write_text(text)


# Commands ----------------------------------------------------------------------------------------------------------------------

def commands(program):
    lines = ["# Every command", "", MADE.format("what `alianza help` says"), "",
             "[The command line](../command-line.md) says what scripts rely on: exit codes, and how settings are given.", ""]
    for words in [(), *below(program, ())]:
        lines += [f"## `{' '.join(['alianza', *words])}`", "", "```", help_of(program, words), "```", ""]
    return "\n".join(lines)


def below(program, words):
    text = help_of(program, words)
    section = re.search(r"^Commands:\n((?:  .*\n)+)", text + "\n", re.M)
    for name in re.findall(r"^  (\S+)", section[1], re.M) if section else []:
        if name != "help":
            yield (*words, name)
            yield from below(program, (*words, name))


def help_of(program, words):
    # What is set for this machine must not be in it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ALIANZA_")}
    done = subprocess.run([program, *words, "--help"], text=True, capture_output=True, env={**environment, "COLUMNS": "100"})
    assert done.returncode == 0, done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())


# HTTP --------------------------------------------------------------------------------------------------------------------------

def paths():
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    lines = ["# Every path", "", MADE.format("[the OpenAPI document](../openapi.json), which is made from the router's own table"), "",
             "[The HTTP interface](../http-api.md) says what it means and how it fits together. Every path may also answer with one of",
             "[the problems](../http-api.md#problems).", ""]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += [f"## `{method.upper()} {path}`", "", f"{operation['summary']}.", ""]
            lines += parameters(operation)
            body = operation.get("requestBody")
            if body:
                kinds = ", ".join(f"`{kind}`: {shape(of.get('schema', {}))}" for kind, of in body["content"].items())
                lines += [f"Body ({'required' if body.get('required') else 'optional'}): {kinds}", ""]
            answers = [f"{status} {told(document, answer)}" for status, answer in operation["responses"].items() if status != "default"]
            lines += [f"Answers: {'; '.join(answers)}.", ""]
    lines += ["## Shapes", "", "Of bodies and answers.", ""]
    for name, schema in document["components"]["schemas"].items():
        lines += [f"### {name}", "", *described(schema), ""]
    return "\n".join(lines)


def parameters(operation):
    found = operation.get("parameters", [])
    if not found:
        return []
    rows = [f"| `{each['name']}` | {each['in']}{', required' if each.get('required') else ''} | {cell(each.get('description', ''))} |" for each in found]
    return ["| parameter | in | meaning |", "|---|---|---|", *rows, ""]


def described(schema):
    """A schema as a table of its members, or as what it is."""
    members = schema.get("properties")
    told = [schema["description"].rstrip(".") + ".", ""] if "description" in schema else []
    if not members:
        return [*told, f"```json\n{json.dumps(schema, ensure_ascii=False)}\n```" if len(schema) > 1 else shape(schema)]
    required = schema.get("required", [])
    rows = [f"| `{name}` | {shape(of)} | {'yes' if name in required else ''} | {cell(of.get('description', ''))} |" for name, of in members.items()]
    return [*told, "| member | what | required | meaning |", "|---|---|---|---|", *rows]


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def shape(schema):
    reference = schema.get("$ref")
    if reference:
        name = reference.rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    if schema.get("type") == "array":
        return f"a list of {shape(schema['items'])}" if "items" in schema else "a list"
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(shape(each) for each in schema.get("anyOf", schema.get("oneOf")))
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    kind = schema.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(shape({"type": each}) for each in kind)
    return {"string": "text", "object": "an object", "null": "`null`"}.get(kind, kind)


def told(document, answer):
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    kinds = [f"{shape(of.get('schema', {}))} as `{kind}`" for kind, of in answer.get("content", {}).items()]
    return answer["description"].rstrip(".") + (f" ({', '.join(kinds)})" if kinds else "")


# JSON-RPC ----------------------------------------------------------------------------------------------------------------------

def methods(program):
    document = discover(program)
    lines = ["# JSON-RPC methods", "", MADE.format("what `rpc.discover` answers"), "",
             "`POST /rpc` takes JSON-RPC 2.0; [the HTTP interface](../http-api.md#json-rpc-post-rpc) says how. Parameters go by name, or the first",
             "ones by position, in this order; they mean what the fields of the same names mean there.", ""]
    for method in document["methods"]:
        lines += [f"## `{method['name']}`", "", method.get("summary", method.get("description", "")).rstrip(".") + ".", ""]
        names = [f"`{each['name']}`" + (" (required)" if each.get("required") else "") for each in method["params"]]
        lines += [f"Parameters: {', '.join(names)}.", ""] if names else []
    return "\n".join(lines)


def discover(program):
    with tempfile.TemporaryDirectory() as place:
        port = free_ports(1)[0]
        command = [program, "start", "--port", port, "--data-dir", pathlib.Path(place) / "node"]
        node = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until("a node is ready", lambda: ask(port, "/readyz")[0] == 200)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/rpc", '{"jsonrpc":"2.0","method":"rpc.discover","id":1}', {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())["result"]
        finally:
            node.terminate()
            node.wait()
