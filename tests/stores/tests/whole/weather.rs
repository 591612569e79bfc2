//! Stores that are busy, cut connections or lose answers while events are recorded: nothing is lost, and
//! nothing is there twice.

use super::{MAX_ASKED, event};
use stores::front::{Front, Manner};
use stores::program::Machine;
use stores::stack::Stack;

const SLOW_DOWN: &str = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce your request \
                         rate.</Message></Error>";
const FAILED: &str = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>We failed.</Message></Error>";

/// Each batch meets another fault at another request; whoever is told of a failure records it again.
#[tokio::test(flavor = "multi_thread")]
async fn bad_weather_before_a_table_of_objects_loses_and_doubles_nothing() {
    let server = stores::server("DEZKY_TEST_S3");
    let front = Front::before(&server).await;
    let behind = Stack::s3_sqs(&server);
    let machine = Machine::on(Stack { table: behind.table.replace(&server, &front.endpoint), ..behind });
    machine.done(&["migrate"]);
    let file = machine.data().join("events.ndjson");
    let arguments = ["record", "--file", file.to_str().unwrap()];
    let faults = [
        (1, Manner::Cuts),
        (3, Manner::Says(503, SLOW_DOWN)),
        (9, Manner::Says(503, SLOW_DOWN)),
        (2, Manner::Says(500, FAILED)),
        (6, Manner::Cuts),
        (12, Manner::Says(500, FAILED)),
    ];
    let mut failed = 0;
    for (batch, (requests, manner)) in faults.into_iter().enumerate() {
        let events: Vec<String> = (batch * 10..batch * 10 + 10).map(event).collect();
        std::fs::write(&file, events.join("\n")).unwrap();
        // The weather begins a little later each time: at the look-ups, at the block, at what is derived.
        front.after(batch * 4, requests, manner);
        let recorded = (0..MAX_ASKED).find(|_| {
            let output = machine.run(&arguments);
            let line = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() || line.contains("TABLE_URL"), "{line}");
            failed += usize::from(!output.status.success());
            output.status.success()
        });
        assert!(recorded.is_some());
    }
    front.next(0, Manner::Forwards);
    assert!(failed > 0, "no fault was met");
    for _ in 0..MAX_ASKED {
        if machine.verified().1 >= 60 {
            break;
        }
        machine.done(&["record"]);
    }
    machine.done(&["checkpoint"]);
    assert_eq!(machine.verified(), ("intact".to_owned(), 60));
}
