//! The scenario of cold storage: two archivers with different cut-offs, while others write, sign, list,
//! verify, restore, hold, and let archives expire.

use crate::roles::{
    CutOff, Stream, archiver, auditor, deriver, expirer, holder, lister, reader, rebuilder, restorer, signer,
    slow_appender, sweeper,
};
use crate::sim::Sim;

pub(crate) fn what_is_due_is_archived(sim: &mut Sim, cutoff: CutOff) {
    sim.goal("what is due is archived", move |_, world| {
        let end = cutoff.end(world);
        end.is_some_and(|end| world.checker().is_archived_up_to(&end.to_string()))
    });
}

pub(crate) fn archives(sim: &mut Sim) {
    let seed = sim.draw(|dice| dice.next());
    let (own, external) = (Stream::new(seed, false), Stream::new(seed, true));
    let per_batch = sim.draw(|dice| 1 + dice.below(3));
    slow_appender(sim, "writer a", own.batches(0, 6 * per_batch, per_batch), 3000);
    slow_appender(sim, "writer b", external.batches(0, 5, 1), 4000);
    let (early, late) = (CutOff::after(sim, 2000, 9000), CutOff::after(sim, 9000, 20_000));
    archiver(sim, "archiver a", early, None);
    archiver(sim, "archiver b", late.clone(), Some("olga"));
    what_is_due_is_archived(sim, late);
    signer(sim, "signer");
    deriver(sim, "deriver");
    (0..sim.draw(|dice| 1 + dice.below(2))).for_each(|i| restorer(sim, &format!("restorer {i}"), 5));
    (0..sim.draw(|dice| 1 + dice.below(2))).for_each(|i| sweeper(sim, &format!("sweeper {i}")));
    reader(sim, "reader", 6);
    lister(sim, "lister", 2);
    auditor(sim, "auditor", 2);
    if sim.draw(|dice| dice.below(2)) == 0 {
        let expiry = CutOff::after(sim, 1000, 15_000);
        expirer(sim, "expirer", expiry.clone());
        (0..sim.draw(|dice| 1 + dice.below(2))).for_each(|i| holder(sim, &format!("operator {i}"), 4));
        sim.goal("what is due is gone", move |_, world| {
            let end = expiry.end(world);
            end.is_some_and(|end| world.checker().is_expired_up_to(&end.to_string()))
        });
    }
    if sim.draw(|dice| dice.below(4)) == 0 {
        rebuilder(sim, "rebuilder");
    }
    sim.goal("what was restored is swept", |_, world| !world.checker().has_overdue_rows(world.now()));
    sim.run();
}
