#!/usr/bin/env python3
"""Independent verifier of the audit log, written from docs/format.md alone (section numbers refer to it).
Here is what exports need (sections 1 to 5, and 8); vectors.py has the rest, and runs the test vectors.

verify.py vectors DIR
verify.py file LINES [--checkpoints FILE] [--anchor FILE]... [--key ALG:HEX[@FROM-TO]]... [--companion FILE]
"""
import datetime, functools, hashlib, hmac, io, json, pathlib, re, sys, types
from contextlib import suppress
from decimal import Decimal
from rfc8785 import dumps as jcs

ZEROS, MAX_INTEGER = "0" * 64, 2**53 - 1
def demand(holds, why):
    if not holds:
        raise ValueError(why)
def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()

# ---- JSON (section 1)
def exact_number(text):
    value = Decimal(re.sub(r"([eE][-+]?\d{9})\d+", r"\1", text))  # nine digits of an exponent say enough
    if value == value.to_integral_value():
        demand(-MAX_INTEGER <= value <= MAX_INTEGER, "number-too-large")
        return int(value or 0)
    demand(value == Decimal(repr(float(text))), "number-not-exact")  # repr gives as few digits as JCS
    return float(text)
def object_of(pairs):
    demand(len(dict(pairs)) == len(pairs), "duplicate-member")
    return dict(pairs)
NUMBERS = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), exact_number)
NOT_PLAIN = re.compile(rb'(":|[\[,])-?[0-9]+[.e]|[\xf0-\xf4]|\\u0000')  # what Python's JSON may get wrong
def read(data):  # the value of a JSON text, and its JCS; neither writer takes lone surrogates
    value = json.loads(data.decode(), object_pairs_hook=object_of, **NUMBERS)
    canonical = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    if canonical != data or NOT_PLAIN.search(data):  # else it is right already, and in half the time
        canonical = jcs(value)
        demand(not re.search(rb"(?<!\\)(\\\\)*\\u0000", canonical), "nul-character")
    return value, canonical

# ---- What events and checkpoints look like (sections 1, 2 and 5)
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z"
HEX64, CHAIN, POSITIVE = "[0-9a-f]{64}", "[a-z0-9.-]{1,80}", "[1-9][0-9]*"
ALGORITHM = "hmac-sha256|ed25519|ecdsa-p256-sha256"
OPTIONAL = ("actorId", "actorEmail", "actorIp", "resourceType", "resourceId", "resourceName", "tenantSlug",
            "partnerSlug", "externalId")
EVENT = dict.fromkeys((*OPTIONAL, "metadata"), "(?s).+") | dict.fromkeys(("prevHash", "hash"), HEX64) | {
    "v": "1", "chain": CHAIN, "seq": POSITIVE, "id": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "at": TIME,
    "recordedAt": TIME, "actorType": "user|service|system|anonymous", "source": "[a-z0-9-]{1,40}",
    "action": r"[a-z0-9_-]{1,64}(\.[a-z0-9_-]{1,64}){0,7}", "outcome": "success|failure|denied"}
CHECKPOINT = {
    "type": r"audit\.checkpoint\.v1", "chain": CHAIN, "n": POSITIVE, "headSeq": POSITIVE, "headHash": HEX64,
    "rootHash": HEX64, "at": TIME, "reason": "startup|interval|threshold|manual", "prevCheckpoint": HEX64,
    "sigAlg": ALGORITHM, "keyId": "[0-9a-f]{16}", "signature": "([0-9a-f]{2})+"}
TYPES = dict.fromkeys(("v", "seq", "n", "headSeq"), int) | {"metadata": dict}  # the others are strings

def demand_members(said, looks):
    demand(isinstance(said, dict) and said.keys() == looks.keys(), "members")
    for name, value in said.items():
        if value is not None or name not in OPTIONAL:
            demand(type(value) is TYPES.get(name, str) and re.fullmatch(looks[name], str(value)), name)
        demand(looks[name] is not TIME or datetime.date.fromisoformat(value[:10]), "no such day")

def id_of(source, external_id):
    digest = sha256_hex(jcs([source, external_id]))
    variant = "89ab"[int(digest[16], 16) % 4]
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"

class Line:
    """`readable`: step 1 of section 8 holds; `believed`: step 2 too, and the line is its own JCS."""
    def __init__(self, raw):
        text = raw.removesuffix(b"\n")
        cut = re.search(rb'"hash":"([0-9a-f]{64})",', text)
        self.stored = cut and cut[1].decode()
        self.computed = cut and sha256_hex(text[:cut.start()] + text[cut.end():])
        self.differs, self.readable, self.believed = self.stored != self.computed, False, False
        with suppress(ValueError, RecursionError):
            self.event, canonical = read(text)
            demand_members(self.event, EVENT)
            self.origin = self.event["source"], self.event["externalId"]
            demand(self.origin[1] is None or self.event["id"] == id_of(*self.origin), "id-mismatch")
            self.readable = raw != text and list(self.event) == sorted(self.event)
            self.believed = self.readable and canonical == text and not self.differs

