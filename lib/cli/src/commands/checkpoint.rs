//! `dezky checkpoint`: a signature over everything so far.

use crate::failure::Failure;
use crate::target::Target;
use domain::checkpoint::{Checkpoint, Reason};
use reqwest::{Method, StatusCode};
use std::process::ExitCode;

pub(crate) async fn run(target: &Target, json: bool) -> Result<ExitCode, Failure> {
    let (line, moved) = match target {
        Target::Here(installation) => {
            let cx = &installation.hub.cx;
            match services::sign::sign(cx, Reason::Manual).await? {
                Some(checkpoint) => (checkpoint.line(), true),
                None => (services::checkpoints::latest_line(cx).await?, false),
            }
        }
        Target::There(remote) => {
            let response = remote.ask(Method::POST, "/audit/checkpoint", None).await?;
            let moved = response.status() == StatusCode::CREATED;
            (response.bytes().await?.to_vec(), moved)
        }
    };
    if json {
        say!("{}", String::from_utf8_lossy(&line));
    } else if line == b"null" {
        eprintln!("there is nothing to sign: the chain has no event");
    } else {
        print(&Checkpoint::from_line(&line)?, moved);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(checkpoint: &Checkpoint, moved: bool) {
    let what = if moved { "signed" } else { "nothing moved since" };
    say!(
        "{what} checkpoint {}: event {}, hash {}, root {}, key {} ({})",
        checkpoint.n,
        checkpoint.head_seq,
        checkpoint.head_hash,
        checkpoint.root_hash,
        checkpoint.key_id,
        checkpoint.sig_alg
    );
}
