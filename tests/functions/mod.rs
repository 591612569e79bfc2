//! The list of functions, walked: names, files, samples, doors, grants.

mod doors;
pub(crate) mod samples;

use handlers::{FUNCTIONS, Function};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn names_and_routes_are_unique_and_every_function_is_woken_by_something() {
    let names: BTreeSet<&str> = FUNCTIONS.iter().map(|f| f.name).collect();
    assert_eq!(names.len(), FUNCTIONS.len());
    let routes: Vec<_> = FUNCTIONS.iter().filter_map(|f| f.http).map(|part| part.route.to_string()).collect();
    assert_eq!(routes.iter().collect::<BTreeSet<_>>().len(), routes.len());
    for function in FUNCTIONS {
        let kebab = function.name.split('-').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()));
        assert!(kebab, "{}", function.name);
        let triggers = [function.http.is_some(), function.queue.is_some(), function.schedule.is_some()];
        assert!(triggers.contains(&true), "{}", function.name);
        assert!(!function.summary.is_empty() && !function.summary.ends_with('.'), "{}", function.name);
        assert!(!function.uses.is_empty(), "{} touches nothing", function.name);
        let unique: BTreeSet<_> = function.uses.iter().collect();
        assert_eq!(unique.len(), function.uses.len(), "{}", function.name);
    }
}

/// Whoever knows a function's name knows its files.
#[test]
fn every_function_has_a_file_of_its_name_and_every_file_is_a_function() {
    let mut files = BTreeSet::new();
    for folder in ["archives", "checkpoints", "events", "holds", "ingest", "verification"] {
        for entry in std::fs::read_dir(root().join("lib/handlers/src").join(folder)).unwrap() {
            files.insert(entry.unwrap().path().file_stem().unwrap().to_str().unwrap().replace('_', "-"));
        }
    }
    files.remove("mod");
    files.insert("health".to_owned());
    let names: BTreeSet<String> = FUNCTIONS.iter().map(|f| f.name.to_owned()).collect();
    assert_eq!(files, names);
}

/// What is derived is what `cargo xtask derive` would write; CI asks it itself, this is for `cargo test`.
#[test]
fn every_function_has_a_main_that_names_its_type_and_stops() {
    for function in FUNCTIONS {
        let folder = match (function.http, function.queue) {
            (Some(_), _) => "http",
            (None, Some(_)) => "queue",
            (None, None) => "schedule",
        };
        let path = root().join("functions").join(folder).join(format!("{}.rs", function.name));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let ty = (function.type_name)().rsplit("::").next().unwrap().to_owned();
        assert!(text.contains(&format!("::{ty}>()")) && text.lines().count() <= 15, "{text}");
    }
}

/// A function that two triggers wake says the same of itself to both.
#[test]
fn two_triggers_of_a_function_agree() {
    use handlers::checkpoints::SignCheckpoint;
    use handlers::{QueueFunction, ScheduledFunction};
    assert_eq!(<SignCheckpoint as QueueFunction>::NAME, <SignCheckpoint as ScheduledFunction>::NAME);
    assert_eq!(<SignCheckpoint as QueueFunction>::USES, <SignCheckpoint as ScheduledFunction>::USES);
    let timeouts =
        [<SignCheckpoint as QueueFunction>::TIMEOUT_SECONDS, <SignCheckpoint as ScheduledFunction>::TIMEOUT_SECONDS];
    assert_eq!(timeouts[0], timeouts[1]);
    let double = FUNCTIONS.iter().filter(|f| f.queue.is_some() && f.schedule.is_some());
    assert_eq!(double.map(|f| f.name).collect::<Vec<_>>(), ["sign-checkpoint"], "compare the new one here as well");
}

fn function(name: &str) -> &'static Function {
    FUNCTIONS.iter().find(|f| f.name == name).unwrap()
}
