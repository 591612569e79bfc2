//! Lines that nobody should have written: whatever they hold, an event is admissible or there is
//! none.

use super::*;
use domain::hash::Hash;
use proptest::prelude::*;
use serde_json::json;

const KNOWN: [&str; 14] = [
    "",
    "user_created",
    "group_member_added",
    "space_created",
    "space_renamed",
    "space_updated",
    "file_create",
    "file_rename",
    "file_shared",
    "file_unshared",
    "share_updated",
    "share_declined",
    "file_trash_delete",
    "science_mesh_invite_token_generated",
];

fn check(line: &str, wanted: &Reading) {
    let reading = read_line(line.as_bytes(), &ExtraActions::all(), &mut SpaceNames::default());
    assert_eq!(&reading, wanted, "{line}");
}

#[test]
fn what_is_no_event_has_a_reason() {
    for (line, reason) in [
        ("{\"App\":\"admin_audit\"}", "no-action"),
        ("{\"App\":\"admin_audit\",\"Action\":null}", "no-action"),
        ("{\"App\":\"admin_audit\",\"Action\":[\"file_delete\"]}", "no-action"),
        ("{\"App\":\"admin_audit\",\"Action\":\"\"}", "unmappable"),
        ("{\"App\":\"admin_audit\",\"Action\":\"\",\"Message\":[\"' of share '\"]}", "unmappable"),
        ("{\"App\":\"other\",\"Action\":\"file_delete\"}", "foreign"),
        ("{\"App\":[\"admin_audit\"],\"Action\":\"file_delete\"}", "foreign"),
        ("{\"APP\":\"admin_audit\",\"Action\":\"file_delete\"}", "foreign"),
        ("{}", "foreign"),
        ("\"admin_audit\"", "not-an-object"),
        ("user 'a' trashed file 'b'", "not-json"),
        ("\u{feff}{}", "not-json"),
    ] {
        check(line, &Reading::Unusable(reason));
    }
    check(" \t ", &Reading::Blank);
}

#[test]
fn unknown_actions_are_safe_to_count_by() {
    for (action, wanted) in [
        ("quota_exceeded", "quota_exceeded"),
        ("file_read", "file_read"),
        ("a b\n\"ü\u{0}", "a_b____"),
        (&"x".repeat(100), &"x".repeat(64)),
    ] {
        check(&line(action, "", &json!({})), &Reading::Skipped(wanted.to_owned()));
    }
}

#[test]
fn an_unusable_time_is_kept_as_a_claim() {
    for (time, at, source, claimed) in [
        (json!("2026-06-01T08:00:00Z"), "2026-06-01T08:00:00.000Z", "source", None),
        (json!("2026-06-01t10:00:00.5+02:00"), "2026-06-01T08:00:00.500Z", "source", None),
        (json!("2026-07-01T00:05:00Z"), "2026-07-01T00:05:00.000Z", "source", None),
        (json!("2026-07-01T00:05:01Z"), "2026-07-01T00:00:00.000Z", "observed", Some("2026-07-01T00:05:01Z")),
        (json!("yesterday"), "2026-07-01T00:00:00.000Z", "observed", Some("yesterday")),
        (json!("é".repeat(99)), "2026-07-01T00:00:00.000Z", "observed", Some(&*"é".repeat(32))),
        (json!("0001-01-01T00:00:00Z"), "2026-07-01T00:00:00.000Z", "observed", None),
        (json!(""), "2026-07-01T00:00:00.000Z", "observed", None),
        (json!(1_781_600_000), "2026-07-01T00:00:00.000Z", "observed", None),
        (json!(null), "2026-07-01T00:00:00.000Z", "observed", None),
    ] {
        let (event, _) = event(&line("user_created", "user 'a' created ", &json!({"Time": time})));
        assert_eq!(event["at"], at, "{time}");
        assert_eq!(event["metadata"]["timeSource"], source, "{time}");
        assert_eq!(event["metadata"].get("claimedAt").and_then(Json::as_str), claimed, "{time}");
    }
}

#[test]
fn actors_become_ids_addresses_or_hashes() {
    let long = "x".repeat(513);
    let hash = format!("sha256:{}", Hash::of(long.as_bytes()));
    for (name, id, email, kind) in [
        ("2a8d3b65", json!("2a8d3b65"), json!(null), "user"),
        ("Ben O'Neil", json!("Ben O'Neil"), json!(null), "user"),
        ("marta@praxis.example", json!(null), json!("marta@praxis.example"), "user"),
        (&long, json!(hash), json!(null), "user"),
        ("", json!(null), json!(null), "system"),
    ] {
        let (event, _) = event(&line("file_create", &format!("user '{name}' created file 'x'"), &json!({})));
        assert_eq!((&event["actorId"], &event["actorEmail"]), (&id, &email), "{name}");
        assert_eq!(event["actorType"], kind, "{name}");
    }
}

