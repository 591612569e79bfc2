use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;

/// Messages of one tick.
const MESSAGES: usize = 1000;

/// Sends dead letters back. All of them can be tried again: what can never be chained is answered by a
/// chained rejection and does not die.
pub struct RedriveDeadLetters;

impl ScheduledFunction for RedriveDeadLetters {
    const NAME: &'static str = "redrive-dead-letters";
    const SUMMARY: &'static str = "Sends dead letters back to the queue of events";
    const USES: &'static [Grant] = &[Grant::DeadLettersReceive, Grant::EventsSend];
    const EVERY_SECONDS: u32 = 300;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        let sent = services::redrive::redrive(&hub.cx, MESSAGES).await?;
        if sent > 0 {
            tracing::warn!(chain = %hub.cx.chain, messages = sent, "sent {sent} dead letters back to the queue of events");
        }
        Ok(())
    }
}
