//! A process: its clock, its way to the ports, and what can befall its calls.

use crate::dice::Dice;
use crate::ports::{SimBucket, SimClock, SimIds, SimQueue, SimSigner, SimTable, Stores};
use crate::world::World;
use services::Context;
use services::cold::Cold;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{self, Poll};

/// What becomes of one call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Fine,
    Throttled,
    Lost,
    Applied,
    Later,
    OwnConflict,
}

/// One process, in one of its lives.
#[derive(Clone)]
pub struct Node {
    pub(crate) world: World,
    pub(crate) stores: Stores,
    /// Its name.
    pub name: Arc<str>,
    /// How often it has died.
    pub lives: u32,
    skew: Arc<AtomicI64>,
    /// Wrong answers that it got from the cold store.
    misread: Arc<AtomicU64>,
}

impl Node {
    pub(crate) fn new(world: World, stores: Stores, name: Arc<str>, lives: u32) -> Self {
        Self { world, stores, name, lives, skew: Arc::default(), misread: Arc::default() }
    }

    /// Another machine's clock is off from the start, where clocks are at all.
    pub(crate) fn with_a_clock_of_its_own(self) -> Self {
        if self.world.state().mix.clock > 0 {
            self.set_the_clock();
        }
        self
    }

    fn set_the_clock(&self) {
        let skew = self.draw(|dice| dice.one_of(&[-90_000, -700, 0, 0, 300, 40_000]));
        self.skew.store(skew, Ordering::SeqCst);
    }

    /// What services of this process may touch.
    pub fn context(&self) -> Context {
        let port = || self.clone();
        Context {
            table: Arc::new(SimTable(port())),
            bucket: Arc::new(SimBucket(port())),
            cold: Cold::plain(Arc::new(SimBucket(port())), "audit"),
            events: Arc::new(SimQueue::new(port(), self.stores.events.clone())),
            dead_letters: Arc::new(SimQueue::new(port(), self.stores.dead_letters.clone())),
            checkpoint_requests: Arc::new(SimQueue::new(port(), self.stores.requests.clone())),
            clock: Arc::new(SimClock(port())),
            ids: Arc::new(SimIds(port())),
            signer: Arc::new(SimSigner(port())),
            writer: self.name.to_string(),
            ..self.stores.quiet(&self.world)
        }
    }

    /// The world it lives in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Draws.
    pub fn draw<R>(&self, draw: impl FnOnce(&mut Dice) -> R) -> R {
        self.world.draw(draw)
    }

    /// Its clock, which may be off.
    pub(crate) fn now(&self) -> i64 {
        if self.world.fault(|mix| mix.clock, "clock: jumped") {
            self.set_the_clock();
        }
        self.world.now() + self.skew.load(Ordering::SeqCst)
    }

    /// A request or an answer is on its way: others go on, and the process may die here.
    pub(crate) async fn travel(&self) {
        self.world.state().at_a_port = true;
        let millis = match self.world.fault(|mix| mix.slow, "port: slow") {
            true => self.draw(|dice| dice.one_of(&[5, 40, 400, 3000])),
            false => 0,
        };
        self.world.pause(millis).await;
    }

    /// What becomes of a write.
    pub(crate) fn fate_of_a_write(&self) -> Fate {
        let world = &self.world;
        if world.fault(|mix| mix.throttled, "write: throttled") {
            Fate::Throttled
        } else if world.fault(|mix| mix.lost, "write: lost") {
            Fate::Lost
        } else if world.fault(|mix| mix.applied, "write: applied but unknown") {
            Fate::Applied
        } else if world.fault(|mix| mix.later, "write: applied later") {
            Fate::Later
        } else if world.fault(|mix| mix.own_conflict, "write: in conflict with its own retry") {
            Fate::OwnConflict
        } else {
            Fate::Fine
        }
    }

    /// Whether a read fails.
    pub(crate) fn read_fails(&self) -> bool {
        self.world.fault(|mix| mix.lost, "read: lost")
    }

    /// The cold store answers with other bytes than it has.
    pub(crate) fn misreads(&self) -> bool {
        let wrong = self.world.fault(|mix| mix.misread, "cold store: answers wrongly");
        self.misread.fetch_add(u64::from(wrong), Ordering::SeqCst);
        wrong
    }

    /// How often it did so far: who was answered wrongly may say that something is wrong.
    pub(crate) fn misread(&self) -> u64 {
        self.misread.load(Ordering::SeqCst)
    }

    /// Waits some time below `millis`, as between two tries.
    pub async fn rest(&self, millis: u64) {
        let millis = self.draw(|dice| 1 + dice.below(millis));
        self.world.pause(i64::try_from(millis).expect("small")).await;
    }

    /// A call whose caller may be gone before it is answered: then `None`.
    pub async fn until_dropped<F: Future + Send>(&self, call: F) -> Option<F::Output> {
        Dropped { world: self.world.clone(), call: Some(Box::pin(call)) }.await
    }
}

struct Dropped<F> {
    world: World,
    call: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Dropped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else { return Poll::Ready(None) };
        if let Poll::Ready(answer) = call.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if self.world.fault(|mix| mix.dropped, "caller: gone") {
            self.call = None;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}