#[test]
fn files_are_called_by_the_end_of_their_path() {
    for (path, wanted) in [
        ("./B/report.odt", json!("report.odt")),
        ("report.odt", json!("report.odt")),
        ("./B/", json!("B")),
        (".", json!(null)),
        ("", json!(null)),
        ("/", json!(null)),
        ("./..", json!(null)),
        (&"ä".repeat(300), json!("ä".repeat(256))),
    ] {
        let (event, _) = event(&line("file_create", "", &json!({"Path": path, "FileID": "a$b!c"})));
        assert_eq!(event["resourceName"], wanted, "{path}");
    }
}

#[test]
fn members_that_say_nothing_are_left_out_and_others_stay() {
    let members = json!({
        "User": "owner", "RemoteAddr": "203.0.113.7", "CLI": true, "Level": 2, "Owner": "", "FileID": "f", "New": [],
        "Features": null, "QuotaMaxBytes": 5, "Expiration": 9_007_199_254_740_993_u64, "Half": 0.5,
    });
    let (event, _) = event(&line("file_create", "user 'ann' created file 'f'", &members));
    let wanted = json!({
        "User": "owner", "RemoteAddr": "203.0.113.7", "CLI": true, "Level": 2, "FileID": "f", "New": [],
        "QuotaMaxBytes": 5, "Expiration": "9007199254740993", "Half": 0.5, "Message": "user 'ann' created file 'f'",
    });
    assert_eq!(event["metadata"]["line"], wanted);
    let (event, _) = super::event(&line("file_shared", "user 'ann' shared ", &json!({"User": "ann"})));
    assert_eq!(event["metadata"]["line"], json!({"Message": "user 'ann' shared "}));
}

#[test]
fn damage_is_repaired_and_marked() {
    let good = line("file_create", "user 'ann' created file 'f'", &json!({"FileID": "a$b!c", "Path": "x?y"}));
    let damaged = good.as_bytes().iter().map(|b| if *b == b'?' { 0xff } else { *b }).collect::<Vec<_>>();
    let reading = read_line(&damaged, &ExtraActions::none(), &mut SpaceNames::default());
    let Reading::Event { draft, .. } = reading else { panic!("{reading:?}") };
    let event = checked(&draft);
    assert_eq!(event["resourceName"], "x\u{fffd}y");
    assert_eq!(event["metadata"]["utf8Repaired"], true);
}

#[test]
fn a_byte_order_mark_is_taken_at_the_start_of_the_file_only() {
    let bytes = format!("\u{feff}{}", line("file_delete", "", &json!({})));
    let at = |first| {
        let line = Line { bytes: bytes.as_bytes(), external_id: "gen:0", chain: &chain(), now: now(), first };
        read(&line, &ExtraActions::none(), &mut SpaceNames::default())
    };
    assert!(matches!(at(true), Reading::Event { .. }));
    assert_eq!(at(false), Reading::Unusable("not-json"));
}

#[test]
fn metadata_that_is_too_large_leaves_its_size_and_hash() {
    let nested = |depth: usize| (0..depth).fold(json!("x"), |inner, _| json!([inner]));
    let many: Vec<_> = (0..9000).map(|i| format!("tag {i}")).collect();
    for (what, more) in [
        ("a long string", json!({"Path": format!("./{}", "p".repeat(8200))})),
        ("a long name", json!({"n".repeat(8200): 1})),
        ("a deep value", json!({"Opaque": nested(28)})),
        ("a deeper value", json!({"Opaque": nested(120)})),
        ("a long line", json!({"Tags": many})),
    ] {
        let mut members = json!({"FileID": "st$space-1!x", "Time": "tomorrow"});
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (event, original) = event(&line("file_create", "user 'ann' created file 'x'", &members));
        let original = original.expect(what);
        let wanted = json!({
            "wireAction": "file_create", "timeSource": "observed", "claimedAt": "tomorrow", "spaceId": "space-1",
            "tenantHint": "space-1", "truncated": true, "bytes": original.len(),
            "sha256": Hash::of(&original).to_hex(),
        });
        assert_eq!(event["metadata"], wanted, "{what}");
        assert_eq!(event["actorId"], "ann", "{what}");
        let full: Json = serde_json::from_slice(&original).unwrap();
        assert_eq!(full["line"]["FileID"], "st$space-1!x", "{what}");
    }
    let (event, original) = event(&line("file_create", "", &json!({"Opaque": nested(27)})));
    assert_eq!((original, event["metadata"].get("truncated")), (None, None));
}

#[test]
fn ids_that_are_too_long_are_named_by_their_hash() {
    let long = format!("st${}!x", "s".repeat(2000));
    let (event, _) = event(&line("file_create", "", &json!({"FileID": long})));
    assert_eq!(event["resourceId"], format!("sha256:{}", Hash::of(long.as_bytes())));
    let space = format!("sha256:{}", Hash::of("s".repeat(2000).as_bytes()));
    assert_eq!((&event["metadata"]["spaceId"], &event["metadata"]["tenantHint"]), (&json!(space), &json!(space)));
}

