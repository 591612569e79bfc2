#!/usr/bin/env python3
"""Independent verifier of the audit log format, written from docs/format.md alone (section numbers refer to it).

verify.py vectors DIR
verify.py file LINES [--checkpoints FILE] [--anchor FILE]... [--key ALG:HEX[@FROM-TO]]... [--companion FILE]
"""
import argparse, base64, datetime, hashlib, hmac, json, os, re, sys, zlib

ZEROS = "0" * 64
MAX_INTEGER = 2**53 - 1
GZIP_START = bytes.fromhex("1f8b08000000000000ff")
sys.set_int_max_str_digits(0)
sys.setrecursionlimit(20_000)

class Refusal(Exception):
    def __init__(self, code, pointer):
        super().__init__(code, pointer)
        self.code, self.pointer = code, pointer

def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()

# ---- JSON: exact numbers and canonical output (RFC 8785), strict input (RFC 8259)

def exact_decimal(text):
    """(negative, digits, exponent) without superfluous zeros: the exact value of a JSON number's text."""
    sign, whole, fraction, exponent = re.fullmatch(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?", text).groups()
    digits = (whole + (fraction or "")).lstrip("0")
    stripped = digits.rstrip("0")
    scale = int(exponent or 0) - len(fraction or "") + len(digits) - len(stripped)
    return (bool(sign), stripped, scale) if stripped else (False, "", 0)

def number_value(text, pointer):
    negative, digits, exponent = exact = exact_decimal(text)
    if exponent >= 0:
        if len(digits) + exponent > 16 or int(digits or 0) * 10**exponent > MAX_INTEGER:
            raise Refusal("number-too-large", pointer)
        return (-1 if negative else 1) * int(digits or 0) * 10**exponent
    if exact_decimal(repr(float(text))) != exact:  # repr gives the shortest digits, as JCS does
        raise Refusal("number-not-exact", pointer)
    return float(text)

def number_text(value):
    """ECMAScript's Number::toString."""
    negative, digits, exponent = exact_decimal(repr(value))
    count, point = len(digits), len(digits) + exponent
    if not digits:
        return "0"
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if count > 1 else "") + f"e{point - 1:+d}"
    return "-" * negative + text

def jcs_text(value):
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # escapes exactly what RFC 8785 escapes
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(jcs_text(name) + ":" + jcs_text(value[name]) for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(jcs_text, value)) + "]"
    return number_text(value)

def jcs(value):
    return jcs_text(value).encode("utf-8")

class Reader:
    """Recursive-descent JSON reader that says where (RFC 6901) a text is at fault."""
    SPACE = re.compile(r"[ \t\n\r]*")
    PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
    WORD = re.compile(r"[-+.0-9A-Za-z]+")
    NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
    UNIT = re.compile(r"u([0-9a-fA-F]{4})")
    ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

    def __init__(self, data):
        try:
            self.text, self.at = data.decode("utf-8"), 0
        except UnicodeDecodeError:
            raise Refusal("invalid-utf8", "")  # not a text, so no member of it can be named

    def fail(self, pointer):
        raise Refusal("invalid-json", pointer)

    def peek(self):
        self.at = self.SPACE.match(self.text, self.at).end()
        return self.text[self.at:self.at + 1]

    def expect(self, characters, pointer):
        found = self.peek()
        if not found or found not in characters:
            self.fail(pointer)
        self.at += 1
        return found

    def document(self):
        value = self.value("")
        if self.peek():
            self.fail("")
        return value

    def value(self, pointer):
        start = self.peek()
        if start == "{":
            return self.object(pointer)
        if start == "[":
            return self.array(pointer)
        if start == '"':
            return self.string(pointer)
        word = self.WORD.match(self.text, self.at)
        if word and word[0] in ("null", "true", "false"):
            self.at = word.end()
            return {"null": None, "true": True, "false": False}[word[0]]
        if not word or not self.NUMBER.fullmatch(word[0]):
            self.fail(pointer)
        self.at = word.end()
        return number_value(word[0], pointer)

    def object(self, pointer):
        members, mark = {}, self.expect("{", pointer)
        if self.peek() == "}":
            mark = self.expect("}", pointer)
        while mark != "}":
            if self.peek() != '"':
                self.fail(pointer)
            name = self.string(pointer)
            member = pointer + "/" + name.replace("~", "~0").replace("/", "~1")
            if name in members:
                raise Refusal("duplicate-member", member)
            self.expect(":", pointer)
            members[name] = self.value(member)
            mark = self.expect(",}", pointer)
        return members

    def array(self, pointer):
        items, mark = [], self.expect("[", pointer)
        if self.peek() == "]":
            mark = self.expect("]", pointer)
        while mark != "]":
            items.append(self.value(f"{pointer}/{len(items)}"))
            mark = self.expect(",]", pointer)
        return items

    def string(self, pointer):
        self.at += 1
        units = []  # pieces of text; escaped UTF-16 units stand alone until the end
        while True:
            plain = self.PLAIN.match(self.text, self.at)
            units.append(plain[0])
            self.at = plain.end()
            if self.text[self.at:self.at + 1] == '"':
                self.at += 1
                break
            if self.text[self.at:self.at + 1] != "\\":
                self.fail(pointer)
            self.at += 1
            unit = self.UNIT.match(self.text, self.at)
            if unit:
                units.append(chr(int(unit[1], 16)))
            elif self.text[self.at:self.at + 1] in self.ESCAPES:
                units.append(self.ESCAPES[self.text[self.at]])
            else:
                self.fail(pointer)
            self.at += 5 if unit else 1
        try:
            text = "".join(units).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise Refusal("lone-surrogate", pointer)
        if "\0" in text:
            raise Refusal("nul-character", pointer)
        return text

