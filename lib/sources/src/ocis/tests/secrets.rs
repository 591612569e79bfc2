//! No token of a link or an invitation ever enters an event.

use super::*;
use domain::hash::Hash;
use proptest::prelude::*;
use serde_json::json;

const SHARE: &str = "storage-1:space-1:5d1b6e98-d4ee-4241-8d4f-ae6150f79c05";

/// Reads the line and looks for the secret in all that comes out of it.
fn check(line: &str, secret: &str) -> Json {
    let (event, original) = event(line);
    let quoted = Json::from(secret).to_string();
    for text in [event.to_string(), String::from_utf8(original.unwrap_or_default()).unwrap()] {
        assert!(!text.contains(secret) && !text.contains(quoted.trim_matches('"')), "{secret} in {text}");
    }
    event
}

fn sha256(token: &str) -> String {
    format!("sha256:{}", Hash::of(token.as_bytes()))
}

#[test]
fn a_link_is_named_by_the_hash_of_its_token() {
    let token = "hVbNkTzQwLsRpXe";
    let sentence = format!("user 'ann' created a public link to file 'f' with id '{token}'");
    let made = json!({"FileID": "f", "ShareID": "", "SharePass": true, "ShareType": "link", "ShareToken": token});
    let event = check(&line("file_shared", &sentence, &made), token);
    assert_eq!(event["resourceId"], sha256(token));
    assert_eq!(event["actorId"], "ann");
    assert_eq!(event["metadata"]["line"], json!({"FileID": "f", "SharePass": true, "ShareType": "link"}));
    assert_eq!(event["metadata"].get("redacted"), None);

    let sentence = format!("user 'ann' updated field 'TYPE_PASSWORD' of public link '{token}'");
    let both = json!({"ShareID": token, "ShareType": "link", "ShareToken": token});
    for action in ["", "share_password_updated"] {
        let event = check(&line(action, &sentence, &both), token);
        assert_eq!(event["resourceId"], sha256(token));
        assert_eq!(event["metadata"]["field"], "TYPE_PASSWORD");
        assert_eq!(event["metadata"]["line"], json!({"ShareID": sha256(token), "ShareType": "link"}));
    }

    let sentence = format!("user 'ann' removed public link with id:'{token}'");
    let removed = json!({"ShareID": token, "ShareType": "link"});
    assert_eq!(check(&line("file_unshared", &sentence, &removed), token)["resourceId"], sha256(token));
}

#[test]
fn an_invitation_keeps_whom_it_is_for() {
    let token = "9d1f-invented-token";
    let sentence = format!("user 'ann' generated a ScienceMesh invite with token '{token}'");
    let link = format!("https://mesh.example.net/accept?token={token}&p=cloud.example.org");
    let members =
        json!({"RecipientMail": "p@uni.example", "Token": token, "InviteLink": link, "Expiration": 1_781_600_000});
    let event = check(&line("science_mesh_invite_token_generated", &sentence, &members), token);
    assert_eq!(event["resourceId"], "p@uni.example");
    assert_eq!(event["resourceType"], "invite");
    let wanted = json!({"RecipientMail": "p@uni.example", "Expiration": 1_781_600_000});
    assert_eq!(event["metadata"]["line"], wanted);
}

#[test]
fn a_share_s_sentence_stays_and_names_the_field() {
    let sentence = format!("user 'ann' updated field 'permissions' of share '{SHARE}'");
    let members = json!({"ShareID": SHARE, "ShareType": "user", "ShareToken": ""});
    let (event, _) = event(&line("share_permission_updated", &sentence, &members));
    assert_eq!(event["metadata"]["field"], "permissions");
    assert_eq!(event["metadata"]["line"], json!({"Message": sentence, "ShareID": SHARE, "ShareType": "user"}));
    assert_eq!(event["resourceId"], SHARE);
    assert_eq!(event["metadata"]["spaceId"], "space-1");
}

