//! `dezky export`: lines, companion, checkpoints.

use crate::failure::Failure;
use crate::remote::Remote;
use crate::target::Target;
use domain::hash::Hash;
use domain::json::{Limits, Value, parse};
use reqwest::Method;
use services::Context;
use services::export::Export;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// File for the lines; `OUT.companion.json` and `OUT.checkpoints` come beside it
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// First event
    #[arg(long, default_value_t = 1, value_name = "SEQ")]
    from: u64,
    /// Last event [default: the newest]
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
}

pub(crate) async fn run(target: &Target, arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let path = &arguments.out;
    if arguments.from == 0 || arguments.to.is_some_and(|to| to < arguments.from) {
        return Err(Failure::usage("events are numbered from 1, and --to is not before --from"));
    }
    // Aside first: an export that fails must not take the last good one with it.
    let mut out = Aside::create(path)?;
    let exported = match target {
        Target::Here(installation) => here(&installation.hub.cx, arguments, &mut out).await,
        Target::There(remote) => there(remote, arguments, &mut out).await,
    };
    let (companion, checkpoints) = exported.inspect_err(|_| out.drop_unfinished())?;
    let mut files = Vec::new();
    for (suffix, bytes) in
        [(".companion.json", &[companion.canonical(), b"\n".to_vec()].concat()), (".checkpoints", &checkpoints)]
    {
        let mut file = Aside::create(&beside(path, suffix))?;
        file.write(bytes)?;
        files.push(file);
    }
    files.push(out);
    // All of them are on the disk before the first gets its name.
    files.iter_mut().try_for_each(Aside::sync)?;
    files.into_iter().try_for_each(Aside::publish)?;
    if json {
        super::print_json(&companion);
    } else {
        let events = companion.as_object().and_then(|o| o.get("eventCount")?.as_u64()).unwrap_or_default();
        let count = checkpoints.iter().filter(|b| **b == b'\n').count();
        eprintln!("wrote {events} events to {}, its companion and {count} checkpoints beside it", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

async fn here(cx: &Context, arguments: &Arguments, out: &mut Aside) -> Result<(Value, Vec<u8>), Failure> {
    let mut export = Export::start(cx, arguments.from, arguments.to).await?;
    while let Some(lines) = export.next().await? {
        out.write(&lines)?;
    }
    let companion = export.companion().await?;
    let mut checkpoints = Vec::new();
    let mut after = String::new();
    loop {
        let page = services::checkpoints::lines_after(cx, &after).await?;
        let Some((newest, _)) = page.last() else { break };
        after.clone_from(newest);
        page.iter().for_each(|(_, line)| checkpoints.extend([&line[..], b"\n"].concat()));
    }
    Ok((companion, checkpoints))
}

/// The companion first: it fixes the range while the log goes on, and says what the lines must be.
async fn there(remote: &Remote, arguments: &Arguments, out: &mut Aside) -> Result<(Value, Vec<u8>), Failure> {
    let mut range = format!("from={}", arguments.from);
    if let Some(to) = arguments.to {
        range += &format!("&to={to}");
    }
    let companion = parse(&remote.get(&format!("/audit/export?as=companion&{range}")).await?, Limits::FORMAT)?;
    let said = |name: &str| companion.as_object().and_then(|o| o.get(name)).cloned().unwrap_or(Value::Null);
    let mut sha = Sha256::new();
    if let Some(end) = said("endSeq").as_u64().filter(|end| *end > 0) {
        let path = format!("/audit/export?from={}&to={end}", arguments.from);
        let mut response = remote.ask(Method::GET, &path, None).await?;
        while let Some(lines) = response.chunk().await? {
            sha.update(&lines);
            out.write(&lines)?;
        }
    }
    if said("sha256").as_str() != Some(&Hash(sha.finalize().into()).to_hex()) {
        return Err(Failure::new("the lines are not those that the companion describes: export again, then verify"));
    }
    Ok((companion, remote.get("/audit/checkpoints").await?))
}

/// A file that gets its name when it is whole.
struct Aside {
    path: PathBuf,
    aside: PathBuf,
    file: BufWriter<File>,
}

impl Aside {
    fn create(path: &Path) -> Result<Self, Failure> {
        // A link keeps being one; what is no file (a device, a folder) is not replaced by one.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.exists() && !path.is_file() {
            return Err(Failure::new(format!("{} is no regular file; give the name of a file", path.display())));
        }
        let aside = beside(path, ".part");
        let file = BufWriter::new(File::create(&aside).map_err(|error| Failure::file(path, &error))?);
        Ok(Self { path: path.to_owned(), aside, file })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| Failure::file(&self.path, &error))
    }

    /// Takes the unfinished file away.
    fn drop_unfinished(&self) {
        let _ = std::fs::remove_file(&self.aside);
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| Failure::file(&self.path, &error))
    }

    fn publish(self) -> Result<(), Failure> {
        std::fs::rename(&self.aside, &self.path).map_err(|error| Failure::file(&self.path, &error))
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
