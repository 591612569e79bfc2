//! Servers that tests run against.

/// Where the server of this variable is.
///
/// # Panics
/// Without the variable: nothing is to be tested then.
#[expect(clippy::disallowed_methods, reason = "the tests' own settings, read in this one place")]
pub fn server(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set; start the servers with `cargo xtask servers -- COMMAND`"))
}
