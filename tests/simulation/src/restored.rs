//! The scenario of a table that comes back from a backup: everybody refuses, an operator accepts,
//! clients send again, and the loss stays reported.

use crate::ports::Stores;
use crate::roles::{Stream, appender, deriver, signer};
use crate::sim::Sim;
use crate::world::World;
use services::accept_break::{AcceptError, accept_break};

/// Steps before the table is exchanged at the latest.
const STEPS: u64 = 1200;

pub(crate) fn restored(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    // Clients who keep what they sent, and send it all again when the service starts anew.
    appender(sim, "writer a", vec![Stream::new(seed, false).batches(0, 5, 1)], true);
    appender(sim, "writer b", vec![Stream::new(seed, true).batches(0, 6, 2)], true);
    signer(sim, "signer");
    deriver(sim, "deriver");
    let backup_at = 1 + sim.draw(|dice| dice.below(4));
    if !sim.steps_until(STEPS, move |_, world| world.checker().head() >= backup_at) {
        return sim.run();
    }
    let (backup, head, blocks, checkpoints) = {
        let checker = sim.world.checker();
        (sim.stores.table().snapshot(), checker.head(), checker.blocks(), checker.checkpoints())
    };
    let shows = move |_: &Stores, world: &World| {
        let checker = world.checker();
        checker.newest_is_copied() && checker.signed() > head
    };
    if !sim.steps_until(STEPS, shows) {
        return sim.run();
    }
    sim.kill_all();
    sim.stores.replace_table(backup);
    sim.world.checker().restored(head, blocks, checkpoints);
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
    sim.goal("the loss is accepted", |_, world| !world.checker().must_refuse());
    sim.run();
}
