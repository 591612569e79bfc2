//! Bad days as an operator meets them: one line that names the setting, and nothing is served.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};
use stores::front::{Front, Manner};
use stores::program::{Machine, function};
use stores::stack::{Stack, fresh};

pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// `doctor` finds the store of this setting unfit and says so, and `up` ends with the same line.
pub(super) fn refused(machine: &Machine, setting: &str, wanted: &str) {
    let doctor = machine.run(&["doctor", "--json"]);
    assert_eq!(doctor.status.code(), Some(1), "{}", said(&doctor));
    let report: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    assert_eq!(report["fit"], false);
    let section = report["settings"].as_array().unwrap().iter().find(|section| section["setting"] == setting).unwrap();
    let unfit = section["findings"].as_array().unwrap().iter().find(|finding| finding["verdict"] == "unfit");
    let finding = unfit.unwrap_or_else(|| panic!("{setting} is fit: {section}"));
    let text = finding["seen"].as_str().unwrap();
    assert!(text.contains(wanted) && finding["mend"].is_string(), "`{wanted}` is not in: {text}");
    if setting == "TABLE_URL" {
        let up = machine.run(&["up", "--listen", "127.0.0.1:0"]);
        let text = said(&up);
        assert_eq!(up.status.code(), Some(1), "{text}");
        assert!(text.starts_with("dezky: ") && text.lines().count() == 1 && text.contains(wanted), "{text}");
        assert!(text.contains(setting), "{text}");
    }
}

fn with_table(stack: &Stack, table: String) -> Machine {
    Machine::on(Stack { table, ..stack.clone() })
}

#[tokio::test]
async fn names_that_are_not_there_are_named() {
    let (postgres, dynamodb) = (Stack::postgres_s3().await, Stack::dynamodb_s3_sqs());
    // Nothing was made yet.
    refused(&Machine::on(postgres.clone()), "TABLE_URL", "run `dezky migrate`");
    refused(&Machine::on(postgres.clone()), "QUEUE_URL", "run `dezky migrate`");
    refused(&Machine::on(dynamodb.clone()), "TABLE_URL", "there is no table `stack-");
    refused(&Machine::on(dynamodb.clone()), "BUCKET_URL", "there is no bucket `stack-");
    refused(&Machine::on(dynamodb), "QUEUE_URL", "there is no queue");
    let elsewhere = postgres.table.replace("/stack_", "/gone_");
    refused(&with_table(&postgres, elsewhere), "TABLE_URL", "there is no database `gone_");
}

#[tokio::test]
async fn hosts_that_are_not_there_are_named() {
    let (postgres, dynamodb) = (Stack::postgres_s3().await, Stack::dynamodb_s3_sqs());
    let gone = "the host `nonexistent.invalid` is not known (DNS)";
    for (stack, table) in [
        (&postgres, "postgres://dezky:secret@nonexistent.invalid/dezky".to_owned()),
        (&dynamodb, "dynamodb://table?endpoint=http://nonexistent.invalid".to_owned()),
        (&dynamodb, "s3://bucket/p?endpoint=http://nonexistent.invalid".to_owned()),
    ] {
        refused(&with_table(stack, table), "TABLE_URL", gone);
    }
    let bucket = Stack { bucket: "s3://bucket/p?endpoint=http://nonexistent.invalid".to_owned(), ..dynamodb.clone() };
    refused(&Machine::on(bucket), "BUCKET_URL", gone);
    let queue = Stack {
        queue: "sqs:http://nonexistent.invalid/000000000000/queue-?region=eu-central-1".to_owned(),
        ..dynamodb
    };
    refused(&Machine::on(queue), "QUEUE_URL", gone);
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let stack = Stack::postgres_s3().await;
    let (before, host) = stack.table.split_once('@').expect("a user and a password");
    let user = before.rsplit_once(':').expect("a password").0;
    let machine = with_table(&stack, format!("{user}:open-sesame@{host}"));
    refused(&machine, "TABLE_URL", "the password of user");
    assert!(!said(&machine.run(&["doctor"])).contains("open-sesame"));
}

