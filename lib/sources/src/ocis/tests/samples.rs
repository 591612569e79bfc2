//! Every line of the samples, against what the reference reader makes of it.

use super::*;
use domain::hash::Hash;
use std::collections::BTreeMap;

fn expected() -> Json {
    serde_json::from_slice(&file("tests/data/ocis/ocis-audit.expected.json")).unwrap()
}

/// All lines of a log, the empty piece after the last LF not counted.
fn read_all(log: &[u8], extra: &ExtraActions, names: &mut SpaceNames) -> Vec<Reading> {
    let lines = log.strip_suffix(b"\n").unwrap_or(log).split(|b| *b == b'\n');
    lines.map(|line| read_line(line, extra, names)).collect()
}

/// What the reference reader calls a reading.
fn kind(reading: &Reading) -> &'static str {
    match reading {
        Reading::Event { .. } => "event",
        Reading::Skipped(_) => "skip",
        Reading::Blank => "blank",
        Reading::Unusable("foreign") => "foreign",
        Reading::Unusable("unmappable") => "unmappable",
        Reading::Unusable("not-json" | "not-an-object" | "no-action" | "nul-bytes") => "malformed",
        Reading::Unusable(other) => panic!("{other}"),
    }
}

#[test]
fn every_sample_line_is_read_as_the_reference_reads_it() {
    let expected = expected();
    let readings = read_all(&log(), &ExtraActions::all(), &mut SpaceNames::default());
    let core = read_all(&log(), &ExtraActions::none(), &mut SpaceNames::default());
    assert_eq!(expected["physical_lines"], readings.len());
    for ((wanted, reading), core) in expected["lines"].as_array().unwrap().iter().zip(&readings).zip(&core) {
        let number = &wanted["line"];
        assert_eq!(wanted["kind"], kind(reading), "line {number}");
        if wanted["tier"] == "ext" {
            assert_eq!(core, &Reading::Skipped(wanted["wire_action"].as_str().unwrap().to_owned()), "line {number}");
        } else {
            assert_eq!(core, reading, "line {number}");
        }
        match reading {
            Reading::Event { draft, original } => {
                assert_eq!(*original, None, "line {number}");
                let event = checked(draft);
                assert_as_wanted(&event, wanted);
            }
            // The line with an action of the future names it in a note alone.
            Reading::Skipped(action) if wanted["wire_action"].is_null() => assert_eq!(action, "quota_exceeded"),
            Reading::Skipped(action) => assert_eq!(wanted["wire_action"], **action, "line {number}"),
            _ => {}
        }
    }
}

fn assert_as_wanted(event: &Json, wanted: &Json) {
    let number = &wanted["line"];
    assert_eq!(event["action"], wanted["verb"], "line {number}");
    assert_eq!(event["metadata"]["wireAction"], wanted["wire_action"], "line {number}");
    assert_eq!(event["actorId"], wanted["actor"], "line {number}");
    assert_eq!(event["actorType"], if wanted["actor"].is_null() { "system" } else { "user" }, "line {number}");
    assert_eq!(event["metadata"]["spaceId"], wanted["space_id"], "line {number}");
    assert_eq!(event["outcome"], *wanted.get("outcome").unwrap_or(&"success".into()), "line {number}");
    let link = wanted["verb"].as_str().unwrap().starts_with("ocis.link_");
    match wanted["resource"].as_str() {
        Some(token) if link => {
            let digest = format!("sha256:{}", Hash::of(token.as_bytes()));
            assert_eq!(event["resourceId"], digest, "line {number}");
        }
        Some("") => assert_eq!(event["resourceId"], Json::Null, "line {number}"),
        Some(resource) => assert_eq!(event["resourceId"], resource, "line {number}"),
        None => {}
    }
    let (at, source) = match wanted["time"].as_str() {
        Some(time) => (Timestamp::parse(time).unwrap(), "source"),
        None => (now(), "observed"),
    };
    assert_eq!(event["at"], at.to_string(), "line {number}");
    assert_eq!(event["metadata"]["timeSource"], source, "line {number}");
}

