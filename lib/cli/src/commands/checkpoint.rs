//! `dezky checkpoint`: a signature over everything so far.

use crate::failure::Failure;
use domain::checkpoint::{Checkpoint, Reason};
use services::Context;
use std::process::ExitCode;

pub(crate) async fn run(cx: &Context, json: bool) -> Result<ExitCode, Failure> {
    let made = services::sign::sign(cx, Reason::Manual).await?;
    let moved = made.is_some();
    let newest = match made {
        Some(checkpoint) => Some(checkpoint),
        None => services::checkpoints::latest(cx).await?.map(|stored| stored.checkpoint),
    };
    match newest {
        Some(checkpoint) => print(&checkpoint, moved, json),
        None if json => say!("null"),
        None => eprintln!("there is nothing to sign: the chain has no event"),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(checkpoint: &Checkpoint, moved: bool, json: bool) {
    if json {
        say!("{}", String::from_utf8_lossy(&checkpoint.line()));
        return;
    }
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
