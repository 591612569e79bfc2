//! Archives as a hostile bucket might hold them: a manifest, LF, and an object.

use crate::{RING, check_refusal};
use domain::archive::{Found, Manifest, Offline, Range, faults};
use domain::hash::Hash;
use domain::keys::KeyRing;
use domain::verify::{Options, Start, Status};

/// What is taken is its own canonical form and agrees with itself; an object that is not the one it
/// describes has a fault within its range, and no verification calls it intact.
pub fn archive(data: &[u8]) -> bool {
    let end = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (manifest, object) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let mut ring = KeyRing::default();
    ring.add_list(RING).expect("a ring");
    let options = Options {
        ring: ring.clone(),
        start: Start::FirstLine,
        end: None,
        parse_after: u64::MAX,
        all_checkpoints: false,
        repeat_key: [7; 16],
        threads: 0,
    };
    let read = Manifest::from_bytes(manifest);
    let range = read.as_ref().map_or(Range { start: 1, end: 9 }, |manifest| manifest.range);
    let found = || Found { range, manifest: manifest.to_vec(), object: Some(object.to_vec()) };
    let none = std::iter::empty::<std::io::Result<Vec<u8>>>();
    let mut offline = Offline::new(&options, &found(), none, &[], None);
    offline.archive(found()).expect("nothing is put aside");
    let report = offline.finish().expect("nothing is put aside");
    let manifest = match read {
        Ok(manifest) => manifest,
        Err(refusal) => {
            check_refusal(&refusal);
            assert_eq!(report.status(), Status::Broken, "a manifest that is none");
            return false;
        }
    };
    assert_eq!(manifest.bytes(), &data[..end], "another spelling");
    let wrong = faults(&manifest, object, &options);
    let whole = Hash::of(object) == manifest.gzip_sha256 && object.len() as u64 == manifest.bytes_compressed;
    assert_eq!(wrong.is_empty(), whole, "{wrong:?}");
    let within = |seq: u64| (range.start..=range.end + 1).contains(&seq);
    assert!(wrong.iter().all(|found| found.seq.is_some_and(within) && found.archive == Some(range)), "{wrong:?}");
    if !whole || !manifest.is_signed_by(&ring) {
        assert_eq!(report.status(), Status::Broken, "not what was archived");
    }
    assert!(report.events_verified <= manifest.event_count(), "{report:?}");
    true
}
