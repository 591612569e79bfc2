//! Pages whose commands run as they stand.

use crate::support::{DEZKY, root, text};
use std::path::Path;
use std::process::Command;

/// Blocks of a page that run, in order: their language, their text, and what is promised of them.
fn blocks(page: &str) -> Vec<(String, String, String)> {
    let mut found: Vec<(String, String, String)> = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(tag)) => open = Some((tag.to_owned(), String::new())),
            (Some(_), Some(_)) => match open.take() {
                Some((tag, text)) if tag == "text" => found.last_mut().unwrap().2 = text,
                Some((tag, text)) => found.push((tag, text, String::new())),
                None => {}
            },
            (Some((_, text)), None) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    found.retain(|(tag, ..)| tag.ends_with(" run"));
    found
}

/// Whether a line is what is promised, where `…` stands for anything.
fn is_promised(line: &str, promised: &str) -> bool {
    let mut pieces = promised.split('…').map(str::trim);
    let mut rest = line;
    pieces.all(|piece| match rest.find(piece) {
        Some(at) => {
            rest = &rest[at + piece.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn every_command_of_the_page_on_archives_does_what_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root().join("docs").canonicalize().unwrap(), folder.path().join("docs")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/archives.md")).unwrap();
    let bin = Path::new(DEZKY).parent().unwrap().display().to_string();
    let blocks = blocks(&page);
    assert!(blocks.len() >= 10, "{} blocks", blocks.len());
    for (tag, script, promised) in blocks {
        let (program, flag) = if tag.starts_with("python") { ("python3", "-c") } else { ("bash", "-ec") };
        // As on a terminal: both in one.
        let script = if program == "bash" { format!("exec 2>&1; export PATH={bin}:$PATH\n{script}") } else { script };
        let output = Command::new(program).args([flag, &script]).current_dir(folder.path()).output().unwrap();
        let said = text(&output);
        assert!(output.status.success(), "{script}\n{said}");
        assert!(!promised.is_empty(), "nothing is promised of:\n{script}");
        let mut lines = said.lines();
        for promise in promised.lines() {
            assert!(lines.any(|line| is_promised(line, promise)), "`{promise}` is not what comes of\n{script}\n{said}");
        }
    }
}
