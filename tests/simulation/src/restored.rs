//! The scenario of a table that comes back from a backup: everybody refuses, an operator accepts,
//! clients send again, and the loss stays reported.

use crate::ports::{Stores, at_once};
use crate::roles::{Stream, appender, deriver, signer};
use crate::sim::Sim;
use crate::world::World;
use ports::Table as _;
use services::accept_break::{AcceptError, accept_break};
use services::derive;
use services::layout::rows::SCHEMA;

/// Steps before the table is exchanged at the latest.
const STEPS: u64 = 1200;

pub(crate) fn restored(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    // Clients who keep what they sent, and send it all again when the service starts anew.
    appender(sim, "writer a", vec![Stream::new(seed, false).batches(0, 5, 1)], true);
    appender(sim, "writer b", vec![Stream::new(seed, true).batches(0, 6, 2)], true);
    signer(sim, "signer");
    deriver(sim, "deriver");
    // 0 is a table in which nothing was ever chained.
    let backup_at = sim.draw(|dice| dice.below(5));
    // What was derived from lost blocks may be left, and may be all that tells of them.
    let only_blocks = sim.draw(|dice| dice.below(3)) == 0;
    let unvouched = only_blocks && sim.draw(|dice| dice.below(2)) == 0;
    if !sim.steps_until(STEPS, move |_, world| world.checker().head() >= backup_at) {
        return sim.run();
    }
    let (backup, head, blocks, checkpoints) = {
        let checker = sim.world.checker();
        (sim.stores.table().snapshot(), checker.head(), checker.blocks(), checker.checkpoints())
    };
    let left = move |stores: &Stores, world: &World| watermark(stores, world) > blocks;
    let shows = move |stores: &Stores, world: &World| {
        let checker = world.checker();
        match unvouched {
            true => left(stores, world),
            // The row of a checkpoint, and most often its event.
            false => checker.newest_is_copied() && checker.checkpoints() > checkpoints,
        }
    };
    if !sim.steps_until(STEPS, shows) {
        return sim.run();
    }
    let left = only_blocks && left(&sim.stores, &sim.world);
    let only_blocks = left || only_blocks && sim.world.checker().signed() > head;
    sim.kill_all();
    if only_blocks {
        at_once(backup.put_many(sim.stores.derived_rows())).expect("memory takes them");
        sim.world.mark("table: lost blocks only");
    }
    sim.stores.replace_table(backup);
    sim.world.checker().restored(head, blocks, checkpoints, left);
    sim.world.mark("table: restored from a backup");
    sim.client("operator", |node| async move {
        node.rest(9_000).await;
        loop {
            match accept_break(&node.context(), "olga").await {
                Ok(_) | Err(AcceptError::NothingToAccept) => return,
                Err(_) => node.rest(5000).await,
            }
        }
    });
    sim.goal("the loss is accepted", |_, world| !world.checker().is_unaccepted());
    sim.run();
}

/// Up to which block there are derived rows.
fn watermark(stores: &Stores, world: &World) -> u64 {
    at_once(derive::watermark(&stores.quiet(world), SCHEMA)).expect("memory never fails").0
}
