#!/usr/bin/env python3
"""Independent verifier of the audit log, written from docs/format.md alone (section numbers refer to it).
All that exports need is here; vectors.py runs the test vectors, and has what only they need; archives.py has what
archives need beside.

verify.py vectors DIR
verify.py archive DIR... [--checkpoints FILE] [--key ALG:HEX[@FROM-TO]]...
verify.py file LINES [--checkpoints FILE] [--anchor FILE]... [--key ALG:HEX[@FROM-TO]]... [--companion FILE]
"""
import contextlib, datetime, decimal, functools, hashlib, hmac, io, json, pathlib, re, sys, uuid
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from rfc8785 import dumps as jcs

def sha256_hex(data):
    return hashlib.sha256(data).hexdigest()

def demand(holds, why):
    if not holds:
        raise ValueError(why)

REFUSED = (ValueError, RecursionError, InvalidSignature)

# ---- What events and checkpoints look like (sections 1, 2 and 5)
ZEROS, MAX_INTEGER = "0" * 64, 2**53 - 1
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z"
HEX64, CHAIN, POSITIVE = "[0-9a-f]{64}", "[a-z0-9.-]{1,80}", "[1-9][0-9]*"
ALGORITHM = "hmac-sha256|ed25519|ecdsa-p256-sha256"
OPTIONAL = ("actorId", "actorEmail", "actorIp", "resourceType", "resourceId", "resourceName", "tenantSlug",
            "partnerSlug", "externalId")
EVENT = dict.fromkeys((*OPTIONAL, "metadata"), "(?s).+") | dict.fromkeys(("prevHash", "hash"), HEX64) | {
    "v": "1", "chain": CHAIN, "seq": POSITIVE, "id": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "at": TIME,
    "recordedAt": TIME, "actorType": "user|service|system|anonymous", "source": "[a-z0-9-]{1,40}",
    "action": r"[a-z0-9_-]{1,64}(\.[a-z0-9_-]{1,64}){0,7}", "outcome": "success|failure|denied"}
CHECKPOINT = dict.fromkeys(("headHash", "rootHash", "prevCheckpoint"), HEX64) | {
    "type": r"audit\.checkpoint\.v1", "chain": CHAIN, "n": POSITIVE, "headSeq": POSITIVE, "at": TIME,
    "reason": "startup|interval|threshold|manual", "sigAlg": ALGORITHM, "keyId": "[0-9a-f]{16}",
    "signature": "([0-9a-f]{2})+"}
TYPES = dict.fromkeys(("v", "seq", "n", "headSeq"), int) | {"metadata": dict}  # the others are strings

def exact_number(text):
    value = decimal.Decimal(re.sub(r"([eE][-+]?\d{9})\d+", r"\1", text))  # so much exponent says enough
    whole = value == value.to_integral_value()
    demand(not whole or -MAX_INTEGER <= value <= MAX_INTEGER, "number-too-large")
    demand(whole or value == decimal.Decimal(repr(float(text))), "number-not-exact")  # digits are as in JCS
    return int(float(text)) if whole else float(text)

def object_of(pairs):
    demand(len(dict(pairs)) == len(pairs), "duplicate-member")
    return dict(pairs)

def read_object(data):  # and its JCS, which takes no lone surrogates
    numbers = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), exact_number)
    said = json.loads(data.decode(), object_pairs_hook=object_of, **numbers)
    canonical = jcs(said)
    demand(rb"\u0000" not in canonical.replace(rb"\\", b"") and isinstance(said, dict), "not such an object")
    return said, canonical

def demand_members(said, looks):
    demand(said.keys() == looks.keys(), "members")
    for name, value in said.items():
        if value is not None or name not in OPTIONAL:
            demand(type(value) is TYPES.get(name, str) and re.fullmatch(looks[name], str(value)), name)
        demand(looks[name] is not TIME or datetime.date.fromisoformat(value[:10]), "no such day")

def id_of(source, external_id):
    number = int(sha256_hex(jcs([source, external_id]))[:32], 16)
    return str(uuid.UUID(int=number & ~(15 << 76 | 3 << 62) | 8 << 76 | 2 << 62))

class Line:  # readable: step 1 of section 8 holds; believed: step 2 does, too, and it is its own JCS
    def __init__(self, raw):
        text, self.readable, self.believed = raw.removesuffix(b"\n"), False, False
        cut = re.search(rb'"hash":"([0-9a-f]{64})",', text)
        self.stored = cut and cut[1].decode()
        self.computed = cut and sha256_hex(text[:cut.start()] + text[cut.end():])
        self.differs = self.stored != self.computed
        with contextlib.suppress(*REFUSED):
            self.event, canonical = read_object(text)
            demand_members(self.event, EVENT)
            self.origin = self.event["source"], self.event["externalId"]
            demand(self.origin[1] is None or self.event["id"] == id_of(*self.origin), "id-mismatch")
            self.readable = raw != text and list(self.event) == sorted(self.event)
            self.believed = self.readable and canonical == text and not self.differs

