use crate::function::{Failed, QueueFunction, QueueName, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use domain::checkpoint::Reason;
use ports::Message;
use services::layout::messages::{checkpoint_reason, checkpoint_request};

/// Signs everything so far, on request and by the clock; nothing where nothing moved.
pub struct SignCheckpoint;

const NAME: &str = "sign-checkpoint";
const SUMMARY: &str = "Signs a checkpoint of the newest event, on request and by the clock";
const USES: &[Grant] = &[
    Grant::TableRead,
    Grant::TableWrite,
    Grant::BucketRead,
    Grant::BucketWrite,
    Grant::ColdRead,
    Grant::CheckpointsReceive,
    Grant::Sign,
];

impl QueueFunction for SignCheckpoint {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str = SUMMARY;
    const USES: &'static [Grant] = USES;
    const QUEUE: QueueName = QueueName::Checkpoints;

    fn example_body() -> String {
        checkpoint_request(Reason::Threshold)
    }

    async fn handle(hub: &Hub, messages: &[Message]) -> Result<(), Failed> {
        // One signature answers them all.
        let Some(first) = messages.first() else { return Ok(()) };
        services::sign::sign(&hub.cx, checkpoint_reason(&first.body)).await?;
        Ok(())
    }
}

impl ScheduledFunction for SignCheckpoint {
    const NAME: &'static str = NAME;
    const SUMMARY: &'static str = SUMMARY;
    const USES: &'static [Grant] = USES;
    const EVERY_SECONDS: u32 = 300;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        services::sign::sign(&hub.cx, Reason::Interval).await?;
        Ok(())
    }
}
