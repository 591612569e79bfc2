//! What all processes of a run share: virtual time, chance, what is under way, and the trace.

use crate::checker::Checker;
use crate::dice::Dice;
use crate::mix::Mix;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// 2026-12-01T12:00:00Z.
const START_MILLIS: i64 = 1_796_126_400_000;
/// Steps within which a late write lands.
const LATE_STEPS: u64 = 400;

/// Something that happens later, on its own.
pub(crate) type Deed = Box<dyn FnOnce() + Send>;

pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) mix: Mix,
    /// Faults have stopped; from here on everything must get done.
    pub(crate) healed: bool,
    pub(crate) step: u64,
    pub(crate) now: i64,
    order: u64,
    timers: BTreeMap<(i64, u64), Waker>,
    late: BTreeMap<(u64, u64), Deed>,
    /// Whether the poll that is under way reached a port.
    pub(crate) at_a_port: bool,
    pub(crate) ids: u64,
    trace: Option<String>,
    marks: BTreeMap<&'static str, u64>,
}

/// Clones are the same world.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    checker: Arc<Mutex<Checker>>,
}

impl World {
    /// A world of this seed, in which nothing has happened.
    pub fn new(seed: u64, mix: Mix, traced: bool) -> Self {
        let state = State {
            dice: Dice::new(seed ^ 0x0dde_d1ce),
            mix,
            healed: false,
            step: 0,
            now: START_MILLIS,
            order: 0,
            timers: BTreeMap::new(),
            late: BTreeMap::new(),
            at_a_port: false,
            ids: 0,
            trace: traced.then(String::new),
            marks: BTreeMap::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), checker: Arc::new(Mutex::new(Checker::default())) }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    /// What watches everything.
    pub fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().expect("no holder panics")
    }

    /// Milliseconds since 1970, as nobody's clock is off.
    pub fn now(&self) -> i64 {
        self.state().now
    }

    /// Draws.
    pub fn draw<R>(&self, draw: impl FnOnce(&mut Dice) -> R) -> R {
        draw(&mut self.state().dice)
    }

    /// Whether a fault of this rate happens now; says so in the trace.
    pub(crate) fn fault(&self, rate: impl FnOnce(&Mix) -> u32, name: &'static str) -> bool {
        let mut state = self.state();
        let rate = rate(&state.mix);
        let happens = state.dice.happens(rate);
        if happens {
            *state.marks.entry(name).or_default() += 1;
        }
        happens
    }

    /// Counts that something happened, for the campaign to know that it does.
    pub fn mark(&self, name: &'static str) {
        *self.state().marks.entry(name).or_default() += 1;
    }

    /// What happened how often.
    pub fn marks(&self) -> BTreeMap<&'static str, u64> {
        self.state().marks.clone()
    }

    /// Writes a line into the trace, if there is one.
    pub(crate) fn note(&self, text: fmt::Arguments<'_>) {
        let mut state = self.state();
        let (step, now) = (state.step, state.now - START_MILLIS);
        if let Some(trace) = &mut state.trace {
            let _ = writeln!(trace, "{step:>6} {now:>9} ms  {text}");
        }
    }

    /// The trace so far.
    pub fn trace(&self) -> String {
        self.state().trace.clone().unwrap_or_default()
    }

    /// Lets this happen some steps from now.
    pub(crate) fn later(&self, deed: Deed) {
        let mut state = self.state();
        let most = if state.healed { 5 } else { LATE_STEPS };
        let step = state.step + 1 + state.dice.below(most);
        state.order += 1;
        let order = state.order;
        state.late.insert((step, order), deed);
    }

    /// Forgets what was under way, as if its senders had never been heard.
    pub(crate) fn forget_late(&self) {
        self.state().late.clear();
    }

    /// One step further: time passes, and what is due happens.
    pub(crate) fn advance(&self) {
        let (due, wake) = {
            let mut state = self.state();
            state.step += 1;
            let passed = state.dice.below(3);
            state.now += i64::try_from(passed).expect("few");
            let leap = state.mix.leap;
            if state.dice.happens(leap) {
                state.now += state.dice.one_of(&[61_000, 3_600_000]);
                *state.marks.entry("clock: leapt").or_default() += 1;
            }
            let (step, now) = (state.step, state.now);
            let rest = state.late.split_off(&(step + 1, 0));
            let due = std::mem::replace(&mut state.late, rest);
            let rest = state.timers.split_off(&(now + 1, 0));
            let wake = std::mem::replace(&mut state.timers, rest);
            (due, wake)
        };
        due.into_values().for_each(|deed| deed());
        wake.into_values().for_each(Waker::wake);
    }

    /// Nobody can go on now: goes to the next moment at which something can. `awake` is the step at
    /// which somebody wakes up by themselves. `false` if there is no such moment.
    pub(crate) fn idle(&self, awake: Option<u64>) -> bool {
        let mut state = self.state();
        let late = state.late.first_key_value().map(|((step, _), _)| *step);
        let timer = state.timers.first_key_value().map(|((at, _), _)| *at);
        match (late.into_iter().chain(awake).min(), timer) {
            (Some(step), None) => state.step = state.step.max(step - 1),
            (None, Some(at)) => state.now = state.now.max(at),
            // Which comes first is anybody's guess.
            (Some(step), Some(at)) => match state.dice.below(2) {
                0 => state.step = state.step.max(step - 1),
                _ => state.now = state.now.max(at),
            },
            (None, None) => return false,
        }
        true
    }

    /// Waits for this many milliseconds; for 0, until somebody else had a turn.
    pub fn pause(&self, millis: i64) -> Pause {
        Pause { world: self.clone(), until: (millis > 0).then(|| self.now() + millis), polled: false }
    }
}

/// See [`World::pause`].
pub struct Pause {
    world: World,
    until: Option<i64>,
    polled: bool,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.until {
            None if self.polled => return Poll::Ready(()),
            None => cx.waker().wake_by_ref(),
            Some(until) => {
                let mut state = self.world.state();
                if state.now >= until {
                    return Poll::Ready(());
                }
                state.order += 1;
                let order = state.order;
                state.timers.insert((until, order), cx.waker().clone());
            }
        }
        self.polled = true;
        Poll::Pending
    }
}