#[test]
fn spaces_are_found_in_the_ids_that_name_them() {
    for (members, wanted) in [
        (json!({"SpaceID": "st$sp"}), json!("sp")),
        (json!({"SpaceID": "", "FileID": "st$sp!node/a$b"}), json!("sp")),
        (json!({"FileID": "st$sp/x!y"}), json!("sp")),
        (json!({"FileID": "st$", "ShareID": "a:b:c"}), json!(null)),
        (json!({"FileID": "node", "ShareID": "a:b:c"}), json!("b")),
        (json!({"ShareID": "a:b"}), json!(null)),
        (json!({"ShareID": "a:b:c:d"}), json!(null)),
        (json!({"SpaceID": ["st$sp"], "FileID": 5}), json!(null)),
    ] {
        let (event, _) = event(&line("share_updated", "", &members));
        assert_eq!(event["metadata"]["spaceId"], wanted, "{members}");
    }
}

#[test]
fn a_line_without_an_external_id_of_sane_size_is_not_admissible() {
    let bytes = line("file_delete", "", &json!({}));
    for external_id in ["", &"x".repeat(70_000)] {
        let line = Line { bytes: bytes.as_bytes(), external_id, chain: &chain(), now: now(), first: false };
        let reading = read(&line, &ExtraActions::none(), &mut SpaceNames::default());
        assert_eq!(reading, Reading::Unusable("not-admissible"));
    }
}

/// Values that do not belong where they stand.
fn hostile_value() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        "[ -~]{0,30}",
        "[\u{0}-\u{20}\"\\\\'$!:/äß🦊\u{feff}]{0,30}",
        "user '[a-z' ]{0,12}' (created|updated field 'x' of) ",
        "[a-z]{1,4}\\$[a-z]{0,4}![a-z]{0,4}",
        ("[a-zä\u{1}]{1,3}", 1..9000usize).prop_map(|(piece, times)| piece.repeat(times)),
        Just("link".to_owned()),
    ];
    let leaf = prop_oneof![
        6 => text.prop_map(Json::from),
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::from),
        1 => any::<i64>().prop_map(Json::from),
        1 => any::<f64>().prop_map(Json::from),
    ];
    let deep = (leaf.clone(), 1..140usize).prop_map(|(leaf, depth)| (0..depth).fold(leaf, |inner, _| json!([inner])));
    prop_oneof![
        8 => leaf.clone(),
        1 => deep,
        1 => prop::collection::vec(leaf.clone(), 0..5).prop_map(Json::from),
        1 => prop::collection::btree_map("[a-z\u{0}🦊]{0,4}", leaf, 0..5).prop_map(|members| json!(members)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200), first in any::<bool>()) {
        let line = Line { bytes: &bytes, external_id: "gen:0", chain: &chain(), now: now(), first };
        let reading = read(&line, &ExtraActions::all(), &mut SpaceNames::default());
        prop_assert!(matches!(reading, Reading::Blank | Reading::Unusable(_)), "{:?}", reading);
    }

    #[test]
    fn damaged_lines_are_read(which in 0..67usize, cuts in prop::collection::vec((any::<u16>(), any::<u8>()), 0..6)) {
        let mut bytes = log().split(|b| *b == b'\n').nth(which).unwrap().to_vec();
        for (at, byte) in cuts {
            let len = bytes.len();
            match bytes.get_mut(usize::from(at) % len.max(1)) {
                Some(old) if byte % 4 > 0 => *old = byte,
                _ => bytes.truncate(usize::from(at) % len.max(1)),
            }
        }
        if let Reading::Event { draft, .. } = read_line(&bytes, &ExtraActions::all(), &mut SpaceNames::default()) {
            checked(&draft);
        }
    }

    #[test]
    fn every_object_gives_an_admissible_event_or_a_reason(
        action in prop::sample::select(&KNOWN[..]),
        members in prop::collection::btree_map(
            prop_oneof![
                prop::sample::select(&["Message", "User", "Time", "FileID", "ShareID", "ShareToken", "ShareType",
                    "SpaceID", "Path", "Name", "NewName", "UserID", "GroupID", "RecipientMail", "Token", "Opaque",
                    "Level", "CLI"][..]).prop_map(str::to_owned),
                "[a-zA-Z\u{0}]{0,6}",
            ],
            hostile_value(),
            0..8,
        ),
    ) {
        let mut object = json!({"Action": action, "App": "admin_audit"});
        for (name, value) in members {
            object.as_object_mut().unwrap().entry(name).or_insert(value);
        }
        let bytes = object.to_string();
        match read_line(bytes.as_bytes(), &ExtraActions::all(), &mut SpaceNames::default()) {
            Reading::Event { draft, original } => {
                let metadata = checked(&draft)["metadata"].clone();
                prop_assert_eq!(metadata["truncated"] == true, original.is_some());
                if let Some(original) = original {
                    prop_assert_eq!(&metadata["sha256"], &Json::from(Hash::of(&original).to_hex()));
                    prop_assert_eq!(&metadata["bytes"], &Json::from(original.len()));
                }
            }
            Reading::Unusable("unmappable") => prop_assert_eq!(action, ""),
            Reading::Unusable("not-json") => prop_assert!(serde_json::from_str::<Json>(&bytes).is_err()),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
