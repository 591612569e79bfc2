//! What follows from the list of functions: mains and their table, the watch router, sample events,
//! the OpenAPI document. Nobody edits these; CI is red where one is stale.
#![expect(clippy::print_stderr, reason = "a tool for people")]

use handlers::{FUNCTIONS, Function, samples};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MARK: &str = "# Everything below is derived from handlers::FUNCTIONS by `cargo xtask derive`.\n";
/// The table of mains, and the router of `cargo lambda watch`, which it reads for the whole workspace.
const MANIFEST: &str = "functions/Cargo.toml";
const WORKSPACE: &str = "Cargo.toml";

/// Writes all that is derived, or with `--check` says what is stale.
pub(crate) fn run(option: Option<&str>) -> bool {
    let check = match option {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("xtask: derive takes --check and not `{other}`");
            return false;
        }
    };
    let wanted = all();
    let mut stale = Vec::new();
    for (path, text) in &wanted {
        if std::fs::read_to_string(path).is_ok_and(|there| there == *text) {
            continue;
        }
        stale.push(path.clone());
        if !check && let Err(error) = write(path, text) {
            eprintln!("xtask: {}: {error}", path.display());
            return false;
        }
    }
    for path in left_over(&wanted) {
        stale.push(path.clone());
        if !check && let Err(error) = std::fs::remove_file(&path) {
            eprintln!("xtask: {}: {error}", path.display());
            return false;
        }
    }
    for path in &stale {
        eprintln!("xtask: {} {}", if check { "stale, run `cargo xtask derive`:" } else { "derived" }, path.display());
    }
    !check || stale.is_empty()
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}

/// Every derived file and what it should hold.
fn all() -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    for function in FUNCTIONS {
        files.insert(main_path(function).into(), main_text(function));
        files.insert(sample_path(function), json(&samples::event(function)));
    }
    files.insert(MANIFEST.into(), behind_mark(MANIFEST, &bins()));
    files.insert(WORKSPACE.into(), behind_mark(WORKSPACE, &router()));
    files.insert("infra/template.yaml".into(), crate::template::text());
    files.insert("infra/openapi.json".into(), json(&handlers::openapi::document(FUNCTIONS)));
    files
}

/// Files in derived folders that no function wants any more.
fn left_over(wanted: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let folders = ["functions/http", "functions/queue", "functions/schedule", "events"];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| !wanted.contains_key(path)).collect()
}

fn json(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// By what wakes it: how it is deployed.
fn trigger(function: &Function) -> &'static str {
    match (function.http, function.queue) {
        (Some(_), _) => "http",
        (None, Some(_)) => "queue",
        (None, None) => "schedule",
    }
}

fn main_path(function: &Function) -> String {
    format!("functions/{}/{}.rs", trigger(function), function.name)
}

fn sample_path(function: &Function) -> PathBuf {
    format!("events/{}.json", function.name).into()
}

/// A main names its type, so that the linker keeps only that function's code.
fn main_text(function: &Function) -> String {
    let full = (function.type_name)();
    let mut segments: Vec<&str> = full.split("::").collect();
    // The file's own module is private; its folder shows the type.
    segments.remove(segments.len().saturating_sub(2));
    let constructor = match (function.http, function.queue, function.schedule) {
        (Some(_), _, _) => "http",
        (None, Some(_), Some(_)) => "queue_and_schedule",
        (None, Some(_), None) => "queue",
        _ => "schedule",
    };
    format!(
        "//! {}.\n\n#[tokio::main(flavor = \"current_thread\")]\nasync fn main() -> Result<(), functions::Error> {{\n    \
         functions::run(handlers::{constructor}::<{}>()).await\n}}\n",
        function.summary,
        segments.join("::")
    )
}

/// A manifest whose end is derived.
fn behind_mark(path: &str, derived: &str) -> String {
    let there = std::fs::read_to_string(path).unwrap_or_default();
    let by_hand = there.split(MARK).next().unwrap_or_default();
    format!("{by_hand}{MARK}{derived}")
}

fn bins() -> String {
    let bin = |function: &Function| {
        let path = main_path(function);
        let path = path.trim_start_matches("functions/");
        format!("\n[[bin]]\nname = \"{}\"\npath = \"{path}\"\n", function.name)
    };
    FUNCTIONS.iter().map(bin).collect()
}

fn router() -> String {
    let mut routes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (function, part) in FUNCTIONS.iter().filter_map(|f| Some((f, f.http?))) {
        let (method, name) = (part.route.method.as_str(), function.name);
        let entry = format!("{{ method = \"{method}\", function = \"{name}\" }}");
        routes.entry(part.route.path).or_default().push(entry);
    }
    let lines = routes.iter().map(|(path, functions)| format!("\"{path}\" = [{}]\n", functions.join(", ")));
    "\n[workspace.metadata.lambda.watch.router]\n".to_owned() + &lines.collect::<String>()
}
