//! Every kind of edit: what it does to a log, and the answer that the format demands after it.

mod blocks;
mod bytes;
mod checkpoints;
mod headers;
mod resigned;
mod rewrites;
mod structure;
mod tails;

use crate::body::Body;
use crate::dice::Dice;
use crate::log::Line;
use crate::oracle::{Expected, statements};
use crate::scene::{Handed, Scene};
use domain::event::Event;
use domain::verify::Break;
use std::rc::Rc;

/// A log that somebody touched, and what must be said of it.
pub(crate) struct Mutant {
    pub(crate) handed: Handed,
    pub(crate) expected: Expected,
}

/// A kind of edit under its name.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// `None` where the scene has not what this kind edits.
    pub(crate) apply: fn(&Scene<'_>, &mut Dice) -> Option<Mutant>,
}

/// All kinds.
pub(crate) fn kinds() -> impl Iterator<Item = &'static Kind> {
    [
        bytes::KINDS,
        structure::KINDS,
        tails::KINDS,
        rewrites::KINDS,
        checkpoints::KINDS,
        resigned::KINDS,
        blocks::KINDS,
        headers::KINDS,
    ]
    .into_iter()
    .flatten()
}

/// Lines that were edited under untouched checkpoints and anchors. `breaks` is what the edit itself
/// breaks; where that is nothing, every line holds, and only a checkpoint over the edit can tell.
fn of_lines(scene: &Scene<'_>, body: &Body, mut breaks: Vec<Break>) -> Mutant {
    let given = scene.given.as_deref();
    let lines = &body.lines;
    breaks.extend(statements(scene, lines, given, &scene.anchors));
    let expected = Expected::of(scene, &scene.anchors, breaks).tail(lines, given, &scene.anchors);
    Mutant { handed: scene.with_body(body), expected }
}

/// The line of `change` made to the event of this one, with its own hash made right.
fn forged(line: &Line, change: impl FnOnce(&mut Event)) -> Rc<Line> {
    let mut event = line.event.clone();
    change(&mut event);
    Line::of(event)
}
