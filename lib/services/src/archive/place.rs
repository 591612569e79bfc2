//! Putting an object where archives are, and reading it back before anything relies on it.

use super::ArchiveError;
use crate::Context;
use crate::planted::{Bug, planted};
use ports::BucketError;

/// Bytes that are read back at once.
const PIECE: usize = 4 * 1024 * 1024;

/// Puts these bytes everywhere, and reads them back everywhere. How often they are there then.
pub(super) async fn put(cx: &Context, name: &str, bytes: &[u8]) -> Result<u64, ArchiveError> {
    let key = cx.cold.key(&cx.chain, name);
    let mut copies = 0;
    for (place, bucket) in cx.cold.places() {
        let failed = |error: BucketError| ArchiveError::Bucket { place, key: key.clone(), error };
        let differs = |what: String| ArchiveError::ReadBack { place, key: key.clone(), what };
        let sent = bucket.put(&key, bytes).await;
        if let Err(error @ BucketError::Rejected(_)) = sent {
            return Err(failed(error));
        }
        copies += 1;
        if planted(Bug::ArchiveIsNotReadBack) {
            continue;
        }
        // Where nobody knows whether it was put, looking tells.
        let unknown = || sent.clone().err().map_or_else(|| differs("it is not there".to_owned()), failed);
        let said = bucket.head(&key).await.map_err(failed)?.ok_or_else(unknown)?;
        if said.size != bytes.len() as u64 {
            return Err(differs(format!("the store says that it has {} bytes; {} were put", said.size, bytes.len())));
        }
        // Piece by piece: an archive is not held twice.
        for (i, piece) in bytes.chunks(PIECE).enumerate() {
            let (offset, length) = ((i * PIECE) as u64, piece.len() as u64);
            let there = bucket.get_range(&key, offset, length).await.map_err(failed)?.ok_or_else(unknown)?;
            if there != piece {
                return Err(differs(format!("other bytes came back than were put, from byte {offset} on")));
            }
        }
    }
    Ok(copies)
}
