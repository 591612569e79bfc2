//! Processes that runs are made of. Each is what a function or a client of the product does, over
//! and over, with what it knows only from answers.

mod archives;
mod events;
mod readers;
mod tails;
mod writers;

pub(crate) use archives::{CutOff, archiver, expirer, holder, reader, restorer, sweeper};
pub(crate) use events::Stream;
pub(crate) use readers::{auditor, lister};
pub(crate) use tails::{all_is_kept, log_writer, tailer};
pub(crate) use writers::{
    appender, deriver, drainer, forgetful, producer_of_nonsense, rebuilder, recorder, redriver, signer, slow_appender,
};
