//! Bodies of queue messages: whatever one holds, it is told event by event and packs anew.

use domain::checkpoint::Reason;
use domain::event::MAX_LINE_BYTES;
use domain::json::{Limits, parse};
use ports::MAX_BODY_BYTES;
use services::layout::messages::{checkpoint_reason, checkpoint_request, pack, unpack};

/// A body of the queue of events, and of the queue of requests for checkpoints.
pub fn message(data: &[u8]) -> bool {
    let body = String::from_utf8_lossy(data);
    let reason = checkpoint_reason(&body);
    assert_eq!(checkpoint_reason(&checkpoint_request(reason)), reason, "a request reads back");
    assert!(reason == Reason::Threshold || body.contains("reason") || body.contains('\\'), "out of nothing");

    let unpacked = unpack(&body);
    assert_eq!(unpacked, unpack(&body), "the same body, something else");
    let empty = unpacked.is_empty();
    let mut drafts = Vec::new();
    for event in unpacked {
        match event {
            Ok(draft) => drafts.push(draft),
            Err(rejected) => {
                let kebab = |b: u8| b.is_ascii_lowercase() || b == b'-';
                assert!(!rejected.reason.is_empty() && rejected.reason.bytes().all(kebab), "{rejected:?}");
            }
        }
    }
    assert!(!empty || parse(body.as_bytes(), Limits::FORMAT).is_ok(), "nothing is told of a bad body");
    let bodies = pack(&drafts);
    let again: Vec<_> = bodies.iter().flat_map(|body| unpack(body)).collect();
    assert!(again.iter().all(Result::is_ok), "what was packed is rejected");
    assert!(again.into_iter().map_while(Result::ok).eq(drafts.iter().cloned()), "what was packed is something else");
    if drafts.iter().all(|draft| draft.canonical().len() <= MAX_LINE_BYTES) {
        assert!(bodies.iter().all(|body| body.len() <= MAX_BODY_BYTES), "a body that no queue takes");
    }
    !drafts.is_empty()
}
