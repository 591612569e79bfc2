//! Every adapter on a real server.

mod postgres;
