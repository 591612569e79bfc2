//! What a hub finds. It answers in parts where there is much to read; here they become one answer.

use super::text;
use crate::failure::Failure;
use crate::remote::Remote;
use api::{Verification, VerificationStatus};
use reqwest::Method;
use services::verify::STOPPED;
use std::process::ExitCode;

pub(super) async fn ask(remote: &Remote, cold: bool, json: bool) -> Result<ExitCode, Failure> {
    let first = if cold { "/audit/verify?tiers=all" } else { "/audit/verify" };
    let (mut path, mut whole) = (first.to_owned(), None);
    loop {
        let response = remote.ask(Method::GET, &path, None).await?;
        let cursor = response.headers().get("dezky-cursor").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut part: Verification = serde_json::from_slice(&response.bytes().await?)?;
        if cursor.is_some() {
            part.missing.retain(|why| !why.starts_with(STOPPED));
        }
        let sum = match whole {
            None => part,
            Some(before) => join(before, part),
        };
        match cursor {
            Some(cursor) => path = format!("/audit/verify?tiers=all&cursor={cursor}"),
            None => return text::answer_of_hub(&judged(sum), json),
        }
        whole = Some(sum);
    }
}

/// Two parts of one walk: what counts is added up, what speaks of the end is the later one's.
fn join(before: Verification, part: Verification) -> Verification {
    let worse = [&before, &part].iter().any(|v| v.status == VerificationStatus::Broken);
    Verification {
        status: if worse { VerificationStatus::Broken } else { part.status },
        anchored: before.anchored || part.anchored,
        events_verified: before.events_verified + part.events_verified,
        events_total: before.events_total + part.events_total,
        events_archived: before.events_archived + part.events_archived,
        archives_verified: before.archives_verified + part.archives_verified,
        checkpoints_verified: before.checkpoints_verified + part.checkpoints_verified,
        oldest_hot_seq: part.oldest_hot_seq.or(before.oldest_hot_seq),
        highest_archived_seq: part.highest_archived_seq.or(before.highest_archived_seq),
        expired_ranges: [before.expired_ranges, part.expired_ranges].concat(),
        missing: [before.missing, part.missing].concat(),
        r#break: before.r#break.or(part.r#break),
        ..part
    }
}

fn judged(sum: Verification) -> Verification {
    let status = match sum.status {
        VerificationStatus::Broken => VerificationStatus::Broken,
        _ if sum.missing.is_empty() => VerificationStatus::Intact,
        _ => VerificationStatus::Incomplete,
    };
    // A part that did not end stopped at best incomplete; the last one says what it found itself.
    Verification { ok: status == VerificationStatus::Intact, status, ..sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(status: &str, verified: u64, missing: &[&str]) -> Verification {
        let text = format!(
            r#"{{"status":"{status}","ok":false,"anchored":false,"tiers":"all","eventsVerified":{verified},
            "eventsTotal":{verified},"eventsArchived":0,"archivesVerified":1,"checkpointsVerified":1,"head":null,
            "unsignedTail":{verified},"oldestHotSeq":null,"highestArchivedSeq":null,
            "expiredRanges":[{{"startSeq":{verified},"endSeq":{verified}}}],"missing":[],"break":null}}"#
        );
        let missing = missing.iter().map(|&why| why.to_owned()).collect();
        Verification { missing, ..serde_json::from_str(&text).expect("as a hub answers") }
    }

    #[test]
    fn parts_add_up_and_what_is_wrong_with_one_is_wrong_with_all() {
        for (first, last, wanted) in [
            (part("incomplete", 3, &[]), part("intact", 4, &[]), VerificationStatus::Intact),
            (part("incomplete", 3, &["an archive"]), part("intact", 4, &[]), VerificationStatus::Incomplete),
            (part("broken", 3, &[]), part("intact", 4, &[]), VerificationStatus::Broken),
            (part("incomplete", 3, &[]), part("broken", 4, &[]), VerificationStatus::Broken),
        ] {
            let sum = judged(join(first, last));
            assert_eq!((sum.status, sum.ok), (wanted, wanted == VerificationStatus::Intact));
            assert_eq!((sum.events_verified, sum.archives_verified, sum.checkpoints_verified), (7, 2, 2));
            assert_eq!((sum.unsigned_tail, sum.expired_ranges.len()), (4, 2));
        }
    }
}
