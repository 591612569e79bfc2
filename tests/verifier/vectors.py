"""Runs the test vectors (docs/format.md, section 9) through verify.py. Here is also what only they need:
refusals with pointers, times and ids in any spelling, inclusion proofs, a hot store's blocks and markers."""
import base64, datetime, io, json, pathlib, re, zlib
from contextlib import suppress
from verify import (EVENT, OPTIONAL, REFUSED, TIME, TYPES, Line, Walk, exact_number, id_of, jcs, judge,
                    read_object, sha256_hex)

class Refusal(Exception):
    """Its arguments are `code` and `pointer`."""

def check(holds, code, pointer):
    if not holds:
        raise Refusal(code, pointer)

def pointer_to(pointer, name):
    return pointer + "/" + name.replace("~", "~0").replace("/", "~1")

def without(members, *names):
    return {name: value for name, value in members.items() if name not in names}

# ---- Events in any JSON spelling (sections 1 and 2)
TOKEN = re.compile(r'[ \t\n\r]*("(?:[^"\\]|\\.)*"|[^][{}:," \t\n\r]+|[^ \t\n\r])', re.DOTALL)

def read_scalar(token, pointer):
    try:
        value = json.loads(token, parse_int=exact_number, parse_float=exact_number, parse_constant=int)
    except ValueError as error:  # int takes no NaN
        raise Refusal(str(error) if str(error).startswith("number-") else "invalid-json", pointer)
    text = value if isinstance(value, str) else ""
    check(not re.search("[\ud800-\udfff]", text), "lone-surrogate", pointer)
    check("\0" not in text, "nul-character", pointer)
    return value

def read_value(tokens, pointer):
    """From a list of tokens in reverse. An array is read as an object with the names 0, 1, 2 ..."""
    start, members = tokens.pop(), {}
    if start not in ("{", "["):
        return read_scalar(start, pointer)
    close = "}" if start == "{" else "]"
    mark = tokens.pop() if tokens[-1] == close else ","
    while mark == ",":
        check(start == "[" or tokens[-1].startswith('"'), "invalid-json", pointer)
        name = read_scalar(tokens.pop(), pointer) if start == "{" else str(len(members))
        inside = pointer_to(pointer, name)
        check(name not in members, "duplicate-member", inside)
        check(start == "[" or tokens.pop() == ":", "invalid-json", pointer)
        members[name] = read_value(tokens, inside)
        mark = tokens.pop()
    check(mark == close, "invalid-json", pointer)
    return members if start == "{" else list(members.values())

def read_strictly(data):
    try:
        tokens = ["", *reversed(TOKEN.findall(data.decode()))]  # "" is refused wherever it is met
    except UnicodeDecodeError:
        raise Refusal("invalid-utf8", "")
    value = read_value(tokens, "")
    check(tokens == [""], "invalid-json", "")
    return value

CODES = dict.fromkeys(OPTIONAL, "empty-string") | {
    "v": "unknown-version", "seq": "invalid-number", "at": "invalid-time", "recordedAt": "invalid-time",
    "prevHash": "invalid-hash", "actorType": "invalid-actor-type"}
RFC3339 = (r"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
           r"(Z|[-+][0-9]{2}:[0-5][0-9])")

def utc(text):
    """The one form of an RFC 3339 time; empty if it is none."""
    text = re.sub(r":60(\.[0-9]+)?(?=[-+Z])", ":59.999", text.upper())
    with suppress(AttributeError, ValueError, OverflowError):
        second, fraction, zone = re.fullmatch(RFC3339, text).groups("")
        moment = datetime.datetime.fromisoformat(second + zone.replace("Z", "+00:00"))
        return f"{moment.astimezone(datetime.timezone.utc).isoformat()[:19]}.{(fraction + '000')[:3]}Z"
    return ""

