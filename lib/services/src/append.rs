//! Appending: the create of block n + 1 is the commit, and the only one.
//!
//! Any number of processes may do it at once. Within a process one create is under way, and what
//! arrives meanwhile is the next block.

use crate::blocks::{ReadError, get_stored};
use crate::guard::{self, GuardError, Rollback};
use crate::layout::{messages, rows};
use crate::planted::{Bug, limit, planted};
use crate::view::View;
use crate::{Context, derive};
use domain::block::{Block, Head, Header, MAX_EVENTS, Writer};
use domain::checkpoint::Reason;
use domain::derived::Marker;
use domain::event::{Draft, Identity};
use domain::hash::{Hash, hex};
use domain::json::Refusal;
use ports::{BucketError, Condition, TableError};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// A writer derives first when more blocks than this have no derived rows: readers and writers hold
/// them in memory.
const MAX_UNDERIVED: u64 = 64;
/// Sends of one block before its outcome is reported as unknown.
const MAX_SENDS: u32 = 8;
/// Events since the last checkpoint at which one is asked for.
const CHECKPOINT_EVERY: u64 = 100;

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was chained at this `seq`.
    Chained(u64),
    /// It stands at this `seq` already; nothing was written.
    Known(u64),
    /// Another event of this id stands at this `seq`; nothing was written.
    Conflicts(u64),
}

/// The events were not, or not certainly, chained. Whoever sent them keeps them and tries again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The outcome is not known, or the table is busy.
    #[error("append to the chain")]
    Table(#[source] TableError),
    /// Stored bytes cannot be read.
    #[error("append to the chain")]
    Read(#[from] ReadError),
    /// The bucket's checkpoints cannot be compared.
    #[error("compare the chain with its checkpoint copies before the first append")]
    Bucket(#[source] BucketError),
    /// The table has lost history.
    #[error(transparent)]
    Rollback(#[from] Rollback),
    /// Our own bytes failed our own check: memory is damaged, or this is a bug.
    #[error("the block that was about to be sent fails its own check; nothing was written. {0}")]
    SelfCheck(Refusal),
}

impl From<GuardError> for AppendError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Read(error) => Self::Read(error),
            GuardError::Bucket(error) => Self::Bucket(error),
            GuardError::Rollback(rollback) => Self::Rollback(rollback),
        }
    }
}

type Answer = Result<Appended, AppendError>;

/// Events of one call, and the answers that are there already.
struct Call {
    answers: Mutex<Vec<Option<Answer>>>,
}

struct Item {
    draft: Draft,
    call: Arc<Call>,
    place: usize,
}

impl Item {
    fn answer(&self, answer: Answer) {
        self.call.answers.lock().unwrap_or_else(PoisonError::into_inner)[self.place] = Some(answer);
    }
}

#[derive(Default)]
struct State {
    view: Option<View>,
    /// Taken up and not answered yet; left behind by a caller that was dropped, they are the next
    /// caller's.
    in_flight: Vec<Item>,
    /// The head at which a checkpoint was last made or asked for.
    checkpoint_seq: u64,
}

/// Appends events of one process.
pub struct Appender {
    cx: Context,
    guarded: bool,
    waiting: Mutex<VecDeque<Item>>,
    state: tokio::sync::Mutex<State>,
}

impl Appender {
    /// An appender; it reads nothing before the first event.
    pub fn new(cx: Context) -> Self {
        Self { cx, guarded: true, waiting: Mutex::default(), state: tokio::sync::Mutex::default() }
    }

    /// An appender that does not compare the table with its checkpoints: for the one event by which
    /// an operator accepts that they differ.
    pub(crate) fn despite_a_break(cx: Context) -> Self {
        Self { guarded: false, ..Self::new(cx) }
    }

