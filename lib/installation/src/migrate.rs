//! `dezky migrate`: what the stores need before the first function starts.

use crate::cold::Places;
use crate::kept;
use crate::open::{Makes, OpenError, Reach};
use crate::settings::Settings;
use crate::stores::BucketAt;
use adapters_local::RandomIds;

/// Makes what the URLs name and is not there: tables and their layout, buckets, queues with their dead
/// letters. Whatever is there is left as it is, or brought to this program's layout. A line for each.
///
/// # Errors
/// What a store says against it.
pub async fn migrate(settings: &Settings) -> Result<Vec<String>, OpenError> {
    let kept = kept::read(settings, Makes::Log, Reach::All, &RandomIds)?;
    let mut done = Vec::new();
    let places = Places::of(&settings.cold, &kept.table_url, &kept.bucket_url)?;
    // Buckets before the table, and those of archives before all: where several are in one, this one says how it is to
    // be made, since a lock cannot be added later.
    if !places.shares_bucket {
        done.push(bucket(&places.main).await?);
    }
    if let Some(copy) = &places.copy {
        done.push(bucket(copy).await?);
    }
    done.push(bucket(&BucketAt::plain("BUCKET_URL", &kept.bucket_url)).await?);
    done.push(table(&kept.table_url).await?);
    done.extend(queues(&kept.queue_url).await?);
    kept.complete()?;
    Ok(done)
}

async fn table(url: &str) -> Result<String, OpenError> {
    const SETTING: &str = "TABLE_URL";
    match crate::stores::scheme(url) {
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => postgres(SETTING, url).await,
        #[cfg(feature = "aws")]
        "dynamodb" => {
            let table = adapters_aws::DynamoTable::open(SETTING, url).map_err(OpenError::url)?;
            table.create().await.map_err(OpenError::Store)?;
            Ok(there(SETTING, "the table is there"))
        }
        #[cfg(feature = "aws")]
        "s3" => {
            let table = adapters_aws::S3Table::open(SETTING, url).map_err(OpenError::url)?;
            table.create().await.map_err(OpenError::Store)?;
            Ok(there(SETTING, "the bucket is there"))
        }
        _ => crate::stores::table(url, crate::stores::Wait::Here).map(|_| there(SETTING, "needs nothing made")),
    }
}

async fn bucket(at: &BucketAt) -> Result<String, OpenError> {
    match crate::stores::scheme(&at.url) {
        #[cfg(feature = "aws")]
        "s3" => {
            at.s3()?.create().await.map_err(OpenError::Store)?;
            let lock = if crate::cold::lock_in(&at.url).is_some() { ", with object lock" } else { "" };
            Ok(there(at.setting, &format!("the bucket is there{lock}")))
        }
        _ => crate::stores::bucket(at).map(|_| there(at.setting, "needs nothing made")),
    }
}

async fn queues(url: &str) -> Result<Vec<String>, OpenError> {
    const SETTING: &str = "QUEUE_URL";
    match crate::stores::scheme(url) {
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" => Ok(vec![postgres(SETTING, url).await?]),
        #[cfg(feature = "aws")]
        "sqs" => {
            let mut done = Vec::new();
            for name in ["events", "checkpoints", "probe"] {
                let made = adapters_aws::SqsQueue::create(SETTING, url, name, ports::QueueSettings::default()).await;
                made.map_err(OpenError::Store)?;
                done.push(there(SETTING, &format!("the queue `{name}` is there, with its dead letters")));
            }
            Ok(done)
        }
        _ => {
            let clock: std::sync::Arc<dyn ports::Clock> = std::sync::Arc::new(adapters_local::SystemClock);
            let opened = crate::stores::queue(url, "events", &clock, crate::stores::Wait::Here);
            opened.map(|_| vec![there(SETTING, "needs nothing made")])
        }
    }
}

fn there(setting: &str, what: &str) -> String {
    format!("{setting}: {what}")
}

#[cfg(feature = "postgres")]
async fn postgres(setting: &'static str, url: &str) -> Result<String, OpenError> {
    let database = adapters_postgres::Postgres::open(setting, url).map_err(OpenError::url)?;
    let migrated = database.migrate().await.map_err(OpenError::url)?;
    let (from, to) = (migrated.from, migrated.to);
    Ok(there(
        setting,
        &match from {
            0 => format!("the tables were made, layout {to}"),
            _ if from == to => format!("the tables are there, layout {to}"),
            _ => format!("the tables were brought from layout {from} to {to}"),
        },
    ))
}
