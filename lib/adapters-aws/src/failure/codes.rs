//! What the codes and the statuses of the services mean.

use super::{Kind, no_answer_of_ours};
use crate::place::Place;

const BUSY: [&str; 23] = [
    "BandwidthLimitExceeded",
    // Another write of the same object was under way, so this one was not done. The next one is Ceph's word for it.
    "ConditionalRequestConflict",
    "ConcurrentModification",
    "EC2ThrottledException",
    "KMS.ThrottlingException",
    "KmsThrottled",
    "LimitExceededException",
    "OperationAborted",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
    "TransactionConflictException",
];

/// The request came too slowly to be read to its end, which it may have been all the same.
const TOO_LATE: [&str; 2] = ["RequestTimeout", "RequestTimeoutException"];

const MISSING: [&str; 7] = [
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "TableNotFoundException",
    "com.amazonaws.sqs#QueueDoesNotExist",
];

const CREDENTIALS: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

const CLOCK: [&str; 3] = ["RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"];

const REGION: [&str; 4] =
    ["AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "TemporaryRedirect"];

/// Whether the service was busy, and so did not do it.
pub(crate) fn is_busy(code: &str) -> bool {
    BUSY.contains(&code)
}

/// What to say of what is not there.
pub(super) fn not_there(place: &Place, thing: &str, mend: &str) -> String {
    format!("there is no {} {}; {mend}", thing.trim_start_matches("the "), place.service())
}

/// What a refusal means.
pub(super) fn meaning(place: &Place, thing: &str, mend: &str, status: u16, code: &str) -> (Kind, String) {
    let service = place.service();
    let named = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
    if (200..300).contains(&status) {
        (Kind::Unknown, no_answer_of_ours(&service, status))
    } else if is_busy(code) || status == 429 {
        (Kind::Busy, format!("{thing} is busy {service}: {named}"))
    } else if MISSING.contains(&code) {
        (Kind::Missing, not_there(place, thing, mend))
    } else if CREDENTIALS.contains(&code) || code.is_empty() && matches!(status, 401 | 403) {
        let text = format!(
            "the credentials are refused {service} ({named}); check {}, and what they may do with \
             {thing}",
            place.names.credentials
        );
        (Kind::Refused, text)
    } else if CLOCK.contains(&code) {
        (Kind::Refused, format!("the clock of this machine is not the one {service} ({named}); set it"))
    } else if REGION.contains(&code) || (300..400).contains(&status) {
        let region = &place.region;
        (Kind::Refused, format!("{thing} is not {service} ({named}); check the region `{region}`"))
    } else if TOO_LATE.contains(&code) || status == 408 {
        (Kind::Unknown, format!("{thing}: the request did not arrive in time {service}: {named}"))
    } else if status >= 500 {
        (Kind::Unknown, format!("{thing}: the service failed {service}: {named}"))
    } else if code.is_empty() {
        let text = format!("what answers {service} does not speak this API ({named}); check the URL");
        (Kind::Refused, text)
    } else {
        (Kind::Refused, format!("{thing} refuses the request {service}: {named}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place::parse("X_URL", "x", "x://t?endpoint=http://h:1", &["endpoint"]).unwrap()
    }

    #[test]
    fn codes_and_statuses_say_what_to_do() {
        for (status, code, kind, said) in [
            (400, "ThrottlingException", Kind::Busy, "the table `t` is busy at http://h:1: ThrottlingException"),
            (503, "SlowDown", Kind::Busy, "the table `t` is busy at http://h:1: SlowDown"),
            (200, "", Kind::Unknown, "the answer at http://h:1 (HTTP 200) is not one of this API, or was cut off"),
            (409, "OperationAborted", Kind::Busy, "the table `t` is busy at http://h:1: OperationAborted"),
            (409, "ConcurrentModification", Kind::Busy, "is busy"),
            (409, "ConditionalRequestConflict", Kind::Busy, "is busy"),
            (400, "PriorRequestNotComplete", Kind::Busy, "is busy"),
            (403, "OverLimit", Kind::Busy, "is busy"),
            (400, "KmsThrottled", Kind::Busy, "is busy"),
            (400, "KMS.ThrottlingException", Kind::Busy, "is busy"),
            (
                400,
                "RequestTimeout",
                Kind::Unknown,
                "the table `t`: the request did not arrive in time at http://h:1: RequestTimeout",
            ),
            (408, "", Kind::Unknown, "the request did not arrive in time at http://h:1: HTTP 408"),
            (409, "BucketAlreadyExists", Kind::Refused, "refuses the request"),
            (429, "", Kind::Busy, "the table `t` is busy at http://h:1: HTTP 429"),
            (
                503,
                "ServiceUnavailable",
                Kind::Unknown,
                "the table `t`: the service failed at http://h:1: ServiceUnavailable",
            ),
            (500, "", Kind::Unknown, "the table `t`: the service failed at http://h:1: HTTP 500"),
            (400, "ResourceNotFoundException", Kind::Missing, "there is no table `t` at http://h:1; make it"),
            (403, "RequestTimeTooSkewed", Kind::Refused, "the clock of this machine is not the one at http://h:1"),
            (301, "PermanentRedirect", Kind::Refused, "check the region `us-east-1`"),
            (403, "SignatureDoesNotMatch", Kind::Refused, "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            // The answer to a HEAD has no body that says more.
            (403, "", Kind::Refused, "the credentials are refused at http://h:1 (HTTP 403); check AWS_ACCESS_KEY_ID"),
            (404, "", Kind::Refused, "what answers at http://h:1 does not speak this API (HTTP 404); check the URL"),
            (
                400,
                "ValidationException",
                Kind::Refused,
                "the table `t` refuses the request at http://h:1: ValidationException",
            ),
        ] {
            let (found, text) = meaning(&place(), "the table `t`", "make it", status, code);
            assert!(found == kind && text.contains(said), "{status} {code}: {found:?} {text}");
        }
    }
}
