use crate::function::{Failed, QueueFunction, QueueName};
use crate::grant::Grant;
use crate::hub::Hub;
use ports::Message;

/// Chains accepted events: the batch is the block.
pub struct AppendEvents;

impl QueueFunction for AppendEvents {
    const NAME: &'static str = "append-events";
    const SUMMARY: &'static str = "Chains accepted events";
    // What it compares the table with may be archived: the event of an accepted break, the event of a checkpoint.
    const USES: &'static [Grant] = &[
        Grant::TableRead,
        Grant::TableWrite,
        Grant::BucketRead,
        Grant::ColdRead,
        Grant::EventsReceive,
        Grant::CheckpointsSend,
    ];
    const QUEUE: QueueName = QueueName::Events;

    fn example_body() -> String {
        let event = concat!(
            r#"{"action":"tenant.suspended","actorEmail":"anna@nordhavn.example","actorId":null,"actorIp":null,"#,
            r#""actorType":"user","at":"2026-11-02T08:15:00.000Z","externalId":null,"#,
            r#""id":"019a4299-1b20-7000-8000-000000000001","metadata":{},"outcome":"success","partnerSlug":null,"#,
            r#""resourceId":"t-7","resourceName":null,"resourceType":"tenant","source":"platform-api","#,
            r#""tenantSlug":"nordhavn"}"#
        );
        format!(r#"{{"events":[{event}],"v":1}}"#)
    }

    async fn handle(hub: &Hub, messages: &[Message]) -> Result<(), Failed> {
        Ok(services::drain::append_messages(&hub.cx, hub.appender(), messages).await?)
    }
}
