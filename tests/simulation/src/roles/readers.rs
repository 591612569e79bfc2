//! Whoever reads while others write: lists page by page, verifies, follows by `seq`.

use crate::checker::Checker;
use crate::node::Node;
use crate::sim::Sim;
use domain::line::LineView;
use domain::time::Timestamp;
use domain::verify::Status;
use services::Cursor;
use services::list::{self, Page, Query};
use services::verify::{Request, Tiers, verify};

/// Lists everything, page by page, `walks` times. What was chained when a walk began is in it, once,
/// newest first; what was chained after its first page is not.
pub(crate) fn lister(sim: &mut Sim, name: &str, walks: u32) {
    sim.client(name, move |node| async move {
        for _ in 0..walks {
            walk(&node).await;
            node.rest(4000).await;
        }
    });
}

async fn walk(node: &Node) {
    let cx = node.context();
    let limit = node.draw(|dice| 1 + dice.place(6));
    let known_before = node.world().checker().head();
    // Everything, or what happened before some event did.
    let of = node.draw(|dice| dice.below(2 * known_before + 1));
    let before = node.world().checker().line(of).and_then(at_of);
    let mut query = Query { limit, before, cursor: None, caller: "anna".to_owned() };
    let end = (Timestamp::from_unix_millis(253_402_300_799_999).expect("the year 9999"), u64::MAX);
    let below = before.map_or(end, |before| (before, 0));
    let mut walk = Walk { known_before, known_after: None, before, below, listed: Vec::new() };
    loop {
        match list::list(&cx, &query).await {
            Err(_) => {
                node.world().mark("list: again");
                node.rest(1000).await;
            }
            Ok(page) => {
                query.cursor = page.cursor.clone();
                let name = before.map_or_else(String::new, |before| format!("before={before}"));
                let next = page.cursor.as_deref().map(|text| Cursor::open(text, &cx.cursor_key, &name, "anna"));
                let next = next.map(|cursor| cursor.map(|cursor| (cursor.at, cursor.seq)));
                let looked_at = match next.transpose() {
                    Ok(next) => walk.look_at(&mut node.world().checker(), &page, next),
                    Err(_) => Err("a list gave out a cursor that it will not take".to_owned()),
                };
                match looked_at {
                    Ok(()) if query.cursor.is_some() => node.rest(500).await,
                    Ok(()) => return,
                    Err(what) => return node.world().checker().fail(what),
                }
            }
        }
    }
}

/// What one walk has seen.
struct Walk {
    /// Events that were chained when it began.
    known_before: u64,
    /// Events that were chained when its first page was there.
    known_after: Option<u64>,
    /// Only what happened before is asked for.
    before: Option<Timestamp>,
    /// What earlier pages were to hold is at or above this.
    below: (Timestamp, u64),
    listed: Vec<(Timestamp, u64)>,
}

/// When an event happened.
fn at_of(line: &[u8]) -> Option<Timestamp> {
    Timestamp::parse(std::str::from_utf8(LineView::of(line)?.at).ok()?).ok()
}

impl Walk {
    fn look_at(&mut self, checker: &mut Checker, page: &Page, next: Option<(Timestamp, u64)>) -> Result<(), String> {
        let known_after = *self.known_after.get_or_insert(checker.head());
        for line in &page.lines {
            let found = at_of(line).zip(LineView::of(line).map(|view| view.seq));
            let found = found.ok_or("a list gave out what is no line")?;
            if checker.line(found.1) != Some(line.as_slice()) {
                return Err(format!("a list gave out another event {}", found.1));
            }
            if self.listed.last().is_some_and(|before| *before <= found) {
                return Err(format!("a list gave out {found:?} behind {:?}", self.listed.last()));
            }
            if found.1 > known_after {
                return Err(format!("a list gave out event {}, chained after its first page", found.1));
            }
            if self.before.is_some_and(|before| found.0 >= before) {
                return Err(format!("a list before {:?} gave out {found:?}", self.before));
            }
            self.listed.push(found);
        }
        if page.cursor.is_some() && page.lines.is_empty() && !page.stopped_early {
            return Err("an empty page says that there is more".to_owned());
        }
        self.skips_nothing(checker, page, next)?;
        self.below = next.unwrap_or(self.below);
        Ok(())
    }

    /// What lies between the last page and the next is on this one, or in an archive that it names.
    fn skips_nothing(&self, checker: &Checker, page: &Page, next: Option<(Timestamp, u64)>) -> Result<(), String> {
        for seq in 1..=self.known_before {
            let Some(at) = checker.line(seq).and_then(at_of) else { continue };
            let here = (at, seq) < self.below && next.is_none_or(|next| (at, seq) >= next);
            if !here || self.listed.contains(&(at, seq)) {
                continue;
            }
            let archive = checker.archive_of(seq);
            let said = page.cold.as_ref().is_some_and(|cold| {
                at <= cold.complete_after && cold.archives.iter().any(|range| archive == Some((range.start, range.end)))
            });
            if !said {
                return Err(format!("a list skipped event {seq} of {}", self.known_before));
            }
        }
        Ok(())
    }
}

/// Verifies and exports while others write: what is under way is never a break.
pub(crate) fn auditor(sim: &mut Sim, name: &str, rounds: u32) {
    sim.client(name, move |node| async move {
        let cx = node.context();
        for _ in 0..rounds {
            let index = node.draw(|dice| dice.below(2)) == 0;
            let tiers = if node.draw(|dice| dice.below(2)) == 0 { Tiers::Hot } else { Tiers::All };
            let misread = node.misread();
            match verify(&cx, Request { index, tiers, ..Request::with_threads(0) }, |_, _| ()).await {
                // Who was answered wrongly by the cold store says so.
                Ok(report) if report.status() == Status::Broken && node.misread() == misread => {
                    node.world().checker().fail(format!("a false alarm: {:?}", report.first_break));
                }
                Ok(_) => follow(&node).await,
                Err(_) => node.world().mark("verify: again"),
            }
            node.rest(10_000).await;
        }
    });
}

/// Exports everything from the first event on.
async fn follow(node: &Node) {
    let Ok(mut export) = services::export::Export::start(&node.context(), 1, None).await else { return };
    let mut seq = 0;
    while let Ok(Some(lines)) = export.next().await {
        for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            seq += 1;
            let mut checker = node.world().checker();
            if checker.line(seq) != Some(line) {
                return checker.fail(format!("an export gave out another event {seq}"));
            }
        }
    }
}
