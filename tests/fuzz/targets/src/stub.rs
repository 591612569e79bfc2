//! Rows under blocks' keys that may be stubs, and what is kept of expired lines.

use crate::check_refusal;
use domain::archive::Kept;
use domain::block::{Stored, is_stub};

/// What is taken for a stub is its own canonical form, and gives back a block for the bytes it names only.
pub fn stub(data: &[u8]) -> bool {
    if let Ok(kept) = Kept::from_bytes(data) {
        let again = Kept::from_bytes(&kept.bytes()).expect("its own form");
        assert_eq!(again, kept, "read otherwise");
        assert!(kept.headers.iter().all(|header| kept.lines_of(header).len() <= kept.lines.len()));
    }
    match Stored::from_row(data) {
        Err(refusal) => {
            check_refusal(&refusal);
            false
        }
        Ok(Stored::Hot(block)) => {
            assert!(!is_stub(data), "a stub that was not seen");
            assert_eq!(block.to_row(), data, "another row");
            false
        }
        Ok(Stored::Cold(stub)) => {
            assert!(is_stub(data), "a block taken for a stub");
            assert_eq!(stub.to_row(), data, "another row");
            assert!(stub.archive.holds(stub.header.first_seq) && stub.archive.holds(stub.header.last_seq()));
            assert!(stub.restore(b"other bytes".to_vec()).is_err(), "restored from other bytes");
            true
        }
    }
}
