use crate::function::{Failed, ScheduledFunction};
use crate::grant::Grant;
use crate::hub::Hub;
use services::layout::rows::SCHEMA;

/// Blocks of one tick: a function's time is limited, and the next tick goes on.
const BLOCKS: u64 = 1000;

/// Writes the derived rows of new blocks, by which events are found and repeats are known.
pub struct DeriveEntries;

impl ScheduledFunction for DeriveEntries {
    const NAME: &'static str = "derive-entries";
    const SUMMARY: &'static str = "Writes the derived rows of new blocks";
    // In a table that was made anew, archived blocks are without derived rows.
    const USES: &'static [Grant] = &[Grant::TableRead, Grant::TableWrite, Grant::ColdRead];
    const EVERY_SECONDS: u32 = 10;

    async fn tick(hub: &Hub) -> Result<(), Failed> {
        services::derive::derive(&hub.cx, SCHEMA, BLOCKS).await?;
        Ok(())
    }
}
