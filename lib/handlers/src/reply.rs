//! What a function answers, and how the answer is described.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

/// The bytes of an answer.
pub enum Body {
    /// All at once.
    Whole(Bytes),
    /// Piece by piece; an error cuts the answer short, so that it cannot be taken for whole.
    Stream(BoxStream<'static, Result<Bytes, std::io::Error>>),
}

/// A good answer.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The media type.
    pub media: &'static str,
    /// More headers.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes.
    pub body: Body,
}

/// What ends a stream of lines that cannot go on: the status is sent, so that the log is all that can say
/// why, and the answer must not look whole.
pub(crate) fn cut_short(function: &'static str, error: &dyn std::error::Error) -> std::io::Error {
    let causes = crate::problem::with_causes(error);
    tracing::error!(function, "{function} cut an answer short: {causes}");
    std::io::Error::other(causes)
}

/// JSON.
pub(crate) const JSON: &str = "application/json";
/// JSON, one document a line.
pub(crate) const LINES: &str = "application/x-ndjson";

impl Reply {
    /// JSON bytes with this status.
    pub fn json(status: u16, bytes: impl Into<Bytes>) -> Self {
        Self { status, media: JSON, headers: Vec::new(), body: Body::Whole(bytes.into()) }
    }

    /// A document of the contract with this status.
    pub(crate) fn document(status: u16, document: &impl serde::Serialize) -> Self {
        Self::json(status, serde_json::to_vec(document).unwrap_or_default())
    }

    /// Lines, piece by piece.
    pub fn lines(stream: BoxStream<'static, Result<Bytes, std::io::Error>>) -> Self {
        Self { status: 200, media: LINES, headers: Vec::new(), body: Body::Stream(stream) }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// A good answer, described.
#[derive(Clone, Copy)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What it means.
    pub description: &'static str,
    /// The media type.
    pub media: &'static str,
    /// Schema of the document, or of one line.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Whether a document, or a line, is what the schema says.
    pub reads: fn(&[u8]) -> Result<(), String>,
}

impl Answer {
    /// A JSON document.
    pub const fn json<T: JsonSchema + DeserializeOwned>(status: u16, description: &'static str) -> Self {
        Self { status, description, media: JSON, schema: schema::<T>, reads: reads::<T> }
    }

    /// JSON lines, each a document of this type.
    pub const fn lines<T: JsonSchema + DeserializeOwned>(status: u16, description: &'static str) -> Self {
        Self { status, description, media: LINES, schema: schema::<T>, reads: reads::<T> }
    }
}

/// The schema of a type.
pub(crate) fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn reads<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), String> {
    serde_json::from_slice::<T>(bytes).map(drop).map_err(|error| error.to_string())
}
