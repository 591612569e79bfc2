"""Archives, from their objects and keys alone (docs/format.md, section 10)."""
import io, json, pathlib, re, zlib
from contextlib import suppress
from verify import ALGORITHM, CHAIN, HEX64, REFUSED, TIME, TYPES, ZEROS, Line, counts_by, demand, demand_members, jcs, \
    judge, read_object, sha256_hex
from vectors import BlockWalk, gzip_members, without

NUMBERS = ("startSeq", "endSeq", "eventCount", "bytesUncompressed", "bytesCompressed", "checkpoint")
MANIFEST = dict.fromkeys(NUMBERS, "[0-9]+") | dict.fromkeys(("firstAt", "lastAt", "archivedAt"), TIME) | dict.fromkeys(
    ("prevHash", "headHash", "jsonlSha256", "gzipSha256", "prevManifest"), HEX64) | {
    "type": r"audit\.archive\.v1", "chain": CHAIN, "jsonlKey": "(?s).*", "blocks": "(?s).*", "sigAlg": ALGORITHM,
    "keyId": "[0-9a-f]{16}", "signature": "([0-9a-f]{2})+"}
TYPES |= dict.fromkeys(NUMBERS, int) | {"blocks": list}
NAME = re.compile(r"([0-9]{20})-([0-9]{20})\.(manifest\.json|jsonl\.gz)")

def read_manifest(data, span):
    """Step 1 but for the signature; raises what is refused."""
    says, canonical = read_object(data)
    demand_members(says, MANIFEST)
    demand(canonical == data and (says["startSeq"], says["endSeq"]) == span, "not of its name")
    demand(says["eventCount"] == span[1] - span[0] + 1 and says["blocks"], "eventCount")
    seq, offset, n = span[0], 0, says["blocks"][0]["n"]
    for block in says["blocks"]:
        demand({name: type(value) for name, value in block.items()} ==
               dict.fromkeys(("n", "firstSeq", "count", "offset", "length"), int), "a block's members")
        demand((block["n"], block["firstSeq"], block["offset"]) == (n, seq, offset), "a block's place")
        demand(min(block["n"], block["count"], block["length"]) > 0, "an empty block")
        seq, offset, n = seq + block["count"], offset + block["length"], n + 1
    demand((seq, offset) == (span[1] + 1, says["bytesCompressed"]), "what the blocks add up to")
    return says

def is_signed(says, ring):
    signed = jcs(without(says, "signature"))
    for entry in ring:
        with suppress(*REFUSED):
            if counts_by(entry, says | {"headSeq": says["endSeq"]}, signed):
                return True
    return not ring

def unpacked(packed, limit):
    """All that comes out of gzip members and nothing else; None if it is more than that, or something else."""
    data = b""
    while packed:
        stream = zlib.decompressobj(31)
        try:
            data += stream.decompress(packed, limit + 1 - len(data))
        except zlib.error:
            return None
        if not stream.eof or len(data) > limit:
            return None
        packed = stream.unused_data
    return data

def fault(says, packed):
    """Where the object is not what the manifest says (step 3); None where it is."""
    first, last = says["startSeq"], says["endSeq"]
    if (len(packed), sha256_hex(packed)) == (says["bytesCompressed"], says["gzipSha256"]):
        return None
    lines = unpacked(packed, says["bytesUncompressed"])
    if lines is not None and sha256_hex(lines) == says["jsonlSha256"]:
        return first
    walk = BlockWalk(first, says["prevHash"])
    for block in says["blocks"]:
        for data, _, whole in gzip_members(packed[block["offset"]:block["offset"] + block["length"]]):
            for line in map(Line, io.BytesIO(data)):
                if not whole and not line.believed:
                    break
                walk.line(line)
            if not whole:
                walk.unreadable(lines_lost=True)
                break
    places = [each["seq"] for each in walk.breaks]
    if walk.head["seq"] < last and not walk.tail_lost:
        places.append(walk.seq + 1)
    return max(first, min(min(places, default=last + 1), last + 1))

