//! Archives of which there is no installation yet, or none here.

use crate::cold::Places;
use crate::open::OpenError;
use crate::settings::Settings;
use crate::stores::{self, BucketAt};
use domain::archive::Range;
use domain::names::ChainName;
use ports::{Bucket, BucketError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Objects that one call lists.
const PAGE: usize = 500;

/// The objects at this URL, for somebody who only reads them; `named` is what lines about it name.
///
/// # Errors
/// A URL that cannot be meant, or whose adapter was left out.
pub fn object_store(named: &'static str, url: &str) -> Result<Arc<dyn Bucket>, OpenError> {
    Ok(stores::bucket(&BucketAt::plain(named, url))?.port)
}

/// The chains of which there are archives where the settings say, and where that is.
///
/// # Errors
/// What the store says against it, or settings that name no such place.
pub async fn archived_chains(settings: &Settings) -> Result<(BTreeSet<ChainName>, String), OpenError> {
    let within = |name: &str| settings.data.join(name).display().to_string();
    let bucket_url = settings.bucket_url.clone().unwrap_or_else(|| format!("file:{}", within("bucket")));
    let table_url = settings.table_url.clone().unwrap_or_else(|| format!("sqlite:{}", within("table.db")));
    let places = Places::of(&settings.cold, &table_url, &bucket_url)?;
    let shown = format!("{}, prefix `{}`", stores::shown(&places.main.url), settings.cold.prefix);
    let cold = places.open(None)?;
    let prefix = format!("{}/", cold.prefix);
    let (mut chains, mut after) = (BTreeSet::new(), None::<String>);
    loop {
        let page = cold.bucket.list(&prefix, after.as_deref(), PAGE).await;
        let page = page.map_err(|error: BucketError| OpenError::Store(format!("{shown}: {error}")))?;
        chains.extend(page.iter().filter_map(|meta| {
            let (chain, name) = meta.key.strip_prefix(&prefix)?.split_once('/')?;
            Range::of_name(name).filter(|_| name.ends_with(".manifest.json"))?;
            ChainName::new(chain).ok()
        }));
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.key.clone()),
            _ => return Ok((chains, shown)),
        }
    }
}
