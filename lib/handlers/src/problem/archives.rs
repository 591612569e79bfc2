//! What goes wrong with archives, restores and holds. Who operates them has to know what the store said.

use super::{Fault, internal, rolled_back, unavailable, with_causes};
use api::{FieldProblem, ProblemCode};
use ports::SignerError;
use services::append::AppendError;
use services::archive::ArchiveError;
use services::guard::GuardError;
use services::hold::HoldError;
use services::restore::RestoreError;
use std::error::Error;

impl From<GuardError> for Fault {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Read(error) => error.into(),
            GuardError::Bucket(error) => error.into(),
            GuardError::Rollback(rollback) => rolled_back(&rollback),
        }
    }
}

impl From<AppendError> for Fault {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Table(error) => error.into(),
            AppendError::Read(error) => error.into(),
            AppendError::Bucket(error) => error.into(),
            AppendError::Rollback(rollback) => rolled_back(&rollback),
            AppendError::SelfCheck(_) => internal(&error),
        }
    }
}

impl From<ArchiveError> for Fault {
    fn from(error: ArchiveError) -> Self {
        let told = |code| Fault::new(code, one_line(&error)).caused_by(&error);
        match error {
            ArchiveError::Read(error) => error.into(),
            ArchiveError::Guard(error) => error.into(),
            ArchiveError::Rollback(rollback) => rolled_back(&rollback),
            ArchiveError::Sign(error) => error.into(),
            ArchiveError::Signer(SignerError::Unavailable(_)) => unavailable(&error),
            ArchiveError::Signer(SignerError::Refused(_)) => internal(&error),
            ArchiveError::Append(error) => error.into(),
            ArchiveError::Bucket { .. }
            | ArchiveError::ReadBack { .. }
            | ArchiveError::Fetch { .. }
            | ArchiveError::Delete { .. } => told(ProblemCode::ArchiveStoreFailed),
            ArchiveError::Broken { .. } | ArchiveError::Batch { .. } => told(ProblemCode::ChainBroken),
            ArchiveError::Clock { .. } => told(ProblemCode::ClockWrong),
        }
    }
}

impl From<RestoreError> for Fault {
    fn from(error: RestoreError) -> Self {
        let told = |code| Fault::new(code, one_line(&error));
        match error {
            RestoreError::Read(error) => error.into(),
            RestoreError::Archive(error) => error.into(),
            RestoreError::NoSuchBatch(_) => told(ProblemCode::NotFound),
            RestoreError::NotDone(_) => told(ProblemCode::ArchiveNotDone),
            RestoreError::Days(_) => member("/days", ProblemCode::InvalidBody, &error),
            RestoreError::TooMany => told(ProblemCode::TooManyRestores),
            RestoreError::Manifest { .. } => told(ProblemCode::ChainBroken).caused_by(&error),
        }
    }
}

impl From<HoldError> for Fault {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::Read(error) => error.into(),
            HoldError::Append(error) => error.into(),
            HoldError::Range { from, head, .. } => {
                let pointer = if from == 0 || from > head { "/fromSeq" } else { "/toSeq" };
                member(pointer, ProblemCode::OutOfRange, &error)
            }
            HoldError::Reason => member("/reason", ProblemCode::InvalidBody, &error),
            HoldError::NoSuchHold(_) => Fault::new(ProblemCode::NotFound, error.to_string()),
        }
    }
}

fn member(pointer: &str, code: ProblemCode, error: &dyn Error) -> Fault {
    let detail = error.to_string();
    let problem = FieldProblem { pointer: pointer.to_owned(), code: code.as_str().to_owned(), detail: detail.clone() };
    Fault::new(code, detail).with(vec![problem])
}

/// With all causes, whatever lines a store may have answered.
fn one_line(error: &dyn Error) -> String {
    with_causes(error).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ports::BucketError;

    #[test]
    fn an_operator_is_told_what_the_store_said_in_one_line() {
        let said = BucketError::Rejected("AccessDenied:\n  no leave to put".to_owned());
        let error = ArchiveError::Bucket { place: "cold store", key: "audit/x/1".to_owned(), error: said };
        let fault = Fault::from(error);
        assert_eq!(fault.code, ProblemCode::ArchiveStoreFailed);
        assert!(fault.detail.contains("did not take an archive") && fault.detail.contains("key=`audit/x/1`"));
        assert!(fault.detail.ends_with("AccessDenied: no leave to put"), "{}", fault.detail);
    }

    #[test]
    fn the_member_that_is_out_of_range_is_named() {
        for (from, to, pointer) in [(9, 9, "/fromSeq"), (5, 9, "/toSeq"), (5, 4, "/toSeq"), (0, 4, "/fromSeq")] {
            let fault = Fault::from(HoldError::Range { from, to, head: 8 });
            assert_eq!((fault.code, fault.errors[0].pointer.as_str()), (ProblemCode::OutOfRange, pointer));
        }
    }
}