    /// Chains what is new. On `Ok` every event stands in the chain, whatever crashes now.
    ///
    /// # Errors
    /// The first of the events' errors. Nothing is known of the others then; all may be sent again.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<Appended>, AppendError> {
        let answers = vec![None; drafts.len()];
        let call = Arc::new(Call { answers: Mutex::new(answers) });
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let items = drafts.into_iter().enumerate();
            waiting.extend(items.map(|(place, draft)| Item { draft, call: Arc::clone(&call), place }));
        }
        loop {
            if let Some(answers) = call.all_answers() {
                return answers;
            }
            let mut state = self.state.lock().await;
            // Whoever held the lock before may have answered.
            if call.all_answers().is_none() {
                self.commit_some(&mut state).await;
            }
        }
    }

    /// Takes up what waits, as much as one block can hold, and answers it.
    async fn commit_some(&self, state: &mut State) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let room = limit(MAX_EVENTS, 3).saturating_sub(state.in_flight.len()).min(waiting.len());
            state.in_flight.extend(waiting.drain(..room));
        }
        if let Err(error) = self.commit_in_flight(state).await {
            tracing::warn!(chain = %self.cx.chain, events = state.in_flight.len(), %error, "nothing was acknowledged");
            state.in_flight.drain(..).for_each(|item| item.answer(Err(error.clone())));
            // Whatever was believed may be wrong by now.
            state.view = None;
        }
    }

    async fn commit_in_flight(&self, state: &mut State) -> Result<(), AppendError> {
        if state.view.is_none() {
            state.view = Some(self.open().await?);
        }
        let State { view: Some(view), in_flight, checkpoint_seq } = state else { return Ok(()) };
        while !in_flight.is_empty() {
            if view.head.block - view.watermark.min(view.head.block) > limit(MAX_UNDERIVED, 2) {
                derive::derive(&self.cx, rows::SCHEMA, u64::MAX).await?;
            }
            view.follow_watermark(&self.cx).await?;
            if view.watermark > view.head.block {
                // Others went on, perhaps for months: what lies between may be archived by now.
                *view = View::load(&self.cx).await?;
            }
            let (fresh, identities) = self.answer_recent(view, in_flight).await?;
            if fresh.is_empty() {
                continue;
            }
            let drafts: Vec<&Draft> = fresh.iter().map(|i| &in_flight[*i].draft).collect();
            // Nearly always none of them is chained, so the block is built while the table looks.
            let (markers, built) =
                tokio::join!(view.look_up(&self.cx, &identities), async { self.build(&view.head, &drafts) });
            let (markers, built) = (markers?, built?);
            match view.reach(&self.cx, &markers).await? {
                Err(beyond) => return Err(Rollback::marker(&self.cx.chain, view.head, beyond.block).into()),
                // The blocks that came to light may hold others of these events, too.
                Ok(true) => continue,
                Ok(false) => {}
            }
            if markers.iter().any(Option::is_some) {
                answer_marked(in_flight, &fresh, &markers);
                continue;
            }
            let mut created = self.create(view, built).await?;
            if created.is_none() && planted(Bug::ConflictSkipsRepeats) {
                created = self.create(view, self.build(&view.head, &drafts)?).await?;
            }
            let Some(block) = created else { continue };
            view.apply_own(&block, &identities[..usize::try_from(block.count).unwrap_or(usize::MAX)]);
            // Those taken are the first of the fresh ones, in order.
            let taken: HashSet<usize> =
                fresh.iter().copied().take(usize::try_from(block.count).unwrap_or(usize::MAX)).collect();
            let mut seq = block.first_seq;
            let mut i = 0;
            in_flight.retain(|item| {
                let is_taken = taken.contains(&i);
                i += 1;
                if is_taken {
                    item.answer(Ok(Appended::Chained(seq)));
                    seq += 1;
                }
                !is_taken
            });
            self.ask_for_checkpoint(view.head.seq, checkpoint_seq).await;
        }
        Ok(())
    }

    async fn open(&self) -> Result<View, AppendError> {
        let view = View::load(&self.cx).await?;
        if self.guarded
            && !planted(Bug::WritesDespiteRollback)
            && !(view.head.block == 0 && planted(Bug::EmptyIsNotCompared))
        {
            guard::compare(&self.cx, &view.accepted).await?;
        }
        Ok(view)
    }

    /// Answers what stands above the watermark; gives back the places of the others, each identity
    /// once, and those identities. A repeat within the batch waits for the next round and is known then.
    async fn answer_recent(
        &self,
        view: &View,
        in_flight: &mut Vec<Item>,
    ) -> Result<(Vec<usize>, Vec<Identity>), AppendError> {
        let mut identities: Vec<Identity> = in_flight.iter().map(|item| item.draft.identity(&self.cx.chain)).collect();
        if identities.iter().any(|identity| view.is_recent(identity)) {
            let mut markers = Vec::with_capacity(identities.len());
            for identity in &identities {
                markers.push(view.recall(&self.cx, identity).await?);
            }
            // Not before the last await: a caller that is dropped there must leave every item in place.
            let places: Vec<usize> = (0..markers.len()).collect();
            answer_marked(in_flight, &places, &markers);
            identities = in_flight.iter().map(|item| item.draft.identity(&self.cx.chain)).collect();
        }
        let mut seen = HashSet::with_capacity(identities.len());
        let fresh: Vec<usize> = (0..identities.len())
            .filter(|i| seen.insert(identities[*i]) || planted(Bug::RepeatsWithinABatch))
            .collect();
        let identities = fresh.iter().map(|i| identities[*i]).collect();
        Ok((fresh, identities))
    }

    /// Builds the next block and reads it back.
    fn build(&self, head: &Head, drafts: &[&Draft]) -> Result<Built, AppendError> {
        let cx = &self.cx;
        let nonce = hex(&cx.ids.nonce());
        let writer = Writer { chain: &cx.chain, writer: &cx.writer, nonce, now: cx.clock.now(), threads: cx.threads };
        let (block, _) = Block::build(&writer, head, drafts);
        let row = block.to_row();
        self_check(&row, &block, cx.threads).map_err(AppendError::SelfCheck)?;
        Ok(Built { header: block.header, row })
    }

    /// Creates the block; `None` if another writer was first.
    async fn create(&self, view: &mut View, built: Built) -> Result<Option<Header>, AppendError> {
        let cx = &self.cx;
        let Built { header, row } = built;
        let key = rows::block(&cx.chain, header.n);
        let mut last = None;
        for _ in 0..MAX_SENDS {
            let sent = cx.table.put(&key, row.clone(), Condition::Absent).await;
            match sent {
                Ok(_) => return Ok(Some(header)),
                Err(error @ TableError::Rejected(_)) => return Err(AppendError::Table(error)),
                Err(error @ TableError::Throttled(_)) => {
                    last = Some(error);
                    continue;
                }
                Err(TableError::Conflict(_)) if planted(Bug::ConflictIsDone) => return Ok(Some(header)),
                Err(TableError::Unavailable(_)) if planted(Bug::UnknownIsDone) => return Ok(Some(header)),
                // A conflict may be with ourselves, and a timeout may have been a success.
                Err(error @ (TableError::Conflict(_) | TableError::Unavailable(_))) => last = Some(error),
            }
            match get_stored(cx, header.n).await {
                Ok(Some(there)) if there.header().nonce == header.nonce && planted(Bug::SlotIsFreed) => {
                    free_slot(cx, &key).await.map_err(AppendError::Table)?;
                    break;
                }
                Ok(Some(there))
                    if there.header().nonce == header.nonce
                        || (planted(Bug::KnowsBlocksByWriter) && there.header().writer == header.writer) =>
                {
                    return Ok(Some(header));
                }
                Ok(Some(_)) => {
                    view.catch_up(cx).await?;
                    return Ok(None);
                }
                // Not there: the same bytes again. Should the first copy land late, one of them wins.
                Ok(None) => {}
                Err(ReadError::Table(TableError::Throttled(_) | TableError::Unavailable(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let unknown = || TableError::Unavailable("gave up".to_owned());
        Err(AppendError::Table(last.unwrap_or_else(unknown)))
    }

    /// Asks for a checkpoint when enough events have come since the last. Losing the request loses
    /// nothing: the schedule signs as well.
    async fn ask_for_checkpoint(&self, head_seq: u64, since: &mut u64) {
        if head_seq < *since + limit(CHECKPOINT_EVERY, 4) {
            return;
        }
        let cx = &self.cx;
        match crate::checkpoints::latest(cx).await {
            Ok(latest) => *since = latest.map_or(0, |latest| latest.checkpoint.head_seq),
            Err(_) => return,
        }
        if head_seq < *since + limit(CHECKPOINT_EVERY, 4) {
            return;
        }
        let request = messages::checkpoint_request(Reason::Threshold);
        if let Err(error) = cx.checkpoint_requests.send_batch(&[request]).await {
            tracing::warn!(chain = %cx.chain, %error, "could not ask for a checkpoint; the schedule will sign");
        }
        *since = head_seq;
    }
}

/// Takes back a block that is there although nobody said so; see [`Bug::SlotIsFreed`].
async fn free_slot(cx: &Context, key: &ports::Key) -> Result<(), TableError> {
    match cx.table.get(key).await? {
        Some(row) => cx.table.delete(key, &row.version).await,
        None => Ok(()),
    }
}

/// A block that passed its own check, as it will be sent.
struct Built {
    header: Header,
    row: Vec<u8>,
}

/// With an external id a repeat is dropped whatever it says: re-reading a source may map it otherwise
/// by now. Without one, other content under the same id is a conflict.
fn settle(draft: &Draft, marker: &Marker) -> Appended {
    if (draft.external_id().is_some() && !planted(Bug::SettlesByContent)) || draft.digest() == marker.digest {
        Appended::Known(marker.seq)
    } else {
        Appended::Conflicts(marker.seq)
    }
}

/// Answers the items (at these places) that have a marker, and leaves the others.
fn answer_marked(in_flight: &mut Vec<Item>, places: &[usize], markers: &[Option<Marker>]) {
    let marked: HashMap<usize, Marker> =
        places.iter().zip(markers).filter_map(|(place, marker)| Some((*place, (*marker)?))).collect();
    let mut place = 0;
    in_flight.retain(|item| {
        let marker = marked.get(&place);
        place += 1;
        if let Some(marker) = marker {
            item.answer(Ok(settle(&item.draft, marker)));
        }
        marker.is_none()
    });
}

impl Call {
    fn all_answers(&self) -> Option<Result<Vec<Appended>, AppendError>> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.iter().any(Option::is_none) {
            return None;
        }
        Some(answers.iter().flatten().cloned().collect())
    }
}

/// What is about to be sent is read back from its bytes, line by line in full: later walks trust the
/// bytes because this one did not.
fn self_check(row: &[u8], block: &Block, threads: usize) -> Result<(), Refusal> {
    let read = Block::from_row(row)?;
    read.check_in_full(threads)?;
    if read.header != block.header {
        return Err(Refusal::new("header-mismatch", "the header reads back as another"));
    }
    Ok(())
}

/// Says that something in a message could not be chained: `audit.event_rejected`, with no text of
/// the producer's. Its external id is made from what was rejected, so that a redelivery says it once.
///
/// # Errors
/// Never for words of this program.
pub fn rejection(cx: &Context, rejected: &messages::Rejected, existing_seq: Option<u64>) -> Result<Draft, Refusal> {
    use domain::json::{Object, Value};
    let source = Value::from(rejected.source.as_ref().map(domain::names::Source::as_str));
    let id = Value::from(rejected.id.map(|id| id.to_string()));
    let digest = if planted(Bug::OneRejectionPerId) { Value::Null } else { rejected.digest.to_hex().into() };
    let name = Value::Array(vec![source.clone(), id.clone(), digest]);
    let mut external_id = format!("rejected:{}", Hash::of(&name.canonical()));
    if planted(Bug::RejectsEachTime) {
        external_id += &hex(&cx.ids.nonce());
    }
    let metadata = Object::of([
        ("reason", rejected.reason.into()),
        ("eventSource", source),
        ("eventId", id),
        ("sha256", rejected.digest.to_hex().into()),
        ("existingSeq", existing_seq.and_then(Value::integer).unwrap_or(Value::Null)),
    ]);
    Draft::internal("audit.event_rejected", external_id, cx.clock.now(), metadata)
}
