//! Servers that tests run against: `cargo xtask servers` starts them and says by variables where they are.

pub mod front;

/// Where a server is.
///
/// # Panics
/// The variable is not set: nobody started that server.
#[must_use]
pub fn server(variable: &str) -> String {
    optional_server(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: start the servers with `cargo xtask servers -- cargo test --package stores`")
    })
}

/// Where a server is that a machine may do without.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where tests ask for their servers")]
pub fn optional_server(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