def plain_integer(text):
    if len(text) > 15:
        raise ValueError("for the strict reader")
    return int(text)

def plain_float(text):
    raise ValueError("for the strict reader")

PLAIN_DECODER = json.JSONDecoder(parse_int=plain_integer, parse_float=plain_float, parse_constant=plain_float)
PLAIN_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)

def read_plain_canonical(text):
    """A short cut for speed: the value of a text that is JCS and in which Python's own JSON cannot differ from it (no
    fractions, long integers, characters outside the BMP, or U+0000); None for any other, which the strict reader reads."""
    if b"\\u0000" in text or max(text, default=0) >= 0xF0:
        return None
    try:
        value = PLAIN_DECODER.decode(text.decode("utf-8"))
        return value if PLAIN_ENCODER.encode(value).encode("utf-8") == text else None
    except (ValueError, RecursionError):
        return None

# ---- Events (sections 1 to 3)

HEX64 = r"[0-9a-f]{64}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
STRINGS = {
    "chain": r"[a-z0-9.-]{1,80}", "id": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "at": TIME, "recordedAt": TIME,
    "actorType": "user|service|system|anonymous", "action": r"[a-z0-9_-]{1,64}(\.[a-z0-9_-]{1,64}){0,7}",
    "outcome": "success|failure|denied", "source": r"[a-z0-9-]{1,40}", "prevHash": HEX64}
OPTIONAL = {"actorId", "actorEmail", "actorIp", "resourceType", "resourceId", "resourceName", "tenantSlug",
            "partnerSlug", "externalId"}
MEMBERS = {*STRINGS, *OPTIONAL, "v", "seq", "metadata"}
RFC3339 = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
                     r"(?:[Zz]|([-+])([01][0-9]|2[0-3]):([0-5][0-9]))")

def time_taken_in(text):
    """Section 2: the one form of an RFC 3339 time, or None."""
    match = RFC3339.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    milliseconds = ((fraction or "") + "000")[:3]
    if second == 60:
        second, milliseconds = 59, "999"
    offset = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second) + (offset if sign == "-" else -offset)
    except (ValueError, OverflowError):
        return None
    return f"{moment.isoformat()}.{milliseconds}Z"

def string_fits(value, pattern):
    return isinstance(value, str) and bool(re.fullmatch(pattern, value)) and (
        pattern is not TIME or time_taken_in(value) == value)

def uuid_of(source, external_id):
    number = int.from_bytes(hashlib.sha256(jcs([source, external_id])).digest()[:16], "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | (8 << 76) | (2 << 62)
    return re.sub(r"(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", f"{number:032x}")

def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)

