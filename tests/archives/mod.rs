//! Archives over HTTP and by the clock: a hub on SQLite and directories, the cold store in one of its own.

mod bodies;
mod holds;
mod journey;
mod verifying;
mod weather;

use crate::http::{Answered, Asked, ask};
use adapters_local::{SetClock, url};
use domain::time::Timestamp;
use handlers::{Archiving, FUNCTIONS, Failed, Hub, Ingest};
use services::append::Appender;
use services::cold::Cold;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use support::draft;
use support::world::{bearer, embedded_at, hub};

const DAY_MILLIS: i64 = 86_400_000;

/// A hub that begins at 2026-12-01T12:00:00Z.
struct Place {
    folder: tempfile::TempDir,
    clock: SetClock,
    hub: Hub,
    /// Events that were made so far.
    made: Cell<u64>,
}

impl Place {
    /// With so many events, each in a block of its own.
    async fn with(events: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = SetClock::at(Timestamp::parse("2026-12-01T12:00:00Z").unwrap());
        let mut cx = embedded_at(folder.path(), Arc::new(clock.clone()));
        let store = url::bucket(&format!("file:{}", folder.path().join("cold").display())).unwrap();
        cx.cold = Cold::plain(store, "audit");
        let place = Self { hub: hub(&cx, Ingest::default()), folder, clock, made: Cell::new(0) };
        place.append(events).await;
        place
    }

    /// As many more events, each in a block of its own.
    async fn append(&self, events: u64) {
        let appender = Appender::new(self.hub.cx.clone());
        for _ in 0..events {
            appender.append(vec![draft(self.made.get())]).await.unwrap();
            self.made.set(self.made.get() + 1);
        }
    }

    fn archiving(mut self, archiving: Archiving) -> Self {
        self.hub = self.hub.with_archiving(archiving);
        self
    }

    fn cold(&self) -> PathBuf {
        self.folder.path().join("cold")
    }

    /// The object of this archive.
    fn object(&self, start: u64, end: u64, suffix: &str) -> PathBuf {
        self.cold().join(format!("audit/test.chain/{start:020}-{end:020}.{suffix}"))
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Answered {
        let authorization = Some(bearer(&self.hub.cx, "operator"));
        ask(&self.hub, Asked { method, path, authorization, body: body.as_bytes(), ..Asked::default() }).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, "").await
    }

    async fn post(&self, path: &str, body: &str) -> Answered {
        self.ask("POST", path, body).await
    }

    /// A day later, after one more event: archives everything that was there before.
    async fn archive(&self) -> Answered {
        self.clock.advance_millis(DAY_MILLIS);
        self.append(1).await;
        self.post("/audit/archive/run", r#"{"override":true,"olderThanDays":1}"#).await
    }

    async fn tick(&self, name: &str) -> Result<(), Failed> {
        let function = FUNCTIONS.iter().find(|f| f.name == name).unwrap();
        let hub = self.hub.narrowed(function.name, function.uses);
        (function.schedule.unwrap().tick)(&hub).await
    }
}

/// What a good answer says is what the contract says.
fn read<T: serde::de::DeserializeOwned>(answer: &Answered) -> T {
    serde_json::from_slice(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&answer.body)))
}
