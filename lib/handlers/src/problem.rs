//! From what went wrong to what the caller is told.

mod archives;

use api::{FieldProblem, ProblemCode};
use domain::json::Refusal;
use ports::{BucketError, QueueError, SignerError, TableError};
use services::blocks::ReadError;
use services::checkpoints::CheckpointError;
use services::export::ExportError;
use services::guard::Rollback;
use services::list::ListError;
use services::record::RecordError;
use services::sign::SignError;
use services::verify::VerifyError;
use std::error::Error;

/// Why a request was not served. Becomes a problem document at the mount, which knows the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The stable code.
    pub code: ProblemCode,
    /// What happened, and what to do; safe to show.
    pub detail: String,
    /// Piece by piece.
    pub errors: Vec<FieldProblem>,
    /// All causes, for the log only.
    pub causes: Option<String>,
}

impl Fault {
    /// A fault that the caller may know everything of.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), causes: None }
    }

    /// With its pieces.
    pub fn with(mut self, errors: Vec<FieldProblem>) -> Self {
        self.errors = errors;
        self
    }

    /// With its causes, for the log.
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        self.causes = Some(with_causes(error));
        self
    }
}

/// An error and all its causes in one text.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text += &format!(": {next}");
        }
        cause = error.source();
    }
    text
}

fn unavailable(error: &dyn Error) -> Fault {
    let detail = "a store does not answer; nothing that was acknowledged is lost. Send the request again in a moment";
    Fault::new(ProblemCode::Unavailable, detail).caused_by(error)
}

fn internal(error: &dyn Error) -> Fault {
    let detail = "this cannot be served as things are; the log of the service has the cause under the request's id";
    Fault::new(ProblemCode::Internal, detail).caused_by(error)
}

fn rolled_back(rollback: &Rollback) -> Fault {
    Fault::new(ProblemCode::ChainBroken, rollback.to_string()).caused_by(rollback)
}

impl From<TableError> for Fault {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Rejected(_) => internal(&error),
            _ => unavailable(&error),
        }
    }
}

impl From<BucketError> for Fault {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Rejected(_) => internal(&error),
            BucketError::Unavailable(_) => unavailable(&error),
        }
    }
}

impl From<QueueError> for Fault {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Rejected(_) => internal(&error),
            QueueError::Unavailable(_) => unavailable(&error),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Table(error) => error.into(),
            ReadError::Damaged { block, .. } => {
                let detail = format!("block {block} of the log is damaged; GET /audit/verify names the exact place");
                Fault::new(ProblemCode::ChainDamaged, detail).caused_by(&error)
            }
            ReadError::Cold { archive, .. } => {
                let detail = format!(
                    "events {archive} are archived, and their archive cannot be read now; GET /audit/verify?tiers=all says \
                     whether it is broken"
                );
                Fault::new(ProblemCode::ArchiveUnavailable, detail).caused_by(&error)
            }
            ReadError::Expired { .. } => Fault::new(ProblemCode::ArchiveExpired, error.to_string()).caused_by(&error),
        }
    }
}

impl From<CheckpointError> for Fault {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Table(error) => error.into(),
            CheckpointError::Damaged { n, .. } => {
                let detail = format!("checkpoint {n} is damaged; GET /audit/verify names the exact place");
                Fault::new(ProblemCode::ChainDamaged, detail).caused_by(&error)
            }
        }
    }
}

impl From<VerifyError> for Fault {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Read(error) => error.into(),
            VerifyError::Scratch(_) => internal(&error),
        }
    }
}

impl From<SignError> for Fault {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Guard(error) => error.into(),
            SignError::Rollback(rollback) => rolled_back(&rollback),
            SignError::Signer(SignerError::Unavailable(_)) => unavailable(&error),
            SignError::Signer(SignerError::Refused(_)) => internal(&error),
            SignError::DoesNotExtend { .. } => {
                Fault::new(ProblemCode::ChainBroken, error.to_string()).caused_by(&error)
            }
        }
    }
}

impl From<ListError> for Fault {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Read(error) => error.into(),
            ListError::Cursor(_) => parameter("cursor", error.to_string()),
            ListError::Limit(_) => parameter("limit", error.to_string()),
        }
    }
}

impl From<ExportError> for Fault {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Read(error) => error.into(),
            ExportError::Checkpoints(error) => error.into(),
            ExportError::OutOfRange { from, head, .. } => {
                parameter(if from == 0 || from > head { "from" } else { "to" }, error.to_string())
            }
            ExportError::Gap(block) => {
                let detail = format!("block {block} of the log is missing; GET /audit/verify names the exact place");
                Fault::new(ProblemCode::ChainDamaged, detail).caused_by(&error)
            }
        }
    }
}

/// A parameter with a value that it cannot have.
pub(crate) fn parameter(name: &str, detail: String) -> Fault {
    let error = FieldProblem {
        pointer: format!("?{name}"),
        code: ProblemCode::InvalidParameter.as_str().to_owned(),
        detail: detail.clone(),
    };
    Fault::new(ProblemCode::InvalidParameter, format!("?{name}: {detail}")).with(vec![error])
}

/// A refusal of something in the body.
pub(crate) fn field(refusal: Refusal, pointer: String) -> FieldProblem {
    FieldProblem { pointer, code: refusal.code.to_owned(), detail: refusal.detail }
}

/// Pointers start at the body: at the event itself where it was sent alone.
pub(crate) fn from_record(error: RecordError, alone: bool) -> Fault {
    let pointer = |index: usize, inner: &str| if alone { inner.to_owned() } else { format!("/{index}{inner}") };
    match error {
        RecordError::Refused(refused) => {
            let foreign = refused.iter().all(|(_, refusal)| refusal.code == ProblemCode::SourceNotAllowed.as_str());
            let code = if foreign { ProblemCode::SourceNotAllowed } else { ProblemCode::InvalidEvents };
            let count = refused.len();
            let errors: Vec<FieldProblem> = refused
                .into_iter()
                .map(|(index, refusal)| {
                    let at = pointer(index, &refusal.pointer);
                    field(refusal, at)
                })
                .collect();
            let detail = format!(
                "{count} of the events cannot be recorded, so none was; mend them and send all again. The first, at `{}`: {}",
                errors[0].pointer, errors[0].detail
            );
            Fault::new(code, detail).with(errors)
        }
        RecordError::Conflict { index, id } => {
            let detail = format!(
                "another event has the id {id}, with other members; none was recorded. Give this event another id"
            );
            let code = ProblemCode::IdConflict;
            let error =
                FieldProblem { pointer: pointer(index, "/id"), code: code.as_str().to_owned(), detail: detail.clone() };
            Fault::new(code, detail).with(vec![error])
        }
        RecordError::Count(_) => Fault::new(ProblemCode::InvalidEvents, error.to_string()),
        RecordError::Read(error) => error.into(),
        RecordError::Queue(error @ QueueError::Unavailable(_)) => {
            let detail = "the queue does not answer; some of the events may be accepted. Send all again: what has an \
                          `id` or an `externalId` is not doubled, what has neither may be";
            Fault::new(ProblemCode::Unavailable, detail).caused_by(&error)
        }
        RecordError::Queue(error) => error.into(),
    }
}