def event_taken_in(said):
    """The event (without `hash`) with its times in the form of section 2; refuses what is none by section 1.
    The document leaves the codes `invalid-...` open; here they are `invalid-*`."""
    if not isinstance(said, dict):
        raise Refusal("wrong-type", "")
    for name in sorted(MEMBERS - said.keys()):
        raise Refusal("missing-member", "/" + name)
    for name in sorted(said.keys() - MEMBERS):
        raise Refusal("unknown-member", "/" + name.replace("~", "~0").replace("/", "~1"))
    event = dict(said)
    for name, value in said.items():
        right_type = (is_integer(value) if name in ("v", "seq") else isinstance(value, dict) if name == "metadata"
                      else isinstance(value, str) or (value is None and name in OPTIONAL))
        if not right_type:
            raise Refusal("wrong-type", "/" + name)
        if value == "" and name in OPTIONAL:
            raise Refusal("empty-string", "/" + name)
        if name in ("at", "recordedAt"):
            event[name] = value = time_taken_in(value)
        if value is None and name not in OPTIONAL or name == "seq" and value < 1 or (
                name in STRINGS and not re.fullmatch(STRINGS[name], value)):
            raise Refusal("invalid-*", "/" + name)
    if event["v"] != 1:
        raise Refusal("unknown-version", "/v")
    if event["seq"] == 1 and event["prevHash"] != ZEROS:
        raise Refusal("invalid-*", "/prevHash")
    if event["externalId"] is not None and event["id"] != uuid_of(event["source"], event["externalId"]):
        raise Refusal("id-mismatch", "/id")
    return event

class Line:
    """A line as section 8 looks at it: `readable` (step 1), and the stored and the computed hash if one can be cut out."""
    HASH_MEMBER = re.compile(rb'"hash":"([0-9a-f]{64})",')

    def __init__(self, raw):
        text = raw.removesuffix(b"\n")
        member = self.HASH_MEMBER.search(text)
        self.stored = member[1].decode() if member else None
        self.computed = sha256_hex(text[:member.start()] + text[member.end():]) if member else None
        self.hashes, self.readable, self.canonical, self.event = {self.stored, self.computed} - {None}, False, False, None
        try:
            said = read_plain_canonical(text)
            self.canonical = said is not None
            if not self.canonical:
                said = Reader(text).document()
                self.canonical = jcs(said) == text
            self.event = {name: value for name, value in said.items() if name != "hash"} if "hash" in said else None
            self.readable = (event_taken_in(self.event) == self.event and string_fits(said["hash"], HEX64)
                             and list(said) == sorted(said) and text != raw)
        except (Refusal, RecursionError, AttributeError, TypeError):
            pass

def split_lines(data):
    return [line for line in re.split(rb"(?<=\n)", data) if line]

# ---- Merkle tree (section 4)

def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()

class Tree:
    def __init__(self):
        self.size, self.peaks = 0, []  # roots of the full subtrees, largest first

    def append(self, entry_hex):
        peak, self.size = hashlib.sha256(b"\0" + bytes.fromhex(entry_hex)).digest(), self.size + 1
        for _ in range((self.size & -self.size).bit_length() - 1):
            peak = node(self.peaks.pop(), peak)
        self.peaks.append(peak)

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").hexdigest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root.hex()

def inclusion_holds(entry_hex, index, size, path, root_hex):
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    first, last, root = index, size - 1, hashlib.sha256(b"\0" + bytes.fromhex(entry_hex)).digest()
    for sibling in map(bytes.fromhex, path):
        if last == 0:
            return False
        if first & 1 or first == last:
            root = node(sibling, root)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            root = node(root, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and root.hex() == root_hex

# ---- Keys and checkpoints (section 5)

def p256_holds(point, digest, signature):
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    constant = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    base = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)

    def add(a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0] and (a[1] + b[1]) % prime == 0:
            return None
        slope = ((3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, prime) if a == b
                 else (b[1] - a[1]) * pow(b[0] - a[0], -1, prime))
        x = (slope * slope - a[0] - b[0]) % prime
        return x, (slope * (a[0] - x) - a[1]) % prime

    def times(factor, a):
        result = None
        while factor:
            result, a, factor = add(result, a) if factor & 1 else result, add(a, a), factor >> 1
        return result

    def number(data):
        return int.from_bytes(data, "big")

    if len(point) != 65 or point[0] != 4 or len(signature) != 64:
        return False
    x, y, r, s = number(point[1:33]), number(point[33:]), number(signature[:32]), number(signature[32:])
    on_curve = max(x, y) < prime and (y * y - x**3 + 3 * x - constant) % prime == 0
    if not on_curve or not 0 < r < order or not 0 < s < order:
        return False
    inverse = pow(s, -1, order)
    total = add(times(number(digest) * inverse % order, base), times(r * inverse % order, (x, y)))
    return total is not None and total[0] % order == r