def take_in(said):
    """The event (without `hash`) with times and id in their one form; refuses what is none by section 1."""
    check(isinstance(said, dict), "wrong-type", "")
    for name in sorted(EVENT.keys() - {"hash"} ^ said.keys()):
        raise Refusal("unknown-member" if name in said else "missing-member", pointer_to("", name))
    event = dict(said)
    for name, value in said.items():
        if value is not None or name not in OPTIONAL:
            check(type(value) is TYPES.get(name, str), "wrong-type", "/" + name)
            event[name] = utc(value) if EVENT[name] is TIME else value.lower() if name == "id" else value
            looks_right = re.fullmatch(EVENT[name], str(event[name]))
            check(looks_right, CODES.get(name, "invalid-" + name), "/" + name)
    made_from = event["source"], event["externalId"]
    check(made_from[1] is None or event["id"] == id_of(*made_from), "id-mismatch", "/id")
    return event

# ---- Inclusion proofs (section 4)
def root_by_proof(entry, index, size, path):
    """As RFC 9162, section 2.1.3.2, but from the top; no root if the path does not fit."""
    if size == 1 or not path:
        return sha256_hex(bytes.fromhex("00" + entry)) if (size, index, path) == (1, 0, []) else ""
    split = 1 << (size - 1).bit_length() - 1
    left, right = ((root_by_proof(entry, index, split, path[:-1]), path[-1]) if index < split else
                   (path[-1], root_by_proof(entry, index - split, size - split, path[:-1])))
    return sha256_hex(bytes.fromhex("01" + left + right))

# ---- Blocks and markers (sections 6 and 7)
HEADER = dict.fromkeys(("n", "firstSeq", "count"), int) | {"members": list} | dict.fromkeys(
    ("chain", "prevHash", "headHash", "atMin", "atMax", "recordedAt", "writer", "nonce", "digest"), str)

def gzip_members(body):
    """Data, size and wholeness of each; behind a damaged one goes on at the next start."""
    at = 0
    while at < len(body):
        stream, data, start = zlib.decompressobj(31), b"", at
        with suppress(zlib.error):
            while at < len(body) and not stream.eof:  # byte by byte, to get what stands before the damage
                data += stream.decompress(body[at:at + 1])
                at += 1
        if not stream.eof:
            following = body.find(bytes.fromhex("1f8b08000000000000ff"), start + 1)
            at = following if following > 0 else len(body)
        yield data, at - start, stream.eof

class BlockWalk(Walk):
    def __init__(self, *start):
        super().__init__(*start)
        self.chained, self.bytes_lost = [], False  # chained: the events that are believed, and their blocks

    def unreadable(self, lines_lost):
        self.breaks.append({"kind": "block-unreadable", "seq": self.seq + 1})
        if lines_lost:
            self.bytes_lost, self.tail_lost, self.tree_known = True, True, False

    def line(self, line):
        if self.bytes_lost:  # the line is taken as it stands
            self.seq, self.links = line.event["seq"] - 1 if line.believed else self.seq, (None,)
        self.bytes_lost = False
        super().line(line)

    def block(self, n, row):
        head, _, body = row.partition(b"\n")
        header, breaks_before, lines, sizes = None, len(self.breaks), [], []
        with suppress(*REFUSED):
            said, canonical = read_object(head)
            if canonical == head and {name: type(value) for name, value in said.items()} == HEADER:
                header = said
        if header is None or not body:
            self.unreadable(lines_lost=not body)
        for data, size, whole in gzip_members(body):
            came_out = [Line(raw) for raw in io.BytesIO(data)]
            for line in came_out:
                if not whole and not line.believed:
                    break
                self.line(line)
                self.chained += [(line.event, n)] if line.believed else []
            if not whole:
                self.unreadable(lines_lost=True)
            lines, sizes = lines + came_out, sizes + [[len(came_out), size]]
        if len(self.breaks) == breaks_before:
            self.check_header(header, n, lines, sizes, body)
        for its_break in self.breaks[breaks_before:]:
            its_break["block"] = n

    def check_header(self, header, n, lines, sizes, body):
        first, times = lines[0].event, [line.event["at"] for line in lines]
        recorded = {line.event["recordedAt"] for line in lines}
        truth = {
            "chain": first["chain"], "n": n, "firstSeq": first["seq"], "count": len(lines), "members": sizes,
            "prevHash": first["prevHash"], "headHash": lines[-1].stored,
            "atMin": min(times), "atMax": max(times),
            "recordedAt": (recorded - {header["recordedAt"]} or recorded).pop(),
            "digest": sha256_hex(jcs(without(header, "digest")) + b"\n" + body)}
        differing = [name for name in truth if truth[name] != header[name]]
        if differing:
            agreed = min(len(lines), header["count"]) if differing[0] == "count" else 0
            self.breaks.append(
                {"kind": "block-header-mismatch", "seq": first["seq"] + agreed, "member": differing[0]})

    def check_markers(self, markers):
        left, breaks = dict(markers), []
        for event, n in self.chained:
            origin = ["i", event["id"]] if event["externalId"] is None else ["x", event["externalId"]]
            key = sha256_hex(jcs([event["chain"], event["source"], *origin]))
            digest = sha256_hex(jcs(without(event, "v", "chain", "seq", "recordedAt", "prevHash", "hash")))
            if left.pop(key, None) != f"{n} {event['seq']} {digest}":
                breaks.append({"kind": "index-mismatch", "seq": event["seq"]})
        named = [int(value.split(" ")[1]) for value in left.values()]
        self.breaks += breaks + [{"kind": "index-mismatch", "seq": seq} for seq in named]