class ArchiveWalk(BlockWalk):
    def skip(self, span, prev_hash, head_hash):
        if self.seq + 1 != span[0]:
            self.breaks.append({"kind": "event-seq-gap", "seq": min(self.seq + 1, span[0])})
        elif prev_hash and prev_hash not in self.links and None not in self.links:
            self.breaks.append({"kind": "event-prev-hash-mismatch", "seq": span[0], "expected": self.links[0],
                                "actual": prev_hash})
        self.seq, self.links, self.tree_known, self.tail_lost = span[1], (head_hash,), False, False
        if head_hash:
            self.head, self.hashes[span[1]] = {"seq": span[1], "hash": head_hash}, head_hash

    def lines(self, says, packed):
        data = unpacked(packed, says["bytesUncompressed"])
        for line in map(Line, io.BytesIO(data or b"")):
            self.line(line)
            yield line
        if data is None or (len(data), sha256_hex(data)) != (says["bytesUncompressed"], says["jsonlSha256"]):
            self.of("manifest", says["startSeq"], says["endSeq"])

    def of(self, what, start, end, **members):
        self.breaks.append({"kind": f"archive-{what}-mismatch", "startSeq": start, "endSeq": end} | members)

def verify_archives(folder, checkpoints, ring):
    objects = {}
    for path in pathlib.Path(folder).iterdir():
        if name := NAME.fullmatch(path.name):
            objects.setdefault((int(name[1]), int(name[2])), {})[name[3]] = path.read_bytes()
    walk, before, gone, expired = None, None, [], []
    for span, files in sorted(objects.items()):
        data, packed, says = files.get("manifest.json", b""), files.get("jsonl.gz"), None
        with suppress(*REFUSED, KeyError, TypeError, AttributeError):
            says = read_manifest(data, span)
        if walk is None:
            walk = ArchiveWalk(span[0], ZEROS if span[0] == 1 else says and says["prevHash"])
        last, before = before, (span[1], sha256_hex(data))
        if says is None or not is_signed(says, ring):
            walk.of("manifest", *span)
            walk.skip(span, None, None)
            continue
        adjacent = last is not None and last[0] + 1 == span[0]
        if (says["prevManifest"] != last[1]) if adjacent else (span[0] == 1 and says["prevManifest"] != ZEROS):
            walk.of("manifest", *span)
        place = None if packed is None else fault(says, packed)
        if packed is None:
            gone.append((*span, before[1]))
        elif place:
            walk.of("content", *span, seq=place)
        if packed is None or place:
            walk.skip(span, says["prevHash"], says["headHash"])
            continue
        for line in walk.lines(says, packed):
            if line.believed and (line.event["source"], line.event["action"]) == ("audit", "audit.archive_expired"):
                about = line.event["metadata"]
                expired.append((about.get("startSeq"), about.get("endSeq"), about.get("manifestSha256")))
    for start, end, digest in gone:
        if (start, end, digest) not in expired:
            walk.of("content", start, end, seq=start)
    return report_of(walk, checkpoints, ring, min(objects)[0], [each[:2] for each in gone if each in expired])

def report_of(walk, checkpoints, ring, first, expired):
    # What stands by the event where an archive begins is ordered by it, and written without.
    walk.breaks = [{"seq": each.get("seq", each.get("startSeq"))} | each for each in walk.breaks]
    bare = {id(each) for each in walk.breaks if each["kind"] == "archive-manifest-mismatch"}
    walk.end = walk.head["seq"]
    report = judge(walk, checkpoints, [], ring)
    if id(report["break"]) in bare:
        del report["break"]["seq"]
    if report["status"] == "intact" and (first != 1 or not ring):
        report["status"] = "incomplete"
    return report | {"expiredRanges": expired}

def run_archives(*arguments):
    """A line of JSON per folder."""
    folders, ring, checkpoints, rest = [], [], [], list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--key":
            ring.append(rest.pop(0))
        elif argument == "--checkpoints":
            checkpoints = pathlib.Path(rest.pop(0)).read_bytes().splitlines()
        else:
            folders.append(argument)
    reports = [verify_archives(folder, checkpoints, ring) for folder in folders]
    for report in reports:
        print(json.dumps(report))
    codes = {"broken": 10, "incomplete": 11, "intact": 0}
    return max(codes[report["status"]] for report in reports)