class Key:
    def __init__(self, entry):
        self.algorithm, key, first, last = re.fullmatch(
            r"(hmac-sha256|ed25519|ecdsa-p256-sha256):([0-9a-fA-F]+)(?:@(\d+)-(\d*))?", entry).groups()
        self.key = bytes.fromhex(key)
        self.first, self.last = int(first or 1), int(last or MAX_INTEGER)
        if len(self.key) != (65 if self.algorithm.startswith("ecdsa") else 32):
            raise ValueError("length of key " + entry)
        named = b"dezky-key-id\n" + self.key if self.algorithm == "hmac-sha256" else self.key
        self.key_id = sha256_hex(named)[:16]

    def signed(self, data, signature):
        if self.algorithm == "hmac-sha256":
            return hmac.compare_digest(hmac.digest(self.key, data, "sha256"), signature)
        if self.algorithm == "ecdsa-p256-sha256":
            return p256_holds(self.key, hashlib.sha256(data).digest(), signature)
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, data)
            return True
        except (InvalidSignature, ValueError):
            return False

CHECKPOINT = {
    "type": r"audit\.checkpoint\.v1", "chain": STRINGS["chain"], "headHash": HEX64, "rootHash": HEX64, "at": TIME,
    "reason": "startup|interval|threshold|manual", "prevCheckpoint": HEX64,
    "sigAlg": "hmac-sha256|ed25519|ecdsa-p256-sha256", "keyId": r"[0-9a-f]{16}", "signature": r"([0-9a-f]{2})+"}

class Checkpoint:
    """`counts` if it is canonical, by section 5, and signed by a key of the ring."""
    def __init__(self, raw, ring):
        self.raw, self.counts, self.breaks = raw, False, []
        try:
            said = Reader(raw).document()
        except (Refusal, RecursionError):
            said = None
        self.said = said = said if isinstance(said, dict) else {}
        self.head_seq = said["headSeq"] if is_integer(said.get("headSeq")) else 0  # where to report it if it is none
        if (said.keys() == {*CHECKPOINT, "n", "headSeq"} and jcs(said) == raw
                and all(string_fits(said[name], pattern) for name, pattern in CHECKPOINT.items())
                and all(is_integer(said[name]) and said[name] >= 1 for name in ("n", "headSeq"))):
            signed = jcs({name: value for name, value in said.items() if name != "signature"})
            self.n, self.digest, signature = said["n"], sha256_hex(signed), bytes.fromhex(said["signature"])
            self.counts = any(
                key.key_id == said["keyId"] and key.algorithm == said["sigAlg"]
                and key.first <= self.head_seq <= key.last and key.signed(signed, signature) for key in ring)

    def report(self, kind, **members):
        self.breaks.append({"kind": kind, "headSeq": self.head_seq, **members})

    def check_head(self, walk):
        """Head and tail against the lines."""
        there, root = walk.at_head.get(self.head_seq, (None, None))
        if self.head_seq > walk.last_seq:
            if not walk.tail_unreadable:
                self.report("tail-truncated", actual=str(walk.last_seq))
        elif there and self.said["headHash"] != there:
            self.report("checkpoint-head-mismatch", expected=self.said["headHash"], actual=there)
        elif root and self.said["rootHash"] != root:
            self.report("checkpoint-head-mismatch", expected=self.said["rootHash"], actual=root)

# ---- Verification (section 8)

