//! A whole hub on any adapters, with a clock that stands still.

use adapters_local::url;
use adapters_local::{CountedIds, KeySigner, MemoryBucket, MemoryTable, RandomIds, SetClock, SystemClock};
use domain::keys::{Algorithm, KeyRing, SigningKey};
use domain::names::ChainName;
use domain::time::Timestamp;
use ports::{Bucket, Clock, Ids, QueuePair, QueueSettings, Table};
use services::Context;
use services::append::Appender;
use services::cold::Cold;
use std::path::Path;
use std::sync::Arc;

/// The key that signs in tests.
pub fn signing_key() -> SigningKey {
    SigningKey::new(Algorithm::HmacSha256, [7; 32])
}

/// A hub in memory.
pub struct World {
    /// Everything that services touch.
    pub cx: Context,
    /// The table behind it.
    pub table: MemoryTable,
    /// The bucket behind it.
    pub bucket: MemoryBucket,
    /// Its clock, at 2026-12-01T12:00:00Z.
    pub clock: SetClock,
}

impl Default for World {
    fn default() -> Self {
        let clock = SetClock::at(Timestamp::parse("2026-12-01T12:00:00Z").expect("a time"));
        let (table, bucket) = (MemoryTable::default(), MemoryBucket::default());
        let cx = context(
            Arc::new(table.clone()),
            Arc::new(bucket.clone()),
            "memory:",
            Arc::new(clock.clone()),
            Arc::new(CountedIds::default()),
            0,
        );
        Self { cx, table, bucket, clock }
    }
}

impl World {
    /// The same hub over a table decorated by `wrap`.
    pub fn over(&self, table: Arc<dyn Table>) -> Context {
        Context { table, ..self.cx.clone() }
    }
}

/// A hub on the embedded adapters in this directory, as another process would open it.
pub fn embedded(data: &Path) -> Context {
    embedded_at(data, Arc::new(SystemClock))
}

/// The same with a clock of one's own.
pub fn embedded_at(data: &Path, clock: Arc<dyn Clock>) -> Context {
    let at = |name: &str| data.join(name).display().to_string();
    std::fs::create_dir_all(data).expect("a folder can be made");
    let table = url::table(&format!("sqlite:{}", at("table.db"))).expect("a table");
    let bucket = url::bucket(&format!("file:{}", at("bucket"))).expect("a bucket");
    context(table, bucket, &format!("sqlite:{}", at("queue.db")), clock, Arc::new(RandomIds), 2)
}

fn context(
    table: Arc<dyn Table>,
    bucket: Arc<dyn Bucket>,
    queue_url: &str,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    threads: usize,
) -> Context {
    let queue = |name| url::queue(queue_url, name, Arc::clone(&clock), QueueSettings::default()).expect("a queue");
    let QueuePair { queue: events, dead_letters } = queue("events");
    Context {
        chain: ChainName::new("test.chain").expect("a name"),
        table,
        cold: Cold::plain(Arc::clone(&bucket), "audit"),
        bucket,
        events,
        dead_letters,
        checkpoint_requests: queue("checkpoints").queue,
        clock: Arc::clone(&clock),
        ids,
        signer: Arc::new(KeySigner::new(signing_key())),
        ring: KeyRing::of(signing_key().verify_key()),
        cursor_key: [5; 32],
        threads,
        writer: format!("test-{}", std::process::id()),
    }
}

/// The key of the issuer whose tokens a test's hub takes.
const ISSUER_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// The issuer whose tokens [`hub`] takes.
pub fn issuer() -> handlers::Issuer {
    handlers::Issuer::new("test", ISSUER_KEY).expect("64 hex digits")
}

/// A hub over these ports, which takes the tokens of [`issuer`].
pub fn hub(cx: &Context, ingest: handlers::Ingest) -> handlers::Hub {
    handlers::Hub::new(cx.clone(), ingest, handlers::Verifier::new(vec![issuer().trusted()]))
}

/// A bearer's header: `operator`, or the scopes of a service.
pub fn bearer(cx: &Context, who: &str) -> String {
    let (role, scopes) = match who {
        "operator" => (handlers::Role::Operator, Vec::new()),
        scopes => (handlers::Role::Service, handlers::Granted::parse_list(scopes).expect("scopes")),
    };
    format!("Bearer {}", issuer().token(who, role, &scopes, cx.clock.now(), 3600))
}

/// Fills an empty log so that every function's example works: event 1 is archived, event 2 places a hold.
pub async fn fill(cx: &Context) {
    let appender = Appender::new(cx.clone());
    appender.append(vec![crate::draft(1)]).await.expect("chained");
    let range = domain::archive::Range { start: 1, end: 1 };
    let placed = services::hold::place(cx, &appender, range, "a dispute", "anna").await.expect("placed");
    let request = services::archive::Request { cutoff: cx.clock.now(), by: None, until: None };
    let run = services::archive::archive(cx, &appender, &request).await.expect("archived");
    assert_eq!((placed.hold.seq, run.batches[0].range), (2, range));
}

/// Verifies everything, derived rows included.
pub async fn verified(cx: &Context) -> domain::verify::Report {
    let request = services::verify::Request { index: true, ..services::verify::Request::with_threads(0) };
    services::verify::verify(cx, request, |_, _| ()).await.expect("the chain can be read")
}
