//! The audit log of OCIS and OpenCloud: one JSON object per line, and the event it becomes.
//!
//! The line has no id and often no time; the caller gives an id made from the place in the file,
//! and the time of reading. What the line says about its actor is taken as it is: OCIS signs its
//! users in itself, so nobody knows better, and `actorVerified` is never set.

mod actions;
mod actor;
mod draft;
mod mend;
mod names;
mod secrets;
mod wire;

pub use actions::ExtraActions;
pub use names::SpaceNames;

use crate::Reading;
use actions::{Meaning, Tier};
use domain::names::ChainName;
use domain::time::Timestamp;
use wire::Members;

/// One line of the log, and what its reader knows about it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The line without its LF.
    pub bytes: &'a [u8],
    /// What identifies this line for good, made from its place in the file.
    pub external_id: &'a str,
    /// The chain that the event is for: its name counts towards the size of the event.
    pub chain: &'a ChainName,
    /// The time of reading, for lines that bring no usable time.
    pub now: Timestamp,
    /// Whether the line starts the file, where a byte order mark may stand.
    pub first: bool,
}

/// Reads one line. Actions outside the core are events only where `extra` names them; `names`
/// learns what the spaces are called.
pub fn read(line: &Line<'_>, extra: &ExtraActions, names: &mut SpaceNames) -> Reading {
    let members = match Members::of_line(line.bytes, line.first) {
        Ok(Some(members)) => members,
        Ok(None) => return Reading::Blank,
        Err(reason) => return Reading::Unusable(reason),
    };
    if members.text("App") != "admin_audit" {
        return Reading::Unusable("foreign");
    }
    let Some(action) = members.get("Action").and_then(|value| value.as_str()).map(str::to_owned) else {
        return Reading::Unusable("no-action");
    };
    match Meaning::of(&action, members.text("ShareType"), members.text("Message")) {
        Some(meaning) if meaning.tier == Tier::Extra && !extra.include(&action) => Reading::Skipped(action),
        Some(meaning) => draft::event(line, &action, meaning, members, names),
        None if action.is_empty() => Reading::Unusable("unmappable"),
        None => Reading::Skipped(countable(&action)),
    }
}

/// A name that nobody knows, bounded and harmless enough to become the label of a counter.
fn countable(action: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    action.chars().take(64).map(plain).collect()
}

#[cfg(test)]
mod tests;
