//! Problems, RFC 9457: a stable code, what happened, and what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $word:literal $title:literal),+ $(,)?) => {
        /// The stable codes. Programs decide by these; texts may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum ProblemCode { $($(#[$doc])* $variant),+ }

        impl ProblemCode {
            /// All of them.
            pub const ALL: &'static [ProblemCode] = &[$(Self::$variant),+];

            /// The code as text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The HTTP status that it comes with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// What it means, in general.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

codes! {
    /// The body is no JSON that the log can hold.
    InvalidJson = 400 "invalid-json" "The body is not JSON that the log can hold",
    /// Events of the body cannot be recorded.
    InvalidEvents = 400 "invalid-events" "The body holds events that cannot be recorded",
    /// Members of the body are wrong.
    InvalidBody = 400 "invalid-body" "The body of the request has members that it cannot have",
    /// A parameter is not known.
    UnknownParameter = 400 "unknown-parameter" "The request has a parameter that is not known",
    /// A parameter has a value that it cannot have.
    InvalidParameter = 400 "invalid-parameter" "A parameter of the request has a value that it cannot have",
    /// No token was sent.
    TokenMissing = 401 "token-missing" "The request needs a bearer token",
    /// The token is not good.
    TokenInvalid = 401 "token-invalid" "The bearer token is not good",
    /// Whoever wakes a function must know its secret.
    TriggerRefused = 401 "trigger-refused" "The trigger's secret is missing or wrong",
    /// The token is good and does not allow this.
    Forbidden = 403 "forbidden" "The caller may not do this",
    /// The token is not for this source.
    SourceNotAllowed = 403 "source-not-allowed" "The caller may not speak for this source",
    /// There is no such thing, or it is somebody else's.
    NotFound = 404 "not-found" "There is no such thing here",
    /// There is no such path.
    NoSuchRoute = 404 "no-such-route" "There is no such path here",
    /// The path does not take this method.
    MethodNotAllowed = 405 "method-not-allowed" "The path does not take this method",
    /// The id is taken by an event with other members.
    IdConflict = 409 "id-conflict" "The id is taken by another event",
    /// The log lost history or was rewritten; nothing is signed or appended until an operator decides.
    ChainBroken = 409 "chain-broken" "The log does not extend what was signed before",
    /// The archive is still on its way.
    ArchiveNotDone = 409 "archive-not-done" "The archive is still being made",
    /// As many archives are restored as can be.
    TooManyRestores = 409 "too-many-restores" "Too many archives are restored at once",
    /// The lines are gone because their retention ended.
    ArchiveExpired = 410 "archive-expired" "The lines of these events have expired",
    /// The body is larger than is taken.
    BodyTooLarge = 413 "body-too-large" "The body is larger than is taken",
    /// The log has no such events.
    OutOfRange = 422 "out-of-range" "The log does not have these events",
    /// The answer is longer than the platform takes.
    AnswerTooLong = 422 "answer-too-long" "The answer is longer than the platform takes",
    /// Stored bytes are damaged.
    ChainDamaged = 500 "chain-damaged" "Stored bytes are damaged",
    /// A mistake of ours, or a setting.
    Internal = 500 "internal" "The request could not be served",
    /// The lines are in an archive that cannot be read, or is not what it was.
    ArchiveUnavailable = 503 "archive-unavailable" "The archive of these events cannot be read",
    /// The cold store did not do what it was asked.
    ArchiveStoreFailed = 503 "archive-store-failed" "The store of archives did not do what it was asked",
    /// A clock is wrong, so that nothing is archived by it.
    ClockWrong = 503 "clock-wrong" "The clocks do not agree",
    /// A store does not answer.
    Unavailable = 503 "unavailable" "A store does not answer",
}

/// One member or parameter that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldProblem {
    /// RFC 6901 pointer into the body, or `?name` of a parameter.
    pub pointer: String,
    /// Code of the rule.
    pub code: String,
    /// What is wrong.
    pub detail: String,
}

/// A problem: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:dezky:problem:` and the code; each is explained in docs/http.md.
    pub r#type: String,
    /// What the code means, in general.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// `urn:dezky:request:` and the request's id.
    pub instance: String,
    /// Stable; programs decide by it.
    pub code: ProblemCode,
    /// Also in the header `X-Request-Id` and in the logs.
    pub request_id: String,
    /// What is wrong, piece by piece.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_one_way() {
        for code in ProblemCode::ALL {
            let json = serde_json::to_string(code).expect("a code is a string");
            assert_eq!(json, format!("\"{}\"", code.as_str()));
            assert!((400..600).contains(&code.status()));
        }
    }
}
