//! Batches of a queue and ticks of a schedule.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use handlers::{Failed, Function, Hub};
use ports::Message;
use serde_json::Value;

/// An event that was not served: the platform brings it back.
#[derive(Debug, thiserror::Error)]
#[error("{function}: {failed}")]
pub struct Unserved {
    function: &'static str,
    failed: Failed,
}

/// Serves a batch or a tick, whichever it is. A batch is answered by what is to come back, which is
/// never nothing on a failure.
///
/// # Errors
/// A tick that failed, or an event that is for another function.
pub async fn serve(function: &'static Function, hub: &Hub, event: Value) -> Result<Value, Unserved> {
    let unserved = |failed| Unserved { function: function.name, failed };
    let is_batch = event.get("Records").is_some();
    match (function.queue, function.schedule) {
        (Some(part), _) if is_batch => {
            let batch: SqsEvent = serde_json::from_value(event).map_err(|error| unserved(error.into()))?;
            let (ids, messages) = messages(batch).map_err(unserved)?;
            let mut response = SqsBatchResponse::default();
            if let Err(failed) = (part.handle)(hub, &messages).await {
                let (name, count) = (function.name, messages.len());
                tracing::error!(
                    function = name,
                    messages = count,
                    "{name} failed: {failed}; {count} messages come back"
                );
                response.set_failures(ids);
            }
            serde_json::to_value(response).map_err(|error| unserved(error.into()))
        }
        (_, Some(part)) if !is_batch => {
            (part.tick)(hub).await.map_err(unserved)?;
            Ok(Value::Null)
        }
        _ => Err(unserved(Failed("this event is for another function".to_owned()))),
    }
}

/// Ids and messages of a batch. One without an id or a body could not be reported as failed.
fn messages(batch: SqsEvent) -> Result<(Vec<String>, Vec<Message>), Failed> {
    let mut ids = Vec::with_capacity(batch.records.len());
    let mut messages = Vec::with_capacity(batch.records.len());
    for record in batch.records {
        let deliveries = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let (Some(id), Some(body)) = (record.message_id, record.body) else {
            return Err(Failed("a record of the batch has no messageId or no body".to_owned()));
        };
        ids.push(id);
        let receipt = record.receipt_handle.unwrap_or_default();
        messages.push(Message { receipt, body, deliveries: deliveries.unwrap_or(1) });
    }
    Ok((ids, messages))
}
