//! `dezky token`: a bearer token of this installation's own issuer.

use crate::failure::Failure;
use crate::target;
use adapters_local::SystemClock;
use domain::json::Object;
use handlers::{Granted, Role};
use ports::Clock;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `operator` (a person, who reads, verifies and signs) or `service` (a program)
    #[arg(long, value_parser = role)]
    role: Role,
    /// Who it is for: two subjects are two people [default: the role]
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// What a service's token is good for: `record:SOURCE`, `read`; several with commas
    /// [default: record:platform-api]
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// How long it is good: a number and s, m, h or d
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = seconds)]
    ttl: i64,
}

pub(crate) fn run(target: &target::Which, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    if target.url.is_some() {
        return Err(Failure::usage("tokens are made where the issuer's key is: `token` takes --data, not --url"));
    }
    let scopes = match arguments.role {
        Role::Operator if arguments.scope.is_empty() => Ok(Vec::new()),
        Role::Operator => return Err(Failure::usage("scopes are for services; an operator needs none")),
        Role::Service if arguments.scope.is_empty() => Granted::parse_list("record:platform-api"),
        Role::Service => Granted::parse_list(&arguments.scope.join(",")),
    };
    let scopes = scopes.map_err(|error| Failure::usage(format!("--scope: {error}")))?;
    if arguments.role == Role::Service && scopes.is_empty() {
        return Err(Failure::usage("--scope is empty: such a token is good for nothing"));
    }
    let subject = arguments.subject.clone().unwrap_or_else(|| arguments.role.as_str().to_owned());
    if subject.is_empty() || subject.len() > 256 || subject.chars().any(char::is_control) {
        return Err(Failure::usage("--subject has 1 to 256 bytes and no control characters"));
    }
    let issuer = installation::issuer(&target.settings()?)?;
    let now = SystemClock.now();
    let token = issuer.token(&subject, arguments.role, &scopes, now, arguments.ttl);
    if json {
        let expires = now.plus_millis(arguments.ttl.saturating_mul(1000)).to_string();
        super::print_json(&Object::of([("expiresAt", expires.into()), ("token", token.into())]).into());
    } else {
        say!("{token}");
    }
    Ok(ExitCode::SUCCESS)
}

fn role(word: &str) -> Result<Role, String> {
    Role::new(word).ok_or_else(|| "use operator or service".to_owned())
}

fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || "use a number and s, m, h or d, such as 30m; at most 365d".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let seconds = count.checked_mul(unit).ok_or_else(wrong)?;
    if (1..=365 * 86_400).contains(&seconds) { Ok(seconds) } else { Err(wrong()) }
}