# ---- Merkle tree (section 4)
def tree_hash(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def grow(peaks, hash_hex):  # peaks: size and root of the full subtrees, largest first
    size, root = 1, tree_hash(b"\0", bytes.fromhex(hash_hex))
    while peaks and peaks[-1][0] == size:
        size, root = 2 * size, tree_hash(b"\1", peaks.pop()[1], root)
    peaks.append((size, root))
def root_of(peaks):
    roots = [root for _, root in reversed(peaks)] or [tree_hash()]
    return functools.reduce(lambda right, left: tree_hash(b"\1", left, right), roots).hex()

# ---- Keys and checkpoints (section 5)
def counts_by(entry, said, data):  # whether the signature counts by this entry of the ring
    algorithm, key, first, last = re.fullmatch(
        rf"({ALGORITHM}):([0-9a-f]+)(?:@([0-9]+)-([0-9]*))?", entry).groups()
    key, signature = bytes.fromhex(key), bytes.fromhex(said["signature"])
    key_id = sha256_hex(b"dezky-key-id\n" * (algorithm == "hmac-sha256") + key)[:16]
    in_range = int(first or 1) <= said["headSeq"] <= int(last or MAX_INTEGER)
    if (key_id, algorithm, True) != (said["keyId"], said["sigAlg"], in_range):
        return False
    if algorithm == "hmac-sha256":
        return hmac.compare_digest(hmac.digest(key, data, "sha256"), signature)
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
    from cryptography.hazmat.primitives.hashes import SHA256
    with suppress(InvalidSignature, ValueError):
        if algorithm == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
        else:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
            point.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))
        return len(signature) == 64
    return False

KINDS = ["checkpoint-signature-mismatch", "checkpoint-chain-mismatch", "checkpoint-head-mismatch", "tail-truncated"]

class Checkpoint:
    """`counts` if it is canonical, by section 5, and signed by a key of the ring."""
    def __init__(self, raw, ring, seq_if_unread):
        self.raw, self.said, self.breaks, self.counts = raw, None, [], False
        with suppress(ValueError, RecursionError):
            self.said, canonical = read(raw)
            demand_members(self.said, CHECKPOINT)
            signed = jcs({name: value for name, value in self.said.items() if name != "signature"})
            self.n, self.at, self.digest = self.said["n"], self.said["at"], sha256_hex(signed)
            self.counts = canonical == raw and any(counts_by(entry, self.said, signed) for entry in ring)
        claimed = isinstance(self.said, dict) and self.said.get("headSeq")
        self.head_seq = self.place = claimed if type(claimed) is int else seq_if_unread
    def report(self, kind, **members):
        self.breaks.append({"kind": kind, "headSeq": self.head_seq, **members})
    def is_ours(self, walk):  # if not, it is not looked at further
        if not self.counts:
            self.report("checkpoint-signature-mismatch")
        elif walk.chain not in (None, self.said["chain"]):
            self.report("checkpoint-chain-mismatch")
        return not self.breaks
    def check_head(self, walk):
        if walk.end is not None and self.head_seq > walk.end:
            return None
        if self.head_seq > walk.last_seq and not walk.tail_lost:
            return self.report("tail-truncated", actual=str(walk.last_seq))
        for name, there in zip(("headHash", "rootHash"), walk.at.get(self.head_seq, ())):
            if there not in (None, self.said[name]):
                return self.report("checkpoint-head-mismatch", expected=self.said[name], actual=there)

# ---- Verification (section 8)
class Walk:
    def __init__(self, start=(1, ZEROS)):
        self.seq, self.before, self.links = start[0] - 1, start[1], {start[1]}  # None in links: any
        self.peaks = [] if start[0] == 1 else None  # None: the tree is not known
        self.chain, self.recorded_at, self.origins, self.at, self.breaks = None, "", set(), {}, []
        self.last_seq, self.last_hash, self.total, self.held = 0, None, 0, 0
        self.bytes_lost, self.tail_lost, self.end = False, False, None  # end: where a companion states one

    def fault(self, line):
        if not line.believed:
            hashes = {"expected": line.stored, "actual": line.computed} if line.differs else {}
            return {"kind": "event-hash-mismatch", "seq": self.seq + 1, **hashes}
        seq, link, chain = line.event["seq"], line.event["prevHash"], line.event["chain"]
        if seq != self.seq + 1 and not self.bytes_lost:
            return {"kind": "event-seq-gap", "seq": min(seq, self.seq + 1)}
        if not self.links & {None, link}:
            return {"kind": "event-prev-hash-mismatch", "seq": seq, "expected": self.before, "actual": link}
        wrong = ("recordedAt" if line.event["recordedAt"] < self.recorded_at else
                 "chain" if chain != (self.chain or chain) else
                 "externalId" if line.origin in self.origins else None)
        return {"kind": "event-order-mismatch", "seq": seq, "member": wrong} if wrong else None

    def line(self, line, **block):
        fault = self.fault(line)
        self.total, self.held = self.total + 1, self.held + (not fault)
        self.before, self.links = line.stored, {line.stored, line.computed}
        self.bytes_lost, self.tail_lost = False, not line.readable
        self.seq = line.event["seq"] if line.believed else self.seq + 1
        if line.readable:
            self.last_seq, self.last_hash = self.seq, line.stored
        if line.believed:
            self.chain, self.recorded_at = self.chain or line.event["chain"], line.event["recordedAt"]
            self.origins.update({line.origin} if line.origin[1] else ())
        if fault:
            self.breaks.append(fault | block)
            self.peaks = None
        elif self.peaks is not None:
            grow(self.peaks, line.stored)
        self.at.setdefault(self.seq, (line.stored, self.peaks and root_of(self.peaks)))

