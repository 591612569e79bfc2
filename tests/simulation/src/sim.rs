//! The executor: one thread, one process at a time, chosen by the seed; processes die and freeze at
//! any await, and live again.

use crate::dice::Dice;
use crate::mix::Mix;
use crate::node::Node;
use crate::ports::Stores;
use crate::world::World;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Steps that faults may last.
const SAFETY_STEPS: u64 = 6_000;
/// Steps within which everything must be done once nothing fails any more.
const LIVENESS_STEPS: u64 = 60_000;
/// Steps for which a frozen process stands still.
const FREEZE_STEPS: u64 = 1_500;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Body = Box<dyn Fn(Node) -> Task>;

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Has something to get done.
    Client,
    /// Serves for as long as there are clients.
    Daemon,
}

struct Process {
    name: Arc<str>,
    kind: Kind,
    body: Body,
    task: Option<Task>,
    woken: Arc<Woken>,
    lives: u32,
    /// The step before which it does nothing: frozen, or dead.
    stands_until: u64,
    done: bool,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Where a run is made to fail beside what its mix does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// The await, counted over all processes, at which a process dies.
    pub crash_at: Option<u64>,
}

/// One run.
pub struct Sim {
    /// Its world.
    pub world: World,
    /// What is stored.
    pub stores: Stores,
    processes: Vec<Process>,
    plan: Plan,
    /// Awaits so far.
    points: u64,
    goals: Vec<Goal>,
}

