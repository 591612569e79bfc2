//! What a verifier is handed: a log as a file or as rows, all of it or an export from the middle, with
//! or without checkpoints and anchors, and read in pieces of any size.

use crate::body::Body;
use crate::dice::Dice;
use crate::log::{Base, Line, block};
use crate::oracle::Expected;
use domain::checkpoint::Checkpoint;
use domain::hash::Hash;
use domain::names::ChainName;
use domain::verify::{Chunk, Evidence, Options, Report, Start, Walk, check, verify_lines};
use std::io::BufReader;
use std::rc::Rc;

/// The bytes of a log.
pub(crate) enum Content {
    File(Vec<u8>),
    /// Rows under the numbers of their keys.
    Rows(Vec<(u64, Vec<u8>)>),
}

/// Everything that a verifier is told.
pub(crate) struct Handed {
    pub(crate) content: Content,
    /// `None` if none are given.
    pub(crate) checkpoints: Option<Vec<Vec<u8>>>,
    pub(crate) anchors: Vec<Vec<u8>>,
    pub(crate) options: Options,
    pub(crate) name: Option<ChainName>,
    /// Bytes that a file's reader gives at once.
    buffer: usize,
}

impl Handed {
    /// Asks the verifier, in the way of the service for rows and in that of the program for files.
    pub(crate) fn verify(self) -> Report {
        let checkpoints = self.checkpoints.unwrap_or_default();
        match self.content {
            Content::File(bytes) => verify_lines(
                BufReader::with_capacity(self.buffer, &bytes[..]),
                checkpoints.into_iter().map(Ok),
                &self.anchors,
                self.name,
                &self.options,
                None,
                |_| (),
            )
            .expect("memory can be read"),
            Content::Rows(rows) => {
                let mut walk = Walk::new(self.options.clone(), self.name, None);
                self.anchors.iter().for_each(|line| walk.checkpoint(line, Evidence::Anchor));
                let mut checkpoints = checkpoints.iter();
                for (n, row) in rows {
                    let run = check(Chunk::Block { n, row }, &self.options);
                    while !walk.has_checkpoints_beyond(run.greatest_seq()) {
                        let Some(line) = checkpoints.next() else { break };
                        walk.checkpoint(line, Evidence::Chained);
                    }
                    walk.run(run).expect("memory can be written");
                }
                checkpoints.for_each(|line| walk.checkpoint(line, Evidence::Chained));
                walk.finish().expect("memory can be read")
            }
        }
    }
}

/// A base and how a verifier sees it.
pub(crate) struct Scene<'a> {
    pub(crate) base: &'a Base,
    pub(crate) in_rows: bool,
    /// The `seq` that is stated as the first.
    pub(crate) first: u64,
    /// The hash that is stated to stand before it.
    pub(crate) prev_hash: Hash,
    /// The last `seq`, where a companion states one.
    pub(crate) end: Option<u64>,
    body: Body,
    /// The chain's own checkpoints, if they are given.
    pub(crate) given: Option<Vec<Checkpoint>>,
    pub(crate) anchors: Vec<Checkpoint>,
    pub(crate) named: bool,
    parse_all: bool,
    buffer: usize,
}

impl<'a> Scene<'a> {
    pub(crate) fn throw(base: &'a Base, dice: &mut Dice) -> Self {
        let own = &base.own;
        let in_rows = dice.once_in(2);
        let events = own.lines.len();
        let mut body = Body { lines: own.lines.clone(), layout: own.layout.clone() };
        let (mut first, mut end) = (1, None);
        if !in_rows && dice.once_in(4) {
            let from = dice.below(events);
            let to = dice.between(from + 1, events);
            body = Body { lines: own.lines[from..to].to_vec(), layout: vec![vec![to - from]] };
            (first, end) = (from as u64 + 1, Some(to as u64));
        }
        let anchors = match dice.below(4) {
            0 => own.checkpoints.clone(),
            1 => dice.some(&own.checkpoints),
            _ => vec![],
        };
        Self {
            base,
            in_rows,
            first,
            prev_hash: body.lines[0].event.prev_hash,
            end,
            body,
            given: (!dice.once_in(6)).then(|| own.checkpoints.clone()),
            anchors,
            named: in_rows || dice.once_in(2),
            parse_all: dice.once_in(4),
            buffer: if dice.once_in(2) { 128 * 1024 } else { dice.between(1, 3000) },
        }
    }

    pub(crate) fn body(&self) -> Body {
        self.body.clone()
    }

