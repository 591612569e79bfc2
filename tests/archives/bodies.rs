//! Bodies that cannot be, and who they may come from.

use super::Place;
use crate::http::{Asked, ask};
use support::world::bearer;

const RUN: &str = "/audit/archive/run";
const RESTORE: &str = "/audit/archives/1/restore";
const HOLDS: &str = "/audit/holds";

#[tokio::test]
async fn bad_bodies_get_a_precise_answer_and_change_nothing() {
    let place = Place::with(2).await;
    place.archive().await;
    let exported = place.get("/audit/export").await.body;
    let long = format!(r#"{{"fromSeq":1,"toSeq":1,"reason":"{}"}}"#, "x".repeat(1001));
    for (path, body, status, code, pointers) in [
        (RUN, "{", 400, "invalid-json", vec![""]),
        (RUN, "[]", 400, "invalid-body", vec![""]),
        (RUN, "null", 400, "invalid-body", vec![""]),
        (RUN, r#"{"override":"yes"}"#, 400, "invalid-body", vec!["/override"]),
        (RUN, r#"{"olderThanDays":-1}"#, 400, "invalid-body", vec!["/olderThanDays"]),
        (RUN, r#"{"olderThanDays":36501}"#, 400, "invalid-body", vec!["/olderThanDays"]),
        (RUN, r#"{"olderThanDays":1.5,"force":true}"#, 400, "invalid-body", vec!["/olderThanDays", "/force"]),
        (RUN, r#"{"override":true,"override":true}"#, 400, "invalid-json", vec!["/override"]),
        (RESTORE, "7", 400, "invalid-body", vec![""]),
        (RESTORE, r#"{"days":0}"#, 400, "invalid-body", vec!["/days"]),
        (RESTORE, r#"{"days":366}"#, 400, "invalid-body", vec!["/days"]),
        (RESTORE, r#"{"hours":1}"#, 400, "invalid-body", vec!["/hours"]),
        ("/audit/archives/2/restore", "", 404, "not-found", vec![]),
        ("/audit/archives/x/restore", "", 400, "invalid-parameter", vec!["?startSeq"]),
        (HOLDS, "", 400, "invalid-json", vec![""]),
        (HOLDS, "{}", 400, "invalid-body", vec!["/fromSeq", "/toSeq", "/reason"]),
        (HOLDS, r#"{"fromSeq":0,"toSeq":1,"reason":"x"}"#, 400, "invalid-body", vec!["/fromSeq"]),
        (HOLDS, r#"{"fromSeq":1,"toSeq":1,"reason":" "}"#, 400, "invalid-body", vec!["/reason"]),
        (HOLDS, &long, 400, "invalid-body", vec!["/reason"]),
        (HOLDS, r#"{"fromSeq":2,"toSeq":1,"reason":"x"}"#, 422, "out-of-range", vec!["/toSeq"]),
        (HOLDS, r#"{"fromSeq":1,"toSeq":5,"reason":"x"}"#, 422, "out-of-range", vec!["/toSeq"]),
        (HOLDS, r#"{"fromSeq":5,"toSeq":9,"reason":"x"}"#, 422, "out-of-range", vec!["/fromSeq"]),
        ("/audit/holds/1/release", "", 404, "not-found", vec![]),
        ("/audit/holds/x/release", "", 400, "invalid-parameter", vec!["?seq"]),
    ] {
        let answer = place.post(path, body).await;
        let found = answer.json();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path} {body}: {found}");
        let errors = found["errors"].as_array().cloned().unwrap_or_default();
        let found: Vec<&str> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(found, pointers, "{path} {body}");
    }
    assert_eq!(place.get("/audit/export").await.body, exported);
}

/// Readers read, and operators decide. That nobody else gets in is asked of every function elsewhere.
#[tokio::test]
async fn readers_read_and_operators_decide() {
    let place = Place::with(2).await;
    place.archive().await;
    place.post(HOLDS, r#"{"fromSeq":1,"toSeq":1,"reason":"a dispute"}"#).await;
    for (method, path, good) in [
        ("GET", "/audit/archives", true),
        ("GET", "/audit/archives/1", true),
        ("GET", HOLDS, true),
        ("GET", "/audit/verify?tiers=all", true),
        ("POST", RUN, false),
        ("POST", RESTORE, false),
        ("POST", HOLDS, false),
        ("POST", "/audit/holds/5/release", false),
    ] {
        for (who, may) in [("read", good), ("record:ocis", false)] {
            let authorization = Some(bearer(&place.hub.cx, who));
            let answer = ask(&place.hub, Asked { method, path, authorization, ..Asked::default() }).await;
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{method} {path} as {who}");
        }
    }
}
