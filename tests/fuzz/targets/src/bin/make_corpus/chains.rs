//! Seeds out of the domain's own builder: lines, blocks, checkpoints, messages; and near misses of each.

use crate::{Seed, numbered};
use domain::admit::{Door, admit};
use domain::block::gzip::Packer;
use domain::block::{Block, Head, Member, Writer};
use domain::checkpoint::{Checkpoint, Reason};
use domain::event::{Draft, Place};
use domain::hash::Hash;
use domain::json::{Limits, parse};
use domain::keys::{Algorithm, SigningKey};
use domain::names::{ChainName, EventId, Source};
use domain::time::Timestamp;
use services::layout::messages::{checkpoint_request, pack};

/// What producers post, from nothing to nearly too much.
const POSTED: [&str; 9] = [
    r#"{"action":"a","at":"2026-11-25T11:00:00Z"}"#,
    r#"{"action":"tenant.suspended","at":"2026-11-25T11:00:00.125+01:00","actorId":"u1","actorEmail":"a@b.example"}"#,
    r#"{"action":"file.shared","at":"2026-11-25T11:00:00Z","source":"ocis","externalId":"gen:17","metadata":{"n":1.5}}"#,
    r#"{"action":"a.b.c.d.e.f.g.h","at":"0001-01-01T00:00:00Z","outcome":"denied","actorType":"anonymous","actorIp":"::1"}"#,
    r#"{"action":"x","at":"2026-11-25T11:59:59.999Z","metadata":{"é":"\ud83e\udd8a","\\":"\"\\\u0001\u001f","a":[null,true,-0]}}"#,
    r#"{"action":"y","at":"2026-11-25T12:00:00Z","resourceId":"\"seq\":7,\"source\":\"audit\"","resourceName":"null","tenantSlug":"t"}"#,
    r#"{"action":"z","at":"2026-11-25T12:00:00Z","metadata":{"hash":"\"hash\":\"","d":{"d":{"d":{"d":{"d":[[[[{}]]]]}}}}}}"#,
    r#"{"action":"u","at":"2026-11-25T12:00:00Z","externalId":"\\\\\"","partnerSlug":"p\\","resourceType":"\u00e4\n"}"#,
    r#"{"action":"v","at":"2016-12-31T23:59:60Z","id":"019A8F4E-7A3C-7E21-9D5B-0F6F6A1C7E10","metadata":{"n":5e-324,"m":9007199254740991}}"#,
];

pub(crate) fn chain() -> ChainName {
    ChainName::new("fuzz.example-1").expect("a name")
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T12:00:00Z").expect("a time")
}

pub(crate) fn drafts() -> Vec<Draft> {
    let chain = chain();
    let sources = [Source::PLATFORM_API, "ocis"].map(|name| Source::new(name).expect("a source"));
    let door = Door { chain: &chain, sources: &sources, now: now() };
    let admitted = |(i, text): (u8, &&str)| {
        let value = parse(text.as_bytes(), Limits::ADMISSION).expect("JSON");
        admit(value, &door, || EventId::from_bytes([i; 16])).expect("an event")
    };
    let mut drafts: Vec<Draft> = (0..).zip(&POSTED).map(admitted).collect();
    let heads = parse(
        br#"{"lostHead":{"hash":"0000000000000000000000000000000000000000000000000000000000000000","seq":9},"tableHead":{"seq":3}}"#,
        Limits::ADMISSION,
    );
    let heads = heads.expect("JSON").as_object().expect("an object").clone();
    drafts.push(Draft::internal("audit.break_accepted", "b-1".to_owned(), now(), heads).expect("an event"));
    drafts
}

pub(crate) fn build(drafts: &[Draft], head: &Head) -> Block {
    let chain = chain();
    let writer =
        Writer { chain: &chain, writer: "corpus", nonce: "0011223344556677".to_owned(), now: now(), threads: 0 };
    Block::build(&writer, head, &drafts.iter().collect::<Vec<_>>()).0
}