class Walk:
    """Goes over lines. `position` is the seq of the line before, `links` what the next prevHash may be (None: any)."""
    def __init__(self, start, heads, with_markers=False):
        self.position = self.last_seq = start[0] - 1
        self.hash_before = self.last_hash = start[1]
        self.links = {self.hash_before}
        self.tree = Tree() if start[0] == 1 else None
        self.heads, self.at_head = heads, {}  # headSeq -> (hash of that line, root or None)
        self.chain = self.recorded_at = None
        self.origins, self.breaks = set(), []
        self.markers = {} if with_markers else None
        self.held = self.total = 0
        self.may_skip = self.tail_unreadable = False

    def judge(self, line):
        """The break of a line, or None if it holds."""
        expected, event = self.position + 1, line.event
        if not line.readable or line.stored != line.computed or not line.canonical:
            differ = {"expected": line.stored, "actual": line.computed} if line.stored != line.computed else {}
            return {"kind": "event-hash-mismatch", "seq": expected, **differ}
        if event["seq"] < expected or event["seq"] > expected and not self.may_skip:
            return {"kind": "event-seq-gap", "seq": min(expected, event["seq"])}
        if self.links is not None and event["prevHash"] not in self.links:
            return {"kind": "event-prev-hash-mismatch", "seq": event["seq"], "expected": self.hash_before,
                    "actual": event["prevHash"]}
        order = (("recordedAt", self.recorded_at is None or self.recorded_at <= event["recordedAt"]),
                 ("chain", self.chain in (None, event["chain"])),
                 ("externalId", (event["source"], event["externalId"]) not in self.origins))
        wrong = next((member for member, right in order if not right), None)
        return {"kind": "event-order-mismatch", "seq": event["seq"], "member": wrong} if wrong else None

    def line(self, line, block=None):
        found, event = self.judge(line), line.event
        if found:
            self.breaks.append(found | ({"block": block} if block else {}))
        believed = line.readable and line.canonical and line.stored == line.computed
        self.position = event["seq"] if believed else self.position + 1
        if line.readable:
            self.last_seq, self.last_hash = self.position, line.stored
        self.total, self.held = self.total + 1, self.held + (not found)
        self.may_skip, self.tail_unreadable = False, not line.readable
        self.links, self.hash_before = line.hashes or None, line.stored
        if believed:
            self.chain, self.recorded_at = self.chain or event["chain"], event["recordedAt"]
            if event["externalId"] is not None:
                self.origins.add((event["source"], event["externalId"]))
            if self.markers is not None:
                self.markers[event["seq"]] = marker_of(event, block)
        if found:
            self.tree = None
        elif self.tree:
            self.tree.append(line.stored)
        if self.position in self.heads:
            self.at_head.setdefault(self.position, (line.stored, self.tree.root() if self.tree else None))
        return not found

    def block(self, n, row):
        header = read_block_header(row)
        body, lines, sizes = row.partition(b"\n")[2], [], []
        breaks_before = len(self.breaks)
        unreadable = {"kind": "block-unreadable", "block": n, "seq": self.position + 1}
        if header is None:
            self.breaks.append(unreadable)
        for start, size, data, whole in gzip_members(body):
            came_out = [Line(raw) for raw in split_lines(data)]
            for line in came_out:
                if not whole and self.judge(line):
                    break
                self.line(line, n)
            if not whole:
                if unreadable not in self.breaks:
                    unreadable["seq"] = self.position + 1
                    self.breaks.append(unreadable)
                self.lost(header, start)
            lines, sizes = lines + came_out, sizes + [[len(came_out), size]]
        if len(self.breaks) == breaks_before:
            member = disagreeing_member(header, n, lines, sizes, body)
            if member:
                self.breaks.append({"kind": "block-header-mismatch", "member": member, "block": n,
                                    "seq": lines[0].event["seq"] if lines else self.position + 1})

    def lost(self, header, member_start):
        """Lines of a gzip member are missing; if the header says how many, the walk goes on behind them."""
        bytes_before, seq_behind = 0, header["firstSeq"] if header else 0
        for events, size in header["members"] if header else []:
            bytes_before, seq_behind = bytes_before + size, seq_behind + events
            if bytes_before > member_start:
                break
        self.tail_unreadable = True
        if header is None or seq_behind > self.position + 1:
            self.links = self.tree = self.hash_before = None
        self.may_skip = header is None
        self.position = max(self.position, seq_behind - 1)

def marker_of(event, block):
    """Section 7: key and value."""
    origin = ["x", event["externalId"]] if event["externalId"] is not None else ["i", event["id"]]
    outside = ("v", "chain", "seq", "recordedAt", "prevHash")
    digest = sha256_hex(jcs({name: value for name, value in event.items() if name not in outside}))
    return sha256_hex(jcs([event["chain"], event["source"], *origin])), f"{block} {event['seq']} {digest}"

