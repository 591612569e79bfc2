//! How often what goes wrong. A swarm: each seed draws which kinds of fault there are at all, since
//! rare combinations are found by runs in which something else never happens.

use crate::dice::Dice;

/// Rates, in ten thousandths per call or step; 0 is never.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mix {
    /// Not done, and said so.
    pub throttled: u32,
    /// Not done, and nobody knows.
    pub lost: u32,
    /// Done, and nobody knows.
    pub applied: u32,
    /// Done after the caller gave up.
    pub later: u32,
    /// Done, and reported as a conflict: with the SDK's own retry.
    pub own_conflict: u32,
    /// The request or the answer takes its time.
    pub slow: u32,
    /// The process dies at this await.
    pub crash: u32,
    /// The process stands still at this await, and goes on later as if nothing had happened.
    pub freeze: u32,
    /// The caller of an in-process call is gone at this await.
    pub dropped: u32,
    /// All clocks leap by a minute, or an hour.
    pub leap: u32,
    /// The clock of one process jumps, in either direction.
    pub clock: u32,
    /// Some messages of a batch are not sent.
    pub part: u32,
    /// A message is there twice.
    pub doubled: u32,
    /// An acknowledged message comes back.
    pub comes_back: u32,
    /// A queue gives out nothing, or little, or in another order.
    pub reordered: u32,
    /// A process that starts anew offers again what was acknowledged.
    pub offered_again: u32,
    /// The cold store keeps something else than was put, or nothing, and says that it is done.
    pub damaged: u32,
    /// The cold store answers a read with other bytes than it has.
    pub misread: u32,
}

impl Mix {
    /// Nothing goes wrong.
    pub const CALM: Mix = Mix {
        throttled: 0,
        lost: 0,
        applied: 0,
        later: 0,
        own_conflict: 0,
        slow: 0,
        crash: 0,
        freeze: 0,
        dropped: 0,
        leap: 0,
        clock: 0,
        part: 0,
        doubled: 0,
        comes_back: 0,
        reordered: 0,
        offered_again: 0,
        damaged: 0,
        misread: 0,
    };

    /// Any of them, at any of some rates.
    pub fn swarm(dice: &mut Dice) -> Self {
        let mut rate = |rates: &[u32]| if dice.below(2) == 0 { 0 } else { dice.one_of(rates) };
        let (call, step) = ([30, 150, 600], [5, 20, 80]);
        Self {
            throttled: rate(&call),
            lost: rate(&call),
            applied: rate(&call),
            later: rate(&call),
            own_conflict: rate(&call),
            slow: rate(&[500, 2500]),
            crash: rate(&step),
            freeze: rate(&step),
            dropped: rate(&step),
            leap: rate(&[3, 12]),
            clock: rate(&step),
            part: rate(&[500, 2000, 5000]),
            doubled: rate(&[200, 1500]),
            comes_back: rate(&[200, 1500]),
            reordered: rate(&[1000, 5000]),
            offered_again: rate(&[2000, 8000]),
            damaged: rate(&[500, 3000]),
            misread: rate(&[100, 1000]),
        }
    }

    /// What a run with one crash at a chosen point has beside it: deliveries are never in order, but
    /// nothing else fails.
    pub fn only_reordered() -> Self {
        Self { reordered: 2000, offered_again: 5000, ..Self::CALM }
    }
}
