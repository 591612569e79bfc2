//! Bugs that the simulator must find: each breaks one rule of a protocol, where that rule is kept.
//!
//! They exist only with the feature `planted-bugs`, which tests alone enable; without it every
//! question is a constant `false`. At most one is on, and only on the thread that planted it.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $bug:ident = $name:literal,)+) => {
        /// A rule that is not kept.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])+ $bug,)+ }

        #[cfg(feature = "planted-bugs")]
        impl Bug {
            /// All of them.
            pub const ALL: &[Bug] = &[$(Bug::$bug,)+];

            /// Its name in commands.
            pub fn name(self) -> &'static str {
                match self { $(Bug::$bug => $name,)+ }
            }

            /// What is wrong then.
            pub fn what(self) -> &'static str {
                match self { $(Bug::$bug => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

bugs! {
    /// Messages are acknowledged before their events are chained.
    AckBeforeCommit = "ack-before-commit",
    /// Messages are acknowledged although their events could not be chained.
    AckDespiteFailure = "ack-despite-failure",
    /// A write without an answer is taken for done: the SDK has surely retried it.
    UnknownIsDone = "unknown-is-done",
    /// A conflict is taken for one with the SDK's own retry, so for done.
    ConflictIsDone = "conflict-is-done",
    /// After a conflict the block is put on top of the new head without looking for repeats again.
    ConflictSkipsRepeats = "conflict-skips-repeats",
    /// A block whose outcome was unknown is deleted, and its number used again.
    SlotIsFreed = "slot-is-freed",
    /// Two events of one batch with the same id are both chained.
    RepeatsWithinABatch = "repeats-within-a-batch",
    /// Ids of blocks without derived rows are not looked for.
    NoMemory = "no-memory",
    /// Ids of blocks with derived rows are not looked for.
    NoMarkers = "no-markers",
    /// Ids are forgotten one block before their derived rows are there.
    ForgetsTooEarly = "forgets-too-early",
    /// A message that cannot be used is acknowledged without a word.
    RejectsInSilence = "rejects-in-silence",
    /// An event whose id another one has is dropped without a word.
    DropsConflictsInSilence = "drops-conflicts-in-silence",
    /// A message that cannot be used is answered anew each time it comes.
    RejectsEachTime = "rejects-each-time",
    /// The watermark moves before the rows of its block are written.
    WatermarkBeforeRows = "watermark-before-rows",
    /// The watermark moves although writing the rows failed.
    WatermarkDespiteFailure = "watermark-despite-failure",
    /// The watermark skips a block.
    WatermarkSkips = "watermark-skips",
    /// A rebuild takes out rows of blocks that were chained while it ran.
    RebuildTakesOutNewRows = "rebuild-takes-out-new-rows",
    /// Recording does not look at what became of each message.
    IgnoresPartOfASend = "ignores-part-of-a-send",
    /// Dead letters are taken out before they are sent back.
    RedriveTakesOutFirst = "redrive-takes-out-first",
    /// All dead letters of a batch are taken out although some were not sent back.
    RedriveTakesOutAll = "redrive-takes-out-all",
    /// Checkpoints are keyed by their head, so that two signers do not meet.
    CheckpointsByHead = "checkpoints-by-head",
    /// A signer that loses its slot hands out its checkpoint all the same.
    LoserHandsOut = "loser-hands-out",
    /// The copy of a checkpoint is made before its commit.
    CopyBeforeCommit = "copy-before-commit",
    /// Nobody makes sure that the copy of the checkpoint before is there.
    CopyIsForgotten = "copy-is-forgotten",
    /// The time of a checkpoint is the clock's, whatever the one before says.
    CheckpointTimeFalls = "checkpoint-time-falls",
    /// A checkpoint is made although the head has not moved.
    SignsTheSameHead = "signs-the-same-head",
    /// A signer does not compare the table with what was vouched for.
    SignsDespiteRollback = "signs-despite-rollback",
    /// A writer does not compare the table with what was vouched for.
    WritesDespiteRollback = "writes-despite-rollback",
    /// A list does not remember the head of its first page.
    CursorWithoutAsOf = "cursor-without-as-of",
    /// A list does not read the blocks that have no derived rows yet.
    ListSkipsRecent = "list-skips-recent",
    /// A page is cut although an older entry may hold newer events.
    PageIsCutTooEarly = "page-is-cut-too-early",
    /// The next page starts behind all events of the last one's time.
    CursorForgetsTies = "cursor-forgets-ties",
    /// The place in a log moves on before its events are queued.
    PlaceBeforeQueue = "place-before-queue",
    /// A log's life is not written down before its events are queued.
    LifeIsNotKept = "life-is-not-kept",
    /// The place in a log is written whoever moved it meanwhile.
    PlaceIsOverwritten = "place-is-overwritten",
    /// The store answers reads from a replica that lags behind.
    ReadsAreEventual = "reads-are-eventual",
    /// The store looks at a condition, and writes some time later.
    ConditionsAreNotAtomic = "conditions-are-not-atomic",
    /// Another content under an external id is a conflict, as under any other.
    SettlesByContent = "settles-by-content",
    /// Whoever learns of new blocks reads one of them only.
    CatchesUpByOne = "catches-up-by-one",
    /// A block is taken for our own by the name of its writer.
    KnowsBlocksByWriter = "knows-blocks-by-writer",
    /// A table without blocks is not compared with what was vouched for.
    EmptyIsNotCompared = "empty-is-not-compared",
    /// The guard reads the head before what speaks against it.
    HeadBeforeEvidence = "head-before-evidence",
    /// The number of a checkpoint whose row is lost is used again, whatever its copy says.
    NumbersAreUsedAgain = "numbers-are-used-again",
    /// Derived rows of lost blocks stay when the loss is accepted.
    LostRowsStay = "lost-rows-stay",
    /// The watermark stays behind the end when a loss is accepted.
    LostWatermarkStays = "lost-watermark-stays",
    /// What is being accepted is not written down before the evidence goes.
    AcceptsFromMemory = "accepts-from-memory",
    /// Accepting a loss takes out rows of blocks that were chained since.
    ForgetsNewRows = "forgets-new-rows",
    /// Entries that begin above the place of a page are not looked at.
    EntriesEndTooSoon = "entries-end-too-soon",
    /// A list before a moment holds events of that moment.
    BeforeIsInclusive = "before-is-inclusive",
    /// The copy of a checkpoint is made before its tiles.
    CopyBeforeTiles = "copy-before-tiles",
    /// The edge that a signer left is not held against the chain.
    EdgeIsBelieved = "edge-is-believed",
    /// A verification reads the head before the checkpoints.
    VerifiesHeadFirst = "verifies-head-first",
    /// Messages are acknowledged although their rejections could not be chained.
    RejectionIsLost = "rejection-is-lost",
    /// What a rotated file holds behind its last line is dropped.
    RestIsDropped = "rest-is-dropped",
    /// A page that stops early goes on behind the entry that it did not read.
    StopsBehindTheEntry = "stops-behind-the-entry",
    /// Full tiles are not written.
    FullTilesAreForgotten = "full-tiles-are-forgotten",
    /// A rejection is named by the id alone, so that a second variant goes unanswered.
    OneRejectionPerId = "one-rejection-per-id",
    /// An archive is trusted before it was read back.
    ArchiveIsNotReadBack = "archive-is-not-read-back",
    /// The newest block is archived, too, and blocks without derived rows.
    ArchivesTheHead = "archives-the-head",
    /// A batch is claimed although the one before is not done.
    NextBatchBeforeDone = "next-batch-before-done",
    /// A claim is written whoever made one meanwhile.
    ClaimIsOverwritten = "claim-is-overwritten",
    /// A manifest is signed whoever signed one meanwhile.
    ManifestIsSignedTwice = "manifest-is-signed-twice",
    /// Blocks become stubs before the manifest is in the cold store and named by the chain.
    StubsBeforeTheManifest = "stubs-before-the-manifest",
    /// The event that names a manifest is queued, and not waited for.
    EventIsOnlyQueued = "event-is-only-queued",
    /// A stub is written over whatever stands there.
    StubsUnconditionally = "stubs-unconditionally",
    /// Markers of archived blocks are dropped with their entries.
    MarkersAreDropped = "markers-are-dropped",
    /// Holds are looked at before a batch is marked as expiring, and not after.
    HoldsAreReadTooEarly = "holds-are-read-too-early",
    /// Lines are deleted without an event that says so.
    ExpiresInSilence = "expires-in-silence",
    /// A restored batch is swept by its number, whoever restored it meanwhile.
    SweepsAnothersLease = "sweeps-anothers-lease",
    /// An archive is restored whatever its hash.
    RestoresUnchecked = "restores-unchecked",
    /// Behind an accepted break a head is signed that lies before what was vouched for.
    SignsBehind = "signs-behind",
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use super::Bug;
    use std::cell::Cell;

    thread_local!(static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) });

    /// Runs `work` with this bug on this thread.
    pub fn with<R>(bug: Option<Bug>, work: impl FnOnce() -> R) -> R {
        struct Restore(Option<Bug>);
        impl Drop for Restore {
            fn drop(&mut self) {
                PLANTED.set(self.0);
            }
        }
        let _restore = Restore(PLANTED.replace(bug));
        work()
    }

    /// Whether this bug is on.
    pub fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(feature = "planted-bugs")]
mod limits {
    use std::cell::Cell;

    thread_local!(static LOW: Cell<bool> = const { Cell::new(false) });

    /// Runs `work` with low limits on this thread, if so: what takes thousands of events otherwise
    /// happens within a run of a few.
    pub fn with_low_limits<R>(low: bool, work: impl FnOnce() -> R) -> R {
        struct Restore(bool);
        impl Drop for Restore {
            fn drop(&mut self) {
                LOW.set(self.0);
            }
        }
        let _restore = Restore(LOW.replace(low));
        work()
    }

    /// The real limit, or the low one where that was asked for.
    pub(crate) fn limit<N>(real: N, low: N) -> N {
        if LOW.get() { low } else { real }
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use limits::limit;
#[cfg(feature = "planted-bugs")]
pub use limits::with_low_limits;
#[cfg(feature = "planted-bugs")]
pub use switch::{planted, with};

/// The real limit; only runs of the simulator ask for the low one.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn limit<N: Copy>(real: N, _low: N) -> N {
    real
}

/// Whether this bug is on.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}
