//! The documents stay true where a test can tell.

use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_architecture_names_every_crate_and_every_port() {
    let page = read("docs/architecture.md");
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
    assert!(members.len() > 10);
    for member in members {
        let name = member.rsplit('/').next().unwrap();
        assert!(page.contains(&format!("`{name}`")), "docs/architecture.md does not name {name}");
    }
    for port in ["Table", "Bucket", "Queue", "Clock", "Ids", "Signer", "LogFile"] {
        assert!(page.contains(port), "docs/architecture.md does not name {port}");
    }
}

#[test]
fn the_format_names_every_kind_of_break() {
    let page = read("docs/format.md");
    for kind in support::verdict::kinds() {
        assert!(
            page.contains(&format!("| `{}` |", kind.as_str())),
            "docs/format.md does not explain {}",
            kind.as_str()
        );
    }
}

/// Links within the repository lead somewhere.
#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages: Vec<String> = docs
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| format!("docs/{}", path.file_name().unwrap().to_str().unwrap()))
        .chain(["README.md".to_owned()])
        .collect();
    assert!(pages.len() > 5);
    for name in &pages {
        let folder = Path::new(name).parent().unwrap();
        for link in read(name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(root.join(folder).join(target).exists(), "{name}: {link} leads nowhere");
            }
        }
    }
}

#[test]
fn the_http_page_names_every_route_and_every_problem() {
    let page = read("docs/http.md");
    for (function, part) in handlers::FUNCTIONS.iter().filter_map(|f| Some((f, f.http?))) {
        let row =
            format!("| `{}` | `{}` | {} | {} |", part.route, function.name, function.summary, part.access.describe());
        assert!(page.contains(&row), "docs/http.md lacks the row: {row}");
    }
    for code in api::ProblemCode::ALL {
        let row = format!("| `{}` | {} | {} |", code.as_str(), code.status(), code.title());
        assert!(page.contains(&row), "docs/http.md lacks the row: {row}");
    }
}

/// The program's page names every command and every setting that the program reads.
#[test]
fn the_cli_page_names_every_command_and_setting() {
    let page = read("docs/cli.md");
    let source = read("lib/cli/src/main.rs");
    let commands = source.split("enum Command {").nth(1).unwrap().split("\n}").next().unwrap();
    let commands: Vec<String> = commands
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(char::is_uppercase))
        .map(|line| {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
            name.chars().fold(String::new(), |text, c| match c.is_uppercase() && !text.is_empty() {
                true => format!("{text}-{}", c.to_lowercase()),
                false => text + &c.to_lowercase().to_string(),
            })
        })
        .collect();
    assert!(commands.len() >= 9, "{commands:?}");
    for command in commands {
        assert!(page.contains(&format!("| `{command}")), "docs/cli.md does not explain {command}");
    }
    let settings = [
        "lib/installation/src/settings.rs",
        "lib/installation/src/settings/cold.rs",
        "lib/cli/src/target.rs",
        "lib/cli/src/commands/up.rs",
    ]
    .map(read)
    .concat();
    let names = settings.split('"').filter(|word| {
        word.len() > 6 && word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    });
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "docs/cli.md does not explain {name}");
    }
}
