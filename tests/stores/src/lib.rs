//! Servers that tests run against.

pub mod front;

/// The address of a server that the harness has started, by the variable that says it.
///
/// # Panics
/// Without the variable there is nothing to test against.
pub fn server(variable: &str) -> String {
    std::env::vars()
        .find(|(name, _)| name == variable)
        .map(|(_, value)| value)
        .unwrap_or_else(|| panic!("{variable} is not set: it says where the server is that this test runs against"))
}