def read_block_header(row):
    """Section 6."""
    head, end, _ = row.partition(b"\n")
    integers = {"n", "firstSeq", "count"}
    strings = {"chain", "prevHash", "headHash", "atMin", "atMax", "recordedAt", "writer", "nonce", "digest"}
    try:
        header = Reader(head).document()
    except (Refusal, RecursionError):
        return None
    fits = (end and isinstance(header, dict) and header.keys() == integers | strings | {"members"} and jcs(header) == head
            and all(is_integer(header[name]) for name in integers)
            and all(isinstance(header[name], str) for name in strings) and isinstance(header["members"], list)
            and all(isinstance(pair, list) and len(pair) == 2 and all(map(is_integer, pair))
                    for pair in header["members"]))
    return header if fits else None

def gzip_members(body):
    """(start, size, data, whole) of each gzip member; behind damage goes on at the next start of a member."""
    start = 0
    while start < len(body):
        stream, data, whole = zlib.decompressobj(31), b"", False
        try:
            data = stream.decompress(body[start:])
            whole = stream.eof
        except zlib.error:
            stream = zlib.decompressobj(31)
            try:
                for at in range(start, len(body)):  # byte by byte, to get what stands before the damage
                    data += stream.decompress(body[at:at + 1])
            except zlib.error:
                pass
        following = body.find(GZIP_START, start + 1)
        end = len(body) - len(stream.unused_data) if whole else following if following > 0 else len(body)
        yield start, end - start, data, whole
        start = end

def disagreeing_member(header, n, lines, sizes, body):
    events = [line.event for line in lines]
    unsigned = {name: value for name, value in header.items() if name != "digest"}
    truth = {"n": n, "count": len(lines), "members": sizes}
    if events:
        times = [event["at"] for event in events]
        other_time = next((event["recordedAt"] for event in events if event["recordedAt"] != header["recordedAt"]), None)
        truth |= {"chain": events[0]["chain"], "firstSeq": events[0]["seq"], "prevHash": events[0]["prevHash"],
                  "headHash": lines[-1].stored, "atMin": min(times), "atMax": max(times),
                  "recordedAt": other_time or header["recordedAt"]}
    truth["digest"] = sha256_hex(jcs(unsigned) + b"\n" + body)
    return next((name for name in truth if truth[name] != header[name]), None)

def check_checkpoints(checkpoints, anchors, walk):
    before, changed = None, 0  # the one that counted last, and how many did not since
    for checkpoint in checkpoints or []:
        if not checkpoint.counts:
            checkpoint.report("checkpoint-signature-mismatch")
            changed += 1
            continue
        said = checkpoint.said
        chained = (walk.chain in (None, said["chain"])
                   and checkpoint.n == (before.n if before else 0) + changed + 1
                   and (changed or said["prevCheckpoint"] == (before.digest if before else ZEROS))
                   and (before is None or checkpoint.head_seq > before.head_seq and said["at"] >= before.said["at"]))
        if not chained:
            checkpoint.report("checkpoint-chain-mismatch")
        checkpoint.check_head(walk)
        before, changed = checkpoint, 0
    given = {checkpoint.n: checkpoint for checkpoint in checkpoints or [] if checkpoint.counts}
    for anchor in anchors:
        if not anchor.counts:
            anchor.report("checkpoint-signature-mismatch")
            continue
        anchor.check_head(walk)
        twin = given.get(anchor.n)
        if twin and twin.raw != anchor.raw and twin.said["headHash"] == anchor.said["headHash"]:
            twin.report("checkpoint-chain-mismatch")
        if checkpoints is not None and anchor.n > max(given, default=0) and anchor.head_seq in walk.at_head:
            anchor.report("checkpoint-chain-mismatch")

def check_markers(markers, walk):
    left, breaks = dict(markers), []
    for seq, (key, value) in walk.markers.items():
        if left.pop(key, None) != value:
            breaks.append({"kind": "index-mismatch", "seq": seq})
    return breaks + [{"kind": "index-mismatch", "seq": int(value.split(" ")[1])} for value in left.values()]

