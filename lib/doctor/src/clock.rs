//! Whether this machine and a store agree about the time.

use ports::{Clock, Finding, Probe};

/// Beyond this, in milliseconds, nothing is written: the times of blocks would be wrong for ever.
pub const MAX_SKEW_MILLIS: i64 = 60_000;

/// From here on somebody should look.
const NOTED_SKEW_MILLIS: i64 = 5_000;

/// Compares the store's clock with ours. Nothing for a store without a clock of its own.
///
/// # Errors
/// Why the store did not say its time.
pub async fn clock(probe: &dyn Probe, clock: &dyn Clock) -> Result<Option<Finding>, String> {
    const CHECK: &str = "clock";
    let before = clock.now();
    let Some(store) = probe.time().await? else { return Ok(None) };
    let after = clock.now();
    // While the answer was under way both clocks went on: only what lies outside is a difference.
    let store = store.unix_millis();
    // Some stores tell whole seconds only.
    let behind = before.unix_millis() - (store + 999);
    let ahead = store - after.unix_millis();
    let skew = behind.max(ahead).max(0);
    let direction = if behind > ahead { "ahead of" } else { "behind" };
    let mend = "let both machines keep their time by NTP (for example systemd-timesyncd or chrony)";
    let seconds = skew / 1000;
    Ok(Some(if skew > MAX_SKEW_MILLIS {
        let seen = format!("this machine's clock is {seconds} s {direction} the store's; more than 60 s are refused");
        Finding::unfit(CHECK, seen, mend)
    } else if skew >= NOTED_SKEW_MILLIS {
        Finding::lacks(CHECK, format!("this machine's clock is {seconds} s {direction} the store's"), mend)
    } else {
        Finding::good(CHECK, "this machine and the store agree about the time within 5 s")
    }))
}
