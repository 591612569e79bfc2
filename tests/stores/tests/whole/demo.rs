//! `dezky up --demo` on networked stores, killed and started again on the way.

use super::{MAX_ASKED, event};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use stores::program::Machine;
use stores::stack::Stack;

/// `dezky up`, which dies with its guard.
struct Up {
    process: Child,
    url: String,
}

impl Up {
    fn start(machine: &Machine) -> Self {
        let mut command = machine.command(&["up", "--demo", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "`dezky up` ended: {:?}", process.wait());
        Self { process, url: url.trim().to_owned() }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Events of one post: a kill right after it meets an appender at work.
const AT_ONCE: usize = 20;

/// Posts events, some at once; all are acknowledged when this returns.
fn post(machine: &Machine, up: &Up, numbers: std::ops::Range<usize>) {
    let token = machine.done(&["token", "--role", "service", "--scope", "record:ocis"]);
    let file = machine.data().join("one.json");
    for n in numbers {
        let events: Vec<String> = (n * AT_ONCE..(n + 1) * AT_ONCE).map(event).collect();
        std::fs::write(&file, events.join("\n")).unwrap();
        let mut command = std::process::Command::new(stores::program::dezky());
        command.args(["record", "--file", file.to_str().unwrap(), "--url", &up.url, "--token", token.trim()]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The demo's events, then posted ones; killed right after the third acknowledgement and after the ninth.
async fn killed_and_started_again(stack: Stack) {
    const POSTED: [std::ops::Range<usize>; 3] = [0..3, 3..9, 9..12];
    let machine = Machine::on(stack);
    // What is not there is made for a demo.
    let up = Up::start(&machine);
    let demo = machine.verified().1;
    assert!(demo > 10, "the demo has {demo} events");
    post(&machine, &up, POSTED[0].clone());
    up.kill();
    let up = Up::start(&machine);
    post(&machine, &up, POSTED[1].clone());
    up.kill();
    let up = Up::start(&machine);
    post(&machine, &up, POSTED[2].clone());
    let wanted = demo + 12 * AT_ONCE as u64;
    machine.stack.end_holds().await;
    let found =
        (0..MAX_ASKED).map(|_| machine.verified()).find(|(status, events)| status != "intact" || *events >= wanted);
    assert_eq!(found, Some(("intact".to_owned(), wanted)), "{:?}", machine.verified());
    machine.done(&["checkpoint"]);
    drop(up);
    assert_eq!(machine.verified(), ("intact".to_owned(), wanted));
}

#[tokio::test]
async fn the_demo_on_postgres_and_s3_survives_its_kills() {
    killed_and_started_again(Stack::postgres_s3().await).await;
}

#[tokio::test]
async fn the_demo_on_dynamodb_s3_and_sqs_survives_its_kills() {
    killed_and_started_again(Stack::dynamodb_s3_sqs().with_short_holds().await).await;
}