#[tokio::test]
async fn credentials_that_are_refused_are_named() {
    // A key id that the server does not know.
    let stack = Stack::s3_sqs(&stores::server("DEZKY_TEST_S3"));
    Machine::on(stack.clone()).done(&["migrate"]);
    let nobody = Machine::on(stack).with("AWS_ACCESS_KEY_ID", "nobody");
    let text = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    refused(&nobody, "TABLE_URL", text);
    refused(&nobody, "BUCKET_URL", text);
    // A wrong secret, for a server that checks it.
    if stores::optional_server("DEZKY_TEST_CEPH").is_some() {
        let stack = Stack::s3_sqs(&stores::stack::objects());
        Machine::on(stack.clone()).done(&["migrate"]);
        refused(&Machine::on(stack).with("AWS_SECRET_ACCESS_KEY", "guessed"), "TABLE_URL", text);
    }
}

/// A host that is up says what is wrong with its queue or its bucket, in a line of its log.
#[tokio::test]
async fn a_host_names_the_queue_and_the_bucket_that_are_gone() {
    let stack = Stack::dynamodb_s3_sqs();
    let (queue, bucket) = (stack.queue.replace("/stack-", "/gone-"), stack.bucket.replace("s3://stack-", "s3://gone-"));
    let machine = Machine::on(stack);
    machine.done(&["migrate"]);
    let file = machine.data().join("one.json");
    std::fs::write(&file, super::event(1)).unwrap();
    // With an event there is something to sign, and a copy to put into the bucket.
    machine.done(&["record", "--file", file.to_str().unwrap()]);
    let says = |machine: &Machine, wanted: &str| {
        let mut command = machine.command(&["up", "--listen", "127.0.0.1:0"]);
        let mut up = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(up.stderr.take().unwrap()).lines().map_while(Result::ok).take(60);
        let said = lines.any(|line| line.contains(wanted));
        up.kill().unwrap();
        up.wait().unwrap();
        assert!(said, "`{wanted}` was not said");
    };
    let machine = machine.with("BUCKET_URL", bucket);
    says(&machine, "BUCKET_URL: there is no bucket");
    let machine = machine.with("QUEUE_URL", queue);
    says(&machine, "QUEUE_URL: there is no queue");
}

/// A function that is woken by messages starts on a good stack, and not on one whose table cannot decide.
#[tokio::test(flavor = "multi_thread")]
async fn neither_the_host_nor_a_function_serves_a_table_that_ignores_conditions() {
    let front = Front::before(&stores::server("DEZKY_TEST_S3")).await;
    front.next(usize::MAX, Manner::Deaf);
    let good = Stack::s3_sqs(&stores::server("DEZKY_TEST_S3"));
    let machine = Machine::on(good.clone());
    machine.done(&["migrate"]);
    let bad = with_table(&good, good.table.replace(&stores::server("DEZKY_TEST_S3"), &front.endpoint));
    let ignored = "16 of 16 creates of one row at once won: this store ignores conditions";
    refused(&bad, "TABLE_URL", ignored);
    let (chain, key) = (format!("chain-{}", fresh()), fresh() + &fresh() + &fresh() + &fresh());
    let program = function("append-events");
    let start = |stack: &Stack| {
        let mut command = std::process::Command::new(&program);
        command.envs(stack.environment()).env("AUDIT_CHAIN", &chain).env("AUDIT_SIGNING_KEY", &key);
        // Without a secret it ends right after it was let in.
        command.env("PORT", "0").env_remove("TRIGGER_SECRET").env_remove("AWS_LAMBDA_RUNTIME_API").output().unwrap()
    };
    let text = said(&start(&bad.stack));
    assert!(text.contains("TABLE_URL is refused by the check `create, raced by 16`"), "{text}");
    let text = said(&start(&machine.stack));
    assert!(text.contains("TRIGGER_SECRET is not set") && !text.contains("TABLE_URL"), "{text}");
    // As a bucket it is good enough, and the doctor says what it lacks.
    let bucket = good.bucket.replace(&stores::server("DEZKY_TEST_S3"), &front.endpoint);
    let machine = Machine::on(Stack { bucket, ..good });
    let output = machine.run(&["doctor"]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("ignores `If-None-Match`"), "{text}");
    assert_eq!(machine.run(&["doctor", "--strict"]).status.code(), Some(1));
}
