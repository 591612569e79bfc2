//! What the row of a block may hold: the block, or, once it is archived, where its members are.

use super::{Block, Header, split_row};
use crate::admit::{take_hash, take_seq, take_text};
use crate::archive::Range;
use crate::hash::Hash;
use crate::json::{Limits, Object, Refusal, Value, parse};

/// A row under a block's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The block.
    Hot(Block),
    /// Its header, and where the rest is.
    Cold(Stub),
}

/// Whether a row is that of a stub, by its first byte behind the header: gzip members begin with 1f.
pub fn is_stub(row: &[u8]) -> bool {
    split_row(row).is_ok_and(|(_, rest)| rest.first() == Some(&b'{'))
}

impl Stored {
    /// Reads either.
    ///
    /// # Errors
    /// Whatever has no block header, or is neither behind it.
    pub fn from_row(row: &[u8]) -> Result<Self, Refusal> {
        let (header, rest) = split_row(row)?;
        let header = Header::parse(header)?;
        if is_stub(row) {
            return Ok(Self::Cold(Stub::parse(header, rest)?));
        }
        Ok(Self::Hot(Block { header, body: rest.to_vec() }))
    }

    /// What the block says of itself.
    pub fn header(&self) -> &Header {
        match self {
            Self::Hot(block) => &block.header,
            Self::Cold(stub) => &stub.header,
        }
    }
}

/// What is left of a block that was archived: the header unchanged, and where its members are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stub {
    /// The block's own header.
    pub header: Header,
    /// The archive that holds its members.
    pub archive: Range,
    /// First byte of them in the archive's object.
    pub offset: u64,
    /// Their bytes.
    pub length: u64,
    /// Of those bytes.
    pub sha256: Hash,
}

impl Stub {
    /// The stub of a block whose members stand there.
    pub fn of(block: &Block, archive: Range, offset: u64) -> Self {
        let sha256 = Hash::of(&block.body);
        Self { header: block.header.clone(), archive, offset, length: block.body.len() as u64, sha256 }
    }

    /// The bytes of the row.
    pub fn to_row(&self) -> Vec<u8> {
        let mut row = self.header.bytes();
        row.push(b'\n');
        row.extend_from_slice(&self.place());
        row
    }

    /// The block, from the bytes that were read where the stub points.
    ///
    /// # Errors
    /// Other bytes than those that were archived.
    pub fn restore(&self, body: Vec<u8>) -> Result<Block, Refusal> {
        if body.len() as u64 != self.length || Hash::of(&body) != self.sha256 {
            return Err(Refusal::new("archive-mismatch", "the bytes in the archive are not those that were archived"));
        }
        if self.header.computed_digest(&body) != self.header.digest {
            return Err(Refusal::new("header-mismatch", "the stub's header is not that of the archived bytes"));
        }
        Ok(Block { header: self.header.clone(), body })
    }

    /// The row of the block, were its members these: for a verification to judge.
    pub fn row_with(&self, body: &[u8]) -> Vec<u8> {
        let mut row = self.header.bytes();
        row.push(b'\n');
        row.extend_from_slice(body);
        row
    }

    fn place(&self) -> Vec<u8> {
        let number = |n| Value::integer(n).expect("no object reaches 2^53 bytes");
        Object::of([
            ("object", self.archive.object().into()),
            ("offset", number(self.offset)),
            ("length", number(self.length)),
            ("sha256", self.sha256.to_hex().into()),
        ])
        .canonical()
    }

    fn parse(header: Header, bytes: &[u8]) -> Result<Self, Refusal> {
        let Value::Object(mut object) = parse(bytes, Limits::FORMAT)? else {
            return Err(Refusal::new("wrong-type", "a stub is a JSON object"));
        };
        let object = &mut object;
        let name = take_text(object, "object")?;
        let archive = Range::of_name(&name)
            .ok_or_else(|| Refusal::new("wrong-type", "the name of an archive belongs here").within("object"))?;
        let stub = Self {
            header,
            archive,
            offset: take_seq(object, "offset")?,
            length: take_seq(object, "length")?,
            sha256: take_hash(object, "sha256")?,
        };
        let whole = archive.holds(stub.header.first_seq) && archive.holds(stub.header.last_seq());
        if !whole || stub.place() != bytes {
            return Err(Refusal::new(
                "not-canonical",
                "a stub points into the archive of its events, in RFC 8785 form",
            ));
        }
        Ok(stub)
    }
}