def judge(walk, checkpoints, anchors, ring):  # checkpoints: None where none are given
    given, ours, changed = [], {}, []
    last = types.SimpleNamespace(n=0, head_seq=0, at="", digest=ZEROS)
    for raw in checkpoints or []:
        each = Checkpoint(raw, ring, last.head_seq + 1)
        given.append(each)
        if each.is_ours(walk):
            linked = changed or each.said["prevCheckpoint"] == last.digest
            grows = each.head_seq > last.head_seq and each.at >= last.at
            if not (linked and grows and each.n == last.n + len(changed) + 1):
                each.report("checkpoint-chain-mismatch")
            each.check_head(walk)
            for earlier in changed:  # their breaks stand no later than the next one that counts
                earlier.place = min(earlier.place, each.head_seq)
            last, changed, ours[each.n] = each, [], each
        elif not each.counts:
            changed.append(each)
    found = [(each["seq"], each["kind"] == "block-header-mismatch", each) for each in walk.breaks]
    anchors = [Checkpoint(raw, ring, 1) for raw in anchors]
    our_anchors = [anchor for anchor in anchors if anchor.is_ours(walk)]
    for anchor in our_anchors:
        anchor.check_head(walk)
        twin = ours.get(anchor.n)
        one_event = twin and twin.head_seq == anchor.head_seq and twin.said["headHash"] != anchor.said["headHash"]
        if twin and twin.raw != anchor.raw and not one_event:
            twin.report("checkpoint-chain-mismatch")
        if checkpoints is not None and anchor.n > max(ours, default=0) and anchor.head_seq in walk.at:
            found.append((anchor.place, 3, {"kind": "checkpoint-chain-mismatch", "headSeq": anchor.head_seq}))
    found += [(each.place, 2 + KINDS.index(its_break["kind"]), its_break)
              for each in given + anchors for its_break in each.breaks]
    breaks = [each for _, _, each in sorted(found, key=lambda entry: entry[:2])]
    verified, holding = ([each.head_seq for each in group if not each.breaks and each.head_seq in walk.at]
                         for group in (given, given + anchors))
    return {
        "status": "broken" if breaks else "intact", "anchored": bool(our_anchors),
        "eventsVerified": walk.held, "eventsTotal": walk.total, "checkpointsVerified": len(verified),
        "unsignedTail": walk.last_seq - max(holding, default=0), "break": breaks[0] if breaks else None,
        "breaks": len(breaks), "rootHash": None if walk.peaks is None else root_of(walk.peaks),
        "head": {"seq": walk.last_seq, "hash": walk.last_hash}}

# ---- Exported files (section 3)
def verify_file(data, options):
    checkpoints, anchors = ([line for content in options[name] for line in content.splitlines()]
                            for name in ("--checkpoints", "--anchor"))
    raws, companion, start = io.BytesIO(data).readlines(), {}, (1, ZEROS)
    if options["--companion"]:
        companion = json.loads(options["--companion"][0])
        demand(not companion.get("filter"), "of a selection only own hashes and proofs can be checked")
        start = companion["startSeq"], companion["prevHash"]
    elif raws and (first := Line(raws[0])).readable and first.event["seq"] > 1:
        start = first.event["seq"], first.event["prevHash"]
    walk = Walk(start)
    walk.end = companion.get("endSeq")
    for raw in raws:
        walk.line(Line(raw))
    if (walk.end or 0) > walk.last_seq and not walk.tail_lost:
        walk.breaks.append({"kind": "event-seq-gap", "seq": walk.seq + 1})
    result = judge(walk, checkpoints if options["--checkpoints"] else None, anchors, options["--key"])
    truth = {"eventCount": len(raws), "bytes": len(data), "sha256": sha256_hex(data)}
    truth |= {"endSeq": walk.last_seq, "headHash": walk.last_hash} if raws else {}
    differing = [name for name in truth if companion and companion.get(name) != truth[name]]
    if differing:
        result |= {"status": "broken", "companion": differing[0]}
    print(json.dumps(result))
    return 10 if result["status"] == "broken" else 0

def main(command, path, *rest):
    if command == "vectors":
        from vectors import run_vectors
        return run_vectors(path)
    options = {"--checkpoints": [], "--anchor": [], "--key": [], "--companion": []}
    for name, value in zip(rest[::2], rest[1::2], strict=True):
        options[name].append(value if name == "--key" else pathlib.Path(value).read_bytes())
    return verify_file(pathlib.Path(path).read_bytes(), options)

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if sys.argv[1:2] in (["vectors"], ["file"]) else __doc__)