fn lines() -> Vec<Vec<u8>> {
    let plain = build(&drafts(), &Head::EMPTY).lines().expect("just built");
    plain.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// The text of a line with something in it exchanged.
pub(crate) fn exchanged(line: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(line.to_vec()).expect("a line is text");
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

pub(crate) fn events() -> Vec<Seed> {
    let lines = lines();
    let line = &lines[2];
    let near = [
        exchanged(line, "{\"action\"", "{ \"action\""),
        exchanged(line, "{\"action\"", "{\"action\":\"a\",\"action\""),
        exchanged(line, "{\"action\"", "{\"a\":1,\"action\""),
        exchanged(line, "\"seq\":3", "\"seq\":0"),
        exchanged(line, "\"seq\":3", "\"seq\":3.0"),
        exchanged(line, "\"seq\":3", "\"seq\":9007199254740992"),
        exchanged(line, "\"v\":1", "\"v\":2"),
        exchanged(line, "T11:00:00.000Z", "T12:00:00+01:00"),
        exchanged(line, "1.5", "1.50"),
        exchanged(line, "1.5", "{\"n\":1,\"n\":2}"),
        exchanged(line, "1.5", "\"\\ud800\""),
        exchanged(line, "1.5", "\"\\u0041\""),
        exchanged(line, "gen:17", "gen:18"),
        exchanged(line, "gen:17", "gen\\u0000"),
        exchanged(line, "\"ocis\"", "\"audit\""),
        exchanged(line, "fuzz.example-1", "fuzz"),
        [line, &b"\n"[..]].concat(),
        [b"\xef\xbb\xbf", &line[..]].concat(),
        [line, &line[..]].concat(),
        line[..line.len() - 20].to_vec(),
        // The same end serves as the start: both ends of a view would read the same bytes.
        [&line[..line.len() / 2], &line[line.len() / 3..]].concat(),
        line.iter().map(|b| if *b == b'f' { 0xff } else { *b }).collect(),
        Vec::new(),
    ];
    let place = Place { chain: &chain(), seq: (1 << 53) - 1, recorded_at: now(), prev_hash: Hash::of(b"x") };
    let mut seeds = numbered("line", lines.clone());
    seeds.extend(numbered("near", near));
    seeds.extend(numbered("draft", drafts().iter().map(Draft::canonical).take(4)));
    seeds.extend(numbered("posted", POSTED.map(|text| text.as_bytes().to_vec())));
    seeds.extend(numbered("last", [drafts()[0].seal(&place).0]));
    seeds
}

pub(crate) fn key() -> SigningKey {
    SigningKey::new(Algorithm::HmacSha256, [7; 32])
}

fn signed(n: u64, reason: Reason) -> Checkpoint {
    let key = key();
    let mut checkpoint = Checkpoint {
        chain: chain(),
        n,
        head_seq: n * 10,
        head_hash: Hash::of(b"head"),
        root_hash: Hash::of(b"root"),
        at: now(),
        reason,
        prev_checkpoint: if n == 1 { Hash::ZERO } else { Hash::of(b"before") },
        sig_alg: key.algorithm().as_str().to_owned(),
        key_id: key.verify_key().key_id(),
        signature: Vec::new(),
    };
    checkpoint.signature = key.sign(&checkpoint.signed_bytes());
    checkpoint
}

pub(crate) fn checkpoints() -> Vec<Seed> {
    let reasons = [Reason::Startup, Reason::Interval, Reason::Threshold, Reason::Manual];
    let good = (1..).zip(reasons).map(|(n, reason)| signed(n, reason).line());
    let mut seeds = numbered("signed", good);
    let line = signed(1, Reason::Manual).line();
    let near = [
        // Another spelling of the same time: signed bytes that nobody signed.
        exchanged(&line, "T12:00:00.000Z", "T12:00:00Z"),
        exchanged(&line, "T12:00:00.000Z", "T13:00:00.000+01:00"),
        exchanged(&line, "T12:00:00.000Z", "t12:00:00.000z"),
        exchanged(&line, "\"n\":1", "\"n\":2"),
        exchanged(&line, "\"n\":1", "\"n\":1.0"),
        exchanged(&line, "\"n\":1", "\"n\":0"),
        exchanged(&line, "\"n\":1", "\"n\":\"1\""),
        exchanged(&line, "\"n\":1", "\"n\":9007199254740991"),
        exchanged(&line, "\"headSeq\":10", "\"headSeq\":9007199254740991"),
        exchanged(&line, "\"headSeq\":10", "\"headSeq\":10,\"headSeq\":11"),
        exchanged(&line, "{\"at\"", "{\"a\":1,\"at\""),
        exchanged(&line, "{\"at\"", "{ \"at\""),
        exchanged(&line, "manual", "because"),
        exchanged(&line, "hmac-sha256", "none"),
        exchanged(&line, "\"signature\":\"", "\"signature\":\"0"),
        exchanged(&line, "\"signature\":\"", "\"signature\":\"00"),
        exchanged(&line, "audit.checkpoint.v1", "audit.checkpoint.v2"),
        exchanged(&line, "fuzz.example-1", "FUZZ"),
        line.to_ascii_uppercase(),
        [&line[..], b"\n"].concat(),
        [b"\xef\xbb\xbf", &line[..]].concat(),
        line[..line.len() - 2].to_vec(),
        signed(1, Reason::Manual).signed_bytes(),
        b"[]".to_vec(),
    ];
    seeds.extend(numbered("near", near));
    seeds
}

/// A block over one member that somebody packed, and a header that agrees with it.
fn packed(block: &Block, members: &[(&[u8], u32)], junk: &[u8]) -> Vec<u8> {
    let mut block = block.clone();
    let packed: Vec<_> = members.iter().map(|(plain, events)| (Packer::new().pack(plain), *events)).collect();
    let member = |(bytes, events): &(Vec<u8>, u32)| Member {
        events: *events,
        bytes: u32::try_from(bytes.len()).expect("small"),
    };
    block.header.members = packed.iter().map(member).collect();
    block.body = packed.iter().flat_map(|(bytes, _)| bytes.clone()).chain(junk.iter().copied()).collect();
    block.header.digest = block.header.computed_digest(&block.body);
    block.to_row()
}

pub(crate) fn blocks() -> Vec<Seed> {
    let drafts = drafts();
    let whole = build(&drafts, &Head::EMPTY);
    let plain = whole.lines().expect("just built");
    let many: Vec<Draft> = std::iter::repeat_n(drafts[0].clone(), 65).collect();
    let long = build(&many, &Head::EMPTY);
    let long_plain = long.lines().expect("just built");
    let next = build(&drafts[..2], &whole.header.head());
    let good = [build(&drafts[..1], &Head::EMPTY).to_row(), whole.to_row(), next.to_row(), long.to_row()];
    let mut seeds = numbered("row", good);
    let row = whole.to_row();
    let header = row.iter().position(|b| *b == b'\n').expect("a header");
    let with_header = |from: &str, to: &str| {
        let mut changed = exchanged(&row[..header], from, to);
        changed.extend_from_slice(&row[header..]);
        changed
    };
    let half = plain.iter().position(|b| *b == b'\n').expect("a line") + 1;
    let near = [
        with_header("T12:00:00.000Z", "T12:00:00Z"),
        with_header("\"count\":10", "\"count\":0"),
        with_header("\"count\":10", "\"count\":9007199254740991"),
        with_header("\"firstSeq\":1", "\"firstSeq\":9007199254740990"),
        with_header("\"members\":[[10,", "\"members\":[[4294967295,"),
        with_header("\"members\":[[10,", "\"members\":[[0,0],[10,"),
        with_header("\"n\":1", "\"n\":2"),
        with_header("\"n\":1", "\"n\":1,\"n\":1"),
        row[..row.len() - 9].to_vec(),
        [&row[..], b"\0"].concat(),
        row[..=header].to_vec(),
        row[..header].to_vec(),
        packed(&whole, &[(&plain[..half], 1), (&plain[half..], 9)], b""),
        packed(&whole, &[(&plain, 9)], b""),
        packed(&whole, &[(&plain, 10), (b"", 0)], b""),
        packed(&whole, &[(&plain, 10)], b"junk"),
        packed(&whole, &[(&plain[..plain.len() - 1], 10)], b""),
        packed(&long, &[(&long_plain, 65)], b""),
        packed(&whole, &[(&vec![b'a'; 300 * 1024], 10)], b""),
        packed(&whole, &[(&vec![b'\n'; 64 * 1024], 10)], b""),
        Vec::new(),
        b"\n".to_vec(),
    ];
    seeds.extend(numbered("near", near));
    seeds.extend(numbered("lines", [plain.clone(), plain[..half].to_vec(), plain[half..].to_vec()]));
    let canonical: Vec<Vec<u8>> = drafts.iter().map(Draft::canonical).collect();
    seeds.extend(numbered("drafts", [canonical.join(&b'\n'), canonical[0].clone()]));
    seeds.extend(numbered("bomb", [1, 2, 9].map(|which| [&b"bomb:"[..], &[which]].concat())));
    seeds
}

pub(crate) fn messages() -> Vec<Seed> {
    let drafts = drafts();
    let mut seeds = numbered("packed", pack(&drafts).into_iter().chain(pack(&drafts[..1])).map(String::into_bytes));
    let requests = [Reason::Startup, Reason::Interval, Reason::Threshold, Reason::Manual].map(checkpoint_request);
    seeds.extend(numbered("request", requests.map(String::into_bytes)));
    let one = &pack(&drafts[..1])[0];
    let near = [
        one.replace("\"v\":1", "\"v\":2"),
        one.replace("\"v\":1", "\"v\":1,\"w\":1"),
        one.replace("\"v\":1", "\"v\":1,\"v\":1"),
        one.replace("\"metadata\":{}", "\"metadata\":[]"),
        one.replace("\"metadata\":{}", "\"metadata\":{\"n\":1e400}"),
        one.replace("\"metadata\":{}", &format!("\"metadata\":{{\"n\":{}{}}}", "[".repeat(30), "]".repeat(30))),
        one.replace("\"metadata\":{}", &format!("\"metadata\":{{\"n\":{}{}}}", "[".repeat(31), "]".repeat(31))),
        one.replace("\"source\":\"platform-api\"", "\"source\":\"PLATFORM\""),
        one.replace("\"actorId\":null", "\"actorId\":\"\""),
        one.replace("\"actorId\":null,", ""),
        "{\"events\":[],\"v\":1}".to_owned(),
        "{\"events\":[1,null,{},[],\"x\"],\"v\":1}".to_owned(),
        "{\"events\":{},\"v\":1}".to_owned(),
        "{\"reason\":\"because\",\"v\":1}".to_owned(),
        "{\"reason\":7}".to_owned(),
        "[]".to_owned(),
        String::new(),
        "\u{feff}{}".to_owned(),
    ];
    seeds.extend(numbered("near", near.map(String::into_bytes)));
    seeds
}