class Walk:  # over lines from a stated place on (section 8)
    def __init__(self, seq=1, prev_hash=ZEROS):
        self.start = seq
        self.seq, self.links, self.hashes = seq - 1, (prev_hash,), {}  # None among the links: any will do
        self.tree_known, self.tree_size = seq == 1, 0  # the tree (section 4) ends where a line does not hold
        self.tail_lost, self.end = False, None  # end: where a companion states one
        self.chain, self.recorded_at, self.origins, self.breaks = None, "", set(), []
        self.head, self.total, self.held = {"seq": 0, "hash": None}, 0, 0

    def fault(self, line):  # by the five steps
        if not line.believed:
            hashes = {"expected": line.stored, "actual": line.computed}
            return {"kind": "event-hash-mismatch", "seq": self.seq + 1} | (hashes if line.differs else {})
        seq, link, chain = line.event["seq"], line.event["prevHash"], line.event["chain"]
        if seq != self.seq + 1:
            return {"kind": "event-seq-gap", "seq": min(seq, self.seq + 1)}
        if link not in self.links and None not in self.links:
            return {"kind": "event-prev-hash-mismatch", "seq": seq, "expected": self.links[0], "actual": link}
        wrong = ("recordedAt" if line.event["recordedAt"] < self.recorded_at else
                 "chain" if chain != (self.chain or chain) else line.origin in self.origins and "externalId")
        return wrong and {"kind": "event-order-mismatch", "seq": seq, "member": wrong}

    def line(self, line):
        fault = self.fault(line)
        self.breaks += [fault] if fault else []
        self.total, self.held = self.total + 1, self.held + (not fault)
        self.seq = line.event["seq"] if line.believed else self.seq + 1
        self.hashes.setdefault(self.seq, line.stored)
        self.tree_known &= not fault
        self.tree_size += self.tree_known
        self.links, self.tail_lost = (line.stored, line.computed), not line.readable
        if line.readable:
            self.head = {"seq": self.seq, "hash": line.stored}
        if line.believed:
            self.chain, self.recorded_at = self.chain or line.event["chain"], line.event["recordedAt"]
            self.origins.update({line.origin} if line.origin[1] else ())

    @functools.cache
    def root(self, start, end):  # of the tree over the lines behind `start` up to `end` (section 4)
        if end - start < 2:
            return sha256_hex(bytes.fromhex("00" + self.hashes[end] if end > start else ""))
        split = start + (1 << (end - start - 1).bit_length() - 1)
        return sha256_hex(bytes.fromhex("01" + self.root(start, split) + self.root(split, end)))

# ---- Checkpoints (sections 5 and 8)
def counts_by(entry, said, signed):  # whether the signature counts by this entry of the ring
    algorithm, key, first, last = re.fullmatch(
        rf"({ALGORITHM}):([0-9a-f]+)(?:@([0-9]+)-([0-9]*))?", entry).groups()
    key, signature = bytes.fromhex(key), bytes.fromhex(said["signature"])
    key_id = sha256_hex(b"dezky-key-id\n" * (algorithm == "hmac-sha256") + key)[:16]
    in_range = int(first or 1) <= said["headSeq"] <= int(last or MAX_INTEGER)
    if (key_id, algorithm, True) != (said["keyId"], said["sigAlg"], in_range):
        return False
    if algorithm == "hmac-sha256":
        return hmac.compare_digest(hmac.digest(key, signed, "sha256"), signature)
    if algorithm == "ed25519":
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    else:
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
        point.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
    return len(signature) == 64

class Checkpoint:  # counts: it is canonical, looks as in section 5, and is signed by a key of the ring
    def __init__(self, raw, ring, walk, seq_if_unread=1):
        self.raw, self.said, self.counts, self.breaks = raw, {}, False, []
        with contextlib.suppress(*REFUSED):
            self.said, canonical = read_object(raw)
            demand_members(self.said, CHECKPOINT)
            signed = jcs({name: value for name, value in self.said.items() if name != "signature"})
            self.digest = sha256_hex(signed)
            self.counts = canonical == raw and any(counts_by(entry, self.said, signed) for entry in ring)
        claimed = self.said.get("headSeq")
        self.head_seq = self.place = claimed if type(claimed) is int else seq_if_unread
        self.is_ours = self.counts and walk.chain in (None, self.said["chain"])
        if not self.is_ours:
            self.report("checkpoint-chain-mismatch" if self.counts else "checkpoint-signature-mismatch")
        elif walk.end is None or self.head_seq <= walk.end:
            self.check_head(walk)

    def report(self, kind, **members):
        self.breaks.append({"kind": kind, "headSeq": self.head_seq, **members})

    def check_head(self, walk):
        last_seq, root = walk.head["seq"], self.head_seq <= walk.tree_size and walk.root(0, self.head_seq)
        if self.head_seq > last_seq and not walk.tail_lost:
            return self.report("tail-truncated", actual=str(last_seq))
        for name, there in ("headHash", walk.hashes.get(self.head_seq)), ("rootHash", root):
            if there and there != self.said[name]:
                return self.report("checkpoint-head-mismatch", expected=self.said[name], actual=there)

