//! No open door: every function refuses everyone whom it does not name, before it looks at anything.

use crate::http::{Asked, ask};
use handlers::{Access, FUNCTIONS, Issuer, Role, Scope};
use support::world::{World, bearer, hub};

/// Everyone who may knock.
const CALLERS: [&str; 6] = ["operator", "record:ocis", "record:platform-api", "read", "record:ocis read", ""];

fn may(access: Access, who: &str) -> bool {
    let service = |scope: &str| who != "operator" && who.contains(scope);
    let has = |scope| match scope {
        Scope::Record => service("record:"),
        Scope::Read => service("read"),
    };
    match access {
        Access::Public => true,
        Access::Operator => who == "operator",
        Access::Service(scope) => has(scope),
        Access::OperatorOr(scope) => who == "operator" || has(scope),
    }
}

#[tokio::test]
async fn every_function_refuses_everyone_else() {
    let world = World::default();
    let hub = hub(&world.cx, handlers::Ingest::default());
    let mut public = Vec::new();
    for (function, part) in FUNCTIONS.iter().filter_map(|f| Some((f, f.http?))) {
        let path = (part.example)().path;
        let knock = |header: Option<String>| {
            let asked = Asked {
                method: part.route.method.as_str(),
                path,
                authorization: header,
                body: b"{",
                ..Asked::default()
            };
            let hub = &hub;
            async move { ask(hub, asked).await }
        };
        let anonymous = knock(None).await;
        if part.access == Access::Public {
            public.push(function.name);
            assert_eq!(anonymous.status, 200);
            continue;
        }
        assert_eq!((anonymous.status, anonymous.code().as_str()), (401, "token-missing"), "{}", function.name);
        assert_eq!(anonymous.header("www-authenticate"), Some("Bearer"));
        let good = bearer(&world.cx, "operator");
        let old = support::world::issuer().token(
            "x",
            Role::Operator,
            &[],
            world.cx.clock.now().plus_millis(-7_200_000),
            3600,
        );
        let strange = Issuer::new("test", &"02".repeat(32)).unwrap();
        let strange = strange.token("x", Role::Operator, &[], world.cx.clock.now(), 3600);
        for bad in [format!("Bearer {old}"), format!("Bearer {strange}"), format!("{good}x"), "Bearer a.b.c".to_owned()]
        {
            let answer = knock(Some(bad.clone())).await;
            assert_eq!((answer.status, answer.code().as_str()), (401, "token-invalid"), "{} {bad}", function.name);
        }
        for bad in ["Basic b3BlcmF0b3I6eA==", "Bearer", "operator", ""] {
            let answer = knock(Some(bad.to_owned())).await;
            assert_eq!(answer.status, 401, "{} {bad}", function.name);
        }
        for who in CALLERS {
            let answer = knock(Some(bearer(&world.cx, who))).await;
            let refused = answer.status == 403 && answer.code() == "forbidden";
            assert_eq!(refused, !may(part.access, who), "{} for `{who}`: {}", function.name, answer.status);
        }
    }
    assert_eq!(public, ["health"], "a new public function is a decision: name it here");
}

/// Nothing that a refused caller sends is read.
#[tokio::test]
async fn a_refused_caller_learns_nothing() {
    let world = World::default();
    let hub = hub(&world.cx, handlers::Ingest::default());
    for path in ["/audit?limit=x", "/audit/99999", "/audit/verify?nope=1", "/audit/export?from=7"] {
        let answer = ask(&hub, Asked { path, ..Asked::default() }).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "token-missing"), "{path}");
    }
}