    pub(crate) fn lines(&self) -> &[Rc<Line>] {
        &self.body.lines
    }

    /// Only whoever reads all lines from 1 on does.
    pub(crate) fn knows_the_tree(&self) -> bool {
        self.first == 1
    }

    /// Beyond this `seq`, lines are read in full.
    pub(crate) fn parse_after(&self) -> u64 {
        if self.parse_all { 0 } else { self.given.iter().flatten().map(|c| c.head_seq).max().unwrap_or(0) }
    }

    /// A line, more often than not at an edge: the first, the last, at a seam, at a checkpoint's head or
    /// right behind one.
    pub(crate) fn pick_line(&self, dice: &mut Dice) -> usize {
        let lines = self.body.lines.len();
        let i = match dice.below(8) {
            0 => 0,
            1 => lines - 1,
            2 | 3 => self.body.member_of(dice.below(lines)).0.start + lines - dice.below(2),
            4 | 5 if !self.base.own.checkpoints.is_empty() => {
                let head = dice.pick(&self.base.own.checkpoints).head_seq;
                usize::try_from(head).expect("a few") + lines - dice.below(2)
            }
            _ => dice.below(lines),
        };
        i % lines
    }

    /// The block of line `i`, as a break names it.
    pub(crate) fn block_of(&self, body: &Body, i: usize) -> Option<u64> {
        self.in_rows.then(|| body.member_of(i).1)
    }

    /// The scene as it is.
    pub(crate) fn honest(&self) -> Handed {
        self.handed(self.content_of(&self.body))
    }

    /// What must be said of the scene as it is.
    pub(crate) fn expected(&self) -> Expected {
        let given = self.given.as_deref();
        Expected::of(self, &self.anchors, vec![]).tail(self.lines(), given, &self.anchors)
    }

    /// The same with other lines; rows get headers that fit them.
    pub(crate) fn with_body(&self, body: &Body) -> Handed {
        self.handed(self.content_of(body))
    }

    /// The same with other rows.
    pub(crate) fn with_rows(&self, rows: Vec<(u64, Vec<u8>)>) -> Handed {
        self.handed(Content::Rows(rows))
    }

    /// The same with these checkpoints given.
    pub(crate) fn with_checkpoints(&self, lines: Vec<Vec<u8>>) -> Handed {
        Handed { checkpoints: Some(lines), ..self.honest() }
    }

    /// The rows of the scene's base under their numbers.
    pub(crate) fn numbered_rows(&self) -> Vec<(u64, Vec<u8>)> {
        (1..).zip(self.base.rows.iter().cloned()).collect()
    }

    fn content_of(&self, body: &Body) -> Content {
        if !self.in_rows {
            return Content::File(body.lines.iter().flat_map(|line| line.bytes.iter().copied()).collect());
        }
        // To pack a block anew costs more than all else, so those that nobody touched are taken as they are.
        let own = &self.base.own;
        let (mut at, mut own_at) = (0, 0);
        let mut made = vec![];
        for (n, members) in body.layout.iter().enumerate() {
            let lines = &body.lines[at..at + members.iter().sum::<usize>()];
            let own_members = own.layout.get(n).map_or(&[][..], Vec::as_slice);
            let own_lines = &own.lines[own_at..own_at + own_members.iter().sum::<usize>()];
            let same = own_members == members && own_lines.iter().zip(lines).all(|(own, line)| Rc::ptr_eq(own, line));
            let row = if same { self.base.rows[n].clone() } else { block(n as u64 + 1, lines, members).to_row() };
            made.push((n as u64 + 1, row));
            at += lines.len();
            own_at += own_lines.len();
        }
        Content::Rows(made)
    }

    fn handed(&self, content: Content) -> Handed {
        let options = Options {
            ring: self.base.ring.clone(),
            start: if self.end.is_some() {
                Start::At { seq: self.first, prev_hash: self.prev_hash }
            } else {
                Start::Genesis
            },
            end: self.end,
            parse_after: self.parse_after(),
            all_checkpoints: self.given.is_some(),
            repeat_key: [1; 16],
            threads: 0,
        };
        Handed {
            content,
            checkpoints: self.given.as_ref().map(|given| given.iter().map(Checkpoint::line).collect()),
            anchors: self.anchors.iter().map(Checkpoint::line).collect(),
            options,
            name: self.named.then(|| self.base.own.name.clone()),
            buffer: self.buffer,
        }
    }
}