/// Its name, and whether it is reached.
type Goal = (&'static str, Box<dyn Fn(&Stores, &World) -> bool>);

impl Sim {
    /// An empty world of this seed. Queues give a message out this often before it is dead.
    pub fn new(seed: u64, mix: Mix, plan: Plan, traced: bool, max_deliveries: u32) -> Self {
        let world = World::new(seed, mix, traced);
        let stores = Stores::new(&world, max_deliveries);
        Self { world, stores, processes: Vec::new(), plan, points: 0, goals: Vec::new() }
    }

    /// Draws.
    pub fn draw<R>(&self, draw: impl FnOnce(&mut Dice) -> R) -> R {
        self.world.draw(draw)
    }

    /// Adds a process that has something to get done. `body` is its life, from its start.
    pub fn client<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: impl Into<String>,
        body: impl Fn(Node) -> F + 'static,
    ) {
        self.add(name.into(), Kind::Client, Box::new(move |node| Box::pin(body(node))));
    }

    /// Adds a process that serves for ever.
    pub fn daemon<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        name: impl Into<String>,
        body: impl Fn(Node) -> F + 'static,
    ) {
        self.add(name.into(), Kind::Daemon, Box::new(move |node| Box::pin(body(node))));
    }

    /// What must come true in the end beside the clients' work.
    pub fn goal(&mut self, name: &'static str, reached: impl Fn(&Stores, &World) -> bool + 'static) {
        self.goals.push((name, Box::new(reached)));
    }

    fn add(&mut self, name: String, kind: Kind, body: Body) {
        self.processes.push(Process {
            name: name.into(),
            kind,
            body,
            task: None,
            woken: Arc::new(Woken(AtomicBool::new(true))),
            lives: 0,
            stands_until: 0,
            done: false,
        });
    }

    /// Runs with faults until the clients are done, then without until everything is.
    pub fn run(&mut self) {
        while self.world.state().step < SAFETY_STEPS && !self.clients_are_done() && self.goes_on() {}
        self.world.note(format_args!("faults end"));
        {
            let mut state = self.world.state();
            state.mix = Mix::CALM;
            state.healed = true;
        }
        for process in &mut self.processes {
            process.stands_until = 0;
        }
        let end = self.world.state().step + LIVENESS_STEPS;
        loop {
            let waiting = self.waiting();
            if waiting.is_empty() {
                return;
            }
            // If something failed before, that is kept.
            if !self.goes_on() {
                return self.world.checker().fail(format!("nobody can go on, but {waiting:?}"));
            }
            if self.world.state().step > end {
                return self.world.checker().fail(format!("long after the last fault still {waiting:?}"));
            }
        }
    }

    /// What is not done yet.
    fn waiting(&self) -> Vec<String> {
        let clients = self.processes.iter().filter(|process| process.kind == Kind::Client && !process.done);
        let goals = self.goals.iter().filter(|(_, reached)| !reached(&self.stores, &self.world));
        let clients = clients.map(|process| format!("{} is at work", process.name));
        clients.chain(goals.map(|(name, _)| format!("not: {name}"))).collect()
    }

    /// Awaits of the whole run, at each of which a process can be made to die.
    pub fn points(&self) -> u64 {
        self.points
    }

    fn clients_are_done(&self) -> bool {
        self.processes.iter().all(|process| process.kind == Kind::Daemon || process.done)
    }

    /// One step; `false` if nothing can happen any more, or something is wrong.
    fn goes_on(&mut self) -> bool {
        self.world.advance();
        if self.world.checker().failure().is_some() {
            return false;
        }
        let step = self.world.state().step;
        let ready = |p: &Process| !p.done && p.stands_until <= step && p.woken.0.load(Ordering::SeqCst);
        let able: Vec<usize> = (0..self.processes.len()).filter(|i| ready(&self.processes[*i])).collect();
        if able.is_empty() {
            let standing = self.processes.iter().filter(|p| !p.done && p.woken.0.load(Ordering::SeqCst));
            return self.world.idle(standing.map(|p| p.stands_until).min());
        }
        let chosen = able[self.draw(|dice| dice.place(able.len()))];
        self.poll(chosen);
        true
    }

    fn poll(&mut self, chosen: usize) {
        let Self { world, stores, processes, plan, points, .. } = self;
        let process = &mut processes[chosen];
        let task = process.task.get_or_insert_with(|| {
            let node = Node::new(world.clone(), stores.clone(), Arc::clone(&process.name), process.lives);
            (process.body)(node.with_a_clock_of_its_own())
        });
        process.woken.0.store(false, Ordering::SeqCst);
        world.state().at_a_port = false;
        let waker = Waker::from(Arc::clone(&process.woken));
        if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            process.task = None;
            process.done = true;
            world.note(format_args!("{} is done", process.name));
            return;
        }
        if !world.state().at_a_port {
            return;
        }
        *points += 1;
        let (step, healed) = {
            let state = world.state();
            (state.step, state.healed)
        };
        if plan.crash_at == Some(*points) || world.fault(|mix| mix.crash, "process: died") {
            world.note(format_args!("{} dies", process.name));
            process.die(step + 1 + world.draw(|dice| dice.below(60)));
        } else if !healed && world.fault(|mix| mix.freeze, "process: froze") {
            world.note(format_args!("{} freezes", process.name));
            process.stands_until = step + world.draw(|dice| dice.below(FREEZE_STEPS));
        }
    }

    /// Runs with faults until this is so, for at most so many steps; says whether it is.
    pub fn steps_until(&mut self, steps: u64, reached: impl Fn(&Stores, &World) -> bool) -> bool {
        let end = self.world.state().step + steps;
        while !reached(&self.stores, &self.world) {
            if self.world.state().step > end || !self.goes_on() {
                return false;
            }
        }
        true
    }

    /// All processes die at once, also those that were done, and what they sent is never heard.
    pub fn kill_all(&mut self) {
        self.world.forget_late();
        let step = self.world.state().step;
        for process in &mut self.processes {
            process.die(step + 1);
            process.done = false;
        }
    }
}

impl Process {
    fn die(&mut self, stands_until: u64) {
        self.task = None;
        self.lives += 1;
        self.stands_until = stands_until;
        self.woken.0.store(true, Ordering::SeqCst);
    }
}