#[test]
fn the_counts_of_the_samples_are_the_reference_s() {
    let (mut kinds, mut verbs) = (BTreeMap::<_, u32>::new(), BTreeMap::<_, u32>::new());
    for reading in read_all(&log(), &ExtraActions::all(), &mut SpaceNames::default()) {
        *kinds.entry(kind(&reading)).or_default() += 1;
        if let Reading::Event { draft, .. } = reading {
            *verbs.entry(draft.action().as_str().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(expected()["by_kind"], serde_json::json!(kinds));
    assert_eq!(expected()["events_by_verb"], serde_json::json!(verbs));
    let core = read_all(&log(), &ExtraActions::none(), &mut SpaceNames::default());
    let core = core.iter().filter(|reading| kind(reading) == "event").count();
    assert_eq!(expected()["events_by_tier"]["core"], core);
}

#[test]
fn the_names_of_spaces_are_learned_and_given_to_later_events() {
    let mut names = SpaceNames::default();
    let readings = read_all(&log(), &ExtraActions::none(), &mut names);
    assert_eq!(expected()["space_names_learned_at_end"], serde_json::json!(names.iter().collect::<BTreeMap<_, _>>()));
    let event = |line: usize| match &readings[line - 1] {
        Reading::Event { draft, .. } => checked(draft),
        other => panic!("{other:?}"),
    };
    // Renamed on line 40, deleted on line 45.
    for (line, wanted) in [(9, "Kanzlei Hofer & Lind"), (40, "Kanzlei Hofer, Lind & Partner")] {
        assert_eq!(event(line)["metadata"]["tenantHint"], wanted);
        assert_eq!(event(line)["resourceName"], wanted);
    }
    assert_eq!(event(45)["resourceName"], "Kanzlei Hofer, Lind & Partner");
    assert_eq!(event(50)["metadata"]["tenantHint"], "Baustelle Nord");
    assert_eq!(event(50)["resourceName"], "Statik.xlsx");
    // Without a name the id has to do, and without a space there is no hint.
    assert_eq!(event(1)["metadata"].get("tenantHint"), None);
    let line = log().split(|b| *b == b'\n').nth(49).unwrap().to_vec();
    let (alone, _) = super::event(std::str::from_utf8(&line).unwrap());
    assert_eq!(alone["metadata"]["tenantHint"], "3f5a0c8d-22b1-4c5e-9d0a-7e6b5a4c3d21");
}

#[test]
fn all_that_the_real_formatter_wrote_is_read() {
    let log = file("tests/data/ocis/formatter-output.log");
    let readings = read_all(&log, &ExtraActions::all(), &mut SpaceNames::default());
    let mut kinds = BTreeMap::<_, u32>::new();
    for reading in &readings {
        *kinds.entry(kind(reading)).or_default() += 1;
        if let Reading::Event { draft, original } = reading {
            checked(draft);
            assert_eq!(*original, None);
        }
    }
    assert_eq!(kinds, BTreeMap::from([("event", 39), ("skip", 3), ("unmappable", 1)]));
}

#[test]
fn one_event_in_full() {
    let line = log().split(|b| *b == b'\n').nth(12).unwrap().to_vec();
    let (event, _) = super::event(std::str::from_utf8(&line).unwrap());
    let space = "c9a14f02-6b7e-4d7a-8c33-51e0a7d2b640$3f5a0c8d-22b1-4c5e-9d0a-7e6b5a4c3d21";
    let wanted = serde_json::json!({
        "action": "ocis.space_updated",
        "actorEmail": null,
        "actorId": "0a7d5b1e-4c2f-4d9b-a6e1-33f0c1d2e3a4",
        "actorIp": null,
        "actorType": "user",
        "at": "2026-05-18T07:30:20.000Z",
        "externalId": "gen:0",
        "id": domain::names::EventId::of_external(&domain::names::Source::new("ocis").unwrap(), "gen:0").as_str(),
        "metadata": {
            "line": {
                "Message": "user '0a7d5b1e-4c2f-4d9b-a6e1-33f0c1d2e3a4' updated space \
                            '3f5a0c8d-22b1-4c5e-9d0a-7e6b5a4c3d21'. name: 'Baustelle Nord', quota: '5368709120', \
                            opaque: 'map[description:Pläne & Protokolle spaceAlias:project/baustelle-nord]' \
                            (storage: 'c9a14f02-6b7e-4d7a-8c33-51e0a7d2b640')",
                "Name": "Baustelle Nord",
                "Opaque": { "description": "Pläne & Protokolle", "spaceAlias": "project/baustelle-nord" },
                "SpaceID": space,
            },
            "spaceId": "3f5a0c8d-22b1-4c5e-9d0a-7e6b5a4c3d21",
            "tenantHint": "Baustelle Nord",
            "timeSource": "source",
            "wireAction": "space_updated",
        },
        "outcome": "success",
        "partnerSlug": null,
        "resourceId": space,
        "resourceName": "Baustelle Nord",
        "resourceType": "space",
        "source": "ocis",
        "tenantSlug": null,
    });
    assert_eq!(event, wanted);
}