# Of breaks at the same seq these come last, and in this order.
RANKS = {"block-header-mismatch": 1, "checkpoint-signature-mismatch": 2, "checkpoint-chain-mismatch": 3,
         "checkpoint-head-mismatch": 4, "tail-truncated": 5}

def judge(walk, checkpoints, anchors, ring):  # checkpoints: None where none are given
    given, counting, changed, last, last_digest = [], {}, [], {"n": 0, "headSeq": 0, "at": ""}, ZEROS
    for raw in checkpoints or []:
        each = Checkpoint(raw, ring, walk, last["headSeq"] + 1)
        given.append(each)
        if each.is_ours:
            said = each.said
            linked = changed or said["prevCheckpoint"] == last_digest
            grows = said["headSeq"] > last["headSeq"] and said["at"] >= last["at"]
            if not (linked and grows and said["n"] == last["n"] + len(changed) + 1):
                each.report("checkpoint-chain-mismatch")
            for earlier in changed:  # their breaks stand no later than the next one that counts
                earlier.place = min(earlier.place, each.head_seq)
            counting[said["n"]], changed, last, last_digest = each, [], said, each.digest
        elif not each.counts:
            changed.append(each)
    newest = max(last["n"] + len(changed), *counting, 0)
    anchors = [Checkpoint(raw, ring, walk) for raw in anchors]
    our_anchors = [anchor for anchor in anchors if anchor.is_ours]
    found = [(each["seq"], each) for each in walk.breaks]
    for anchor in our_anchors:
        n, seq, twin = anchor.said["n"], anchor.head_seq, counting.get(anchor.said["n"], anchor)
        one_event = twin.head_seq == seq and twin.said["headHash"] != anchor.said["headHash"]
        if twin.raw != anchor.raw and not one_event:
            twin.report("checkpoint-chain-mismatch")
        if checkpoints is not None and n > newest and seq in walk.hashes:
            found.append((seq, {"kind": "checkpoint-chain-mismatch", "headSeq": seq}))
    found += [(each.place, its_break) for each in given + anchors for its_break in each.breaks]
    found.sort(key=lambda entry: (entry[0], RANKS.get(entry[1]["kind"], 0)))
    compared = [a for a in our_anchors if walk.start <= a.head_seq <= (walk.end or a.head_seq)]
    holding = [each for each in given + anchors if not each.breaks and each.head_seq in walk.hashes]
    return {
        "status": "broken" if found else "intact", "anchored": bool(compared), "eventsVerified": walk.held,
        "eventsTotal": walk.total, "checkpointsVerified": len(set(holding) & set(given)),
        "unsignedTail": walk.head["seq"] - max((each.head_seq for each in holding), default=0),
        "break": found[0][1] if found else None, "breaks": len(found),
        "rootHash": walk.root(0, walk.tree_size) if walk.tree_known else None, "head": walk.head}

# ---- Exported files (section 3)
def verify_file(path, *rest):
    options = {"--checkpoints": [], "--anchor": [], "--key": [], "--companion": []}
    for name, value in zip(rest[::2], rest[1::2], strict=True):
        options[name].append(value if name == "--key" else pathlib.Path(value).read_bytes())
    data = pathlib.Path(path).read_bytes()
    raws, walk, companion = io.BytesIO(data).readlines(), Walk(), {}
    if options["--companion"]:
        companion = json.loads(options["--companion"][0])
        demand(not companion.get("filter"), "of a selection only own hashes and proofs can be checked")
        walk = Walk(companion["startSeq"], companion["prevHash"])
    elif raws and (first := Line(raws[0])).readable and first.event["seq"] > 1:
        walk = Walk(first.event["seq"], first.event["prevHash"])
    walk.end = companion.get("endSeq")
    for raw in raws:
        walk.line(Line(raw))
    if (walk.end or 0) > walk.head["seq"] and not walk.tail_lost:
        walk.breaks.append({"kind": "event-seq-gap", "seq": walk.seq + 1})
    checkpoints, anchors = ([line for content in options[name] for line in content.splitlines()]
                            for name in ("--checkpoints", "--anchor"))
    report = judge(walk, checkpoints if options["--checkpoints"] else None, anchors, options["--key"])
    truth = {"eventCount": len(raws), "bytes": len(data), "sha256": sha256_hex(data)}
    truth |= {"endSeq": walk.head["seq"], "headHash": walk.head["hash"]} if raws else {}
    differing = [name for name in truth if companion and companion.get(name) != truth[name]]
    report |= {"status": "broken", "companion": differing[0]} if differing else {}
    print(json.dumps(report))
    return 10 if report["status"] == "broken" else 0

if __name__ == "__main__":
    if sys.argv[1:2] == ["vectors"]:
        from vectors import run_vectors
        sys.exit(run_vectors(*sys.argv[2:]))
    if sys.argv[1:2] == ["archive"]:
        from archives import run_archives
        sys.exit(run_archives(*sys.argv[2:]))
    sys.exit(verify_file(*sys.argv[2:]) if sys.argv[1:2] == ["file"] else __doc__)