def verify(lines, blocks, start, checkpoints, anchors, keys, markers=None):
    """`checkpoints` is None where none are given; `markers` where none are to be checked."""
    ring = [Key(entry) for entry in keys]
    checkpoints = None if checkpoints is None else [Checkpoint(raw, ring) for raw in checkpoints]
    anchors = [Checkpoint(raw, ring) for raw in anchors]
    walk = Walk(start, {each.head_seq for each in (checkpoints or []) + anchors if each.counts}, markers is not None)
    for raw in split_lines(lines):
        walk.line(Line(raw))
    for n, row in blocks:
        walk.block(n, row)
    check_checkpoints(checkpoints, anchors, walk)
    found = walk.breaks + (check_markers(markers, walk) if markers is not None else [])
    ordered = [(each["seq"], each["kind"] == "block-header-mismatch", each) for each in found]
    sort_seq = float("inf")  # a changed checkpoint stands no later than the next one that counts
    for checkpoint in reversed(checkpoints or []):
        sort_seq = checkpoint.head_seq if checkpoint.counts else min(sort_seq, checkpoint.head_seq)
        ordered += [(sort_seq, 2, each) for each in checkpoint.breaks]
    ordered += [(anchor.head_seq, 2, each) for anchor in anchors for each in anchor.breaks]
    breaks = [each for _, _, each in sorted(ordered, key=lambda entry: entry[:2])]
    holding = [each for each in (checkpoints or []) + anchors if not each.breaks and each.head_seq in walk.at_head]
    return {
        "status": "broken" if breaks else "intact", "anchored": any(anchor.counts for anchor in anchors),
        "eventsVerified": walk.held, "eventsTotal": walk.total, "checkpointsVerified": sum(each not in anchors for each in holding),
        "unsignedTail": walk.last_seq - max((each.head_seq for each in holding), default=0),
        "break": breaks[0] if breaks else None, "breaks": len(breaks),
        "rootHash": walk.tree.root() if walk.tree else None, "head": {"seq": walk.last_seq, "hash": walk.last_hash}}

# ---- Vectors (section 9)

def outcome_of_event(data):
    try:
        event = event_taken_in(Reader(data).document())
    except Refusal as refusal:
        return {"refusal": {"code": refusal.code, "pointer": refusal.pointer}}
    digest = sha256_hex(jcs(event))
    return {"line": jcs(event | {"hash": digest}).decode(), "hash": digest}

def same_refusal(wanted, got):
    """Section 1 does not name the codes `invalid-...`, so any of them agrees with ours."""
    if not isinstance(wanted, dict) or not isinstance(got, dict):
        return wanted == got
    code = str(wanted.get("code"))
    if got["code"] == "invalid-*" and code.startswith("invalid-") and code not in ("invalid-json", "invalid-utf8"):
        code = "invalid-*"
    return wanted == {"code": wanted.get("code"), "pointer": got["pointer"]} and code == got["code"]

def event_cases(document):
    for case in document["cases"]:
        data = base64.b64decode(case["inputBase64"]) if "inputBase64" in case else case["input"].encode()
        got = outcome_of_event(data)
        fields = ("refusal",) if "refusal" in case else ("line", "hash")
        yield case["name"], [(field, case.get(field), got.get(field)) for field in fields
                             if field not in case or not same_refusal(case[field], got.get(field))]

def chain_cases(document):
    lines = [Line(line.encode() + b"\n") for line in document["lines"]]
    walk, roots = Walk((1, ZEROS), set()), {}
    for size, line in enumerate(lines, 1):
        held = walk.line(line)
        roots[size] = walk.tree.root() if walk.tree else None
        yield f"line {size}", [] if held else [("line", "holds", walk.breaks[-1])]
    told = {"lines": len(lines), "chain": walk.chain, "headHash": walk.hash_before}
    wanted = {"lines": 200, "chain": document.get("chain"), "headHash": document.get("headHash")}
    for field in told:
        yield "chain", [] if told[field] == wanted[field] else [(field, wanted[field], told[field])]
    for size in sorted({*document["roots"], "1", "200"}, key=int):
        wanted, got = document["roots"].get(size), roots.get(int(size))
        yield f"root {size}", [] if wanted and wanted == got else [("root", wanted, got)]
    for proof in document["proofs"]:
        index, size = proof["index"], proof["size"]
        held = inclusion_holds(lines[index].stored, index, size, proof["path"], roots.get(size))
        yield f"proof {index} of {size}", [] if held else [("path", "holds", "does not hold")]
    yield "proofs", [] if document["proofs"] else [("proofs", "some", "none")]

