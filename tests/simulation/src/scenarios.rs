//! What runs are of. A scenario is a function that adds processes to a world; everything else, faults,
//! crash points, the end and its checks, is the same for all.

use crate::roles::{
    CutOff, Stream, all_is_kept, appender, archiver, auditor, deriver, drainer, forgetful, lister, log_writer,
    producer_of_nonsense, rebuilder, recorder, redriver, signer, tailer,
};
use crate::sim::Sim;

/// A kind of run.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name in commands.
    pub name: &'static str,
    /// Deliveries before a message is dead.
    pub max_deliveries: u32,
    /// Schedules of which every crash point is tried, where nobody says how many.
    pub schedules: u64,
    /// Adds its processes, and runs it.
    pub run: fn(&mut Sim),
}

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "writers", max_deliveries: 5, schedules: 20, run: writers },
    Scenario { name: "recorders", max_deliveries: 6, schedules: 20, run: recorders },
    Scenario { name: "logs", max_deliveries: 6, schedules: 20, run: logs },
    Scenario { name: "signers", max_deliveries: 5, schedules: 20, run: signers },
    Scenario { name: "lists", max_deliveries: 5, schedules: 20, run: lists },
    Scenario { name: "rebuild", max_deliveries: 5, schedules: 20, run: rebuild },
    Scenario { name: "dead-letters", max_deliveries: 1, schedules: 20, run: dead_letters },
    Scenario { name: "everything", max_deliveries: 3, schedules: 20, run: everything },
    Scenario { name: "restored", max_deliveries: 5, schedules: 20, run: crate::restored::restored },
    // One schedule of it has as many crash points as twenty of most others.
    Scenario { name: "archives", max_deliveries: 5, schedules: 2, run: crate::archives::archives },
];

/// The scenario of this name.
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// Several appenders with several callers each, who offer each other's events; repeats within a batch.
fn writers(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let (own, external) = (Stream::new(seed, false), Stream::new(seed, true));
    let per_batch = sim.draw(|dice| 1 + dice.below(4));
    let mut mixed = external.batches(3, 9, per_batch);
    let repeat = mixed[0][0].clone();
    mixed[0].push(repeat);
    appender(sim, "writer a", vec![own.batches(0, 6, per_batch), external.batches(0, 5, 2)], false);
    appender(sim, "writer b", vec![mixed, own.batches(3, 9, 2)], false);
    if sim.draw(|dice| dice.below(2)) == 0 {
        let variants = vec![own.variant().batches(2, 5, 1), external.variant().batches(2, 5, 1)];
        appender(sim, "writer c", variants, false);
    }
    (0..sim.draw(|dice| 1 + dice.below(2))).for_each(|i| deriver(sim, &format!("deriver {i}")));
    sim.run();
}

/// Posted events on their way through the queue; ids that are taken, and nonsense among them.
fn recorders(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let (own, external) = (Stream::new(seed, false), Stream::new(seed, true));
    recorder(sim, "client a", own.batches(0, 6, 3));
    recorder(sim, "client b", external.batches(0, 8, 4));
    recorder(sim, "client c", own.variant().batches(4, 7, 1));
    recorder(sim, "client e", own.variant().variant().batches(5, 7, 1));
    producer_of_nonsense(sim, "client d");
    drainer(sim, "drainer a");
    drainer(sim, "drainer b");
    deriver(sim, "deriver");
    redriver(sim, "redriver");
    queues_drain(sim);
    sim.run();
}

/// Two who follow one log, each unaware of the other.
fn logs(sim: &mut Sim) {
    const LINES: u64 = 8;
    log_writer(sim, "log", LINES);
    tailer(sim, "tailer a");
    tailer(sim, "tailer b");
    drainer(sim, "drainer");
    deriver(sim, "deriver");
    redriver(sim, "redriver");
    queues_drain(sim);
    sim.goal("what cannot be used is kept", all_is_kept);
    sim.goal("every line of the log is chained", |_, world| {
        let mut groups = world.checker().of_source("ocis");
        groups.sort_unstable();
        groups.dedup();
        groups.len() as u64 == LINES
    });
    sim.run();
    let twice = sim.world.checker().of_source("ocis").len() as u64 != LINES;
    if twice {
        sim.world.checker().fail("a line of the log became two events".to_owned());
    }
}

/// Signers who race each other and a writer.
fn signers(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let stream = Stream::new(seed, false);
    // Now and then enough for a full tile of the tree.
    let batches = match sim.draw(|dice| dice.below(32)) {
        0 => stream.batches(0, 300, 60),
        _ => stream.batches(0, 8, 2),
    };
    appender(sim, "writer", vec![batches], false);
    signer(sim, "signer a");
    signer(sim, "signer b");
    auditor(sim, "auditor", 2);
    deriver(sim, "deriver");
    everything_is_signed(sim);
    sim.run();
}

/// Lists, while events arrive that happened before those listed already.
fn lists(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let stream = Stream::new(seed, false);
    let per_batch = sim.draw(|dice| 1 + dice.below(6));
    appender(sim, "writer", vec![stream.batches(0, 10, per_batch), stream.batches(10, 14, 1)], false);
    lister(sim, "reader a", 2);
    lister(sim, "reader b", 1);
    deriver(sim, "deriver");
    sim.run();
}

/// Derived rows are made anew while blocks are chained and derived.
fn rebuild(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let stream = Stream::new(seed, true);
    appender(sim, "writer a", vec![stream.batches(0, 8, 2)], false);
    appender(sim, "writer b", vec![stream.batches(4, 10, 3)], false);
    rebuilder(sim, "operator");
    deriver(sim, "deriver");
    sim.run();
}

/// Messages die after one delivery and are sent back.
fn dead_letters(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    recorder(sim, "client a", Stream::new(seed, false).batches(0, 6, 2));
    recorder(sim, "client b", Stream::new(seed, true).batches(0, 6, 3));
    drainer(sim, "drainer");
    forgetful(sim, "forgetful");
    redriver(sim, "redriver a");
    redriver(sim, "redriver b");
    signer(sim, "signer");
    queues_drain(sim);
    everything_is_signed(sim);
    sim.run();
}

/// All that an installation does, at once.
fn everything(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let (own, external) = (Stream::new(seed, false), Stream::new(seed, true));
    recorder(sim, "client", own.batches(0, 6, 2));
    appender(sim, "writer", vec![external.batches(0, 6, 2)], false);
    log_writer(sim, "log", 4);
    tailer(sim, "tailer");
    drainer(sim, "drainer a");
    drainer(sim, "drainer b");
    redriver(sim, "redriver");
    deriver(sim, "deriver");
    signer(sim, "signer");
    lister(sim, "reader", 2);
    auditor(sim, "auditor", 1);
    queues_drain(sim);
    everything_is_signed(sim);
    if sim.draw(|dice| dice.below(2)) == 0 {
        let cutoff = CutOff::after(sim, 1000, 10_000);
        archiver(sim, "archiver", cutoff.clone(), None);
        crate::archives::what_is_due_is_archived(sim, cutoff);
    }
    sim.run();
}

/// Nothing waits, nothing is held, nothing is dead.
fn queues_drain(sim: &mut Sim) {
    sim.goal("the queues are empty", |stores, _| stores.events.depth() == 0 && stores.dead_letters.depth() == 0);
}

fn everything_is_signed(sim: &mut Sim) {
    sim.goal("the head is signed", |_, world| {
        let checker = world.checker();
        checker.signed() == checker.head()
    });
}