# ---- Each case: its name, what is wanted and what is found
def event_cases(document):
    for case in document["cases"]:
        data = base64.b64decode(case["inputBase64"]) if "inputBase64" in case else case["input"].encode()
        try:
            event = take_in(read_strictly(data))
            digest = sha256_hex(jcs(event))
            yield case["name"], case, {"line": jcs(event | {"hash": digest}).decode(), "hash": digest}
        except Refusal as refusal:
            yield case["name"], case, {"refusal": dict(zip(("code", "pointer"), refusal.args))}

def chain_cases(document):
    lines, walk = [Line(text.encode() + b"\n") for text in document["lines"]], Walk()
    for line in lines:
        walk.line(line)
    counts = {"held": walk.held, "breaks": walk.breaks, "some roots": bool(document["roots"]),
              "some proofs": bool(document["proofs"]), "chain": walk.chain, "headHash": walk.head["hash"]}
    yield "lines", document | {"held": 200, "breaks": [], "some roots": True, "some proofs": True}, counts
    for size, root in document["roots"].items():
        yield "root " + size, {"root": root}, {"root": walk.root(0, int(size))}
    for proof in document["proofs"]:
        index, size = proof["index"], proof["size"]
        root = root_by_proof(lines[index].stored, index, size, proof["path"])
        yield f"proof {index} of {size}", {"root": walk.root(0, size)}, {"root": root}

def verification_cases(document):
    for case in document["cases"]:
        walk = BlockWalk(*(case["start"][name] for name in ("seq", "prevHash") if case["start"]))
        for raw in io.BytesIO(base64.b64decode(case.get("linesBase64", ""))):
            walk.line(Line(raw))
        for block in case.get("blocks", []):
            walk.block(block["n"], base64.b64decode(block["rowBase64"]))
        if case["markers"] is not None:
            walk.check_markers(case["markers"])
        checkpoints, anchors = (texts if texts is None else [text.encode() for text in texts]
                                for texts in (case["checkpoints"], case["anchors"]))
        result = judge(walk, checkpoints, anchors, case["keys"])
        yield case["name"], case.get("expect", {}), without(result, "rootHash", "head")

def run_vectors(directory):
    passed = failed = 0
    readers = {"events": event_cases, "chain": chain_cases, "verification": verification_cases}
    for file, read_cases in readers.items():
        document = json.loads(pathlib.Path(directory, file + ".json").read_bytes())
        cases = list(read_cases(document)) or [("no case", {}, {"cases": []})]
        for name, wanted, got in cases:
            differing = [member for member in got if wanted.get(member, "(absent)") != got[member]]
            for member in differing:
                said, found = json.dumps(wanted.get(member, "(absent)")), json.dumps(got[member])
                print(f"{file}.json: {name}: {member}: wanted {said}, got {found}")
            passed, failed = passed + (not differing), failed + bool(differing)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
