//! The ports on PostgreSQL.
