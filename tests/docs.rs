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
    let members = manifest.lines().find(|l| l.starts_with("members")).unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let name = member.rsplit('/').next().unwrap();
        assert!(page.contains(&format!("`{name}`")), "docs/architecture.md does not name {name}");
    }
    for port in ["Table", "Bucket", "Queue", "Clock", "Ids", "Signer"] {
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
    for name in ["README.md", "docs/architecture.md", "docs/benchmarks.md", "docs/durability.md", "docs/format.md"] {
        let folder = Path::new(name).parent().unwrap();
        for link in read(name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.contains("://") {
                assert!(root.join(folder).join(target).exists(), "{name}: {link} leads nowhere");
            }
        }
    }
}