#[test]
fn a_secret_is_found_where_it_does_not_belong() {
    let token = "QxWfJmTzLpRaBne";
    let sentence = format!("user '{token}' updated field '{token}' of public link '{token}'");
    for members in [
        json!({"ShareType": "link", "ShareToken": token}),
        json!({"ShareType": "link", "ShareToken": [token]}),
        json!({"ShareType": "link", "ShareToken": {token: 1}, "ShareID": SHARE}),
        json!({"ShareType": "link", "sharetoken": token}),
        json!({"ShareID": token, "ShareType": 1, "ShareToken": null}),
        json!({"ShareType": "user", "ShareID": SHARE, "ShareToken": token}),
    ] {
        for action in ["", "share_updated", "file_shared", "share_accepted"] {
            let mut members = members.clone();
            let more = json!({
                "Path": format!("./a/{token}"), "FileID": format!("s$x{token}!y"), "Time": token, "User": token,
                token: 1, "Opaque": {"deep": [[token], {token: "x"}, format!("<{token}>")]},
            });
            members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let event = check(&line(action, &sentence, &members), token);
            assert_eq!(event["metadata"]["redacted"], true);
            assert_eq!(event["actorType"], "system");
        }
    }
}

#[test]
fn a_share_id_is_a_token_where_only_the_sentence_says_so() {
    let token = "QxWfJmTzLpRaBne";
    let sentence = format!("user 'ann' removed public link with id:'{token}'");
    let event = check(&line("file_unshared", &sentence, &json!({"ShareID": token})), token);
    assert_eq!((&event["action"], &event["resourceId"]), (&"ocis.share_removed".into(), &sha256(token).into()));
}

#[test]
fn a_short_secret_hides_only_itself() {
    let members = json!({"ShareType": "link", "ShareToken": "li", "Path": "li", "ShareWith": "live"});
    let (event, _) = event(&line("file_shared", "", &members));
    assert_eq!(event["metadata"]["line"], json!({"ShareType": "link", "ShareWith": "live"}));
}

#[test]
fn thousands_of_secrets_cost_no_time() {
    let tokens: Vec<_> = (0..20_000).map(|i| format!("token-{i}")).collect();
    let members = json!({"ShareType": "link", "Token": tokens, "Features": tokens, "ShareWith": "bob"});
    let event = check(&line("file_shared", "user 'ann' shared ", &members), "token-77");
    assert_eq!(event["metadata"]["line"].get("ShareWith"), None);
}

#[test]
fn the_name_of_a_space_cannot_bring_a_secret_back() {
    let mut names = SpaceNames::default();
    names.learn("space-1", "about hVbNkTzQwLsRpXe");
    let members = json!({"FileID": "st$space-1!x", "ShareType": "link", "ShareToken": "hVbNkTzQwLsRpXe"});
    let reading = read_line(line("file_shared", "", &members).as_bytes(), &ExtraActions::none(), &mut names);
    let Reading::Event { draft, .. } = reading else { panic!("{reading:?}") };
    assert_eq!(checked(&draft)["metadata"]["tenantHint"], "space-1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_secret_is_ever_in_an_event(
        token in prop_oneof!["[A-Za-z]{15}", "[ -~äß🦊]{8,20}"],
        action in prop::sample::select(&["", "file_shared", "file_unshared", "share_updated", "share_accepted",
            "science_mesh_invite_token_generated"][..]),
        // One bit for each member: does the token stand in it?
        places in any::<u32>(),
        huge in any::<bool>(),
    ) {
        // What the event says by itself is no secret.
        prop_assume!(!r#"{"action":"ocis.link_created","ocis.sciencemesh_invite_created"#.contains(&token));
        let mut members = json!({
            "ShareType": "link",
            "ShareToken": token,
            "Description": if huge { "x".repeat(9000) } else { String::new() },
        });
        let names = ["User", "Time", "FileID", "Path", "Owner", "Permissions", "ShareWith", "ItemType", "ShareOwner",
            "RecipientMail", "Token", "InviteLink", "SpaceID", "Name", "UserID", "Expiration", "URL", "Key", "Opaque",
            "Features", "UserAgent", "RemoteAddr", "Level", "CLI", "ShareID"];
        for (i, name) in names.iter().enumerate().filter(|(i, _)| places >> i & 1 == 1) {
            members[*name] = match i % 4 {
                0 => token.clone().into(),
                1 => format!("st$a{token}/b!{token}").into(),
                2 => json!([token, {"x": token}]),
                _ => json!({&token: 1, "y": format!("({token})")}),
            };
        }
        let message = format!("user '{token}' updated field '{token}' of public link '{token}'");
        check(&line(action, &message, &members), &token);
    }
}