EXPECTED = ("status", "anchored", "eventsVerified", "eventsTotal", "checkpointsVerified", "unsignedTail", "break", "breaks")

def verification_cases(document):
    for case in document["cases"]:
        start = (case["start"]["seq"], case["start"]["prevHash"]) if case["start"] else (1, ZEROS)
        blocks = [(block["n"], base64.b64decode(block["rowBase64"])) for block in case.get("blocks") or []]
        checkpoints = case["checkpoints"] and [text.encode() for text in case["checkpoints"]]
        got = verify(base64.b64decode(case.get("linesBase64") or ""), blocks, start, checkpoints,
                     [text.encode() for text in case["anchors"]], case["keys"], case["markers"])
        expect = case["expect"]
        disagreements = [(field, expect.get(field, "(absent)"), got[field]) for field in EXPECTED
                         if field not in expect or expect[field] != got[field]]
        if ("linesBase64" in case) == ("blocks" in case):
            disagreements.append(("linesBase64", "either lines or blocks", "both or none"))
        yield case["name"], disagreements

def run_vectors(directory):
    passed = failed = 0
    for file, cases in (("events.json", event_cases), ("chain.json", chain_cases),
                        ("verification.json", verification_cases)):
        ran = 0
        try:
            with open(os.path.join(directory, file), "rb") as stream:
                document = json.load(stream)
            for name, disagreements in cases(document):
                ran += 1
                for field, wanted, got in disagreements:
                    print(f"{file}: {name}: {field}: wanted {json.dumps(wanted)}, got {json.dumps(got)}")
                passed, failed = passed + (not disagreements), failed + bool(disagreements)
        except (OSError, ValueError, KeyError, TypeError) as error:
            ran, failed = ran + 1, failed + 1
            print(f"{file}: after {ran - 1} cases: file: wanted a vector file, got {error!r}")
        if not ran:
            failed += 1
            print(f"{file}: none: cases: wanted some, got none")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0

# ---- Exported files (section 3)

def read_lines(path):
    with open(path, "rb") as stream:
        return [line.removesuffix(b"\n") for line in split_lines(stream.read())]

def run_file(options):
    with open(options.lines, "rb") as stream:
        data = stream.read()
    lines = split_lines(data)
    first, last = (Line(lines[0]), Line(lines[-1])) if lines else (None, None)
    start = (1, ZEROS)
    if first and first.readable and first.event["seq"] != 1:
        start = (first.event["seq"], first.event["prevHash"])
    companion = None
    if options.companion:
        with open(options.companion, "rb") as stream:
            companion = Reader(stream.read()).document()
        if companion.get("filter") is not None:
            sys.exit("a selection: only the hashes of its lines and their inclusion proofs can be checked")
        if is_integer(companion.get("startSeq")) and string_fits(companion.get("prevHash"), HEX64):
            start = (companion["startSeq"], companion["prevHash"])
    checkpoints = read_lines(options.checkpoints) if options.checkpoints else None
    anchors = [line for path in options.anchor for line in read_lines(path)]
    result = verify(data, [], start, checkpoints, anchors, options.key)
    if companion:
        truth = {"type": "audit.export.v1", "startSeq": start[0], "prevHash": start[1], "filter": None, "bytes": len(data), "sha256": sha256_hex(data), "eventCount": len(lines)}
        if last and last.readable:
            truth |= {"chain": last.event["chain"], "endSeq": last.event["seq"], "headHash": last.stored}
        disagreeing = next((name for name in truth if name not in companion or companion[name] != truth[name]), None)
        if disagreeing:
            result |= {"status": "broken", "companion": disagreeing}
    print(json.dumps(result))
    return 0 if result["status"] == "intact" else 10

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("vectors").add_argument("directory")
    file = commands.add_parser("file")
    file.add_argument("lines")
    file.add_argument("--checkpoints")
    file.add_argument("--anchor", action="append", default=[])
    file.add_argument("--key", action="append", default=[])
    file.add_argument("--companion")
    options = parser.parse_args()
    return run_vectors(options.directory) if options.command == "vectors" else run_file(options)

if __name__ == "__main__":
    sys.exit(main())
